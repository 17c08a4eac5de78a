package nodeconf

import (
	"fmt"
	"strings"
)

const (
	// maxInterpolationDepth is Python's MAX_INTERPOLATION_DEPTH.
	maxInterpolationDepth = 10
	// maxInterpolations bounds the work for one value: each level may refer to
	// the next many times over, which grows exponentially.
	maxInterpolations = 10000
)

// expansion is one run of BasicInterpolation. The reasons that it returns name
// no value, which may be secret.
type expansion struct {
	file    *File
	section string
	text    strings.Builder
	count   int
}

// expand appends rest with its references replaced and returns why it cannot.
func (e *expansion) expand(rest string, depth int) (reason string) {
	if depth > maxInterpolationDepth {
		return fmt.Sprintf("references are nested more than %d deep", maxInterpolationDepth)
	}
	for {
		before, after, found := strings.Cut(rest, "%")
		e.text.WriteString(before)
		switch {
		case e.text.Len() > MaxValueSize:
			return fmt.Sprintf("expands to more than %d bytes", MaxValueSize)
		case !found:
			return ""
		case strings.HasPrefix(after, "%"):
			e.text.WriteByte('%')
			rest = after[1:]
			continue
		case !strings.HasPrefix(after, "("):
			return "a % that is followed neither by another nor by a name in parentheses"
		}
		name, behind, ok := strings.Cut(after[1:], ")")
		if !ok || name == "" || !strings.HasPrefix(behind, "s") {
			return `a reference that is not of the form "%(key)s"`
		}
		if reason := e.reference(name, depth); reason != "" {
			return reason
		}
		rest = behind[1:]
	}
}

func (e *expansion) reference(name string, depth int) (reason string) {
	if e.count++; e.count > maxInterpolations {
		return fmt.Sprintf("has more than %d references", maxInterpolations)
	}
	o := e.file.lookup(e.section, name)
	switch {
	case o == nil:
		return fmt.Sprintf("refers to %s, which is neither in this section nor in [%s]", quote(name), defaultSection)
	case !strings.Contains(o.value, "%"):
		e.text.WriteString(o.value)
		return ""
	}
	return e.expand(o.value, depth+1)
}
