// Package progress shows on a terminal how far a long command is: one line of
// bytes, files and rate that is written over again and again, and is gone when
// the command ends.
package progress

import (
	"fmt"
	"io"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// Interval is the time between two lines; what is faster than one shows none.
	Interval = 500 * time.Millisecond
	// clearLine goes to the beginning of the line and empties it.
	clearLine = "\r\x1b[K"
)

// Meter counts and shows. All methods of a nil Meter do nothing, and all may be
// called concurrently.
type Meter struct {
	out        io.Writer
	start      time.Time
	bytes      atomic.Int64
	files      atomic.Int64
	totalBytes atomic.Int64 // 0 if not known
	totalFiles atomic.Int64
	stop       chan struct{}
	stopped    sync.Once
	done       sync.WaitGroup
}

// IsTerminal says whether a stream is a terminal, or another device of
// characters, where a line of progress does no harm.
func IsTerminal(stream any) bool {
	file, ok := stream.(*os.File)
	if !ok {
		return false
	}
	info, err := file.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// Start begins to show on out. The caller must call Stop.
func Start(out io.Writer) *Meter {
	m := &Meter{out: out, start: time.Now(), stop: make(chan struct{})}
	m.done.Add(1)
	go m.run()
	return m
}

func (m *Meter) run() {
	defer m.done.Done()
	ticker := time.NewTicker(Interval)
	defer ticker.Stop()
	shown := false
	for {
		select {
		case <-ticker.C:
			shown = true
			fmt.Fprint(m.out, clearLine+m.line(time.Since(m.start)))
		case <-m.stop:
			if shown {
				fmt.Fprint(m.out, clearLine)
			}
			return
		}
	}
}

// Stop takes the line away and returns when nothing more is written. It may be
// called more than once.
func (m *Meter) Stop() {
	if m == nil {
		return
	}
	m.stopped.Do(func() { close(m.stop) })
	m.done.Wait()
}

// Expect adds to what is to be done. Sizes that are not known are 0.
func (m *Meter) Expect(files int, bytes int64) {
	if m != nil {
		m.totalFiles.Add(int64(files))
		m.totalBytes.Add(bytes)
	}
}

// FileDone counts a file.
func (m *Meter) FileDone() {
	if m != nil {
		m.files.Add(1)
	}
}

// Reader counts the bytes that are read of r.
func (m *Meter) Reader(r io.Reader) io.Reader {
	if m == nil {
		return r
	}
	return &reader{r, m}
}

type reader struct {
	io.Reader
	meter *Meter
}

func (r *reader) Read(p []byte) (int, error) {
	n, err := r.Reader.Read(p)
	r.meter.bytes.Add(int64(n))
	return n, err
}

// line is what is shown after a time.
func (m *Meter) line(elapsed time.Duration) string {
	done := m.bytes.Load()
	text := size(done)
	if total := m.totalBytes.Load(); total >= done && total > 0 {
		text += " of " + size(total)
	}
	if total := m.totalFiles.Load(); total > 1 {
		text += fmt.Sprintf(", %d of %d files", m.files.Load(), total)
	}
	if seconds := elapsed.Seconds(); seconds > 0 {
		text += ", " + size(int64(float64(done)/seconds)) + "/s"
	}
	return text
}

// size writes a number of bytes with three or four digits.
func size(bytes int64) string {
	units := []string{"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"}
	value, unit := float64(bytes), 0
	for value >= 1000 && unit < len(units)-1 {
		value /= 1024
		unit++
	}
	if unit == 0 || value >= 99.95 {
		return fmt.Sprintf("%.0f %s", value, units[unit])
	}
	return fmt.Sprintf("%.1f %s", value, units[unit])
}
