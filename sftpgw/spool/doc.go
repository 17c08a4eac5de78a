// Package spool keeps what is written to files before it is stored on the grid:
// the parts that were written, at any offsets, in an encrypted temporary file.
//
// It belongs to the role sftpgw. The file is unlinked as soon as it exists and
// its key is in memory only, so that nothing of it can be read after the process
// has ended, however it ends. Tahoe-LAFS 1.20.0 does the same
// (util/fileutil.py EncryptedTemporaryFile) with AES in counter mode; here it is
// ChaCha20, which is faster on processors without AES. In both a part that is
// written again uses the same key stream: who reads the disk several times while
// the file is open learns how the two differ.
//
// What the temporary files of a [Quota] hold together is bounded.
package spool
