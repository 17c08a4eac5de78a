package nodeconf

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"path/filepath"
	"strings"
)

// portFileName keeps the port that was chosen at the first start. Introducers
// use the same name.
const portFileName = "client.port"

// Listen says where the Tub listens and what it tells others.
type Listen struct {
	Endpoints []Endpoint // none: the node does not listen
	Hints     []string   // for FURLs, AUTO replaced
}

// Host is what Config.Listen asks the machine.
type Host struct {
	LocalAddresses func() ([]string, error) // IPv4, as dotted quads
	AllocatePort   func() (uint16, error)   // a TCP port nothing listens on
}

// ThisHost returns the Host of this machine.
func ThisHost() Host { return Host{localAddresses, allocatePort} }

// Listen works out the Tub's endpoints and connection hints. If tub.port is not
// set, the port in client.port is taken; if that is missing, it allocates a port
// and writes the file. node.py _tub_portlocation.
func (c *Config) Listen(host Host) (Listen, error) {
	if c.Node.TubDisabled {
		return Listen{}, nil
	}
	endpoints := c.Node.TubPort
	if len(endpoints) == 0 {
		var err error
		if endpoints, err = c.storedPort(host); err != nil {
			return Listen{}, err
		}
	}
	hints, err := c.hints(endpoints, host)
	return Listen{endpoints, hints}, err
}

func (c *Config) storedPort(host Host) ([]Endpoint, error) {
	path := filepath.Join(c.BaseDir, portFileName)
	text, err := readLimited(path, maxLineFile)
	if err == nil {
		endpoints, err := parseTubPorts(strip(string(text)))
		if err != nil {
			return nil, &Error{File: path, Line: 1, Reason: err.Error(), Advice: "write tcp:PORT, or remove the file to have a port chosen"}
		}
		return endpoints, nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	port, err := host.AllocatePort()
	if err != nil {
		return nil, fmt.Errorf("choose a port: %w", err)
	}
	endpoint := Endpoint{Kind: EndpointTCP, Port: port}
	return []Endpoint{endpoint}, WriteFile(path, []byte(endpoint.String()+"\n"), publicMode)
}

// hints replaces AUTO by a hint for each local address.
func (c *Config) hints(endpoints []Endpoint, host Host) ([]string, error) {
	var hints []string
	for _, hint := range c.Node.TubLocation {
		if hint != autoHint {
			hints = append(hints, hint)
			continue
		}
		port := tcpPort(endpoints)
		if port == 0 {
			return nil, &Error{File: filepath.Join(c.BaseDir, ConfigName), Section: "node", Key: "tub.location",
				Reason: "is AUTO, but no endpoint of tub.port is tcp:PORT", Advice: "write the hints"}
		}
		addresses, err := host.LocalAddresses()
		if err != nil {
			return nil, fmt.Errorf("find the addresses of this machine: %w", err)
		}
		for _, address := range addresses {
			hints = append(hints, fmt.Sprintf("tcp:%s:%d", address, port))
		}
	}
	return hints, nil
}

func tcpPort(endpoints []Endpoint) uint16 {
	for _, e := range endpoints {
		if e.Kind == EndpointTCP {
			return e.Port
		}
	}
	return 0
}

// localAddresses returns the IPv4 addresses of all interfaces, loopback
// included (util/iputil.py get_local_addresses_sync).
func localAddresses() ([]string, error) {
	addresses, err := net.InterfaceAddrs()
	if err != nil {
		return nil, err
	}
	var found []string
	for _, address := range addresses {
		if network, ok := address.(*net.IPNet); ok && network.IP.To4() != nil {
			found = append(found, network.IP.String())
		}
	}
	return found, nil
}

// allocatePort asks the kernel for a port. Another program may take it before it
// is opened.
func allocatePort() (uint16, error) {
	listener, err := net.Listen("tcp4", ":0")
	if err != nil {
		return 0, err
	}
	port := listener.Addr().(*net.TCPAddr).Port
	return uint16(port), listener.Close()
}

// nodeURL is the text of node.url for a web server that listens at an
// endpoint on the port (webish.py): a server on all addresses is reached on the
// loopback one.
func nodeURL(e Endpoint, port uint16) string {
	host := e.Interface
	switch host {
	case "", "0.0.0.0":
		host = "127.0.0.1"
	case "::":
		host = "::1"
	}
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	return fmt.Sprintf("http://%s:%d/\n", host, port)
}
