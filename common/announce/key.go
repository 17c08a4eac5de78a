package announce

import (
	"crypto/ed25519"
	"strings"

	"github.com/besn0847/arm-tahoe/common/base32"
	"github.com/besn0847/arm-tahoe/common/grid"
	"github.com/besn0847/arm-tahoe/common/secret"
)

// Prefixes of the texts of keys and signatures (crypto/ed25519.py,
// introducer/common.py).
const (
	PrivateKeyPrefix = "priv-v0-"
	PublicKeyPrefix  = "pub-v0-"
	versionPrefix    = "v0-"
)

// Sizes of Ed25519 in bytes.
const (
	KeySize       = ed25519.PublicKeySize
	SignatureSize = ed25519.SignatureSize
)

// SigningKey is an Ed25519 private key: of a node (private/node.privkey) or of
// a grid manager. It prints redacted. The zero value is no key; using it
// panics.
type SigningKey struct {
	Seed secret.SigningSeed
}

// ParseSigningKey reads the text "priv-v0-...", without the newline that ends
// the file. The error is a *FormatError and says nothing about the text.
func ParseSigningKey(text string) (SigningKey, error) {
	var seed [KeySize]byte
	if err := parseKey(seed[:], text, PrivateKeyPrefix, "private key"); err != nil {
		return SigningKey{}, err
	}
	return SigningKey{secret.NewSigningSeed(seed)}, nil
}

// Reveal returns the text "priv-v0-..." for the file, without a newline.
func (k SigningKey) Reveal() string {
	seed := k.Seed.Reveal()
	return PrivateKeyPrefix + base32.Encode(seed[:])
}

// VerifyingKey returns the public key.
func (k SigningKey) VerifyingKey() VerifyingKey {
	return VerifyingKey(k.private().Public().(ed25519.PublicKey))
}

// Sign returns the Ed25519 signature of message.
func (k SigningKey) Sign(message []byte) [SignatureSize]byte {
	return [SignatureSize]byte(ed25519.Sign(k.private(), message))
}

func (k SigningKey) private() ed25519.PrivateKey {
	seed := k.Seed.Reveal()
	return ed25519.NewKeyFromSeed(seed[:])
}

// VerifyingKey is an Ed25519 public key. It is no secret. Not every value is
// a point of the curve; Verify fails with those that are not.
type VerifyingKey [KeySize]byte

// ParseVerifyingKey reads "pub-v0-...", without a newline. The error is a
// *FormatError.
func ParseVerifyingKey(text string) (k VerifyingKey, err error) {
	err = parseKey(k[:], text, PublicKeyPrefix, "public key")
	return k, err
}

// ParseServerKey reads the "v0-..." of a server id or of the third part of a
// signed announcement. The error is a *FormatError.
func ParseServerKey(text string) (k VerifyingKey, err error) {
	err = parseKey(k[:], text, versionPrefix, "key")
	return k, err
}

// String returns "pub-v0-...", as in node.pubkey and tahoe.cfg.
func (k VerifyingKey) String() string { return PublicKeyPrefix + base32.Encode(k[:]) }

// ServerID returns "v0-...": the name under which clients know the server.
func (k VerifyingKey) ServerID() grid.ServerID {
	return grid.ServerID(versionPrefix + base32.Encode(k[:]))
}

// Verify reports whether signature is this key's signature of message.
func (k VerifyingKey) Verify(message []byte, signature [SignatureSize]byte) bool {
	return ed25519.Verify(k[:], message, signature[:])
}

func parseKey(dst []byte, text, prefix, field string) error {
	body, ok := strings.CutPrefix(text, prefix)
	if !ok {
		return formatError(field, "does not begin with "+prefix)
	}
	if err := base32.DecodeTo(dst, body); err != nil {
		clear(dst)
		return &FormatError{Field: field, Reason: "not base 32 of 32 bytes", Err: err}
	}
	return nil
}
