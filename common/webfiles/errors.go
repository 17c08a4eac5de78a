package webfiles

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/besn0847/arm-tahoe/common/chkencode"
	"github.com/besn0847/arm-tahoe/common/dirformat"
	"github.com/besn0847/arm-tahoe/common/dirnode"
	"github.com/besn0847/arm-tahoe/common/download"
	"github.com/besn0847/arm-tahoe/common/gridclient"
	"github.com/besn0847/arm-tahoe/common/mutable"
	"github.com/besn0847/arm-tahoe/common/upload"
	"github.com/besn0847/arm-tahoe/common/uri"
	"github.com/besn0847/arm-tahoe/common/webapi"
)

// The beginnings of answers, which programs know (common.py humanize_exception).
const (
	existsText      = "There was already a child by that name, and you asked me to not replace it."
	notEnoughText   = "NotEnoughSharesError: This indicates that some servers were unavailable, or that shares have been lost to server departure, hard drive failure, or disk corruption. You should perform a filecheck on this object to learn more.\n\nThe full error message is:\n"
	noSharesText    = "NoSharesError: no shares could be found. Zero shares usually indicates a corrupt URI, or that no servers were connected, but it might also indicate severe corruption. You should perform a filecheck on this object to learn more.\n\nThe full error message is:\n"
	unrecoverable   = "UnrecoverableFileError: the directory (or mutable file) could not be retrieved, because there were insufficient good shares. This might indicate that no servers were connected, insufficient servers were connected, the URI was corrupt, or that shares have been lost due to server departure, hard drive failure, or disk corruption. You should perform a filecheck on this object to learn more."
	noMajorityText  = "no majority of the directory's servers"
	unknownTypeText = "GET unknown URI type: can only do t=info and t=json, not t=%s.\nUsing a webapi server that supports a later version of Tahoe may help."
)

// humanize makes an answer of an error. Errors that it does not know are the
// node's, and their text is not for everybody.
func humanize(err error) (answer error, known bool) {
	for _, explain := range []func(error) (int, string){ofNames, ofShares, ofCaps, ofWriting, ofBody} {
		if status, text := explain(err); status != 0 {
			return &webapi.Error{Status: status, Text: text}, true
		}
	}
	_, known = errors.AsType[*webapi.Error](err)
	return err, known
}

// ofNames: what is in a directory, or is not.
func ofNames(err error) (int, string) {
	if e, ok := errors.AsType[*dirformat.NotFoundError](err); ok {
		return http.StatusNotFound, "No such child: " + e.Name
	}
	if _, ok := errors.AsType[*dirformat.ExistsError](err); ok {
		return http.StatusConflict, existsText
	}
	if e, ok := errors.AsType[*dirformat.NameError](err); ok {
		return http.StatusBadRequest, e.Error()
	}
	if e, ok := errors.AsType[*dirnode.WrongTypeError](err); ok {
		return http.StatusBadRequest, e.Error()
	}
	if e, ok := errors.AsType[*dirnode.NotDirectoryError](err); ok {
		return http.StatusBadRequest, e.Error()
	}
	return 0, ""
}

// ofShares: what cannot be read. 410 says that it may be gone for good.
func ofShares(err error) (int, string) {
	if e, ok := errors.AsType[*download.NotEnoughSharesError](err); ok {
		if e.NoShares() {
			return http.StatusGone, noSharesText + e.Error()
		}
		return http.StatusGone, notEnoughText + e.Error()
	}
	if _, ok := errors.AsType[*mutable.UnrecoverableError](err); ok {
		return http.StatusGone, unrecoverable
	}
	if e, ok := errors.AsType[*gridclient.ProhibitedError](err); ok {
		return http.StatusForbidden, e.Error()
	}
	if e, ok := errors.AsType[*gridclient.NotStoredError](err); ok {
		return http.StatusServiceUnavailable, e.Error()
	}
	if e, ok := errors.AsType[*dirformat.TableError](err); ok {
		return http.StatusInternalServerError, "The directory is damaged, or is no directory: " + e.Error()
	}
	return 0, ""
}

// ofCaps: caps that are wrong where they are.
func ofCaps(err error) (int, string) {
	if e, ok := errors.AsType[*uri.ConstraintError](err); ok {
		return http.StatusBadRequest, constraintText(e)
	}
	if e, ok := errors.AsType[*uri.ParseError](err); ok {
		return http.StatusBadRequest, "The cap is malformed: " + e.Error()
	}
	if e, ok := errors.AsType[*mutable.KindError](err); ok {
		return http.StatusBadRequest, e.Error()
	}
	if e, ok := errors.AsType[*dirnode.KindError](err); ok {
		return http.StatusBadRequest, e.Error()
	}
	return 0, ""
}

func constraintText(e *uri.ConstraintError) string {
	switch e.Constraint {
	case uri.MustNotBeUnknownRW:
		return "MustNotBeUnknownRWError: an operation to add a child to a directory was given an unknown cap in a write slot.\nUsing a webapi server that supports a later version of Tahoe may help."
	case uri.MustBeDeepImmutable:
		return "MustBeDeepImmutableError: a cap passed to this operation needed to be immutable but was not. Either the cap is being added to an immutable directory, or it was originally retrieved from an immutable directory as an unknown cap."
	case uri.MustBeReadOnly:
		return "MustBeReadonlyError: a cap passed to this operation needed to be read-only but was not. The cap is being passed in a read slot (ro_uri), or was retrieved from a read slot as an unknown cap."
	}
	return e.Error()
}

// ofWriting: what could not be stored. 1.20 has 500 for all but size.
func ofWriting(err error) (int, string) {
	if errors.Is(err, dirnode.ErrNotWritable) || errors.Is(err, mutable.ErrNotWritable) || errors.Is(err, dirformat.ErrNotWritable) {
		return http.StatusInternalServerError, "NotWriteableError: this cap does not permit changes; use the write cap."
	}
	if e, ok := errors.AsType[*mutable.NoMajorityError](err); ok {
		return http.StatusServiceUnavailable, noMajorityText + ": " + e.Error()
	}
	if e, ok := errors.AsType[*mutable.UncoordinatedWriteError](err); ok {
		return http.StatusServiceUnavailable, "UncoordinatedWriteError: " + e.Error()
	}
	if errors.Is(err, dirnode.ErrBusy) {
		return http.StatusServiceUnavailable, err.Error()
	}
	if e, ok := errors.AsType[*upload.UnhappinessError](err); ok {
		return http.StatusInternalServerError, "UploadUnhappinessError: " + e.Error()
	}
	if errors.Is(err, upload.ErrNoServers) {
		return http.StatusInternalServerError, "NoServersError: no storage server is connected; see the node's welcome page."
	}
	if e, ok := errors.AsType[*mutable.NotEnoughServersError](err); ok {
		return http.StatusInternalServerError, "NotEnoughServersError: " + e.Error()
	}
	return 0, ""
}

// ofBody: what is wrong with what was sent.
func ofBody(err error) (int, string) {
	if e, ok := errors.AsType[*mutable.TooLargeError](err); ok {
		return http.StatusRequestEntityTooLarge, "FileTooLargeError: " + e.Error()
	}
	if e, ok := errors.AsType[*mutable.RangeError](err); ok {
		return http.StatusBadRequest, "offset= lies behind the end of the file: " + e.Error()
	}
	if e, ok := errors.AsType[*bodyReadError](err); ok {
		return http.StatusBadRequest, "The body of the request ended too early, or is malformed: " + e.Error()
	}
	if e, ok := errors.AsType[*chkencode.ShortError](err); ok {
		return http.StatusBadRequest, fmt.Sprintf("The body of the request ended too early: %v", e)
	}
	return 0, ""
}

// statusAndText are those of an answer that humanize knows.
func statusAndText(answer error) (int, string) {
	if e, ok := errors.AsType[*webapi.Error](answer); ok {
		return e.Status, e.Text
	}
	return http.StatusInternalServerError, ""
}
