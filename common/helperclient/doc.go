// Package helperclient uploads immutable files through a helper: it keeps a
// connection to the helper of tahoe.cfg, gives it ciphertext, and believes
// nothing of what it answers that matters. It is layer L3 (client engine); a
// [Client] stands where package immutable expects a Pusher, beside
// *upload.Uploader.
//
// # What is checked
//
// The cap of the file comes from the client's own key, parameters and size, and
// from the hash that the helper returns. 1.20 compares k, n, segment size and size
// in the helper's results with its own. Here also:
//
//   - the hash must be that of the URI extension block in the results, and every
//     number in the block must agree with what was asked for;
//   - the root of the ciphertext's hash tree in the block must be that of the
//     ciphertext. It is computed while the helper reads, and for what the helper
//     does not read, because somebody else has sent it before, afterwards. So
//     whoever reads the file by its cap gets its bytes or an error: a helper, or
//     another client with the same storage index, can lose a file, but not make
//     it another one.
//
// That the shares are where the helper says, and can be decoded, is its word only;
// a check of the file tells.
//
// # Lost connections
//
// When the helper goes away in the middle, the client waits for it to come back
// and goes on: a helper continues where it stood. The ciphertext is then read
// again from its beginning.
//
// Source: Tahoe-LAFS 1.20.0, immutable/upload.py (AssistedUploader,
// RemoteEncryptedUploadable, Uploader._got_helper).
package helperclient
