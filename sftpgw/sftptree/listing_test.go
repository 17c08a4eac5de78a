package sftptree_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestListing lists more entries than one answer holds, put one after the other.
func TestListing(t *testing.T) {
	w := newWorld(t)
	c := w.login(w.root)
	for i := range 250 {
		put(t, c, fmt.Sprintf("file-%03d", i), []byte("content"))
	}
	infos, err := c.ReadDir("/")
	require.NoError(t, err)
	require.Len(t, infos, 250)
}
