package main

import (
	"archive/tar"
	"bufio"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"
)

// entry is one line of an mtree specification as tar.bzl's `tar` takes it:
//
//	path uid=0 gid=0 mode=0755 time=0 type=file content=FILE
//
// Only the keys named here are understood (mtree(5) has more); every one of
// uid, gid, mode, time and type must be given, so that nothing is left to
// chance.
type entry struct {
	header  tar.Header
	content string // path of the file to copy; only for type=file
}

// parseMtree reads a whole specification. Lines starting with # and empty
// lines are passed over.
func parseMtree(r io.Reader) ([]entry, error) {
	var entries []entry
	lines := bufio.NewScanner(r)
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSpace(lines.Text())
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		e, err := parseEntry(line)
		if err != nil {
			return nil, fmt.Errorf("mtree line %d (%q): %w", n, line, err)
		}
		entries = append(entries, e)
	}
	return entries, lines.Err()
}

var entryTypes = map[string]byte{"file": tar.TypeReg, "dir": tar.TypeDir, "link": tar.TypeSymlink}

func parseEntry(line string) (entry, error) {
	words := strings.Fields(line)
	e := entry{header: tar.Header{Name: strings.TrimPrefix(words[0], "./"), Format: tar.FormatUSTAR}}
	missing := map[string]bool{"uid": true, "gid": true, "mode": true, "time": true, "type": true}
	for _, word := range words[1:] {
		key, value, _ := strings.Cut(word, "=")
		if err := e.set(key, value); err != nil {
			return entry{}, fmt.Errorf("%s: %w", word, err)
		}
		delete(missing, key)
	}
	for key := range missing {
		return entry{}, fmt.Errorf("has no %s=", key)
	}
	return e, e.check()
}

// set takes one key=value of a line.
func (e *entry) set(key, value string) error {
	var err error
	switch key {
	case "uid":
		e.header.Uid, err = strconv.Atoi(value)
	case "gid":
		e.header.Gid, err = strconv.Atoi(value)
	case "mode":
		e.header.Mode, err = strconv.ParseInt(value, 8, 32)
	case "time":
		var seconds float64 // mtree writes seconds with a fraction
		seconds, err = strconv.ParseFloat(value, 64)
		e.header.ModTime = time.Unix(int64(seconds), 0)
	case "type":
		var known bool
		if e.header.Typeflag, known = entryTypes[value]; !known {
			err = fmt.Errorf("type is one of file, dir, link")
		}
	case "link":
		e.header.Linkname = value
	case "content", "contents":
		e.content = value
	default:
		err = fmt.Errorf("key not known here")
	}
	return err
}

// check finds lines that bsdtar would quietly make something else of.
func (e *entry) check() error {
	switch e.header.Typeflag {
	case tar.TypeReg:
		if e.content == "" {
			return fmt.Errorf("a file needs content=")
		}
	case tar.TypeSymlink:
		if e.header.Linkname == "" {
			return fmt.Errorf("a link needs link=")
		}
	case tar.TypeDir:
		e.header.Name = strings.TrimSuffix(e.header.Name, "/") + "/"
	}
	return nil
}

// writeTar writes the entries in their order.
func writeTar(w io.Writer, entries []entry) error {
	archive := tar.NewWriter(w)
	for _, e := range entries {
		if err := writeEntry(archive, e); err != nil {
			return fmt.Errorf("%s: %w", e.header.Name, err)
		}
	}
	return archive.Close()
}

func writeEntry(archive *tar.Writer, e entry) error {
	if e.header.Typeflag != tar.TypeReg {
		return archive.WriteHeader(&e.header)
	}
	file, err := os.Open(e.content)
	if err != nil {
		return err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return err
	}
	e.header.Size = info.Size()
	if err := archive.WriteHeader(&e.header); err != nil {
		return err
	}
	_, err = io.Copy(archive, file)
	return err
}
