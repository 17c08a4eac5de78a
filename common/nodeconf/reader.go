package nodeconf

import (
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/besn0847/arm-tahoe/common/secret"
)

// reader takes typed values out of a file. It goes on after errors, so that one
// start tells all of them.
type reader struct {
	file *File
	keys []Key
	errs []error
}

// at returns an error about a key. If the key is absent, the line is 0.
func (r *reader) at(sectionName, key string, err error, advice string) *Error {
	e := &Error{File: r.file.name, Line: r.file.Line(sectionName, key), Section: sectionName, Key: key, Reason: err.Error(), Advice: advice}
	r.errs = append(r.errs, e)
	return e
}

// text returns a value and whether the key is there; keys that cannot be
// interpolated are as if absent.
func (r *reader) text(sectionName, key string) (string, bool) {
	value, ok, err := r.file.Get(sectionName, key)
	if err != nil {
		r.errs = append(r.errs, err)
		return "", false
	}
	return value, ok
}

// orDefault returns the value or the default from the table of keys.
func (r *reader) orDefault(sectionName, key string) string {
	if value, ok := r.text(sectionName, key); ok {
		return value
	}
	for _, k := range r.keys {
		if k.Section == sectionName && k.Name == key {
			return k.Default
		}
	}
	return ""
}

func (r *reader) boolean(sectionName, key string) bool {
	value, err := ParseBool(r.orDefault(sectionName, key))
	if err != nil {
		r.at(sectionName, key, err, "")
	}
	return value
}

// size returns otherwise for an absent or empty key.
func (r *reader) size(sectionName, key string, otherwise int64) int64 {
	text := r.orDefault(sectionName, key)
	if text == "" {
		return otherwise
	}
	value, err := ParseSize(text)
	if err != nil {
		r.at(sectionName, key, err, "")
	}
	return value
}

// integer returns 0 for an absent or empty key.
func (r *reader) integer(sectionName, key string, low, high int64) int64 {
	text := r.orDefault(sectionName, key)
	if text == "" && r.file.Line(sectionName, key) == 0 {
		return 0
	}
	value, err := parseInt(text)
	if err == nil && (value < low || value > high) {
		err = fmt.Errorf("%d is out of range: use a number from %d to %d", value, low, high)
	}
	if err != nil {
		r.at(sectionName, key, err, "")
		return 0
	}
	return value
}

func (r *reader) port(sectionName, key string) uint16 {
	return uint16(r.integer(sectionName, key, 1, math.MaxUint16))
}

// seconds returns 0 for an absent or empty key.
func (r *reader) seconds(sectionName, key string) time.Duration {
	if value, _ := r.text(sectionName, key); value == "" {
		return 0
	}
	return time.Duration(r.integer(sectionName, key, 1, math.MaxInt32)) * time.Second
}

// furl returns the zero value for an absent or empty key, and for None where
// that is allowed. A "#" would not be a comment but part of the FURL.
func (r *reader) furl(sectionName, key string) secret.CapText {
	value, _ := r.text(sectionName, key)
	if strings.Contains(value, "#") {
		r.at(sectionName, key, fmt.Errorf("contains a '#', which does not begin a comment behind a value"), "put the comment on a line of its own")
		return secret.CapText{}
	}
	if value == "" {
		return secret.CapText{}
	}
	return secret.NewCapText([]byte(value))
}

func (r *reader) endpoint(sectionName, key string) *Endpoint {
	text := r.orDefault(sectionName, key)
	if text == "" {
		return nil
	}
	e, err := ParseEndpoint(text)
	if err != nil {
		r.at(sectionName, key, err, "")
		return nil
	}
	if e.Kind != EndpointTCP {
		r.at(sectionName, key, fmt.Errorf("cannot be %s", e), "use tcp:PORT or tcp:PORT:interface=ADDRESS")
		return nil
	}
	return &e
}

// list splits at commas; empty parts are dropped.
func (r *reader) list(sectionName, key string) []string {
	var list []string
	for part := range strings.SplitSeq(r.orDefault(sectionName, key), ",") {
		if part = strip(part); part != "" {
			list = append(list, part)
		}
	}
	return list
}
