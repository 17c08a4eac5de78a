// Package download reads immutable files from the servers of a grid. It is layer
// L3 (client engine): package immutable proves and decodes what this package
// gets, from whom it thinks best.
//
// # Locating
//
// A [File] asks servers what they hold in the permuted order, those in this
// process first, several at a time, and no more when it knows enough shares. It
// remembers them for all ranges that are read later, also when the file is closed
// and opened again soon, and asks more servers, or all of them again, when shares
// turn out to be missing or bad.
//
// # Reading
//
// Each segment is fetched from the k shares whose servers should be fastest, by
// what was observed of them (broker.Health) and what they are busy with. A server
// that takes much longer than expected is not waited for: another share is asked
// for as well, and the first k blocks count. Shares that are corrupt are reported
// to their servers and not used again; one with a bad block (and good hashes)
// only if there is no other. What is read in order is fetched ahead, up to
// [MaxAhead] segments. Nothing is handed out that was not proven.
//
// A share of up to 64 KiB is read in one request. Of a larger one the first
// request brings all hashes, while another brings the first block that is wanted:
// where they are follows from the cap, if the file was encoded with the usual
// segment size; if not it takes a round trip or two more.
//
// # Memory
//
// A segment that is being fetched takes its size twice (once if k = 1), and its
// blocks from servers that are slow. Reading ahead takes at most [AheadMemory]
// for all files of a [Downloader]; the segment that a reader waits for is always
// allowed, so the number of concurrent readers is for the caller to bound. A file
// that nobody reads keeps its last segments, and those shares that were read as a
// whole, until [File.Rest] or it is closed, and the proven parts of its hash trees.
//
// Source: Tahoe-LAFS 1.20.0, immutable/downloader/{finder,fetcher,share,node,
// segmentation}.py.
package download
