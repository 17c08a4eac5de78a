package storagehttp

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/besn0847/arm-tahoe/common/secret"
)

// Names and values of headers.
const (
	headerAuthorization = "Authorization"
	headerSecrets       = "X-Tahoe-Authorization"
	headerAccept        = "Accept"
	headerContentType   = "Content-Type"
	headerRange         = "Range"
	headerContentRange  = "Content-Range"

	typeCBOR  = "application/cbor"
	typeShare = "application/octet-stream"
	typeHTML  = "text/html; charset=utf-8"
)

// authorization is the value of the Authorization header (http_common.py
// swissnum_auth_header).
func authorization(swissnum secret.Swissnum) string {
	return "Tahoe-LAFS " + base64.StdEncoding.EncodeToString(swissnum.Reveal())
}

// credential recognises the Authorization header of those who know a swissnum.
type credential [sha256.Size]byte

func newCredential(swissnum secret.Swissnum) credential {
	return sha256.Sum256([]byte(authorization(swissnum)))
}

// admits compares hashes, so that neither content nor length shows in the time
// it takes. The first value counts.
func (c credential) admits(values []string) bool {
	if len(values) == 0 {
		return false
	}
	got := sha256.Sum256([]byte(values[0]))
	return subtle.ConstantTimeCompare(got[:], c[:]) == 1
}

// secretKinds is a set of secrets that an endpoint needs.
type secretKinds uint8

// The kinds, in the order in which clients of 1.20 send them.
const (
	needRenew secretKinds = 1 << iota
	needCancel
	needUpload
	needEnabler

	needLease = needRenew | needCancel
)

// secretNames are those in the header (http_common.py Secrets), by bit.
var secretNames = [...]string{"lease-renew-secret", "lease-cancel-secret", "upload-secret", "write-enabler"}

// String lists the kinds as 1.20 does in its refusals.
func (k secretKinds) String() string {
	var names []string
	for i, name := range secretNames {
		if k&(1<<i) != 0 {
			names = append(names, "'"+name+"'")
		}
	}
	return "[" + strings.Join(names, ", ") + "]"
}

// requestSecrets are what X-Tahoe-Authorization carries; those that a request
// does not need are zero.
type requestSecrets struct {
	renew   secret.RenewalSecret
	cancel  secret.CancelSecret
	upload  secret.UploadSecret
	enabler secret.WriteEnabler
}

// addTo adds a header for each secret there is.
func (s requestSecrets) addTo(h http.Header) {
	add := func(kind int, value []byte) {
		h.Add(headerSecrets, secretNames[kind]+" "+base64.StdEncoding.EncodeToString(value))
	}
	if !s.renew.IsZero() {
		b := s.renew.Reveal()
		add(0, b[:])
	}
	if !s.cancel.IsZero() {
		b := s.cancel.Reveal()
		add(1, b[:])
	}
	if !s.upload.IsZero() {
		add(2, s.upload.Reveal())
	}
	if !s.enabler.IsZero() {
		b := s.enabler.Reveal()
		add(3, b[:])
	}
}

// parseSecrets reads the values of X-Tahoe-Authorization, which must be just
// those that are needed (http_server.py _extract_secrets). As there, the last of
// a kind counts. Errors, which the client gets to read, carry no secrets.
func parseSecrets(values []string, need secretKinds) (s requestSecrets, err error) {
	var got secretKinds
	for _, value := range values {
		kind, err := s.parse(value)
		if err != nil {
			return requestSecrets{}, err
		}
		got |= kind
	}
	if got != need {
		return requestSecrets{}, fmt.Errorf("Expected %s in X-Tahoe-Authorization headers, got %s", need, got) //lint:ignore ST1005 1.20's text
	}
	return s, nil
}

// parse reads one value.
func (s *requestSecrets) parse(value string) (secretKinds, error) {
	name, text, _ := strings.Cut(strings.TrimSpace(value), " ")
	for i, known := range secretNames {
		if name != known {
			continue
		}
		b, err := base64.StdEncoding.DecodeString(strings.TrimSpace(text))
		if err != nil || len(b) == 0 {
			return 0, fmt.Errorf("Failed to decode secret %s", name) //lint:ignore ST1005 1.20's text
		}
		kind := secretKinds(1) << i
		return kind, s.set(kind, b)
	}
	return 0, fmt.Errorf("Bad header value(s): unknown secret in X-Tahoe-Authorization") //lint:ignore ST1005 1.20's text
}

func (s *requestSecrets) set(kind secretKinds, b []byte) error {
	switch kind {
	case needUpload:
		s.upload = secret.NewUploadSecret(b)
	case needEnabler:
		if s.enabler.SetBytes(b) != nil {
			return fmt.Errorf("Write enablers must be %d bytes long", secret.Size32)
		}
	default:
		into := s.renew.SetBytes
		if kind == needCancel {
			into = s.cancel.SetBytes
		}
		if into(b) != nil {
			return fmt.Errorf("Lease secrets must be 32 bytes long") //lint:ignore ST1005 1.20's text
		}
	}
	return nil
}

// acceptsCBOR says whether the best of the media types in the first Accept
// header is CBOR, or there is no such header (http_server.py _send_encoded).
func acceptsCBOR(values []string) bool {
	if len(values) == 0 {
		return true
	}
	best, bestQuality := "", -1.0
	for item := range strings.SplitSeq(values[0], ",") {
		kind, parameters, _ := strings.Cut(item, ";")
		if kind = strings.TrimSpace(kind); kind == "" {
			continue
		}
		if q := quality(parameters); q > bestQuality {
			best, bestQuality = kind, q
		}
	}
	return best == typeCBOR
}

// quality reads q=... among the parameters of a media type; 1 if there is none.
func quality(parameters string) float64 {
	for p := range strings.SplitSeq(parameters, ";") {
		if text, ok := strings.CutPrefix(strings.TrimSpace(p), "q="); ok {
			if q, err := strconv.ParseFloat(text, 64); err == nil && q >= 0 && q <= 1 {
				return q
			}
		}
	}
	return 1
}

// mediaType returns the first Content-Type without parameters, or "".
func mediaType(h http.Header) string {
	kind, _, _ := strings.Cut(h.Get(headerContentType), ";")
	return strings.TrimSpace(kind)
}
