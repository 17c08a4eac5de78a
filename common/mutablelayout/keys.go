package mutablelayout

import (
	"crypto/aes"
	"crypto/cipher"

	"github.com/besn0847/arm-tahoe/common/grid"
	"github.com/besn0847/arm-tahoe/common/rsakey"
	"github.com/besn0847/arm-tahoe/common/secret"
	"github.com/besn0847/arm-tahoe/common/taggedhash"
)

// Keys is everything that follows from the private key of a mutable file: all
// that its write cap gives access to (mutable/common.py derive_mutable_keys).
// It never changes after it was made and is safe for concurrent use. It prints
// no secret.
type Keys struct {
	private     rsakey.PrivateKey
	encrypted   []byte
	writeKey    secret.WriteKey
	readKey     secret.ReadKey
	fingerprint taggedhash.Hash
}

// NewKeys derives the keys of the file that belongs to a private key.
func NewKeys(private rsakey.PrivateKey) *Keys {
	writeKey := taggedhash.WriteKey(private.DER())
	return &Keys{
		private:     private,
		encrypted:   cryptPrivateKey(private.DER(), writeKey),
		writeKey:    writeKey,
		readKey:     taggedhash.ReadKey(writeKey),
		fingerprint: taggedhash.Fingerprint(private.Public().DER()),
	}
}

// DecryptKeys recovers the keys from the encrypted private key in a share and
// the write key in the cap. The write key is a hash of the private key, which
// makes sure of both: anything else is a *CorruptError for PartPrivateKey
// (mutable/servermap.py _try_to_validate_privkey).
func DecryptKeys(encrypted []byte, writeKey secret.WriteKey) (*Keys, error) {
	if len(encrypted) > MaxPrivateKeySize {
		return nil, layoutErrorf("encrypted private key", "%d bytes, at most %d are allowed", len(encrypted), MaxPrivateKeySize)
	}
	der := cryptPrivateKey(encrypted, writeKey)
	if !taggedhash.WriteKey(der).Equal(writeKey) {
		return nil, &CorruptError{Part: PartPrivateKey}
	}
	private, err := rsakey.ParsePrivate(der)
	if err != nil {
		return nil, err
	}
	return NewKeys(private), nil
}

// cryptPrivateKey encrypts or decrypts: AES-128 in counter mode from zero
// (mutable/common.py encrypt_privkey, decrypt_privkey).
func cryptPrivateKey(text []byte, writeKey secret.WriteKey) []byte {
	out := make([]byte, len(text))
	key := writeKey.Reveal()
	newCTR(key).XORKeyStream(out, text)
	return out
}

// newCTR returns AES-128 in counter mode from zero (crypto/aes.py DEFAULT_IV).
func newCTR(key [secret.Size16]byte) cipher.Stream {
	block, err := aes.NewCipher(key[:])
	if err != nil {
		panic("mutablelayout: " + err.Error()) // a key of 16 bytes is always accepted
	}
	return cipher.NewCTR(block, make([]byte, aes.BlockSize))
}

// PrivateKey returns the key that signs versions.
func (k *Keys) PrivateKey() rsakey.PrivateKey { return k.private }

// EncryptedPrivateKey returns the private key as it stands in every share. The
// slice must not be changed.
func (k *Keys) EncryptedPrivateKey() []byte { return k.encrypted }

// WriteKey returns the secret of the write cap.
func (k *Keys) WriteKey() secret.WriteKey { return k.writeKey }

// ReadKey returns the secret of the read cap.
func (k *Keys) ReadKey() secret.ReadKey { return k.readKey }

// Fingerprint returns the hash of the public key that all caps of the file
// contain.
func (k *Keys) Fingerprint() taggedhash.Hash { return k.fingerprint }

// StorageIndex returns the name of the file's slot on every server.
func (k *Keys) StorageIndex() grid.StorageIndex { return StorageIndex(k.readKey) }

// WriteEnabler returns the secret that lets the file be written on the server
// with this tub id.
func (k *Keys) WriteEnabler(server grid.TubID) secret.WriteEnabler {
	return taggedhash.WriteEnabler(taggedhash.WriteEnablerMaster(k.writeKey), server)
}

// StorageIndex returns the storage index of the file with this read key.
func StorageIndex(readKey secret.ReadKey) grid.StorageIndex {
	return taggedhash.MutableStorageIndex(readKey)
}
