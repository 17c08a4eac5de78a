package storagehttp

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"io"
	"math/big"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/besn0847/arm-tahoe/common/secret"
)

const testSwissnum = "lj6ztimvb3wn5hxeyro24b56nhjgwxdl"

// testCertificate is made once: keys are slow to find.
var testCertificate = sync.OnceValue(func() tls.Certificate {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "newpb_thingy"},
		NotBefore: time.Unix(0, 0), NotAfter: time.Unix(1, 0), // has expired
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		panic(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
})

// startServer serves until the test ends, and answers the NURL.
func startServer(t testing.TB, handler http.Handler, options ServerOptions) NURL {
	t.Helper()
	return serve(t, NewServer(handler, options))
}

func serve(t testing.TB, server *http.Server) NURL {
	t.Helper()
	certificate := testCertificate()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	done := make(chan error, 1)
	go func() { done <- server.Serve(tls.NewListener(listener, ServerTLS(certificate))) }()
	t.Cleanup(func() {
		require.NoError(t, server.Close())
		require.ErrorIs(t, <-done, http.ErrServerClosed)
	})
	parsed, err := x509.ParseCertificate(certificate.Certificate[0])
	require.NoError(t, err)
	return NURL{
		Hash: HashCertificate(parsed), Host: "127.0.0.1", Port: uint16(listener.Addr().(*net.TCPAddr).Port),
		Swissnum: secret.NewSwissnum([]byte(testSwissnum)),
	}
}

func startHandler(t testing.TB) (NURL, *memCore) {
	t.Helper()
	core := newMemCore()
	return startServer(t, NewHandler(core, secret.NewSwissnum([]byte(testSwissnum)), HandlerOptions{}), ServerOptions{}), core
}

func newTestClient(t testing.TB, nurl NURL) *Client {
	t.Helper()
	c, err := NewClient(nurl, ClientOptions{})
	require.NoError(t, err)
	t.Cleanup(c.Close)
	return c
}

// send makes the request of a probe.
func (p probe) send(t *testing.T, c *Client) (*http.Response, []byte) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), p.Request.Method, c.base+p.Request.Path, bytes.NewReader(p.Request.Body))
	require.NoError(t, err)
	r.Header.Set(headerAuthorization, c.auth)
	r.Header.Set(headerAccept, typeCBOR)
	for _, h := range p.Request.Headers {
		if note, ok := h.(string); ok { // (Authorization: 'value') or (Authorization: None)
			value := strings.Trim(strings.TrimSuffix(strings.TrimPrefix(note, "(Authorization: "), ")"), "'")
			r.Header.Set(headerAuthorization, value)
			if value == "None" {
				r.Header.Del(headerAuthorization)
			}
			continue
		}
		pair := h.([]any)
		name, value := pair[0].(string), pair[1].(string)
		if name == headerSecrets {
			r.Header.Add(name, value)
		} else {
			r.Header.Set(name, value)
		}
	}
	answer, err := c.http.Do(r)
	require.NoError(t, err)
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	require.NoError(t, err)
	return answer, body
}

// TestProbes replays what was sent to a node of 1.20 and compares the answers.
func TestProbes(t *testing.T) {
	nurl, core := startHandler(t)
	client := newTestClient(t, nurl)
	probes := readVectors(t).Probes
	require.Len(t, probes, 72)
	for _, p := range probes {
		t.Run(p.What, func(t *testing.T) {
			answer, body := p.send(t, client)
			require.Equal(t, p.Response.Status, answer.StatusCode, "%s", body)
			want := http.Header{}
			for _, h := range p.Response.Headers {
				want.Set(h[0], h[1])
			}
			for _, name := range []string{headerContentType, headerContentRange, "Allow"} {
				got := answer.Header.Get(name)
				if mediaType(want) == "text/html" && name == headerContentType {
					got, _, _ = strings.Cut(got, ";")
					require.Equal(t, "text/html", got)
					continue
				}
				require.Equal(t, want.Get(name), got, name)
			}
			compareBodies(t, p, mediaType(want), body)
		})
	}
	require.Len(t, core.advice, 2)
}

// compareBodies wants the same bytes, but for what is text for people.
func compareBodies(t *testing.T, p probe, kind string, body []byte) {
	t.Helper()
	switch {
	case kind == "text/html", p.Response.Status == http.StatusBadRequest:
		require.NotEmpty(t, body)
		for _, h := range p.Request.Headers { // secrets are not repeated
			if pair, ok := h.([]any); ok && pair[0] == headerSecrets {
				_, value, _ := strings.Cut(pair[1].(string), " ")
				require.NotContains(t, string(body), value)
			}
		}
	default:
		require.Equal(t, []byte(p.Response.Body), append([]byte(nil), body...))
	}
}
