// Package erasure is zfec's erasure code: it turns k blocks of equal length
// into n shares, any k of which give the blocks back.
//
// It is layer L0 (bytes): no I/O, no goroutines, no clock. It knows nothing of
// segments' hashes or of share files; it offers the arithmetic of how a file is
// cut ([Segments]) and the code itself ([Code], [Decoder]).
//
// # The code
//
// The field is GF(2^8) with the polynomial 0x11d and the generator 2. zfec
// (fec.c, fec_new; Tahoe-LAFS 1.20.0 reaches it through codec.py) makes a
// Vandermonde matrix whose row 0 is (1, 0, 0, ...) and whose row r >= 1 is
// (x^0, x^1, ..., x^(k-1)) with x = 2^(r-1), and multiplies it by the inverse of
// its own first k rows. Read as polynomials that is: the k blocks are the values
// of a polynomial of degree < k at the points 0, 1, 2, 4, 8, ... (one polynomial
// for each byte position), and share i is its value at point i. This package
// computes every coefficient, for encoding and for decoding, as a Lagrange
// coefficient over those points; there is no matrix inversion. The first k
// shares (the primary ones) are the blocks themselves, and for k = 1 the
// polynomial is a constant, so that every share is the block.
//
// A library's own default matrix gives other shares for most (k, n), 2-of-4 and
// 3-of-10 among them.
//
// # Kernels
//
// The heavy part is multiplying a fixed matrix with long byte slices. On
// 32-bit ARM that is done by tables of this package (packed.go), elsewhere by
// klauspost/reedsolomon with the matrix given above; the choice is made by build
// tag (kernel_arm.go, kernel_other.go) behind one small interface, and the
// packed kernel is compiled and tested on every machine. klauspost is not used
// on ARM because there, without vector instructions, it indexes about 32 MiB of
// tables and misses the cache at nearly every lookup.
package erasure
