package furl

import (
	"errors"
	"fmt"
	"net/netip"
	"regexp"
	"strconv"
	"strings"
)

// The types of hints that Tahoe has handlers for.
const (
	TCP = "tcp"
	Tor = "tor"
	I2P = "i2p"
)

// Patterns of connections/tcp.py, with ports of one to five digits. (The
// original's "(\d+){1,5}" allows any number of them.)
const (
	dnsName  = `[A-Za-z.0-9\-]+` // dotted quads too
	colonHex = `\[[A-Fa-f0-9:]+(?:[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}|%[a-zA-Z0-9.]+)?\]`
	digits   = `([0-9]{1,5})`
)

var (
	legacyPattern = regexp.MustCompile(`^(` + dnsName + `):` + digits + `$`)
	tcpPattern    = regexp.MustCompile(`^(` + dnsName + `|` + colonHex + `):` + digits + `$`)
	i2pPattern    = regexp.MustCompile(`^(` + dnsName + `)(?::` + digits + `)?$`)
)

// Errors of hints.
var (
	ErrHintType    = errors.New("hint has no type")
	ErrHintAddress = errors.New("hint has no usable address")
	ErrNotPublic   = errors.New("not an address that Tor can reach")
)

// Hint is one way to reach a tub. It is no secret.
type Hint struct {
	Type string // tcp, tor, i2p or one that this program does not know
	Rest string // what follows the first colon
}

// ParseHint reads a hint. The legacy form HOST:PORT becomes a tcp hint, as
// convert_legacy_hint does. Unknown types are no error: a tub that has no
// handler for a hint skips it.
func ParseHint(text string) (Hint, error) {
	if legacyPattern.MatchString(text) {
		return Hint{TCP, text}, nil
	}
	kind, rest, ok := strings.Cut(text, ":")
	if !ok || kind == "" {
		return Hint{}, fmt.Errorf("hint %q: %w", text, ErrHintType)
	}
	return Hint{kind, rest}, nil
}

// String returns the hint as in a FURL; the legacy form is gone.
func (h Hint) String() string { return h.Type + ":" + h.Rest }

// HostPort returns the address in a hint of type tcp, tor or i2p: the host, an
// IPv6 address without its brackets, and the port, 0 for an i2p hint without one.
func (h Hint) HostPort() (host string, port uint16, err error) {
	pattern := tcpPattern
	switch h.Type {
	case TCP:
	case Tor:
		pattern = legacyPattern
	case I2P:
		pattern = i2pPattern
	default:
		return "", 0, fmt.Errorf("hint %q: %w", h, ErrHintAddress)
	}
	parts := pattern.FindStringSubmatch(h.Rest)
	if parts == nil {
		return "", 0, fmt.Errorf("hint %q: %w", h, ErrHintAddress)
	}
	if parts[2] != "" {
		n, err := strconv.ParseUint(parts[2], 10, 16)
		if err != nil {
			return "", 0, fmt.Errorf("hint %q: port above 65535: %w", h, ErrHintAddress)
		}
		port = uint16(n)
	}
	return strings.Trim(parts[1], "[]"), port, nil
}

// Addresses that Python's ipaddress calls private or reserved and netip has no
// method for (connections/tor.py is_non_public_numeric_address).
var notPublic = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"),
	netip.MustParsePrefix("169.254.0.0/16"),
	netip.MustParsePrefix("192.0.0.0/24"),
	netip.MustParsePrefix("192.0.2.0/24"),
	netip.MustParsePrefix("198.18.0.0/15"),
	netip.MustParsePrefix("198.51.100.0/24"),
	netip.MustParsePrefix("203.0.113.0/24"),
	netip.MustParsePrefix("240.0.0.0/4"),
}

// CheckTorHost returns an error wrapping ErrNotPublic if Tor cannot reach the
// host: it is an IPv6 address or an IPv4 address that is not public. Names are
// left to Tor.
func CheckTorHost(host string) error {
	addr, err := netip.ParseAddr(host)
	if err != nil {
		return nil
	}
	bad := !addr.Is4() || addr.IsLoopback() || addr.IsMulticast() || addr.IsPrivate()
	for _, prefix := range notPublic {
		bad = bad || prefix.Contains(addr)
	}
	if bad {
		return fmt.Errorf("%s: %w", host, ErrNotPublic)
	}
	return nil
}
