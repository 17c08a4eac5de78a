// Package ueb reads and writes the URI extension block (UEB) of immutable files:
// the small dictionary at the end of every share whose hash is in the cap and
// which holds the roots of the hash trees. It is layer L1 (formats); it computes
// no hash.
//
// A UEB is a sequence of fields in the byte order of their keys, each
//
//	key ":" netstring(value)
//
// Numbers are decimal, hashes are 32 raw bytes. 1.20 writes exactly these:
//
//	codec_name           "crs"
//	codec_params         segment size "-" k "-" N
//	crypttext_hash       hash of the whole ciphertext
//	crypttext_root_hash  root of the hash tree over the ciphertext's segments
//	needed_shares        k
//	num_segments
//	segment_size         a multiple of k
//	share_root_hash      root of the hash tree over the shares
//	size                 of the file
//	tail_codec_params    padded size of the last segment "-" k "-" N
//	total_shares         N
//
// Only crypttext_root_hash, segment_size and share_root_hash must be there; k, N
// and the size come from the cap, and all other numbers must agree with them
// where they are present. UEBs of old nodes also have plaintext_hash and
// plaintext_root_hash, which are no longer published because they tell servers
// something about the content; they and unknown fields are kept and not used.
//
// Source: Tahoe-LAFS 1.20.0, uri.py (pack_extension, unpack_extension),
// immutable/encode.py (Encoder) and immutable/checker.py
// (ValidatedExtendedURIProxy._parse_and_validate).
package ueb
