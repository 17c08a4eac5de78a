package storagehttp

import (
	"crypto/sha256"
	"crypto/subtle"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"strconv"
	"strings"

	"github.com/besn0847/arm-tahoe/common/secret"
)

// Limits of a NURL. 1.20 has none.
const (
	MaxNURLSize = 1024 // bytes in the text
	MaxHostSize = 255  // bytes in the name or address of the host
)

// The parts of a NURL that are always the same (http_server.py build_nurl).
const (
	schemeTCP = "pb://"
	schemeTor = "pb+tor://"
	fragment  = "#v=1"
)

// The reasons why a text is no NURL. Errors wrap them.
var (
	ErrNURLSize     = errors.New("longer than 1024 bytes")
	ErrNURLScheme   = errors.New(`does not begin with "pb://" or "pb+tor://"`)
	ErrNURLVersion  = errors.New(`does not end with "#v=1"`)
	ErrNURLSyntax   = errors.New("is not of the form pb://HASH@HOST:PORT/SWISSNUM#v=1")
	ErrNURLHash     = errors.New("certificate hash is not 43 characters of URL-safe base 64")
	ErrNURLHost     = errors.New("host is no name and no address")
	ErrNURLPort     = errors.New("port is not a number from 1 to 65535")
	ErrNURLSwissnum = errors.New("swissnum is empty or has other characters than letters, digits, '-', '_', '.', '~'")
)

// SPKIHashSize is the number of bytes in an SPKIHash.
const SPKIHashSize = sha256.Size

// SPKIHash recognises a server: the SHA-256 of the SubjectPublicKeyInfo of its
// certificate in DER (http_common.py get_spki_hash). It is no secret.
type SPKIHash [SPKIHashSize]byte

// HashCertificate returns the hash that NURLs have for a certificate.
func HashCertificate(cert *x509.Certificate) SPKIHash {
	return sha256.Sum256(cert.RawSubjectPublicKeyInfo)
}

// ParseSPKIHash reads the 43 characters that String writes.
func ParseSPKIHash(text string) (hash SPKIHash, err error) {
	encoding := base64.RawURLEncoding.Strict()
	if len(text) != encoding.EncodedLen(len(hash)) {
		return SPKIHash{}, ErrNURLHash
	}
	// The decoder skips line ends, so such a text comes out shorter.
	if n, err := encoding.Decode(hash[:], []byte(text)); err != nil || n != len(hash) {
		return SPKIHash{}, ErrNURLHash
	}
	return hash, nil
}

// String returns the hash in URL-safe base 64 without padding, as in a NURL.
func (h SPKIHash) String() string { return base64.RawURLEncoding.EncodeToString(h[:]) }

// Equal compares in constant time, as 1.20 does.
func (h SPKIHash) Equal(other SPKIHash) bool { return subtle.ConstantTimeCompare(h[:], other[:]) == 1 }

// NURL says where a storage server speaks HTTPS, by which key it is recognised,
// and the secret that allows its use. It prints with the swissnum redacted. The
// zero value names nothing.
type NURL struct {
	Tor      bool // to be reached through Tor only (pb+tor)
	Hash     SPKIHash
	Host     string // name or address, an IPv6 address without brackets
	Port     uint16
	Swissnum secret.Swissnum
}

// ParseNURL reads a NURL as it stands in an announcement. Errors do not carry
// the text. What it accepts, Text writes again in the same bytes.
func ParseNURL(text string) (NURL, error) {
	n, err := parseNURL(text)
	if err != nil {
		return NURL{}, fmt.Errorf("NURL: %w", err)
	}
	return n, nil
}

func parseNURL(text string) (n NURL, err error) {
	if len(text) > MaxNURLSize {
		return n, ErrNURLSize
	}
	rest, ok := strings.CutPrefix(text, schemeTCP)
	if !ok {
		if rest, n.Tor = strings.CutPrefix(text, schemeTor); !n.Tor {
			return n, ErrNURLScheme
		}
	}
	if rest, ok = strings.CutSuffix(rest, fragment); !ok {
		return n, ErrNURLVersion
	}
	hash, rest, ok := strings.Cut(rest, "@")
	if !ok {
		return n, ErrNURLSyntax
	}
	address, swissnum, ok := strings.Cut(rest, "/")
	if !ok {
		return n, ErrNURLSyntax
	}
	if n.Hash, err = ParseSPKIHash(hash); err != nil {
		return n, err
	}
	if n.Host, n.Port, err = parseAddress(address); err != nil {
		return n, err
	}
	n.Swissnum = secret.NewSwissnum([]byte(swissnum))
	return n, n.Validate()
}

// parseAddress reads HOST:PORT, with an IPv6 address in brackets.
func parseAddress(text string) (host string, port uint16, err error) {
	host, digits, err := net.SplitHostPort(text)
	if err != nil {
		return "", 0, ErrNURLSyntax
	}
	number, err := strconv.ParseUint(digits, 10, 16)
	if err != nil || strconv.FormatUint(number, 10) != digits {
		return "", 0, ErrNURLPort
	}
	if strings.HasPrefix(text, "[") != strings.Contains(host, ":") {
		return "", 0, ErrNURLHost
	}
	return host, uint16(number), nil
}

// Validate says whether Text writes what ParseNURL reads. Errors wrap those of
// this file.
func (n NURL) Validate() error {
	switch {
	case !validHost(n.Host):
		return ErrNURLHost
	case n.Port == 0:
		return ErrNURLPort
	case n.Swissnum.Len() == 0 || !onlyOf(n.Swissnum.RevealString(), unreserved):
		return ErrNURLSwissnum
	case len(n.Text()) > MaxNURLSize:
		return ErrNURLSize
	}
	return nil
}

// Characters of swissnums and host names. Tahoe's swissnums are base 32.
const (
	hostName   = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._"
	unreserved = hostName + "~"
)

func validHost(host string) bool {
	if strings.Contains(host, ":") {
		addr, err := netip.ParseAddr(host)
		return err == nil && addr.Is6() && addr.Zone() == ""
	}
	return host != "" && len(host) <= MaxHostSize && onlyOf(host, hostName)
}

func onlyOf(text, characters string) bool {
	return !strings.ContainsFunc(text, func(r rune) bool { return !strings.ContainsRune(characters, r) })
}

// IsZero says whether n is the zero value, which names nothing.
func (n NURL) IsZero() bool { return n.Swissnum.IsZero() }

// Address is HOST:PORT as net.Dial takes it.
func (n NURL) Address() string { return net.JoinHostPort(n.Host, strconv.Itoa(int(n.Port))) }

// Text returns the NURL with its secret. It panics on the zero value.
func (n NURL) Text() string { return n.public() + n.Swissnum.RevealString() + fragment }

func (n NURL) public() string {
	scheme := schemeTCP
	if n.Tor {
		scheme = schemeTor
	}
	return scheme + n.Hash.String() + "@" + n.Address() + "/"
}

// String returns the NURL with its swissnum redacted.
func (n NURL) String() string {
	if n.IsZero() {
		return "[no NURL]"
	}
	return n.public() + n.Swissnum.String() + fragment
}

// Format writes what String returns, whatever the verb.
func (n NURL) Format(state fmt.State, _ rune) { _, _ = io.WriteString(state, n.String()) }

// GoString returns what String returns.
func (n NURL) GoString() string { return n.String() }

// LogValue returns what String returns.
func (n NURL) LogValue() slog.Value { return slog.StringValue(n.String()) }

// MarshalText returns what String returns, never an error.
func (n NURL) MarshalText() ([]byte, error) { return []byte(n.String()), nil }
