package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/besn0847/arm-tahoe/common/sharecontainer"
)

// storedSize is the number of bytes of share data in each of many small shares.
const storedSize = 100

// startWithShares measures the start on a directory with many shares: from the
// execution of the program to the first answer over HTTPS. Both programs get the
// same base directory, one after the other. Ours makes its index in a start before.
func startWithShares(ctx context.Context, o options, programs *programs) ([]row, error) {
	n, err := programs.newNode(storageRole, "full", false, "")
	if err != nil {
		return nil, err
	}
	if err := fill(n.path("storage"), o.stored); err != nil {
		return nil, err
	}
	r := row{
		What: fmt.Sprintf("start with %d shares until the first answer", o.stored), Unit: "s",
		Goal: goal{Text: "≤ 2 s", Max: 2},
	}
	memory := row{What: "the same, memory then", Unit: "MiB resident"}
	if _, err = timedStart(ctx, n, nil); err != nil { // Python makes the identity
		return nil, err
	}
	if r.Python, err = timedStart(ctx, n, &memory.Python); err != nil {
		return nil, err
	}
	n.ours = true
	if err := makeIndex(ctx, n); err != nil {
		return nil, err
	}
	if r.Ours, err = timedStart(ctx, n, &memory.Ours); err != nil {
		return nil, err
	}
	log, err := os.ReadFile(n.path("log"))
	if err == nil && strings.Contains(string(log), "index of shares is made again") {
		err = fmt.Errorf("the index was not in place: %s", log)
	}
	return []row{r, memory}, err
}

// timedStart starts the node, waits for an answer, and stops it.
func timedStart(ctx context.Context, n *node, memory *float64) (seconds float64, err error) {
	began := time.Now()
	if err := n.exec(); err != nil {
		return 0, err
	}
	defer n.stop()
	err = n.waitFor(ctx, func() bool {
		clients, err := connect(ctx, n, https, 1)
		closeAll(clients)
		return err == nil
	})
	took := time.Since(began)
	if err == nil && memory != nil {
		*memory, err = memoryMiB(n.pid(), resident)
	}
	return took.Seconds(), err
}

// makeIndex runs our program until its index is complete.
func makeIndex(ctx context.Context, n *node) error {
	defer n.stop()
	if err := n.start(ctx); err != nil {
		return err
	}
	return n.waitFor(ctx, func() bool {
		log, err := os.ReadFile(n.path("log"))
		return err == nil && strings.Contains(string(log), "index of shares is complete")
	})
}

// fill makes share files directly, which is faster than storing them.
func fill(storageDir string, count int) error {
	plan, err := sharecontainer.CreateImmutable(storedSize)
	if err != nil {
		return err
	}
	for range count {
		path := filepath.Join(storageDir, sharecontainer.SharesDir, filepath.FromSlash(sharecontainer.SharePath(freshSI(), 0)))
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			return err
		}
		f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
		if err != nil {
			return err
		}
		if err := plan.Apply(f); err != nil {
			_ = f.Close()
			return err
		}
		if err := f.Close(); err != nil {
			return err
		}
	}
	return nil
}
