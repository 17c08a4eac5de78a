package daemon

import (
	"fmt"
	"io"
	"log/slog"
)

// NewLogger returns a logger that writes to w in the format "text" or "json".
func NewLogger(w io.Writer, format string) (*slog.Logger, error) {
	switch format {
	case "text":
		return slog.New(slog.NewTextHandler(w, nil)), nil
	case "json":
		return slog.New(slog.NewJSONHandler(w, nil)), nil
	}
	return nil, fmt.Errorf("--%s: %q is no format: use text or json", flagLogFormat, format)
}
