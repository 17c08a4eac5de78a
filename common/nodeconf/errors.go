package nodeconf

import (
	"fmt"
	"strings"
)

// Error says what is wrong with a configuration file: which file, line, section
// and key, why, and what would be right. It never carries the value of a key
// that holds a secret.
type Error struct {
	File    string // path as it was given
	Line    int    // counted from 1; 0 if the error is about no line, as with a missing key
	Section string // "" if the error is about no section
	Key     string // "" if the error is about no key
	Reason  string
	Advice  string // what would be right; may be empty
	Err     error  // the error below, or nil
}

// Error returns one line: "tahoe.cfg:7: [node] tub.port: reason; advice".
func (e *Error) Error() string {
	var text strings.Builder
	text.WriteString(e.File)
	if e.Line > 0 {
		fmt.Fprintf(&text, ":%d", e.Line)
	}
	text.WriteString(": ")
	if e.Section != "" {
		fmt.Fprintf(&text, "[%s]", e.Section)
		if e.Key != "" {
			text.WriteString(" " + e.Key)
		}
		text.WriteString(": ")
	}
	text.WriteString(e.Reason)
	if e.Err != nil {
		fmt.Fprintf(&text, ": %v", e.Err)
	}
	if e.Advice != "" {
		text.WriteString("; " + e.Advice)
	}
	return text.String()
}

// Unwrap returns Err.
func (e *Error) Unwrap() error { return e.Err }

// quote returns a value for an error message, cut to a bearable length.
func quote(value string) string {
	const limit = 60
	if len(value) > limit {
		value = value[:limit] + "..."
	}
	return fmt.Sprintf("%q", value)
}
