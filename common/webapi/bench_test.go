package webapi

import (
	"bytes"
	"io"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/besn0847/arm-tahoe/common/nodeconf"
)

// BenchmarkTransfer is what the limits on time cost: 16 MiB each way.
func BenchmarkTransfer(b *testing.B) {
	const size = 16 << 20
	data := make([]byte, size)
	s, err := New(Options{Endpoint: nodeconf.Endpoint{Kind: nodeconf.EndpointTCP, Interface: "127.0.0.1"}})
	require.NoError(b, err)
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		if r.Method == http.MethodGet {
			_, _ = w.Write(data)
		}
	})
	s.Handle(Private, "/x", handler)
	plain := &http.Server{Handler: handler}
	for name, server := range map[string]*http.Server{"paced": s.http, "plain": plain} {
		_, err := s.Listen(b.Context())
		require.NoError(b, err)
		go server.Serve(s.listener)
		url := "http://" + s.listener.Addr().String() + "/x"
		for _, method := range []string{http.MethodGet, http.MethodPut} {
			b.Run(name+"/"+method, func(b *testing.B) {
				b.SetBytes(size)
				for b.Loop() {
					var body io.Reader
					if method == http.MethodPut {
						body = bytes.NewReader(data)
					}
					request, err := http.NewRequestWithContext(b.Context(), method, url, body)
					require.NoError(b, err)
					response, err := http.DefaultClient.Do(request)
					require.NoError(b, err)
					_, _ = io.Copy(io.Discard, response.Body)
					require.NoError(b, response.Body.Close())
					require.Equal(b, http.StatusOK, response.StatusCode)
				}
			})
		}
		require.NoError(b, server.Close())
	}
}
