package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"
)

// row is one line of the table. Values of the two programs are in Unit.
type row struct {
	What   string  `json:"what"`
	Unit   string  `json:"unit"`
	Python float64 `json:"python"`
	Ours   float64 `json:"ours"`
	Goal   goal    `json:"goal"`
}

// goal is a bound. The zero value is none.
type goal struct {
	Text string `json:"text,omitempty"`
	// At least one of the bounds is set: of the ratio or of our value.
	MinRatio float64 `json:"min_ratio,omitempty"`
	MaxRatio float64 `json:"max_ratio,omitempty"`
	Max      float64 `json:"max,omitempty"`
}

// ratio is ours to Python's.
func (r row) ratio() float64 {
	if r.Python == 0 {
		return 0
	}
	return r.Ours / r.Python
}

func (r row) reached() string {
	g := r.Goal
	switch {
	case g.Text == "":
		return ""
	case g.MinRatio > 0 && r.ratio() < g.MinRatio, g.MaxRatio > 0 && r.ratio() > g.MaxRatio, g.Max > 0 && r.Ours > g.Max:
		return "**no**"
	}
	return "yes"
}

// facts are where and when the measurement was made.
type facts struct {
	Date, CPU, Commit, LoadBefore, LoadAfter string
	Cores                                    int
	// Disk is the file system of the nodes: "ext4", "tmpfs".
	Disk  string
	Notes []string
}

func describe(o options) facts {
	about := facts{
		Date: time.Now().UTC().Format("2006-01-02 15:04 UTC"), CPU: processor(), Cores: runtime.NumCPU(),
		Commit: commit(), LoadBefore: load(), Disk: fileSystem(o.dir),
	}
	about.Notes = []string{
		fmt.Sprintf("Shares of %d KiB: %d clients at once, each with its own connection, write pieces of %d bytes "+
			"(a gateway of 1.20 collects a million bytes for a write) and read pieces of %d (a block of a file of 3-of-10).",
			o.shareSize>>10, o.gateways, o.writePiece, o.readPiece),
		fmt.Sprintf("%d turns of each program (Python, ours, Python, ours), %d shares in each; small shares are of %d bytes, from %d clients.",
			o.turns, o.bulkShares, o.smallSize, o.writers),
		synced(fileSystem(o.dir)),
		"The client runs on the same processors as the servers.",
	}
	if o.quick {
		about.Notes = append(about.Notes, "A quick run: less of everything.")
	}
	return about
}

func processor() string {
	text, _ := os.ReadFile("/proc/cpuinfo")
	for line := range strings.Lines(string(text)) {
		key, value, _ := strings.Cut(line, ":")
		switch strings.TrimSpace(key) {
		case "model name", "Model":
			return strings.TrimSpace(value)
		}
	}
	return runtime.GOARCH
}

func commit() string {
	out, err := exec.Command("git", "describe", "--always", "--dirty", "--abbrev=12").Output()
	if err != nil {
		return "unknown"
	}
	return strings.TrimSpace(string(out))
}

func load() string {
	text, _ := os.ReadFile("/proc/loadavg")
	fields := strings.Fields(string(text))
	return strings.Join(fields[:min(3, len(fields))], " ")
}

// fileSystem returns the type of the file system that holds a directory, as
// /proc/self/mounts has it.
func fileSystem(dir string) string {
	path, err := filepath.Abs(dir)
	if err == nil {
		path, err = filepath.EvalSymlinks(path)
	}
	mounts, readErr := os.ReadFile("/proc/self/mounts")
	if err != nil || readErr != nil {
		return "unknown"
	}
	best, kind := "", "unknown"
	for line := range strings.Lines(string(mounts)) {
		fields := strings.Fields(line)
		rel, err := filepath.Rel(fields[1], path)
		if err == nil && filepath.IsLocal(rel) && len(fields[1]) >= len(best) {
			best, kind = fields[1], fields[2]
		}
	}
	return kind
}

// synced says what syncing means there.
func synced(disk string) string {
	if disk == "tmpfs" {
		return "In memory (tmpfs), where syncing costs nothing: what protocols and programs cost, without a disk."
	}
	return "Ours syncs every share to the disk before it is acknowledged; Python never does."
}

// sectionBegin is the mark where this program's section of a file begins; there
// is one for each file system.
func sectionBegin(about facts) string {
	return "<!-- benchmarks/storage on " + about.Disk + " writes from here -->\n"
}

const sectionEnd = "<!-- to here -->\n"

func markdown(about facts, rows []row) string {
	about.LoadAfter = load()
	var text strings.Builder
	fmt.Fprintf(&text, "%s## Storage node on %s, %s\n\n", sectionBegin(about), about.Disk, about.Date)
	fmt.Fprintf(&text, "%d cores, %s; commit %s; load average before %s, after %s.\n\n",
		about.Cores, about.CPU, about.Commit, about.LoadBefore, about.LoadAfter)
	text.WriteString("| what | unit | Tahoe-LAFS 1.20 | ours | ratio | goal | reached |\n| --- | --- | --: | --: | --: | --- | --- |\n")
	for _, r := range rows {
		fmt.Fprintf(&text, "| %s | %s | %s | %s | %.2f | %s | %s |\n",
			r.What, r.Unit, number(r.Python), number(r.Ours), r.ratio(), r.Goal.Text, r.reached())
	}
	text.WriteString("\n")
	for _, note := range about.Notes {
		text.WriteString("- " + note + "\n")
	}
	text.WriteString(sectionEnd)
	return text.String()
}

func number(v float64) string {
	switch {
	case v >= 100:
		return fmt.Sprintf("%.0f", v)
	case v >= 10:
		return fmt.Sprintf("%.1f", v)
	}
	return fmt.Sprintf("%.3f", v)
}

// writeSection replaces the section in a file, or adds it.
func writeSection(path, begin, section string) error {
	old, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	text := string(old)
	if text == "" {
		text = "# Results\n\n"
	}
	before, rest, found := strings.Cut(text, begin)
	after := ""
	if !found && !strings.HasSuffix(before, "\n\n") {
		before += "\n"
	}
	if found {
		_, after, _ = strings.Cut(rest, sectionEnd)
	}
	return os.WriteFile(path, []byte(before+section+after), 0o644)
}
