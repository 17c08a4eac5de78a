package foolscap

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/besn0847/arm-tahoe/common/furl"
)

// TorDialer connects by tcp and tor hints through the SOCKS5 proxy of a Tor
// daemon at an address as in "127.0.0.1:9050". Names are resolved by Tor.
// Addresses that Tor cannot reach are refused (connections/tor.py).
func TorDialer(proxy string) Dialer {
	return func(ctx context.Context, hint furl.Hint) (net.Conn, error) {
		host, port, err := furl.Hint{Type: furl.Tor, Rest: hint.Rest}.HostPort()
		if err != nil {
			return nil, err
		}
		if err := furl.CheckTorHost(host); err != nil {
			return nil, err
		}
		var d net.Dialer
		conn, err := d.DialContext(ctx, "tcp", proxy)
		if err != nil {
			return nil, fmt.Errorf("connect to the proxy of Tor: %w", err)
		}
		stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
		err = socksConnect(conn, host, port)
		if !stop() && err == nil {
			err = context.Cause(ctx)
		}
		if err != nil {
			_ = conn.Close()
			return nil, fmt.Errorf("proxy of Tor: %w", err)
		}
		return conn, nil
	}
}

// Numbers of SOCKS5 (RFC 1928).
const (
	socksVersion = 5
	socksNoAuth  = 0
	socksConnCmd = 1
	socksIPv4    = 1
	socksDomain  = 3
	socksIPv6    = 4
)

// socksReplies are the errors of RFC 1928, section 6.
var socksReplies = []string{
	"", "general failure", "not allowed", "network unreachable", "host unreachable",
	"connection refused", "TTL expired", "command not supported", "address type not supported",
}

// socksConnect asks a proxy for a connection to host.
func socksConnect(conn net.Conn, host string, port uint16) error {
	if len(host) == 0 || len(host) > 255 {
		return errors.New("host name of impossible length")
	}
	if _, err := conn.Write([]byte{socksVersion, 1, socksNoAuth}); err != nil {
		return err
	}
	var head [4]byte
	if _, err := io.ReadFull(conn, head[:2]); err != nil {
		return err
	}
	if head[0] != socksVersion || head[1] != socksNoAuth {
		return errors.New("it is no SOCKS5 proxy, or wants a password")
	}
	request := append([]byte{socksVersion, socksConnCmd, 0, socksDomain, byte(len(host))}, host...)
	if _, err := conn.Write(append(request, byte(port>>8), byte(port))); err != nil {
		return err
	}
	if _, err := io.ReadFull(conn, head[:]); err != nil {
		return err
	}
	if code := int(head[1]); code != 0 {
		if code < len(socksReplies) {
			return errors.New(socksReplies[code])
		}
		return fmt.Errorf("error %d", code)
	}
	return skipAddress(conn, head[3])
}

// skipAddress reads over the address that the proxy bound.
func skipAddress(conn net.Conn, kind byte) error {
	size := 0
	switch kind {
	case socksIPv4:
		size = net.IPv4len
	case socksIPv6:
		size = net.IPv6len
	case socksDomain:
		var n [1]byte
		if _, err := io.ReadFull(conn, n[:]); err != nil {
			return err
		}
		size = int(n[0])
	default:
		return fmt.Errorf("address type %d", kind)
	}
	var address [255 + 2]byte
	_, err := io.ReadFull(conn, address[:size+2])
	return err
}
