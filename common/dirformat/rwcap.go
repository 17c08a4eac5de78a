package dirformat

import (
	"crypto/aes"
	"crypto/cipher"

	"github.com/besn0847/arm-tahoe/common/secret"
	"github.com/besn0847/arm-tahoe/common/taggedhash"
)

const (
	saltSize = taggedhash.ShortSize
	macSize  = taggedhash.Size
)

// encryptWriteCap returns a child's write cap, which may be empty, encrypted for
// the directory with this write key: salt, ciphertext and MAC (dirnode.py
// _encrypt_rw_uri). Equal caps give equal bytes.
func encryptWriteCap(writeCap string, writeKey secret.WriteKey) []byte {
	data := make([]byte, saltSize+len(writeCap), saltSize+len(writeCap)+macSize)
	text := data[saltSize:]
	copy(text, writeCap)
	salt := taggedhash.ChildCapSalt(text)
	copy(data, salt[:])
	key := taggedhash.ChildCapKey(salt, writeKey)
	crypt(text, key)
	mac := taggedhash.ChildCapMAC(key, data)
	return append(data, mac[:]...)
}

// decryptWriteCap returns the write cap out of rwcapdata, empty if there is
// none. The MAC is ignored, as 1.20 does: whoever can write the directory can
// compute it (dirnode.py _decrypt_rwcapdata).
func decryptWriteCap(data []byte, writeKey secret.WriteKey) string {
	if len(data) <= saltSize+macSize {
		return ""
	}
	text := append([]byte(nil), data[saltSize:len(data)-macSize]...)
	crypt(text, taggedhash.ChildCapKey([saltSize]byte(data), writeKey))
	return string(text)
}

// crypt encrypts or decrypts in place: AES-128 in counter mode from zero.
func crypt(text []byte, key secret.ChildCapKey) {
	k := key.Reveal()
	block, err := aes.NewCipher(k[:])
	if err != nil {
		panic("dirformat: " + err.Error()) // a key of 16 bytes is always accepted
	}
	cipher.NewCTR(block, make([]byte, aes.BlockSize)).XORKeyStream(text, text)
}
