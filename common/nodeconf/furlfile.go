package nodeconf

import (
	"fmt"
	"strings"

	"github.com/besn0847/arm-tahoe/common/base32"
	"github.com/besn0847/arm-tahoe/common/secret"
)

// Names of FURL files in private/.
const (
	IntroducerFURLName = "introducer.furl"
	StorageFURLName    = "storage.furl"
	HelperFURLName     = "helper.furl"
)

// Swissnum returns the name that a FURL file in private/ fixes for a service,
// the part of the FURL behind the last slash; ok is false if there is no file
// yet. A FURL of another Tub is an *Error: clients know this node by it
// (foolscap/pb.py Tub.registerReference).
func (d *Dir) Swissnum(name string, tubID [TubIDSize]byte) (swissnum secret.CapText, ok bool, err error) {
	path := d.Private(name)
	text, _, err := line(path)
	if err != nil || text == "" {
		return secret.CapText{}, false, err
	}
	rest, ok := strings.CutPrefix(text, "pb://")
	owner, rest, found := strings.Cut(rest, "@")
	slash := strings.LastIndexByte(rest, '/')
	if !ok || !found || slash < 0 || slash == len(rest)-1 {
		return secret.CapText{}, false, &Error{File: path, Line: 1, Reason: "is not a FURL",
			Advice: "restore the file from a backup, or remove it to get a new FURL"}
	}
	if mine := base32.Encode(tubID[:]); owner != mine {
		return secret.CapText{}, false, &Error{File: path, Line: 1, Reason: fmt.Sprintf("is a FURL of the Tub %s, but private/%s is that of %s", quote(owner), CertificateName, mine),
			Advice: fmt.Sprintf("restore private/%s, or remove the FURL file to get a new FURL", CertificateName)}
	}
	return secret.NewCapText([]byte(rest[slash+1:])), true, nil
}

// WriteFURL writes a FURL file in private/, for its owner alone. A file that has
// the FURL already is left as it is.
func (d *Dir) WriteFURL(name string, furl secret.CapText) error {
	if old, _, err := line(d.Private(name)); err == nil && old == furl.RevealString() {
		return nil
	}
	return WriteFile(d.Private(name), append(furl.Reveal(), '\n'), privateMode)
}
