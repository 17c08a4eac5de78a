// Package announce reads and writes what servers tell about themselves: signed
// announcements, the Ed25519 keys that sign them, the certificates of a grid
// manager; and it derives from an announcement where a server stands in the
// permuted order of a storage index.
//
// It belongs to layer L1: no network, no clock (the time of day is an
// argument), no files. The source is Tahoe-LAFS 1.20.0:
//
//   - crypto/ed25519.py: [SigningKey], [VerifyingKey]
//   - introducer/common.py (sign_to_foolscap, unsign_from_foolscap): [Signed]
//   - introducer/server.py and client.py: [Announcement], [Compare]
//   - client.py (create_announcement_dict, _init_permutation_seed),
//     storage_client.py (_parse_announcement): [Fields],
//     [Announcement.PermutationSeed]
//   - grid_manager.py: [Certificate], [CertificateVerifier], [GridManager]
//   - util/hashutil.py (permute_server_hash), storage_client.py
//     (get_servers_for_psi): [Permute]
//
// # Formats
//
// Private key file: "priv-v0-" and base 32 of the 32-byte seed. Public key:
// "pub-v0-" and base 32 of 32 bytes; without "pub-" it is a server id and the
// key of an announcement. Signature of an announcement: "v0-" and base 32 of
// 64 bytes; of a certificate: base 32 of 64 bytes.
//
// An announcement is a JSON object in UTF-8. Its exact bytes are signed, so
// they are kept as they came; key order, spaces and unknown fields are free.
// What 1.20 writes is what Python's json.dumps writes, and [Fields.Marshal]
// writes the same.
//
// # What is refused here and not by 1.20
//
// Announcements larger than [MaxMessageSize] or nested deeper than [MaxDepth];
// JSON texts with NaN or Infinity, which Python reads and writes and JSON does
// not have; base 32 with stray bits in the last character (see package base32);
// certificates of another version than 1, which 1.20 checks only when a grid
// manager loads them.
package announce
