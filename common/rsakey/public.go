package rsakey

import (
	"bytes"
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"fmt"
)

const (
	// MinPublicBits and MaxPublicBits bound the modulus of a public key: below,
	// a signature proves nothing; above, checking one costs too much.
	MinPublicBits = 2048
	MaxPublicBits = 4096
	// MaxPublicDERSize bounds the serialised public keys that are looked at.
	// Those of 2048 bits have 292 or 294 bytes.
	MaxPublicDERSize = 1024
)

var pssOptions = &rsa.PSSOptions{SaltLength: PSSSaltSize, Hash: crypto.SHA256}

// A PublicKey checks the signatures of one mutable file. It is never changed
// after it was made and is safe for concurrent use. The zero value is not a
// key.
type PublicKey struct {
	der []byte
	key *rsa.PublicKey
}

// ParsePublic reads a SubjectPublicKeyInfo DER public key as 1.20 stores it in
// shares (create_verifying_key_from_string). The key keeps a copy of der. A
// refusal is a *ParseError.
func ParsePublic(der []byte) (*PublicKey, error) {
	if len(der) > MaxPublicDERSize {
		return nil, badPublic(fmt.Sprintf("%d bytes, at most %d are allowed", len(der), MaxPublicDERSize))
	}
	parsed, err := x509.ParsePKIXPublicKey(der)
	if err != nil {
		return nil, badPublic("not a SubjectPublicKeyInfo")
	}
	key, ok := parsed.(*rsa.PublicKey)
	if !ok {
		return nil, badPublic("not an RSA key")
	}
	if bits := key.N.BitLen(); bits < MinPublicBits || bits > MaxPublicBits {
		return nil, badPublic(fmt.Sprintf("modulus of %d bits, allowed are %d to %d", bits, MinPublicBits, MaxPublicBits))
	}
	return &PublicKey{der: bytes.Clone(der), key: key}, nil
}

// DER returns the SubjectPublicKeyInfo bytes that the fingerprint is the hash
// of. The slice belongs to the key and must not be changed.
func (k *PublicKey) DER() []byte { return k.der }

// Equal reports whether both are the same key in the same serialised form.
func (k *PublicKey) Equal(other *PublicKey) bool { return bytes.Equal(k.der, other.der) }

// Verify checks a signature made by PrivateKey.Sign (verify_signature). It
// returns ErrSignature if it does not fit.
func (k *PublicKey) Verify(message, signature []byte) error {
	digest := sha256.Sum256(message)
	if rsa.VerifyPSS(k.key, crypto.SHA256, digest[:], signature, pssOptions) != nil {
		return ErrSignature
	}
	return nil
}
