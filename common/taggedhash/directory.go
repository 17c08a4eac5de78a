package taggedhash

import (
	"crypto/sha256"

	"github.com/besn0847/arm-tahoe/common/secret"
)

// ChildCapSalt returns the salt under which a directory encrypts the write cap
// of a child. It follows from the cap alone, so that equal caps in equal
// directories encrypt equally (hashutil.py mutable_rwcap_salt_hash, whose
// argument is misnamed writekey).
func ChildCapSalt(writeCap []byte) [ShortSize]byte {
	return taggedShort(tagChildCapSalt, writeCap)
}

// ChildCapKey returns the AES key under which the directory with this write key
// encrypts the write cap of a child (hashutil.py mutable_rwcap_key_hash).
func ChildCapKey(salt [ShortSize]byte, key secret.WriteKey) secret.ChildCapKey {
	k := key.Reveal()
	return secret.NewChildCapKey(pairShort(tagChildCapKey, salt[:], k[:]))
}

// ChildCapMAC returns the MAC that follows an encrypted child cap; data is the
// salt and the ciphertext. It is not the HMAC of RFC 2104, because the key is
// not padded to a block before it is mixed in (hashutil.py hmac). Nobody
// checks it, but Tahoe-LAFS writes it. It stands here beside the key that it
// needs, though it has no tag.
func ChildCapMAC(key secret.ChildCapKey, data []byte) Hash {
	k := key.Reveal()
	inner := sha256.New()
	inner.Write(xor(k, 0x36)) // never fails, nor do the others
	inner.Write(data)
	outer := append(xor(k, 0x5c), inner.Sum(nil)...)
	return sha256.Sum256(outer)
}

func xor(key [ShortSize]byte, with byte) []byte {
	for i := range key {
		key[i] ^= with
	}
	return key[:]
}

// BackupDirHash returns the hash by which "tahoe backup" recognises a directory
// that it has stored before (hashutil.py backupdb_dirhash).
func BackupDirHash(contents []byte) Hash {
	return tagged(tagBackupDirHash, contents)
}
