package rsakey

import (
	"bytes"
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"fmt"
	"io"
	"log/slog"
)

const (
	// Bits is the modulus size of every private key. 1.20 neither makes nor
	// loads another one (crypto/rsa.py create_signing_keypair_from_string).
	Bits = 2048
	// MaxPrivateDERSize bounds the serialised private keys that are looked
	// at. Those of 2048 bits have 1214 to 1220 bytes.
	MaxPrivateDERSize = 4096
	// PSSSaltSize is the size in bytes of the random salt inside a signature
	// (RSA_PSS_SALT_LENGTH). A signature with another one does not verify.
	PSSSaltSize = 32
	// SignatureSize is the size in bytes of a signature made by a PrivateKey.
	SignatureSize = Bits / 8
)

// A PrivateKey signs the versions of one mutable file. Its serialised form is
// the secret that the file's write key is derived from, so fmt, slog and json
// see a placeholder only.
//
// A PrivateKey is never changed after it was made, its copies are the same key,
// and it is safe for concurrent use. The zero value is no key: IsZero says so
// and the other methods panic.
type PrivateKey struct {
	// p is a function because fmt prints no more than its address, even of an
	// unexported field of a caller's struct, where it cannot call Format. To a
	// pointer to a struct it would follow with a verb such as %s.
	p func() *parts
}

// parts is what belongs to one private key.
type parts struct {
	der    []byte
	key    *rsa.PrivateKey
	public *PublicKey
}

// Generate makes a new key of Bits bits with the exponent 65537
// (create_signing_keypair). It blocks for up to some seconds on a slow
// machine.
//
// Since Go 1.26 the standard library takes the randomness of keys from the
// system alone and ignores random, except under testing/cryptotest; the
// parameter keeps the source visible to the caller.
func Generate(random io.Reader) (PrivateKey, error) {
	key, err := rsa.GenerateKey(random, Bits)
	if err != nil {
		return PrivateKey{}, fmt.Errorf("rsakey: generate: %w", err)
	}
	return fromKey(key)
}

// ParsePrivate reads an unencrypted PKCS#8 DER private key as 1.20 stores it
// (encrypted) in shares. The key keeps a copy of der. A refusal is a
// *ParseError.
func ParsePrivate(der []byte) (PrivateKey, error) {
	if len(der) > MaxPrivateDERSize {
		return PrivateKey{}, badPrivate(fmt.Sprintf("%d bytes, at most %d are allowed", len(der), MaxPrivateDERSize))
	}
	parsed, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil || hasTrailingBytes(der) {
		return PrivateKey{}, badPrivate("not an unencrypted PKCS#8 private key, or its numbers do not fit together")
	}
	key, ok := parsed.(*rsa.PrivateKey)
	if !ok {
		return PrivateKey{}, badPrivate("not an RSA key")
	}
	return newPrivate(key, bytes.Clone(der))
}

// Import reads a private key that a user brought along, in PKCS#8 or PKCS#1
// DER, and serialises it as PKCS#8 again. That is what 1.20 does with the
// private-key= argument of its web API, so both arrive at the same cap. A
// refusal is a *ParseError.
func Import(der []byte) (PrivateKey, error) {
	if len(der) > MaxPrivateDERSize {
		return PrivateKey{}, badPrivate(fmt.Sprintf("%d bytes, at most %d are allowed", len(der), MaxPrivateDERSize))
	}
	if key, err := x509.ParsePKCS1PrivateKey(der); err == nil {
		return fromKey(key)
	}
	key, err := ParsePrivate(der)
	if err != nil {
		return PrivateKey{}, err
	}
	return fromKey(key.p().key)
}

// hasTrailingBytes reports whether something follows the outermost DER value,
// which x509.ParsePKCS8PrivateKey does not mind.
func hasTrailingBytes(der []byte) bool {
	rest, err := asn1.Unmarshal(der, new(asn1.RawValue))
	return err != nil || len(rest) > 0
}

func fromKey(key *rsa.PrivateKey) (PrivateKey, error) {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return PrivateKey{}, badPrivate("cannot be serialised")
	}
	return newPrivate(key, der)
}

// newPrivate takes ownership of der.
func newPrivate(key *rsa.PrivateKey, der []byte) (PrivateKey, error) {
	if key.N.BitLen() != Bits {
		return PrivateKey{}, badPrivate(fmt.Sprintf("modulus of %d bits, mutable files use %d", key.N.BitLen(), Bits))
	}
	if len(key.Primes) != 2 {
		return PrivateKey{}, badPrivate("not a product of two primes")
	}
	publicDER, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		return PrivateKey{}, badPrivate("its public key cannot be serialised")
	}
	p := &parts{der: der, key: key, public: &PublicKey{der: publicDER, key: &key.PublicKey}}
	return PrivateKey{p: func() *parts { return p }}, nil
}

// DER returns the PKCS#8 bytes that the write key is the hash of. The slice
// belongs to the key and must not be changed. It is a secret.
func (k PrivateKey) DER() []byte { return k.p().der }

// IsZero reports whether there is no key in here.
func (k PrivateKey) IsZero() bool { return k.p == nil }

// Public returns the public half of the key.
func (k PrivateKey) Public() *PublicKey { return k.p().public }

// Equal reports whether both are the same key in the same serialised form.
func (k PrivateKey) Equal(other PrivateKey) bool {
	return k.p().key.Equal(other.p().key) && bytes.Equal(k.p().der, other.p().der)
}

// Sign returns the RSASSA-PSS signature of message with SHA-256, MGF1 with
// SHA-256 and PSSSaltSize bytes of salt taken from random (sign_data). The
// result has SignatureSize bytes and belongs to the caller.
func (k PrivateKey) Sign(random io.Reader, message []byte) ([]byte, error) {
	if random == nil {
		return nil, errors.New("rsakey: sign: no source of randomness for the salt")
	}
	digest := sha256.Sum256(message)
	signature, err := rsa.SignPSS(random, k.p().key, crypto.SHA256, digest[:], pssOptions)
	if err != nil {
		return nil, fmt.Errorf("rsakey: sign: %w", err)
	}
	return signature, nil
}

const redacted = "[RSA private key]"

// String returns a placeholder.
func (k PrivateKey) String() string { return redacted }

// GoString returns a placeholder.
func (k PrivateKey) GoString() string { return redacted }

// Format prints a placeholder for every verb, so that no verb reaches the
// fields.
func (k PrivateKey) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// LogValue returns a placeholder.
func (k PrivateKey) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText returns a placeholder.
func (k PrivateKey) MarshalText() ([]byte, error) { return []byte(redacted), nil }
