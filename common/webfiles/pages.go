package webfiles

import (
	_ "embed"
	"fmt"
	"html/template"
	"strconv"
	"time"

	"github.com/besn0847/arm-tahoe/common/dirformat"
	"github.com/besn0847/arm-tahoe/common/upload"
	"github.com/besn0847/arm-tahoe/common/uri"
	"github.com/besn0847/arm-tahoe/common/webapi"
)

//go:embed pages.html
var pagesHTML string

// pages has a template for each page: "directory", "rename", "info", "uploaded".
var pages = template.Must(template.New("pages").Parse(pagesHTML))

func (q *request) page(title, name string, data any) error {
	if err := q.Layout.Write(q.w, webapi.Page{Title: title, Body: pages.Lookup(name), Data: data}); err != nil {
		q.Log.Error("page", "page", name, "err", err)
	}
	return nil
}

// directoryPage shows a directory (directory.py DirectoryAsHTML).
func (q *request) directoryPage(dir uri.Directory) error {
	listing, err := q.Directories.List(q.ctx, dir)
	if err != nil {
		return err
	}
	data := directoryData{Here: here(dir), Writable: dir.Kind().IsWritable()}
	if data.Writable {
		data.ReadOnly = here(dir.ReadOnly())
	}
	for entry := range listing.All() {
		data.Children = append(data.Children, rowOf(entry, dir))
	}
	return q.page("Directory "+abbreviated(dir)+permission(dir), "directory", data)
}

// directoryData is what the page of a directory shows. Here is its own path, with a
// slash at the end.
type directoryData struct {
	Here, ReadOnly string
	Writable       bool
	Children       []childRow
}

// childRow is one child on that page.
type childRow struct {
	Name, Link, Info, Rename string
	Type, Size, Modified     string
}

func here(dir uri.Cap) string { return webapi.Path("uri", dir.Text()) + "/" }

func rowOf(entry dirformat.Entry, dir uri.Directory) childRow {
	row := childRow{
		Name: entry.Name(), Size: "-", Type: "?", Modified: linkTime(entry),
		Info: here(dir) + webapi.Path(entry.Name())[1:] + "?t=info",
	}
	known, ok := entry.Child().Known()
	if !ok {
		return row
	}
	if child, isDir := known.(uri.Directory); isDir {
		row.Link, row.Type, row.Info = here(child), directoryType(child), here(child)+"?t=info"
		return row
	}
	// A page in a file must not learn the directory's cap from its own address.
	row.Link = webapi.Path("file", known.Text(), "@@named=", entry.Name())
	row.Info = webapi.Path("uri", known.Text()) + "?t=info"
	row.Type = formatName(known)
	if size, ok := knownSize(known); ok {
		row.Size = strconv.FormatInt(size, 10)
	} else {
		row.Size = "?"
	}
	return row
}

func directoryType(dir uri.Directory) string {
	switch {
	case !dir.Kind().IsMutable():
		return "DIR-IMM"
	case !dir.Kind().IsWritable():
		return "DIR-RO"
	}
	return "DIR"
}

func permission(dir uri.Directory) string {
	switch {
	case !dir.Kind().IsMutable():
		return " (immutable)"
	case !dir.Kind().IsWritable():
		return " (read-only)"
	}
	return ""
}

func linkTime(entry dirformat.Entry) string {
	_, modified := entry.Metadata().LinkTimes()
	if !modified.OK {
		return ""
	}
	return modified.Time().UTC().Format(time.DateTime)
}

// abbreviated names something by the beginning of its storage index, as the
// original does.
func abbreviated(c uri.Cap) string {
	if si, ok := c.StorageIndex(); ok {
		return si.String()[:6]
	}
	return "LIT"
}

// renamePage asks for another name (directory.py RenameForm).
func (q *request) renamePage(dir uri.Directory) error {
	return q.page("Rename in directory "+abbreviated(dir), "rename",
		map[string]string{"Here": here(dir), "Name": q.get("name", "")})
}

// infoRow is a line of a page about a file or directory.
type infoRow struct{ Name, Text, Link string }

// info shows what is known of something (info.py MoreInfo).
func (q *request) info(p place) error {
	rows := []infoRow{{Name: "Type", Text: typeOf(p)}}
	known, ok := p.child.Known()
	title := "More Info"
	if ok {
		title += " for " + typeOf(p) + " " + abbreviated(known)
		if si, ok := known.StorageIndex(); ok {
			rows = append(rows, infoRow{Name: "Storage index", Text: si.String()})
		}
		if size, known := q.infoSize(p); known {
			rows = append(rows, infoRow{Name: "Size", Text: fmt.Sprintf("%d bytes", size)})
		}
	}
	for _, one := range capsOf(p.child) {
		rows = append(rows, infoRow{one.name, one.text, webapi.Path("uri", one.text)})
	}
	if ok && known.Verifier() != nil {
		rows = append(rows, infoRow{Name: "Verify cap", Text: known.Verifier().Text()})
	}
	return q.page(title, "info", rows)
}

type namedCap struct{ name, text string }

func capsOf(c uri.Child) (caps []namedCap) {
	if text := c.WriteText(); text != "" {
		caps = append(caps, namedCap{"Write cap", text})
	}
	if text := c.ReadText(); text != "" {
		caps = append(caps, namedCap{"Read cap", text})
	}
	return caps
}

// infoSize is the size of what is at a place, if it can be told.
func (q *request) infoSize(p place) (int64, bool) {
	file, isFile := p.file()
	if dir, isDir := p.directory(); isDir {
		file, isFile = dir.File(), true
	}
	if !isFile {
		return 0, false
	}
	if size, ok := knownSize(file); ok {
		return size, true
	}
	size, known, err := q.size(q.ctx, file)
	return size, known && err == nil
}

func typeOf(p place) string {
	if dir, ok := p.directory(); ok {
		if dir.Kind().IsMutable() {
			return "directory"
		}
		return "immutable directory"
	}
	file, ok := p.file()
	switch {
	case !ok:
		return "unknown"
	case file.Kind().IsMutable():
		return "mutable file (" + layoutOf(file).String() + ")"
	}
	if _, isLiteral := file.(uri.Literal); isLiteral {
		return "immutable LIT file"
	}
	return "immutable file"
}

// resultPage shows what an upload ended with (unlinked.py UploadResultsPage).
func (q *request) resultPage(made uri.Cap, result *upload.Result) error {
	return q.page("File Uploaded", "uploaded", map[string]any{
		"Cap": made.Text(), "Link": webapi.Path("uri", made.Text()), "Result": result,
	})
}
