package webfiles

import (
	"net/http"
	"strconv"
	"strings"

	"github.com/besn0847/arm-tahoe/common/webapi"
)

// span is a part of a file, in bytes.
type span struct{ offset, length int64 }

func (s span) contentRange(size int64) string {
	return "bytes " + strconv.FormatInt(s.offset, 10) + "-" + strconv.FormatInt(s.offset+s.length-1, 10) +
		"/" + strconv.FormatInt(size, 10)
}

// parseRange reads the Range header for a file of a size (filenode.py
// parse_range_header and render). Of several ranges the first one counts; what
// makes no sense is ignored. The error has status 416.
func parseRange(text string, size int64) (s span, partial bool, err error) {
	whole := span{0, size}
	ranges, isBytes := strings.CutPrefix(text, "bytes=")
	if !isBytes || size == 0 {
		return whole, false, nil
	}
	var chosen span
	for i, one := range strings.Split(ranges, ",") {
		first, last, ok := parseSpan(strings.TrimSpace(one), size)
		if !ok { // one that is malformed spoils all
			return whole, false, nil
		}
		if i == 0 {
			chosen = span{first, min(last, size-1) - max(first, 0) + 1}
		}
	}
	if chosen.offset >= size {
		return span{}, false, &webapi.Error{Status: http.StatusRequestedRangeNotSatisfiable, Text: "First beyond end of file"}
	}
	chosen.offset = max(chosen.offset, 0)
	return chosen, true, nil
}

// parseSpan reads "first-last", "first-" or "-length". first may be negative where
// the length is greater than the file's.
func parseSpan(text string, size int64) (first, last int64, ok bool) {
	from, to, ok := strings.Cut(text, "-")
	if !ok {
		return 0, 0, false
	}
	number := func(digits string) int64 {
		n, err := strconv.ParseInt(digits, 10, 64)
		if err != nil || n < 0 {
			ok = false
		}
		return n
	}
	switch {
	case from == "":
		first, last = size-number(to), size-1
	case to == "":
		first, last = number(from), size-1
		if ok && first >= size { // 416, as RFC 9110 has it; 1.20 sends the whole file
			last = first
		}
	default:
		first, last = number(from), number(to)
	}
	return first, last, ok && last >= first
}
