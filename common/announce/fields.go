package announce

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
)

// Names of the fields of an announcement.
const (
	fieldVersion         = "version"
	fieldNickname        = "nickname"
	fieldAppVersions     = "app-versions"
	fieldMyVersion       = "my-version"
	fieldOldestSupported = "oldest-supported"
	fieldServiceName     = "service-name"
	fieldPermutationSeed = "permutation-seed-base32"
	fieldNURLs           = "anonymous-storage-NURLs"
	fieldFURL            = "anonymous-storage-FURL"
	fieldStorageOptions  = "storage-options"
	fieldCertificates    = "grid-manager-certificates"
	fieldSeqnum          = "seqnum"
	fieldNonce           = "nonce"
)

// StorageService is the service-name of storage servers.
const StorageService = "storage"

// Fields are the contents of an announcement. The zero value of an optional
// field means that it is absent.
type Fields struct {
	Version         int64 // 0 is the only one there is
	Nickname        string
	AppVersions     json.RawMessage // a list, empty since 1.11; nil is written as []
	MyVersion       string          // e.g. "tahoe-lafs/1.20.0"
	OldestSupported string          // e.g. "1.0.0"
	ServiceName     string

	// The following are optional.

	PermutationSeed string   // base 32; see Announcement.PermutationSeed
	NURLs           []string // of the HTTPS storage protocol; empty and not nil is written as []
	FURL            string   // of the RIStorageServer
	StorageOptions  json.RawMessage
	Certificates    []Certificate

	// Extra are fields this package does not know, in their order.
	Extra []Member

	// Seqnum counts upwards with every announcement of a node (its file
	// announcement-seqnum). HasSeqnum is false if it is absent or not an
	// integer of 64 bits; the replacement rule (Compare) looks at it itself.
	Seqnum    int64
	HasSeqnum bool
	Nonce     string // base 32 of 32 random bytes, remade with the seqnum
}

// ParseFields reads the JSON of an announcement. Unknown fields are kept; a
// known field of the wrong type is refused, all but seqnum. The error is a
// *FormatError.
//
// The text may also come from a cache or from servers.yaml, converted to JSON.
func ParseFields(message []byte) (*Fields, error) {
	o, err := parseObject("announcement", message)
	if err != nil {
		return nil, err
	}
	return o.fields()
}

func (o object) fields() (*Fields, error) {
	f := new(Fields)
	for _, m := range o {
		if err := f.set(m); err != nil {
			return nil, err
		}
	}
	return f, nil
}

// set takes one member into f.
func (f *Fields) set(m Member) error {
	if m.Name == fieldSeqnum {
		f.setSeqnum(m.Value)
		return nil
	}
	dst, known := f.destinations()[m.Name]
	if !known {
		f.Extra = append(f.Extra, m)
		return nil
	}
	if string(bytes.TrimSpace(m.Value)) == "null" {
		return formatError(m.Name, "is null")
	}
	if certificates, ok := dst.(*[]Certificate); ok {
		var err error
		*certificates, err = parseCertificates(m.Value)
		return err
	}
	if err := json.Unmarshal(m.Value, dst); err != nil {
		return formatError(m.Name, "has the wrong type, want "+typeName(dst))
	}
	return nil
}

// destinations maps the names of fields to where they go.
func (f *Fields) destinations() map[string]any {
	return map[string]any{
		fieldVersion:         &f.Version,
		fieldNickname:        &f.Nickname,
		fieldAppVersions:     &f.AppVersions,
		fieldMyVersion:       &f.MyVersion,
		fieldOldestSupported: &f.OldestSupported,
		fieldServiceName:     &f.ServiceName,
		fieldPermutationSeed: &f.PermutationSeed,
		fieldNURLs:           &f.NURLs,
		fieldFURL:            &f.FURL,
		fieldStorageOptions:  &f.StorageOptions,
		fieldCertificates:    &f.Certificates,
		fieldNonce:           &f.Nonce,
	}
}

func typeName(dst any) string {
	switch dst.(type) {
	case *int64:
		return "an integer"
	case *[]string:
		return "a list of strings"
	default:
		return "a string"
	}
}

func (f *Fields) setSeqnum(value json.RawMessage) {
	n, err := strconv.ParseInt(string(bytes.TrimSpace(value)), 10, 64)
	f.Seqnum, f.HasSeqnum = n, err == nil
}

// Marshal writes the announcement as 1.20 does: the fields in the order in
// which client.py puts them into a dictionary, separated as Python's json.dumps
// separates them, everything but ASCII escaped. The error is a *FormatError:
// AppVersions, StorageOptions or Extra hold something that is not JSON, or the
// result is larger than [MaxMessageSize].
func (f *Fields) Marshal() ([]byte, error) {
	w := &dictWriter{}
	w.raw(fieldVersion, strconv.AppendInt(nil, f.Version, 10))
	w.text(fieldNickname, f.Nickname)
	w.raw(fieldAppVersions, orEmptyList(f.AppVersions))
	w.text(fieldMyVersion, f.MyVersion)
	w.text(fieldOldestSupported, f.OldestSupported)
	w.text(fieldServiceName, f.ServiceName)
	w.optional(fieldPermutationSeed, f.PermutationSeed)
	if f.NURLs != nil {
		w.raw(fieldNURLs, appendStrings(nil, f.NURLs))
	}
	w.optional(fieldFURL, f.FURL)
	if f.StorageOptions != nil {
		w.raw(fieldStorageOptions, f.StorageOptions)
	}
	if f.Certificates != nil {
		w.raw(fieldCertificates, appendCertificates(nil, f.Certificates))
	}
	for _, m := range f.Extra {
		w.raw(m.Name, m.Value)
	}
	if f.HasSeqnum {
		w.raw(fieldSeqnum, strconv.AppendInt(nil, f.Seqnum, 10))
	}
	w.optional(fieldNonce, f.Nonce)
	message := w.end()
	if w.err == nil {
		w.err = checkText("announcement", message)
	}
	return message, w.err
}

func orEmptyList(value json.RawMessage) json.RawMessage {
	if value == nil {
		return json.RawMessage("[]")
	}
	return value
}

// dictWriter writes one object in the manner of Python's json.dumps.
type dictWriter struct {
	buf []byte
	err error
}

func (w *dictWriter) name(name string) {
	separator := ", "
	if w.buf == nil {
		separator = "{"
	}
	w.buf = append(w.buf, separator...)
	w.buf = appendString(w.buf, name)
	w.buf = append(w.buf, ": "...)
}

func (w *dictWriter) text(name, value string) {
	w.name(name)
	w.buf = appendString(w.buf, value)
}

func (w *dictWriter) optional(name, value string) {
	if value != "" {
		w.text(name, value)
	}
}

func (w *dictWriter) raw(name string, value []byte) {
	if w.err == nil && !json.Valid(value) {
		w.err = formatError(name, fmt.Sprintf("%d bytes that are not JSON", len(value)))
	}
	w.name(name)
	w.buf = append(w.buf, value...)
}

func (w *dictWriter) end() []byte { return append(w.buf, '}') }

func appendStrings(dst []byte, list []string) []byte {
	dst = append(dst, '[')
	for i, s := range list {
		if i > 0 {
			dst = append(dst, ", "...)
		}
		dst = appendString(dst, s)
	}
	return append(dst, ']')
}
