package fscmd

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/besn0847/arm-tahoe/tools/tahoe/gateway"
	"github.com/besn0847/arm-tahoe/tools/tahoe/pyquote"
)

// LsOptions are those of ls.
type LsOptions struct {
	Long, URI, ReadOnlyURI, Classify, JSON bool
}

const (
	// maxCode is what exit codes are cut to; a gateway that cannot be reached has
	// the status -1.
	maxCode = 255
	// recent is how far back ls -l shows the time of day, in seconds.
	recent = 6 * 30 * 24 * 60 * 60
)

// Ls lists a directory, or the one file that where leads to. The exit code of a
// refused request is the lower byte of its status, as 1.20's becomes.
func (s *Session) Ls(ctx context.Context, where string, o LsOptions) error {
	location, err := s.Aliases.Resolve(strings.TrimSuffix(where, "/"), false)
	if err != nil {
		return err
	}
	answer := s.Gateway.Do(ctx, "GET", gateway.At(location.Root, location.Path).Query("t=json"), gateway.Body{})
	defer answer.Close()
	switch answer.Status {
	case 200:
	case 404:
		return &Failure{"No such file or directory", 2}
	case gateway.Broken:
		return refused("Error during GET", answer)
	default:
		return &Failure{answer.Complaint("Error during GET"), answer.Status & maxCode}
	}
	if o.JSON {
		return s.copyJSON(answer)
	}
	rows, err := readRows(answer.Body, location.Path, lister{o, time.Now()})
	if err != nil {
		return err
	}
	return s.writeRows(rows)
}

// copyJSON writes a description as it came, if that is ASCII.
func (s *Session) copyJSON(answer *gateway.Answer) error {
	text, err := io.ReadAll(io.LimitReader(answer.Body, gateway.MaxDescription+1))
	switch {
	case err != nil:
		return fmt.Errorf("the gateway's answer broke off: %w", err)
	case len(text) > gateway.MaxDescription:
		return fmt.Errorf("the gateway's answer is longer than %d bytes", gateway.MaxDescription)
	}
	odd := func(r rune) bool { return (r < 0x20 || r > 0x7e) && r != '\n' && r != '\r' }
	if bytes.ContainsFunc(text, odd) {
		return failed("The JSON response contained unprintable characters:\n" + pyquote.Text(string(text)))
	}
	_, err = s.Stdout.Write(append(text, '\n'))
	return err
}

// row is a line of the table before its columns are as wide as they must be.
type row struct {
	name    string // to sort by
	cells   []string
	unknown bool
}

// readRows reads the description of a directory or of a file, whose name is the
// end of the path.
func readRows(r io.Reader, path string, l lister) (rows []row, err error) {
	node, err := gateway.ReadNode(r, func(name string, n gateway.Node) error {
		rows = append(rows, l.row(name, n))
		return nil
	})
	if err != nil {
		return nil, err
	}
	if node.Type != gateway.Directory {
		return []row{l.row(path[strings.LastIndexByte(path, '/')+1:], node)}, nil
	}
	slices.SortFunc(rows, func(a, b row) int { return strings.Compare(a.name, b.name) })
	return rows, nil
}

// lister makes rows.
type lister struct {
	LsOptions
	now time.Time
}

func (l lister) row(name string, n gateway.Node) row {
	r := row{name: name}
	mode, size, mark := "?", "?", "?"
	switch n.Type {
	case gateway.Directory:
		mode, size, mark = "d", "-", "/"
	case gateway.File:
		mode, size, mark = "-", n.Size, ""
		if !n.Write.IsZero() {
			mark = "*"
		}
	default:
		r.unknown = true
	}
	if l.Long {
		rights := flag(!n.Read.IsZero(), "r") + flag(!n.Write.IsZero(), "w") + flag(n.Type == gateway.Directory, "x")
		r.cells = append(r.cells, mode+rights, size, l.date(n.Created))
	}
	if !l.Classify {
		mark = ""
	}
	r.cells = append(r.cells, name+mark)
	if l.URI {
		r.cells = append(r.cells, reveal(n, false))
	}
	if l.ReadOnlyURI {
		r.cells = append(r.cells, pyquote.Text(reveal(n, true)))
	}
	return r
}

func flag(set bool, letter string) string {
	if set {
		return letter
	}
	return "-"
}

// reveal shows caps: it is what was asked for.
func reveal(n gateway.Node, readOnly bool) string {
	c := n.Best()
	if readOnly {
		c = n.Read
	}
	if c.IsZero() {
		return "-"
	}
	return c.RevealString()
}

// date writes a time as GNU ls does, in the zone of this machine.
func (l lister) date(created float64) string {
	if created == 0 {
		return "-"
	}
	format := "Jan 02 15:04"
	if float64(l.now.Unix())-created > recent {
		format = "Jan 02  2006"
	}
	return time.Unix(int64(created), 0).Format(format)
}

// writeRows aligns the columns: those with caps, and a single one, to the left.
func (s *Session) writeRows(rows []row) error {
	widths, left := columns(rows)
	var b bytes.Buffer
	unknown := false
	for _, r := range rows {
		unknown = unknown || r.unknown
		b.Reset()
		for i, cell := range r.cells {
			if i > 0 {
				b.WriteByte(' ')
			}
			writeCell(&b, cell, widths[i], left[i])
		}
		fmt.Fprintln(s.Stdout, s.shown(strings.TrimRightFunc(b.String(), isPythonSpace)))
	}
	if unknown {
		return &Failure{"\nThis listing included unknown objects. Using a webapi server that supports\na later version of Tahoe may help.", 0}
	}
	return nil
}

func columns(rows []row) (widths []int, left []bool) {
	for _, r := range rows {
		if widths == nil {
			widths, left = make([]int, len(r.cells)), make([]bool, len(r.cells))
		}
		for i, cell := range r.cells {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
			left[i] = left[i] || strings.HasPrefix(cell, "URI") || len(r.cells) == 1
		}
	}
	return widths, left
}

func writeCell(b *bytes.Buffer, cell string, width int, left bool) {
	if left {
		width = -width
	}
	fmt.Fprintf(b, "%*s", width, cell)
}

// shown keeps names from moving a terminal's cursor.
func (s *Session) shown(line string) string {
	if s.Terminal && strings.ContainsFunc(line, unicode.IsControl) {
		return pyquote.Path(line)
	}
	return line
}

// isPythonSpace is what str.rstrip takes away.
func isPythonSpace(r rune) bool { return unicode.IsSpace(r) || r >= 0x1c && r <= 0x1f }
