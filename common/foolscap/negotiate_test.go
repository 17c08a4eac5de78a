package foolscap

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	_ "embed"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/besn0847/arm-tahoe/common/furl"
	"github.com/besn0847/arm-tahoe/common/secret"
	"github.com/stretchr/testify/require"
)

//go:embed testdata/negotiation.json
var negotiationJSON []byte

type negotiationVectors struct {
	Request string `json:"plaintext_request"`
	Reply   string `json:"plaintext_reply"`
	Client  string `json:"hello_from_connecting_side"`
	Server  string `json:"hello_from_listening_side"`
	Master  string `json:"decision_from_master"`
	Cases   []struct {
		Offer          map[string]string
		State, Outcome string
	} `json:"duplicate_connection_cases_listener_is_master"`
}

func loadNegotiation(t testing.TB) (v negotiationVectors) {
	require.NoError(t, json.Unmarshal(negotiationJSON, &v))
	return v
}

func TestBlocks(t *testing.T) {
	v := loadNegotiation(t)
	for _, text := range []string{v.Client, v.Server, v.Master} {
		block, err := readBlock(bufio.NewReaderSize(strings.NewReader(text+"rest"), maxBlockSize))
		require.NoError(t, err)
		fields, err := parseBlock(block)
		require.NoError(t, err)
		require.Equal(t, text, string(appendBlock(nil, fields)))
	}
	_, err := readBlock(bufio.NewReaderSize(strings.NewReader(strings.Repeat("a: b\r\n", 2000)), maxBlockSize))
	require.ErrorContains(t, err, "more than 4096 bytes")
	_, err = readBlock(bufio.NewReaderSize(strings.NewReader(strings.Repeat("a", 5000)), maxBlockSize))
	require.ErrorContains(t, err, "more than 4096 bytes")
	_, err = readBlock(bufio.NewReader(strings.NewReader("a: b\r\n")))
	require.Equal(t, io.EOF, err)
	_, err = parseBlock([]byte("no colon"))
	require.Error(t, err)
	require.Equal(t, plaintextReply, v.Reply)
	require.NoError(t, checkReply(v.Reply))
}

// rawPeer speaks as a peer that a test makes up.
type rawPeer struct {
	t    *testing.T
	conn net.Conn
	in   *bufio.Reader
}

// dialRaw does the plaintext part.
func dialRaw(t *testing.T, hint string) *rawPeer {
	conn, err := net.Dial("tcp", strings.TrimPrefix(hint, "tcp:"))
	require.NoError(t, err)
	require.NoError(t, conn.SetDeadline(time.Now().Add(time.Minute)))
	t.Cleanup(func() { _ = conn.Close() })
	return &rawPeer{t, conn, bufio.NewReaderSize(conn, maxBlockSize)}
}

func (p *rawPeer) write(format string, args ...any) {
	_, err := fmt.Fprintf(p.conn, format, args...)
	require.NoError(p.t, err)
}

func (p *rawPeer) block() string {
	b, err := readBlock(p.in)
	require.NoError(p.t, err)
	return string(b) + blockEnd
}

// secure does the TLS part with a certificate, or none.
func (p *rawPeer) secure(tub *Tub, certificate *Certificate) {
	p.write("GET /id/%s HTTP/1.1\r\nHost: x\r\n\r\n", tub.TubID())
	require.Equal(p.t, plaintextReply, p.block())
	config := &tls.Config{InsecureSkipVerify: true}
	if certificate != nil {
		config = certificate.tlsConfig()
	}
	p.conn = tls.Client(p.conn, config)
	p.in = bufio.NewReaderSize(p.conn, maxBlockSize)
	require.Contains(p.t, p.block(), "my-tub-id: "+tub.TubID().String())
}

func (p *rawPeer) closed() {
	_, err := p.in.ReadByte()
	require.Error(p.t, err)
	var timeout net.Error
	if ok := errorsAs(err, &timeout); ok {
		require.False(p.t, timeout.Timeout(), "the connection is still open")
	}
}

func errorsAs(err error, target *net.Error) bool {
	n, ok := err.(net.Error)
	if ok {
		*target = n
	}
	return ok
}

func TestPlaintextRefusals(t *testing.T) {
	noLeaks(t)
	low, _ := twoCertificates(t)
	tub := newTub(t, Options{Certificate: low})
	hint := serve(t, tub)
	for _, c := range []struct{ name, request, want string }{
		{"unknown tub", "GET /id/" + strings.Repeat("a", 32) + " HTTP/1.1\r\n\r\n", "HTTP/1.1 500 Internal Server Error: unknown TubID " + strings.Repeat("a", 32) + "\r\n\r\n"},
		{"no tub", "GET /id/ HTTP/1.1\r\n\r\n", "HTTP/1.1 500 Internal Server Error: secure Tubs require encryption\r\n\r\n"},
		{"no version", "GET /id/x\r\n\r\n", "HTTP/1.1 500 Internal Server Error: internal server error, see logs\r\n\r\n"},
		{"other protocol", "POST / HTTP/1.1\r\n\r\n", ""},
		{"long block", "GET /id/x" + strings.Repeat("y", 5000), ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := dialRaw(t, hint)
			p.write("%s", c.request)
			got, _ := io.ReadAll(p.in)
			require.Equal(t, c.want, string(got))
		})
	}
}

func TestHelloRefusals(t *testing.T) {
	noLeaks(t)
	low, high := twoCertificates(t)
	tub := newTub(t, Options{Certificate: high}) // master
	hint := serve(t, tub)
	id := low.TubID().String()
	good := map[string]string{"banana-negotiation-range": "3 3", "initial-vocab-table-range": "0 1", "my-tub-id": id, "my-incarnation": "a", "last-connection": "none 0"}
	for _, c := range []struct {
		name, key, value string
		want             string // of the error line
		anonymous        bool
	}{
		{"old version", "banana-negotiation-range", "1 2", "I can't handle banana version 2", false},
		{"new version", "banana-negotiation-range", "4 5", "You can't handle banana version 3", false},
		{"no version", "banana-negotiation-range", "", "No valid banana-negotiation sequence seen", false},
		{"odd version", "banana-negotiation-range", "x", "internal server error, see logs", false},
		{"vocabulary", "initial-vocab-table-range", "5 6", "You can't handle initial vocab set 1", false},
		{"other tub", "my-tub-id", strings.Repeat("a", 32), "internal server error, see logs", false},
		{"no certificate", "x", "y", "internal server error, see logs", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := dialRaw(t, hint)
			certificate := low
			if c.anonymous {
				certificate = nil
			}
			p.secure(tub, certificate)
			fields := map[string]string{c.key: c.value}
			for key, value := range good {
				if key != c.key {
					fields[key] = value
				}
			}
			if c.value == "" {
				delete(fields, c.key)
			}
			p.write("%s", appendBlock(nil, fields))
			require.Equal(t, "banana-decision-version: 1\r\nerror: "+c.want+"\r\n\r\n", p.block())
			p.closed()
		})
	}
	t.Run("endless block", func(t *testing.T) {
		p := dialRaw(t, hint)
		p.secure(tub, low)
		p.write("%s", strings.Repeat("a", 5000))
		require.Contains(t, p.block(), internalText)
	})
	t.Run("table 0", func(t *testing.T) {
		p := dialRaw(t, hint)
		p.secure(tub, low)
		p.write("%s", appendBlock(nil, map[string]string{"banana-negotiation-range": "3 3", "my-tub-id": id}))
		require.Contains(t, p.block(), "current-connection: "+tub.incarnation+" 1\r\ninitial-vocab-table-index: 0 da39\r\n")
		p.write("\x05\x81")
		got, _ := io.ReadAll(p.in)
		require.Equal(t, ";\x8dBananaError(in <RootUnslicer>): ('top-level must be OPEN',)", string(got))
	})
}

// TestDuplicates replays what was seen of a Tub of Tahoe-LAFS 1.20.
func TestDuplicates(t *testing.T) {
	noLeaks(t)
	low, high := twoCertificates(t)
	tub := newTub(t, Options{Certificate: high})
	hint := serve(t, tub)
	var current *rawPeer
	for _, c := range loadNegotiation(t).Cases {
		t.Run(c.State+" "+fmt.Sprint(c.Offer), func(t *testing.T) {
			fields := map[string]string{"banana-negotiation-range": "3 3", "initial-vocab-table-range": "0 1", "my-tub-id": low.TubID().String()}
			for key, value := range c.Offer {
				fields[key] = strings.Replace(value, "<master IR>", tub.incarnation, 1)
			}
			p := dialRaw(&testing.T{}, hint)
			p.t = t
			p.secure(tub, low)
			p.write("%s", appendBlock(nil, fields))
			answer := p.block()
			if strings.HasPrefix(c.Outcome, "rejected") {
				require.Equal(t, "banana-decision-version: 1\r\nerror: Duplicate connection\r\n\r\n", answer)
				p.closed()
				current.write("\x05\x8e")
				pong := make([]byte, 2)
				_, err := io.ReadFull(current.in, pong)
				require.NoError(t, err)
				require.Equal(t, "\x05\x8f", string(pong), "the old one stays")
				return
			}
			var number int
			_, err := fmt.Sscanf(c.Outcome[strings.Index(c.Outcome, "seq "):], "seq %d", &number)
			require.NoError(t, err)
			require.Contains(t, answer, fmt.Sprintf("current-connection: %s %d\r\n", tub.incarnation, number))
			if current != nil {
				current.t = t
				current.closed()
				_ = current.conn.Close()
			}
			current = p
		})
	}
	_ = current.conn.Close()
}

// TestParallelHints: all hints lead to the same tub; one connection stays.
func TestParallelHints(t *testing.T) {
	for name, clientIsMaster := range map[string]bool{"client is master": true, "server is master": false} {
		t.Run(name, func(t *testing.T) {
			noLeaks(t)
			low, high := twoCertificates(t)
			if !clientIsMaster {
				low, high = high, low
			}
			server, client := newTub(t, Options{Certificate: low}), newTub(t, Options{Certificate: high})
			hint := serve(t, server)
			object := newObject()
			f, err := server.Register(object, secret.Swissnum{})
			require.NoError(t, err)
			f, err = f.WithHints([]string{"foo:bar", hint, hint, strings.TrimPrefix(hint, "tcp:"), "tcp:127.0.0.1:1", hint})
			require.NoError(t, err)
			for range 5 {
				ref, err := client.GetReference(t.Context(), f)
				require.NoError(t, err)
				_, err = ref.Call(t.Context(), "none")
				require.NoError(t, err)
				require.Equal(t, 1, client.NumConnections())
				// Those that lost must have lost, or one might win once the
				// connection is dropped.
				require.Eventually(t, func() bool { return quiet(client) && quiet(server) }, time.Minute, time.Millisecond)
				require.Equal(t, 1, server.NumConnections())
				ref.Drop()
				require.Eventually(t, func() bool { return server.NumConnections() == 0 }, time.Minute, time.Millisecond)
			}
		})
	}
}

// quiet says that a tub does nothing but read from one connection, and listen.
func quiet(tub *Tub) bool {
	tub.half.mu.Lock()
	open := tub.half.conns.Len()
	tub.half.mu.Unlock()
	tub.mu.Lock()
	listening := len(tub.listeners)
	tub.mu.Unlock()
	tub.work.mu.Lock()
	defer tub.work.mu.Unlock()
	return open == 0 && tub.work.count == 1+listening
}

func TestDialErrors(t *testing.T) {
	noLeaks(t)
	p := connected(t, true, Options{}, Options{})
	_, high := twoCertificates(t)
	id := p.server.TubID()
	other, err := furl.New([20]byte{1}, p.furl.Hints(), p.furl.Swissnum())
	require.NoError(t, err)
	for _, c := range []struct {
		name  string
		hints []string
		want  string
	}{
		{"no hints", nil, "no usable connection hint"},
		{"no handler", []string{"foo:bar"}, "foo:bar: no handler for this hint"},
		{"refused", []string{"tcp:127.0.0.1:1"}, "tcp:127.0.0.1:1: dial tcp 127.0.0.1:1: connect: connection refused"},
	} {
		t.Run(c.name, func(t *testing.T) {
			f, err := furl.New([20]byte{2}, c.hints, p.furl.Swissnum())
			require.NoError(t, err)
			_, err = p.client.GetReference(t.Context(), f)
			require.ErrorContains(t, err, c.want)
			require.NotContains(t, err.Error(), p.furl.Swissnum().RevealString())
		})
	}
	_, err = p.client.GetReference(t.Context(), other)
	require.ErrorContains(t, err, "unknown TubID "+other.TubID().String())
	_, err = p.client.GetReference(t.Context(), furl.FURL{})
	require.Error(t, err)
	_, err = New(Options{})
	require.Error(t, err)
	require.NotEqual(t, id, high.TubID())
}

// TestWrongTub: somebody else listens there.
func TestWrongTub(t *testing.T) {
	noLeaks(t)
	low, high := twoCertificates(t)
	third, err := NewEphemeralCertificate()
	require.NoError(t, err)
	client := newTub(t, Options{Certificate: high})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	liar := newTub(t, Options{Certificate: third})
	liar.goroutine(func() {
		conn, err := l.Accept()
		if err != nil {
			t.Error(err)
			return
		}
		in := bufio.NewReaderSize(conn, maxBlockSize)
		_, _ = readBlock(in)
		_, _ = io.WriteString(conn, plaintextReply)
		// If the liar is the master, it may believe in success for a moment.
		_, _ = liar.negotiate(context.Background(), tls.Server(conn, third.tlsConfig()), nil, nil)
		_ = conn.Close()
		_ = l.Close()
	})
	f, err := furl.New(low.TubID(), []string{"tcp:" + l.Addr().String()}, secret.NewSwissnum([]byte("x")))
	require.NoError(t, err)
	_, err = client.GetReference(t.Context(), f)
	require.ErrorIs(t, err, ErrWrongTub)
}

func TestDecisions(t *testing.T) {
	for _, c := range []struct{ name, block, want string }{
		{"good", "banana-decision-version: 3\r\ncurrent-connection: a 1\r\ninitial-vocab-table-index: 1 bb33", ""},
		{"table 0", "banana-decision-version: 3\r\ninitial-vocab-table-index: 0 xxxx", ""},
		{"no table", "banana-decision-version: 3", ""},
		{"hash", "banana-decision-version: 3\r\ninitial-vocab-table-index: 1 xxxx", "does not match your hash"},
		{"table 2", "banana-decision-version: 3\r\ninitial-vocab-table-index: 2 xxxx", "out of range"},
		{"version", "banana-decision-version: 4", "I cannot handle banana-decision-version value"},
	} {
		t.Run(c.name, func(t *testing.T) {
			fields, err := parseBlock([]byte(c.block))
			require.NoError(t, err)
			_, err = checkDecision(fields)
			if c.want == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, c.want)
		})
	}
}

// FuzzBlock holds: what parses, and is written in the sorted form, parses to the
// same. The exceptions to "same bytes": order, case and repetition of keys, and
// spaces after the colon.
func FuzzBlock(f *testing.F) {
	v := loadNegotiation(f)
	for _, text := range []string{v.Client, v.Server, v.Master, v.Request, v.Reply} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		block, err := readBlock(bufio.NewReaderSize(bytes.NewReader(b), maxBlockSize))
		if err != nil {
			return
		}
		require.LessOrEqual(t, len(block), maxBlockSize)
		_ = (&Tub{}).checkRequest(string(block))
		_ = checkReply(string(block))
		fields, err := parseBlock(block)
		if err != nil {
			return
		}
		_, _ = checkDecision(fields)
		_, _ = overlap(fields["banana-negotiation-range"], 3, 3, "x")
		again, err := parseBlock(bytes.TrimSuffix(appendBlock(nil, fields), []byte(blockEnd)))
		require.NoError(t, err)
		require.Equal(t, fields, again)
	})
}
