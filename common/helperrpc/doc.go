// Package helperrpc calls and serves the three remote interfaces of uploads
// through a helper, over Foolscap:
//
//   - RIHelper, of the helper: [NewService] serves it, [Helper] calls it
//   - RICHKUploadHelper, one upload at the helper, on the wire called
//     RIUploadHelper: a [Service] hands it out, [Upload] calls it
//   - RIEncryptedUploadable, the ciphertext at the client: [NewReader] serves
//     it, [Reader] calls it
//
// It belongs to layer L2. It checks shapes and sizes; whether a file needs
// uploading, who may, and whether results are true is left to helperserver and
// helperclient. The source is interfaces.py and immutable/upload.py
// (HelperUploadResults, RemoteEncryptedUploadable) of Tahoe-LAFS 1.20.0.
//
// # The calls
//
//	get_version() -> dict bytes->any: application-version, and one key for the
//	    version of the protocol; of the helper and of an upload
//	upload_chk(si=bytes) -> (tuple RESULTS-or-none UPLOAD-or-none)
//	upload(reader=my-reference) -> RESULTS
//	get_size() -> int
//	get_all_encoding_parameters() -> (tuple k happy n segsize)
//	read_encrypted(offset=int, length=int) -> (list bytes ..)
//	close() -> None
//
// RESULTS is a (copyable ..) that [Results] stands for.
//
// # What differs from 1.20 on purpose
//
//   - Storage indexes have 16 bytes; 1.20 takes shorter ones.
//   - A reader gives at most [MaxRead] bytes at a time. 1.20's helper asks for
//     51200, ours for more, and 1.20's readers give whatever they are asked for.
//   - Results whose URI extension block is not the canonical one of its
//     dictionary are refused, and so is everything beyond the limits of this
//     package.
package helperrpc
