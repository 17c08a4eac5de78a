package nodetub

import (
	"context"
	"fmt"
	"net"
	"strconv"
	"strings"

	"github.com/besn0847/arm-tahoe/common/foolscap"
	"github.com/besn0847/arm-tahoe/common/furl"
	"github.com/besn0847/arm-tahoe/common/nodeconf"
)

// defaultTorProxy is where a Tor daemon listens if nothing else is said.
const defaultTorProxy = "127.0.0.1:9050"

// Dialers returns how connections are made to hints of each type: [connections],
// [tor]. A type without a dialer is not used. The error is a sentence about a
// setting that this program cannot follow.
func Dialers(config *nodeconf.Config) (map[string]foolscap.Dialer, error) {
	if err := refuseLaunching(config); err != nil {
		return nil, err
	}
	dialers := map[string]foolscap.Dialer{}
	if config.Tor.Enabled {
		proxy, err := torProxy(config.Tor.SocksPort)
		if err != nil {
			return nil, err
		}
		dialers[furl.Tor] = foolscap.TorDialer(proxy)
	}
	switch config.Connections.TCP {
	case "tcp":
		dialers[furl.TCP] = foolscap.DialTCP
	case "tor":
		if dialers[furl.Tor] == nil {
			return nil, fmt.Errorf("[connections] tcp = tor, but [tor] enabled = false")
		}
		dialers[furl.TCP] = dialers[furl.Tor]
	}
	return dialers, nil
}

func refuseLaunching(config *nodeconf.Config) error {
	const advice = "; start it yourself, and name its port in %s"
	switch {
	case config.Tor.Launch:
		return fmt.Errorf("[tor] launch = true: this program starts no Tor of its own"+advice, "socks.port")
	case config.Tor.Onion:
		return fmt.Errorf("[tor] onion = true: this program does not set up an onion service itself; " +
			"let your Tor lead to the port in tub.port, and name the onion address in tub.location")
	case config.I2P.Launch:
		return fmt.Errorf("[i2p] launch = true: this program does not speak I2P; remove the setting")
	case config.I2P.Dest:
		return fmt.Errorf("[i2p] dest = true: this program does not speak I2P; remove the setting")
	}
	return nil
}

// torProxy reads socks.port, a client endpoint of Twisted: tcp:HOST:PORT, or
// HOST:PORT, or PORT.
func torProxy(text string) (string, error) {
	text = strings.TrimPrefix(text, "tcp:")
	if text == "" {
		return defaultTorProxy, nil
	}
	if !strings.Contains(text, ":") {
		text = "127.0.0.1:" + text
	}
	_, port, err := net.SplitHostPort(text)
	if err == nil {
		_, err = strconv.ParseUint(port, 10, 16)
	}
	if err != nil {
		return "", fmt.Errorf("[tor] socks.port: this program understands tcp:HOST:PORT only")
	}
	return text, nil
}

// DialContext connects to host:port as the node reaches tcp: hints, for HTTPS.
// It is nil if the node must not use TCP.
func DialContext(dialers map[string]foolscap.Dialer) func(ctx context.Context, network, address string) (net.Conn, error) {
	dial := dialers[furl.TCP]
	if dial == nil {
		return nil
	}
	return func(ctx context.Context, _, address string) (net.Conn, error) {
		return dial(ctx, furl.Hint{Type: furl.TCP, Rest: address})
	}
}
