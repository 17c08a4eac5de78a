package nodeconf

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// EndpointKind tells how an endpoint is listened on.
type EndpointKind string

// The endpoints that tub.port, web.port and sftpd's port may name.
const (
	EndpointTCP EndpointKind = "tcp"        // a port of this machine
	EndpointTor EndpointKind = "listen:tor" // as [tor] says
	EndpointI2P EndpointKind = "listen:i2p" // as [i2p] says
)

// disabledWord switches the Tub off, in tub.port and tub.location together.
const disabledWord = "disabled"

// Endpoint is where a server listens.
type Endpoint struct {
	Kind EndpointKind
	// Interface is the address to listen on, an IPv4 or IPv6 address; "" stands
	// for all IPv4 addresses, as in Twisted.
	Interface string
	Port      uint16 // 0: any free one
}

// Address returns host:port for net.Listen with the network Network returns.
func (e Endpoint) Address() string {
	return net.JoinHostPort(e.Interface, strconv.Itoa(int(e.Port)))
}

// Network returns tcp4 or tcp6.
func (e Endpoint) Network() string {
	if address, err := netip.ParseAddr(e.Interface); err == nil && address.Is6() {
		return "tcp6"
	}
	return "tcp4"
}

// String returns the endpoint as it is written in tahoe.cfg.
func (e Endpoint) String() string {
	switch {
	case e.Kind != EndpointTCP:
		return string(e.Kind)
	case e.Interface == "":
		return fmt.Sprintf("tcp:%d", e.Port)
	}
	return fmt.Sprintf("tcp:%d:interface=%s", e.Port, strings.ReplaceAll(e.Interface, ":", `\:`))
}

// ParseEndpoint reads one endpoint: a bare port number, tcp:N with
// interface=ADDRESS and backlog=N (ignored) behind it, tcp6:N, listen:tor or
// listen:i2p. A backslash takes the meaning from the character behind it. It
// follows Twisted's serverFromString; its other kinds (ssl, unix, systemd) are
// refused.
func ParseEndpoint(text string) (Endpoint, error) {
	switch {
	case text == string(EndpointTor) || text == string(EndpointI2P):
		return Endpoint{Kind: EndpointKind(text)}, nil
	case text != "" && text[0] >= '0' && text[0] <= '9': // webish.py buildServer
		text = "tcp:" + text
	}
	args, named, err := splitEndpoint(text)
	if err != nil {
		return Endpoint{}, err
	}
	switch {
	case args[0] != "tcp" && args[0] != "tcp6":
		return Endpoint{}, fmt.Errorf("%s is not an endpoint this program can listen on: use tcp:PORT or tcp:PORT:interface=ADDRESS", quote(text))
	case len(args) > 4:
		return Endpoint{}, fmt.Errorf("%s has too many parts: use tcp:PORT:interface=ADDRESS", quote(text))
	}
	for i, name := range []string{"port", "interface", "backlog"} {
		if i+1 < len(args) {
			if _, twice := named[name]; twice {
				return Endpoint{}, fmt.Errorf("%s gives the %s twice", quote(text), name)
			}
			named[name] = args[i+1]
		}
	}
	return tcpEndpoint(text, args[0], named)
}

func tcpEndpoint(text, kind string, named map[string]string) (Endpoint, error) {
	for name := range named {
		if !slices.Contains([]string{"port", "interface", "backlog"}, name) {
			return Endpoint{}, fmt.Errorf("%s has an unknown part %s: use interface=ADDRESS", quote(text), quote(name))
		}
	}
	port, err := strconv.ParseUint(strip(named["port"]), 10, 16)
	if err != nil {
		return Endpoint{}, fmt.Errorf("%s has no port from 0 to 65535", quote(text))
	}
	e := Endpoint{Kind: EndpointTCP, Interface: named["interface"], Port: uint16(port)}
	if e.Interface == "" && kind == "tcp6" {
		e.Interface = "::"
	}
	if _, err := netip.ParseAddr(e.Interface); err != nil && e.Interface != "" {
		return Endpoint{}, fmt.Errorf("%s: the interface %s is not an IP address", quote(text), quote(e.Interface))
	}
	return e, nil
}

// splitEndpoint is Twisted's _tokenize and _parse: parts between colons, those
// with an equals sign by name. Behind the first equals sign of a part, another
// is text.
func splitEndpoint(text string) (args []string, named map[string]string, err error) {
	named = map[string]string{}
	var part, name strings.Builder
	hasName := false
	add := func() {
		if hasName {
			named[name.String()] = part.String()
		} else {
			args = append(args, part.String())
		}
		part.Reset()
		name.Reset()
		hasName = false
	}
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '\\':
			if i++; i == len(text) {
				return nil, nil, errors.New("a backslash at the end stands for nothing")
			}
			part.WriteByte(text[i])
		case c == ':':
			add()
		case c == '=' && !hasName:
			hasName = true
			name.WriteString(part.String())
			part.Reset()
		default:
			part.WriteByte(c)
		}
	}
	add()
	if len(args) == 0 {
		args = []string{""}
	}
	return args, named, nil
}

// autoHint in tub.location stands for the addresses of this machine.
const autoHint = "AUTO"

// legacyHint matches HOST:PORT, which means tcp:HOST:PORT (foolscap
// connections/tcp.py OLD_STYLE_HINT_RE).
var legacyHint = regexp.MustCompile(`^[A-Za-z.0-9-]+:[0-9]+$`)

// hintType returns the part before the first colon of a connection hint.
func hintType(hint string) string {
	if legacyHint.MatchString(hint) {
		return "tcp"
	}
	kind, _, _ := strings.Cut(hint, ":")
	return kind
}
