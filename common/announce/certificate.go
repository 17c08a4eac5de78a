package announce

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/besn0847/arm-tahoe/common/base32"
	"github.com/besn0847/arm-tahoe/common/grid"
)

// certificateVersion is the only version of certificates.
const certificateVersion = 1

// Certificate is a grid manager's statement that a storage server may receive
// shares, until some time. Announcements carry it as an object of two strings.
// 1.20.0: grid_manager.py SignedCertificate.
type Certificate struct {
	// Statement is the signed text, itself JSON.
	Statement string
	// Signature is the text in base 32, as it came.
	Signature string
}

// Names of the two fields, and what is inside the first.
const (
	fieldCertificate = "certificate"
	fieldSignature   = "signature"
)

// ParseCertificate reads the file that grid-manager sign writes: an object with
// exactly the fields certificate and signature (grid_manager.py
// parse_grid_manager_certificate). The error is a *FormatError.
func ParseCertificate(text []byte) (Certificate, error) {
	c, o, err := parseCertificate(text)
	if err == nil && len(o) != 2 {
		err = formatError("grid manager certificate", "has other fields than 'certificate' and 'signature'")
	}
	if err != nil {
		return Certificate{}, err
	}
	return c, nil
}

func parseCertificate(text []byte) (c Certificate, o object, err error) {
	o, err = parseObject("grid manager certificate", text)
	if err != nil {
		return c, nil, err
	}
	for name, dst := range map[string]*string{fieldCertificate: &c.Statement, fieldSignature: &c.Signature} {
		if err := o.getString(name, dst); err != nil {
			return c, nil, err
		}
	}
	return c, o, nil
}

// getString reads a field that must be a string.
func (o object) getString(name string, dst *string) error {
	value := o.get(name)
	if value == nil || string(value) == "null" || json.Unmarshal(value, dst) != nil {
		return formatError(name, "missing or not a string")
	}
	return nil
}

// parseCertificates reads the field of an announcement. Other fields in a
// certificate are ignored there, as SignedCertificate.load does.
func parseCertificates(value json.RawMessage) ([]Certificate, error) {
	var texts []json.RawMessage
	if err := json.Unmarshal(value, &texts); err != nil {
		return nil, formatError(fieldCertificates, "not a list")
	}
	certificates := make([]Certificate, len(texts))
	for i, text := range texts {
		c, _, err := parseCertificate(text)
		if err != nil {
			return nil, err
		}
		certificates[i] = c
	}
	return certificates, nil
}

// AppendFile appends the certificate as grid-manager sign prints it: Python's
// json.dumps with indent=4, no newline at the end.
func (c Certificate) AppendFile(dst []byte) []byte {
	dst = append(dst, "{\n    \"certificate\": "...)
	dst = appendString(dst, c.Statement)
	dst = append(dst, ",\n    \"signature\": "...)
	dst = appendString(dst, c.Signature)
	return append(dst, "\n}"...)
}

func appendCertificates(dst []byte, certificates []Certificate) []byte {
	dst = append(dst, '[')
	for i, c := range certificates {
		if i > 0 {
			dst = append(dst, ", "...)
		}
		w := &dictWriter{}
		w.text(fieldCertificate, c.Statement)
		w.text(fieldSignature, c.Signature)
		dst = append(dst, w.end()...)
	}
	return append(dst, ']')
}

// Statement is what a certificate says.
type Statement struct {
	Expires   time.Time // a certificate is good before, not at this instant
	ServerKey VerifyingKey
}

// expiresLayout is Python's datetime.isoformat in UTC; without microseconds if
// they are zero.
const (
	expiresLayout      = "2006-01-02T15:04:05.000000+00:00"
	expiresLayoutWhole = "2006-01-02T15:04:05+00:00"
)

// marshal writes the signed text: sorted names, no spaces.
func (s Statement) marshal() []byte {
	expires := s.Expires.UTC().Truncate(time.Microsecond)
	layout := expiresLayout
	if expires.Nanosecond() == 0 {
		layout = expiresLayoutWhole
	}
	return fmt.Appendf(nil, `{"expires":"%s","public_key":"%s","version":%d}`,
		expires.Format(layout), s.ServerKey, certificateVersion)
}

// SignCertificate makes a certificate with the grid manager's key. The expiry
// is kept to the microsecond. 1.20.0: _GridManager.sign.
func SignCertificate(manager SigningKey, s Statement) Certificate {
	text := s.marshal()
	signature := manager.Sign(text)
	return Certificate{Statement: string(text), Signature: base32.Encode(signature[:])}
}

// Verify checks the signature and reads the statement; it does not look at
// the expiry. Errors: ErrBadSignature, *FormatError.
func (c Certificate) Verify(manager VerifyingKey) (Statement, error) {
	signature, err := parseSignature(c.Signature)
	if err != nil {
		return Statement{}, err
	}
	if !manager.Verify([]byte(c.Statement), signature) {
		return Statement{}, ErrBadSignature
	}
	return parseStatement([]byte(c.Statement))
}

func parseStatement(text []byte) (s Statement, err error) {
	o, err := parseObject("certificate", text)
	if err != nil {
		return s, err
	}
	if version := string(o.get("version")); version != "1" {
		return s, formatError("version", fmt.Sprintf("unknown version %.20q, want 1", version))
	}
	var expires, key string
	if err := o.getString("expires", &expires); err != nil {
		return s, err
	}
	if err := o.getString("public_key", &key); err != nil {
		return s, err
	}
	serverKey, err := ParseVerifyingKey(key)
	if err != nil {
		return s, err
	}
	until, err := parseExpires(expires)
	if err != nil {
		return s, err
	}
	return Statement{Expires: until, ServerKey: serverKey}, nil
}

// parseExpires reads the ISO 8601 texts that isoformat writes for times with
// an offset; comparing one without raises an error in 1.20, too.
func parseExpires(text string) (time.Time, error) {
	t, err := time.Parse("2006-01-02T15:04:05Z07:00", text)
	if err != nil {
		return t, formatError("expires", "not an ISO 8601 time with an offset from UTC")
	}
	return t, nil
}

// CertificateProblem is a certificate that did not verify under a key. With
// several grid managers that is ordinary: only one needs to have signed.
type CertificateProblem struct {
	Manager     VerifyingKey
	Certificate Certificate
	Err         error
}

// CertificateVerifier knows which certificates of one server are good, and
// says at any time whether the server may receive shares. It is not changed
// after it was made and safe for concurrent use. 1.20.0: grid_manager.py
// create_grid_manager_verifier.
type CertificateVerifier struct {
	everybody bool
	expires   []time.Time
}

// NewCertificateVerifier checks the certificates of a server, which its
// announcement carries, under the keys of the grid managers that the client
// trusts. Without any key every server is permitted. The problems are for the
// log.
func NewCertificateVerifier(managers []VerifyingKey, certificates []Certificate, server grid.ServerID) (*CertificateVerifier, []CertificateProblem) {
	v := &CertificateVerifier{everybody: len(managers) == 0}
	var problems []CertificateProblem
	for _, c := range certificates {
		for _, manager := range managers {
			s, err := c.Verify(manager)
			switch {
			case err != nil:
				problems = append(problems, CertificateProblem{manager, c, err})
			case s.ServerKey.ServerID() == server:
				v.expires = append(v.expires, s.Expires)
			}
		}
	}
	return v, problems
}

// Permitted reports whether the server may receive new shares now. Reading
// from it is always permitted.
func (v *CertificateVerifier) Permitted(now time.Time) bool {
	for _, expires := range v.expires {
		if expires.After(now) {
			return true
		}
	}
	return v.everybody
}
