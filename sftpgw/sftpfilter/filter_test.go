package sftpfilter_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"io"
	"log/slog"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/besn0847/arm-tahoe/common/secret"
	"github.com/besn0847/arm-tahoe/sftpgw/memtree"
	"github.com/besn0847/arm-tahoe/sftpgw/sftpfilter"
	"github.com/besn0847/arm-tahoe/sftpgw/sftpfs"
)

// builder makes packets.
type builder struct{ bytes.Buffer }

// add adds a packet of a type with fields: numbers and strings.
func (b *builder) add(kind byte, fields ...any) *builder {
	body := []byte{kind}
	for _, f := range fields {
		switch f := f.(type) {
		case int:
			body = binary.BigEndian.AppendUint32(body, uint32(f))
		case uint64:
			body = binary.BigEndian.AppendUint64(body, f)
		case string:
			body = append(binary.BigEndian.AppendUint32(body, uint32(len(f))), f...)
		}
	}
	b.Write(binary.BigEndian.AppendUint32(nil, uint32(len(body))))
	b.Write(body)
	return b
}

// answer is a packet of the server.
type answer struct {
	kind byte
	id   uint32
	rest []byte
}

func (a answer) status() uint32 { return binary.BigEndian.Uint32(a.rest) }

// talk sends everything to a server and returns its answers by id.
func talk(t testing.TB, input []byte) (answers map[uint32]answer, grid *memtree.Grid) {
	grid = memtree.New("home")
	gateway := sftpfs.New(sftpfs.Config{Roots: grid, SpoolDir: t.TempDir(), SpoolSize: 1 << 20, Log: slog.New(slog.DiscardHandler)})
	defer gateway.Close()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	session, err := gateway.Open(ctx, "tahoe", secret.NewCapText([]byte("home")))
	require.NoError(t, err)
	client := newClient(input)
	filter := sftpfilter.New(client, session)
	done := make(chan error, 1)
	go func() { done <- filter.Serve() }()
	filter.NewServer().Serve()
	filter.Close()
	client.end()
	<-done
	require.Zero(t, gateway.SpoolUsed(), "nothing stays behind")
	return parse(t, client.output.Bytes()), grid
}

// client sends packets, each after the one before was answered: handles are not
// known earlier.
type client struct {
	mu      sync.Mutex
	changed sync.Cond
	input   []byte
	output  bytes.Buffer
	left    int64 // bytes of the packet that is being sent
	waiting bool  // for an answer
	ended   bool
}

func newClient(input []byte) *client {
	c := &client{input: input}
	c.changed.L = &c.mu
	return c
}

func (c *client) end() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ended = true
	c.changed.Broadcast()
}

// Read gives the length and the rest of a packet apart, as they are asked for.
func (c *client) Read(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for c.waiting && c.left == 0 && !c.ended {
		c.changed.Wait()
	}
	if len(c.input) == 0 || c.ended {
		return 0, io.EOF
	}
	if c.left == 0 {
		c.left = 4
		if len(c.input) >= 4 {
			c.left += int64(binary.BigEndian.Uint32(c.input))
		}
	}
	c.waiting = true
	n := copy(p, c.input[:min(c.left, int64(len(c.input)))])
	c.input = c.input[n:]
	c.left -= int64(n)
	return n, nil
}

func (c *client) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.waiting = false
	c.changed.Broadcast()
	return c.output.Write(p)
}

func parse(t testing.TB, output []byte) map[uint32]answer {
	answers := make(map[uint32]answer)
	for len(output) > 0 {
		require.GreaterOrEqual(t, len(output), 9)
		end := 4 + int(binary.BigEndian.Uint32(output))
		require.LessOrEqual(t, end, len(output))
		a := answer{output[4], binary.BigEndian.Uint32(output[5:]), output[9:end]}
		answers[a.id] = a
		output = output[end:]
	}
	return answers
}

const (
	readWriteCreate = 1 | 2 | 8
	writeCreate     = 2 | 8
)

func session() *builder {
	b := new(builder)
	return b.add(1, 3)
}

func TestVersionNamesTheExtensions(t *testing.T) {
	answers, _ := talk(t, session().Bytes())
	version := answers[3] // where others have the id, it has its number
	require.EqualValues(t, 2, version.kind)
	for _, name := range []string{"posix-rename@openssh.com", "statvfs@openssh.com", "fstatvfs@openssh.com", "hardlink@openssh.com", "fsync@openssh.com", "limits@openssh.com", "copy-data"} {
		require.Contains(t, string(version.rest), name)
	}
}

func TestExtendedRequests(t *testing.T) {
	in := session().
		add(3, 10, "/from", readWriteCreate, 0).add(3, 11, "/to", writeCreate, 0).
		add(6, 12, "1", uint64(0), "0123456789").
		add(200, 13, "fsync@openssh.com", "1").
		add(200, 14, "copy-data", "1", uint64(2), uint64(5), "2", uint64(1)).
		add(200, 15, "limits@openssh.com").
		add(200, 16, "fstatvfs@openssh.com", "1").
		add(200, 17, "unheard-of@example.com", "1").
		add(200, 18, "fsync@openssh.com", "99").
		add(200, 19, "copy-data", "1", uint64(0), uint64(0), "1", uint64(0)).
		add(200, 20, "copy-data", "2", uint64(0), uint64(0), "1", uint64(0)).
		add(200, 21, "fstatvfs@openssh.com", "99")
	answers, grid := talk(t, in.Bytes())
	for id, want := range map[uint32]uint32{12: 0, 13: 0, 14: 0, 17: 8, 18: 4, 19: 4, 20: 4, 21: 4} {
		require.EqualValues(t, 101, answers[id].kind, id)
		require.Equal(t, want, answers[id].status(), id)
	}
	require.EqualValues(t, 201, answers[15].kind)
	require.Equal(t, uint64(sftpfilter.MaxData), binary.BigEndian.Uint64(answers[15].rest[8:]))
	require.EqualValues(t, 201, answers[16].kind)
	require.Len(t, answers[16].rest, 88)
	calls, _ := grid.Stores()
	require.EqualValues(t, 1, calls, "fsync stored one file; the other one was not closed")
}

func TestHandlesAreChecked(t *testing.T) {
	in := session().
		add(3, 10, "/file", writeCreate, 0).add(11, 11, "/").
		add(5, 12, "1", uint64(0), 10).  // read what is open to write
		add(6, 13, "2", uint64(0), "x"). // write to a directory
		add(12, 14, "1").                // readdir of a file
		add(5, 15, "3", uint64(0), 10).  // nobody's handle
		add(8, 16, "").                  // fstat of none
		add(4, 17, "../1").              // close of none
		add(4, 18, "1").add(8, 19, "1"). // fstat after close
		add(77, 20).add(12, 21, "2").add(4, 22, "2")
	answers, _ := talk(t, in.Bytes())
	for id, want := range map[uint32]uint32{12: 2, 13: 4, 14: 4, 15: 4, 16: 4, 17: 4, 18: 0, 19: 4, 20: 8, 22: 0} {
		require.EqualValues(t, 101, answers[id].kind, id)
		require.Equal(t, want, answers[id].status(), id)
	}
	require.EqualValues(t, 104, answers[21].kind)
}

func TestPermissionsOfOpenArriveWhateverElseIsThere(t *testing.T) {
	in := session().
		add(3, 10, "/file", writeCreate, 1|2|4|8, uint64(99), 5, 5, 0o100600, 1, 1).
		add(8, 11, "1")
	answers, _ := talk(t, in.Bytes())
	require.EqualValues(t, 105, answers[11].kind)
	require.Equal(t, uint32(0o100600), binary.BigEndian.Uint32(answers[11].rest[20:]))
}

func TestBrokenPacketsEndTheSession(t *testing.T) {
	for _, in := range [][]byte{
		{0, 0, 0, 0}, {0xff, 0xff, 0xff, 0xff, 1}, {0, 0, 0, 9, 3, 0, 0}, {0, 0, 0, 2, 3, 0},
		session().add(3, 10, "/file", writeCreate).Bytes(),
		session().add(6, 10, "1").Bytes(),
	} {
		answers, _ := talk(t, in)
		require.NotContains(t, answers, uint32(10))
	}
}

// FuzzSession sends anything to a server: it must end, answer with whole packets,
// and leave nothing behind.
func FuzzSession(f *testing.F) {
	f.Add(session().add(3, 1, "/file", readWriteCreate, 4, 0o644).add(6, 2, "1", uint64(1<<62), "x").
		add(6, 3, "1", uint64(5), "content").add(5, 4, "1", uint64(0), 100).add(8, 5, "1").add(10, 6, "1", 1, uint64(3)).
		add(200, 7, "fsync@openssh.com", "1").add(4, 8, "1").add(17, 9, "/file").Bytes())
	f.Add(session().add(3, 1, "/a", readWriteCreate, 0).add(3, 2, "/b", readWriteCreate, 0).
		add(200, 3, "copy-data", "1", uint64(0), uint64(0), "2", uint64(0)).add(200, 4, "posix-rename@openssh.com", "/a", "/b").
		add(4, 5, "1").add(4, 6, "2").add(11, 7, "/").add(12, 8, "3").Bytes())
	f.Add(session().add(14, 1, "/d", 0).add(18, 2, "/d", "/e").add(15, 3, "/e").add(16, 4, "..").add(20, 5, "a", "b").add(19, 6, "/").Bytes())
	f.Fuzz(func(t *testing.T, input []byte) { talk(t, input) })
}
