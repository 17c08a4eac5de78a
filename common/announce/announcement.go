package announce

import (
	"bytes"
	"encoding/json"
	"regexp"
	"strings"

	"github.com/besn0847/arm-tahoe/common/base32"
	"github.com/besn0847/arm-tahoe/common/grid"
)

// Signed is an announcement as it travels: the three byte strings of a
// Foolscap tuple. It is what an introducer keeps and passes on unchanged. The
// slices belong to whoever made the value; the functions of this package only
// read them.
type Signed struct {
	Message   []byte // UTF-8 JSON
	Signature []byte // "v0-" and base 32
	Key       []byte // "v0-" and base 32
}

// Sign makes a signed announcement of the fields. The error is that of
// [Fields.Marshal]. 1.20.0: introducer/common.py sign_to_foolscap.
func Sign(key SigningKey, fields *Fields) (Signed, error) {
	message, err := fields.Marshal()
	if err != nil {
		return Signed{}, err
	}
	signature := key.Sign(message)
	return Signed{
		Message:   message,
		Signature: base32.AppendEncode([]byte(versionPrefix), signature[:]),
		Key:       []byte(key.VerifyingKey().ServerID()),
	}, nil
}

// Verify checks the signature and reads the announcement, which must have a
// service-name. Errors: *UnknownKeyError, ErrBadSignature, *FormatError. The Announcement shares the
// slices of s. 1.20.0: introducer/common.py unsign_from_foolscap.
func (s Signed) Verify() (*Announcement, error) {
	if err := s.checkPrefixes(); err != nil {
		return nil, err
	}
	key, err := ParseServerKey(string(s.Key))
	if err != nil {
		return nil, err
	}
	signature, err := parseSignature(string(s.Signature[len(versionPrefix):]))
	if err != nil {
		return nil, err
	}
	if len(s.Message) > MaxMessageSize {
		return nil, checkText("announcement", s.Message)
	}
	if !key.Verify(s.Message, signature) {
		return nil, ErrBadSignature
	}
	a, err := Unsigned(key.ServerID(), s.Message)
	if err != nil {
		return nil, err
	}
	if a.object.get(fieldServiceName) == nil {
		return nil, formatError(fieldServiceName, "missing")
	}
	a.signed = s
	return a, nil
}

func (s Signed) checkPrefixes() error {
	switch {
	case len(s.Signature) == 0 || len(s.Key) == 0:
		return &UnknownKeyError{"only signed announcements recognized"}
	case !bytes.HasPrefix(s.Signature, []byte(versionPrefix)):
		return &UnknownKeyError{"only v0- signatures recognized"}
	case !bytes.HasPrefix(s.Key, []byte(versionPrefix)):
		return &UnknownKeyError{"only v0- keys recognized"}
	}
	return nil
}

// parseSignature reads base 32 of 64 bytes. A signature of another length is
// a bad signature, as it is for 1.20; a text that is no base 32 is not.
func parseSignature(text string) (signature [SignatureSize]byte, err error) {
	if len(text) != base32.EncodedLen(SignatureSize) {
		return signature, ErrBadSignature
	}
	if err := base32.DecodeTo(signature[:], text); err != nil {
		return signature, &FormatError{Field: "signature", Reason: "not base 32", Err: err}
	}
	return signature, nil
}

// Announcement is an announcement whose signature was checked, or one from a
// place that we trust without (a cache, servers.yaml). It is not changed after
// it was made and safe for concurrent use.
type Announcement struct {
	signed   Signed
	serverID grid.ServerID
	object   object
	service  string
}

// Unsigned takes an announcement from a trusted place, as JSON. The server id
// is the key text of the cache, or any text that servers.yaml uses. The error
// is a *FormatError: no JSON object, or a service-name that is not a string;
// servers.yaml may leave the service-name out.
func Unsigned(id grid.ServerID, message []byte) (*Announcement, error) {
	o, err := parseObject("announcement", message)
	if err != nil {
		return nil, err
	}
	a := &Announcement{serverID: id, object: o, signed: Signed{Message: message}}
	if value := o.get(fieldServiceName); value != nil {
		if err := json.Unmarshal(value, &a.service); err != nil {
			return nil, formatError(fieldServiceName, "not a string")
		}
	}
	return a, nil
}

// Signed returns the byte strings as they came. Without a signature only
// Message is set. The slices must not be changed.
func (a *Announcement) Signed() Signed { return a.signed }

// ServerID is the key text "v0-..." of the announcer.
func (a *Announcement) ServerID() grid.ServerID { return a.serverID }

// ServiceName says what is announced. It is "" if an unsigned announcement
// does not say.
func (a *Announcement) ServiceName() string { return a.service }

// Index is what an announcement may replace: another with the same index.
type Index struct {
	ServiceName string
	ServerID    grid.ServerID
}

// Index of this announcement.
func (a *Announcement) Index() Index { return Index{a.service, a.serverID} }

// Fields reads the contents. The error is a *FormatError.
func (a *Announcement) Fields() (*Fields, error) { return a.object.fields() }

// Cached is an announcement as an introducer client keeps it on disk for starts
// without the introducer: no longer signed. See [Unsigned]. 1.20.0:
// introducer/client.py _save_announcements.
type Cached struct {
	Announcement json.RawMessage // a JSON object
	Key          string          // "v0-..."
}

// tubIDPattern is that of storage_client.py _parse_announcement.
var tubIDPattern = regexp.MustCompile(`^pb://([0-9A-Za-z_]+)@`)

// TubIDOfFURL reads the tub id from a FURL: for a storage server it is the
// seed of lease secrets and write enablers, with HTTPS too. Upper case is
// accepted, as in 1.20. The error is a *FormatError without the FURL, which is
// a secret in other places.
func TubIDOfFURL(furl string) (grid.TubID, error) {
	match := tubIDPattern.FindStringSubmatch(furl)
	if match == nil {
		return grid.TubID{}, formatError("FURL", "does not begin with pb:// and a tub id")
	}
	id, err := grid.ParseTubID(strings.ToLower(match[1]))
	if err != nil {
		return grid.TubID{}, &FormatError{Field: "FURL", Reason: "no tub id", Err: err}
	}
	return id, nil
}
