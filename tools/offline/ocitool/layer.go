package main

import (
	"compress/gzip"
	"errors"
	"flag"
	"io"
	"os"
)

// layerCommand writes the tar file of an mtree specification, gzipped on
// request.
func layerCommand(args []string) error {
	flags := flag.NewFlagSet("layer", flag.ExitOnError)
	mtree := flags.String("mtree", "", "file with the specification")
	out := flags.String("out", "", "tar file to write")
	compress := flags.Bool("gzip", false, "compress it")
	flags.Parse(args)
	spec, err := os.Open(*mtree)
	if err != nil {
		return err
	}
	defer spec.Close()
	entries, err := parseMtree(spec)
	if err != nil {
		return err
	}
	file, err := os.Create(*out)
	if err != nil {
		return err
	}
	return errors.Join(writeLayer(file, entries, *compress), file.Close())
}

func writeLayer(w io.Writer, entries []entry, compress bool) error {
	if !compress {
		return writeTar(w, entries)
	}
	zip, err := gzip.NewWriterLevel(w, gzip.BestCompression)
	if err != nil {
		return err
	}
	return errors.Join(writeTar(zip, entries), zip.Close())
}
