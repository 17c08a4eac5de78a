package fscmd

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestDate(t *testing.T) {
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.Local)
	l := lister{now: now}
	require.Equal(t, "-", l.date(0))
	require.Equal(t, "Nov 22 11:59", l.date(float64(now.Unix()-60)))
	require.Equal(t, "Nov 23 12:00", l.date(float64(now.Unix()+86400)))
	require.Equal(t, now.Add(-recent*time.Second).Format("Jan 02 15:04"), l.date(float64(now.Unix()-recent)))
	require.Equal(t, now.Add(-recent*time.Second).Format("Jan 02  2006"), l.date(float64(now.Unix()-recent-1)))
	require.NotEmpty(t, l.date(1e300))
}

func TestWriteRows_terminal(t *testing.T) {
	const evil = "a\x1b[2Jb"
	rows := []row{{cells: []string{evil}}, {cells: []string{"plain"}}}
	for terminal, want := range map[bool]string{false: evil + "\nplain\n", true: "\"a\\x1b[2Jb\"\nplain\n"} {
		var out bytes.Buffer
		s := &Session{Stdout: &out, Terminal: terminal}
		require.NoError(t, s.writeRows(rows))
		require.Equal(t, want, out.String())
	}
}

func TestReadRows(t *testing.T) {
	entry := `": ["filenode", {"size": 1, "ro_uri": "URI:CHK:x", "metadata": {}}]`
	text := `["dirnode", {"children": {"b` + entry + `, "a` + entry + `}, "ro_uri": "URI:DIR2-RO:x"}]`
	rows, err := readRows(strings.NewReader(text), "", lister{})
	require.NoError(t, err)
	require.Equal(t, []row{{name: "a", cells: []string{"a"}}, {name: "b", cells: []string{"b"}}}, rows)

	rows, err = readRows(strings.NewReader(`["filenode", {"size": 1}]`), "dir/name", lister{LsOptions: LsOptions{Long: true, URI: true}})
	require.NoError(t, err)
	require.Equal(t, []row{{name: "name", cells: []string{"----", "1", "-", "name", "-"}}}, rows)

	_, err = readRows(strings.NewReader("[]"), "", lister{})
	require.Error(t, err)
}
