package taggedhash

import "github.com/besn0847/arm-tahoe/common/secret"

// WriteKey returns the write key that belongs to a private key, given as
// unencrypted PKCS#8 DER (hashutil.py ssk_writekey_hash).
func WriteKey(privateKeyDER []byte) secret.WriteKey {
	return secret.NewWriteKey(taggedShort(tagWriteKey, privateKeyDER))
}

// Fingerprint returns the fingerprint in the caps of a mutable file from its
// public key, given as SubjectPublicKeyInfo DER (hashutil.py
// ssk_pubkey_fingerprint_hash).
func Fingerprint(publicKeyDER []byte) Hash {
	return tagged(tagFingerprint, publicKeyDER)
}

// ReadKey returns the read key that follows from a write key (hashutil.py
// ssk_readkey_hash).
func ReadKey(key secret.WriteKey) secret.ReadKey {
	k := key.Reveal()
	return secret.NewReadKey(taggedShort(tagReadKey, k[:]))
}

// MutableStorageIndex returns the storage index of a mutable file (hashutil.py
// ssk_storage_index_hash).
func MutableStorageIndex(key secret.ReadKey) [ShortSize]byte {
	k := key.Reveal()
	return taggedShort(tagMutableStorageIndex, k[:])
}

// DataKey returns the AES key for the data under one salt: that of a version
// for SDMF, of a segment for MDMF (hashutil.py ssk_readkey_data_hash).
func DataKey(salt [ShortSize]byte, key secret.ReadKey) secret.DataKey {
	k := key.Reveal()
	return secret.NewDataKey(pairShort(tagDataKey, salt[:], k[:]))
}

// WriteEnablerMaster returns what the write enablers of a file for all servers
// have in common (hashutil.py ssk_write_enabler_master_hash).
func WriteEnablerMaster(key secret.WriteKey) secret.WriteEnablerMaster {
	k := key.Reveal()
	return secret.NewWriteEnablerMaster(tagged(tagWriteEnablerMaster, k[:]))
}

// WriteEnabler returns the write enabler for the server with this seed
// (hashutil.py ssk_write_enabler_hash, which computes the master each time).
func WriteEnabler(master secret.WriteEnablerMaster, seed [ServerSeedSize]byte) secret.WriteEnabler {
	m := master.Reveal()
	return secret.NewWriteEnabler(pair(tagWriteEnabler, m[:], seed[:]))
}

// MutableContainerHeader returns the hash whose first five bytes end the magic of a
// mutable container. header is the line of text that the magic begins with
// (storage/mutable_schema.py _magic; version 2 only, the bytes of
// version 1 are arbitrary).
func MutableContainerHeader(header []byte) Hash {
	return tagged(tagMutableContainer, header)
}
