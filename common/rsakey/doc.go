// Package rsakey holds the RSA keys of mutable files: the private key that
// makes a write cap, the public key that its fingerprint names, and the
// signatures of a version's header.
//
// It sits at L0, beside the other byte formats: it knows DER and RSASSA-PSS
// and nothing about shares or caps. It follows crypto/rsa.py of Tahoe-LAFS
// 1.20.0.
//
// # The bytes of a key
//
// Tahoe hashes the serialised form of both keys, so the exact bytes matter:
//
//	private key   unencrypted PKCS#8 DER    hash -> write key
//	public key    SubjectPublicKeyInfo DER  hash -> fingerprint
//
// A key that was parsed therefore keeps the very bytes it came from, and
// DER returns those instead of encoding the key again.
//
// # Public exponents
//
// Keys made by Tahoe-LAFS 1.20 and by this package have the exponent 65537 and
// a public key of 294 bytes. Keys made before 1.14 (pycryptopp, on Crypto++)
// have the exponent 17 and 292 bytes; that is where the constant
// VERIFICATION_KEY_SIZE = 292 of mutable/layout.py comes from. Both are read.
package rsakey
