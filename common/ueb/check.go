package ueb

import "github.com/besn0847/arm-tahoe/common/erasure"

// Check compares every number in the UEB with k, n and the size of the file,
// which the cap gives, and returns how the file is cut. The error is an [*Error]
// that names the first field that does not agree, or, where k, n or size are
// themselves impossible, an [*erasure.ParamsError].
func (u *UEB) Check(k, n int, size int64) (erasure.Segments, error) {
	if err := erasure.CheckParams(k, n); err != nil {
		return erasure.Segments{}, err
	}
	if u.segmentSize%int64(k) != 0 {
		return erasure.Segments{}, errorf(keySegmentSize, "%d is not a multiple of k = %d", u.segmentSize, k)
	}
	segs, err := erasure.NewSegments(size, k, u.segmentSize)
	if err != nil {
		return erasure.Segments{}, err
	}
	if err := u.compare(segs, n); err != nil {
		return erasure.Segments{}, err
	}
	return segs, nil
}

// compare makes the checks of checker.py _parse_and_validate.
func (u *UEB) compare(segs erasure.Segments, n int) error {
	if name, ok := u.value(keyCodecName); ok && string(name) != codecName {
		return errorf(keyCodecName, "is %q, known is only %q", name, codecName)
	}
	for _, c := range []struct {
		key  string
		want codecParams
	}{
		{keyCodecParams, codecParams{segs.SegmentSize, int64(segs.K), int64(n)}},
		{keyTailCodecParams, codecParams{segs.PaddedTailSize(), int64(segs.K), int64(n)}},
	} {
		if value, ok := u.value(c.key); ok {
			if got, err := parseParams(value); err != nil || got != c.want {
				return errorf(c.key, "is %s, the cap and the segment size say %d-%d-%d", value, c.want.dataSize, c.want.k, c.want.n)
			}
		}
	}
	for _, c := range []struct {
		key  string
		want int64
	}{
		{keyNumSegments, segs.NumSegments},
		{keySize, segs.Size},
		{keyNeededShares, int64(segs.K)},
		{keyTotalShares, int64(n)},
	} {
		if value, ok := u.value(c.key); ok {
			if got, err := parseNumber(value); err != nil || got != c.want {
				return errorf(c.key, "is %s, the cap and the segment size say %d", value, c.want)
			}
		}
	}
	return nil
}
