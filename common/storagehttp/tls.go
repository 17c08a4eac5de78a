package storagehttp

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
)

// ErrWrongCertificate says that whoever answered does not have the key that the
// NURL names.
var ErrWrongCertificate = errors.New("the server's certificate is not the one in its NURL")

// ServerTLS returns the configuration of a server's half of TLS: the node's own
// certificate (node.pem), which clients recognise by its key, and no ALPN, as
// 1.20. Conns made with it go to the Serve of an http.Server from NewServer.
func ServerTLS(certificate tls.Certificate) *tls.Config {
	return &tls.Config{
		Certificates: []tls.Certificate{certificate},
		MinVersion:   tls.VersionTLS12,
	}
}

// clientTLS trusts the key with the hash and nothing else: not names, dates or
// who has signed (http_client.py _StorageClientHTTPSPolicy). Without ServerName
// no host name is sent, as from 1.20.
func clientTLS(hash SPKIHash) *tls.Config {
	return &tls.Config{
		MinVersion:         tls.VersionTLS12,
		InsecureSkipVerify: true, // VerifyConnection decides, by the key
		VerifyConnection: func(state tls.ConnectionState) error {
			if len(state.PeerCertificates) == 0 || !HashCertificate(state.PeerCertificates[0]).Equal(hash) {
				return ErrWrongCertificate
			}
			return nil
		},
	}
}

// DialFunc connects to HOST:PORT, as net.Dialer.DialContext does.
type DialFunc func(ctx context.Context, network, address string) (net.Conn, error)

// dialTLS returns a dialer that answers connections whose peer has the key.
func dialTLS(dial DialFunc, config *tls.Config) DialFunc {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		raw, err := dial(ctx, network, address)
		if err != nil {
			return nil, err
		}
		conn := tls.Client(raw, config)
		if err := conn.HandshakeContext(ctx); err != nil {
			_ = raw.Close() // the handshake's error says more
			return nil, err
		}
		return conn, nil
	}
}
