package webapi

import (
	"net/http"
	"net/netip"
	"strings"

	"github.com/besn0847/arm-tahoe/common/nodeconf"
)

// proxyHeaders are what proxies add, besides X-Forwarded-*.
var proxyHeaders = []string{"Forwarded", "Via", "X-Real-Ip", "X-Client-Ip", "True-Client-Ip", "Cf-Connecting-Ip"}

// Local tells whether a request comes from a program on this machine itself: from
// the loopback address, and not by way of a proxy that shows.
func Local(r *http.Request) bool {
	return peer(r).IsLoopback() && r.ProtoAtLeast(1, 1) && !proxied(r.Header)
}

func proxied(h http.Header) bool {
	for _, name := range proxyHeaders {
		if len(h[name]) > 0 {
			return true
		}
	}
	for name := range h {
		if strings.HasPrefix(name, "X-Forwarded-") {
			return true
		}
	}
	return false
}

// peer returns the address at the other end of the connection, the zero value if
// there is none.
func peer(r *http.Request) netip.Addr {
	address, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	return address.Addr().Unmap()
}

// hostNames are names under which the node is reached, in lower case.
type hostNames map[string]bool

func newHostNames(names []string) hostNames {
	known := hostNames{"localhost": true}
	for _, name := range names {
		if name = hostName(name); name != "" {
			known[name] = true
		}
	}
	return known
}

// has tells whether the Host of a request is one of the names or an IP address.
// A request without Host is not from a browser.
func (known hostNames) has(host string) bool {
	name := hostName(host)
	_, err := netip.ParseAddr(name)
	return err == nil || host == "" || known[name]
}

// hostName returns a Host without port, brackets and the dot at the end, in lower
// case.
func hostName(host string) string {
	if inner, ok := strings.CutPrefix(host, "["); ok {
		inner, _, _ = strings.Cut(inner, "]")
		return inner
	}
	if name, _, ok := strings.Cut(host, ":"); ok && strings.Count(host, ":") == 1 {
		host = name
	}
	return strings.ToLower(strings.TrimSuffix(host, "."))
}

// HostNames returns the names that a node knows of itself: hosts in [web] of
// arm-tahoe.cfg, the hosts in tub.location, and the name of the machine (if it is
// not ""), also with .local behind it.
func HostNames(c *nodeconf.Config, machine string) []string {
	names := append([]string(nil), c.Web.Hosts...)
	for _, hint := range c.Node.TubLocation {
		parts := strings.Split(hint, ":")
		switch {
		case len(parts) == 3 && (parts[0] == "tcp" || parts[0] == "tor" || parts[0] == "i2p"):
			names = append(names, parts[1])
		case len(parts) == 2 && parts[0] != "i2p": // HOST:PORT, the old form
			names = append(names, parts[0])
		case len(parts) == 2:
			names = append(names, parts[1])
		}
	}
	if machine != "" {
		names = append(names, machine, machine+".local")
	}
	return names
}
