package erasure

// kernel multiplies a fixed matrix with slices of bytes. Its mul reads the
// first (number of columns) slices and overwrites the others, one for each row:
// out[r] = sum over c of matrix[r][c] * in[c]. All slices have the same length,
// which is not zero, and no written slice overlaps another. It allocates nothing
// that grows with the data, starts no goroutine and may be called concurrently.
type kernel interface {
	mul(slices [][]byte) error
}
