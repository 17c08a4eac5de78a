package gridtest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"math/big"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/besn0847/arm-tahoe/common/secret"
	"github.com/besn0847/arm-tahoe/common/storagehttp"
)

// ServeHTTPS serves the shares of the server, below its faults, on loopback until
// the end of the test, and says where.
func (s *Server) ServeHTTPS(tb testing.TB) storagehttp.NURL {
	tb.Helper()
	swissnum := secret.NewSwissnum([]byte("swissnum"))
	handler := storagehttp.NewHandler(s.Store, swissnum, storagehttp.HandlerOptions{})
	server := storagehttp.NewServer(handler, storagehttp.ServerOptions{})
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(tb, err)
	cert, hash := certificate(tb)
	served := make(chan error, 1)
	go func() { served <- server.Serve(tls.NewListener(listener, storagehttp.ServerTLS(cert))) }()
	tb.Cleanup(func() { require.NoError(tb, server.Close()); <-served })
	port := listener.Addr().(*net.TCPAddr).Port
	return storagehttp.NURL{Hash: hash, Host: "127.0.0.1", Port: uint16(port), Swissnum: swissnum}
}

// OverHTTPS puts HTTPS between clients and the server, in place of its faults.
func (s *Server) OverHTTPS(tb testing.TB) {
	tb.Helper()
	client, err := storagehttp.NewClient(s.ServeHTTPS(tb), storagehttp.ClientOptions{})
	require.NoError(tb, err)
	tb.Cleanup(client.Close)
	changed := *s.Server
	changed.Storage = client
	s.Server = &changed
}

func certificate(tb testing.TB) (tls.Certificate, storagehttp.SPKIHash) {
	tb.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(tb, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(24 * time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	require.NoError(tb, err)
	parsed, err := x509.ParseCertificate(der)
	require.NoError(tb, err)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, storagehttp.HashCertificate(parsed)
}
