// Package mutablelayout reads, verifies and writes the shares of mutable files:
// SDMF, written as a whole, and MDMF, whose segments can be rewritten one by one.
// It is layer L1 (formats): it knows bytes, hashes and keys, and nothing of
// servers, caps or files on disk.
//
// A share here is what a server hands out under one share number, without the
// container that the server keeps it in. All integers are big-endian; the salt,
// the hashes and the keys are raw bytes. The head has fixed places, everything
// else is where the offsets say.
//
//	SDMF  MDMF  size  signed part of the head
//	0     0     1     version: 0 (SDMF), 1 (MDMF)
//	1     1     8     sequence number
//	9     9     32    root hash: root of the share hash tree
//	41    -     16    salt
//	57    41    1     k
//	58    42    1     N
//	59    43    8     segment size
//	67    51    8     data length: size of the plaintext
//
//	SDMF  size  MDMF  size  offsets, the rest of the head
//	75    4     75    8     signature
//	79    4     67    8     share hash chain
//	83    4     107   8     block hash tree
//	87    4     99    8     share data
//	91    8     59    8     encrypted private key
//	-     -     83    8     public key
//	-     -     91    8     end of the public key
//	99    8     115   8     end of the share
//
// The areas follow each other without gaps in SDMF. In MDMF the space before the
// share data has a fixed size, so that blocks can be written first:
//
//	SDMF                        MDMF
//	107   public key            123   encrypted private key
//	      signature                   share hash chain
//	      share hash chain            signature
//	      block hash tree             public key
//	      share data                  zeros
//	      encrypted private key 2167  share data
//	                                  block hash tree
//
// What the areas hold:
//
//   - public key: SubjectPublicKeyInfo DER; its hash is the fingerprint in caps
//   - signature: RSASSA-PSS over the signed part, see package rsakey
//   - share hash chain: entries of node number (2 bytes) and hash (32), ascending,
//     without the share's own leaf
//   - block hash tree: all nodes of 32 bytes, root first; one padding leaf for an
//     empty file
//   - share data: for each segment one block, in MDMF behind the segment's salt
//     (16 bytes)
//   - encrypted private key: AES-128-CTR under the write key of the PKCS#8 DER,
//     whose hash in turn is the write key
//
// A segment is encrypted with AES-128-CTR under a key from its salt and the read
// key, padded with zeros to a multiple of k, cut into k blocks and encoded to N.
// Block hashes cover the block, in MDMF with its salt. Their tree's root is the
// share's leaf in the share hash tree.
//
// # Reading
//
// ParseHead, CheckPublicKey and CheckSignature tell whether a share belongs to a
// version of the file; Census counts versions; Verifier checks blocks and Decoder
// turns them into plaintext. Reader does the steps up to verified blocks for one
// share behind an io.ReaderAt, Share for one that is in memory.
//
// # Writing
//
// Builder makes a new version segment by segment, BuildShares all at once,
// Update in place.
//
// Sources: Tahoe-LAFS 1.20.0 mutable/layout.py (both layouts), publish.py
// (encoding), retrieve.py and servermap.py (verification), filenode.py (update in
// place), common.py (keys).
package mutablelayout
