// Command storage measures our storage node beside that of Tahoe-LAFS 1.20, in
// one run, with the same client for both, over HTTPS and over Foolscap:
//
//	sudo go run ./benchmarks/storage [-quick] [-json] [-o benchmarks/RESULTS.md]
//
// Both programs serve at the same time and take turns (Python, ours, Python,
// ours), so that what else the machine does hits both; the ratios are what
// counts. Python runs in the root that tools/interop/make-root makes. It is of no
// layer: nothing that a node runs depends on it.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "benchmarks/storage:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	o, err := parse(args)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(o.dir, 0o700); err != nil {
		return err
	}
	dir, err := os.MkdirTemp(o.dir, "arm-tahoe-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	about := describe(o)
	rows, err := measure(ctx, o, dir)
	if err != nil {
		return err
	}
	return publish(o, about, rows)
}

// publish prints the table, and writes it to the file that was asked for.
func publish(o options, about facts, rows []row) error {
	text := markdown(about, rows)
	if o.output != "" {
		if err := writeSection(o.output, sectionBegin(about), text); err != nil {
			return err
		}
	}
	if !o.json {
		fmt.Print(text)
		return nil
	}
	encoder := json.NewEncoder(os.Stdout)
	encoder.SetIndent("", "  ")
	return encoder.Encode(map[string]any{"about": about, "rows": rows})
}

// options are what the command line says. Sizes are in bytes.
type options struct {
	quick, json bool
	output      string
	dir         string
	only        string // the parts to measure, "" is all
	protocols   []string
	gateways    int // clients in the bulk part, each with a connection
	shareSize   int
	writePiece  int // of one call
	readPiece   int
	bulkShares  int // in each turn of each program
	writers     int // clients in the parts "small" and "memory"
	smallSize   int
	smallOps    map[bool]int // in each turn; the key says whether it is our program
	turns       int          // of each program
	stored      int          // shares in the part "start"
}

func parse(args []string) (options, error) {
	o := options{smallSize: 10 << 10, shareSize: 1 << 20, writers: 16}
	flags := flag.NewFlagSet("storage", flag.ContinueOnError)
	flags.BoolVar(&o.quick, "quick", false, "measure less: half a minute instead of some")
	flags.BoolVar(&o.json, "json", false, "print JSON instead of Markdown")
	flags.StringVar(&o.output, "o", "", "Markdown `file` that the table replaces its section in")
	flags.StringVar(&o.dir, "dir", os.TempDir(), "directory for the nodes, on the disk to be measured")
	flags.StringVar(&o.only, "only", "", "some of bulk,small,memory,start instead of all")
	protocol := flags.String("protocol", "", "HTTPS or Foolscap instead of both")
	flags.IntVar(&o.gateways, "gateways", 4, "clients at once in the bulk part")
	flags.IntVar(&o.writePiece, "write-piece", 1<<20, "bytes in one write of the bulk part")
	flags.IntVar(&o.readPiece, "read-piece", 349526, "bytes in one read of the bulk part")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	o.protocols = protocols
	if *protocol != "" {
		o.protocols = []string{*protocol}
	}
	o.turns, o.bulkShares, o.stored = 5, 256, 100_000
	o.smallOps = map[bool]int{false: 600, true: 6000}
	if o.quick {
		o.turns, o.bulkShares, o.stored = 2, 64, 20_000
		o.smallOps = map[bool]int{false: 200, true: 2000}
	}
	if o.gateways < 1 || o.writePiece < 1 || o.readPiece < 1 {
		return o, fmt.Errorf("numbers must be at least 1")
	}
	return o, nil
}

func (o options) wants(part string) bool {
	return o.only == "" || strings.Contains(","+o.only+",", ","+part+",")
}
