package interop

import (
	"fmt"
	"net"
	"sync"
)

// ports remembers every port this process has handed out, because the kernel may
// offer one again before the program it was meant for has opened it.
var ports = struct {
	mu   sync.Mutex
	used map[int]bool // guarded by mu
}{used: map[int]bool{}}

// freePort returns a TCP port of 127.0.0.1 that nothing listens on and that this
// process has not handed out before. Another program may still take it before
// its user opens it: Node.await notices and tries another.
func freePort() (int, error) {
	ports.mu.Lock()
	defer ports.mu.Unlock()
	for range 100 {
		port, err := offeredPort()
		if err != nil {
			return 0, err
		}
		if !ports.used[port] {
			ports.used[port] = true
			return port, nil
		}
	}
	return 0, fmt.Errorf("no free port among 100 that the kernel offered")
}

// offeredPort listens on port 0. Linux then prefers odd ports, and even ones for
// outgoing connections, so the two hardly ever meet.
func offeredPort() (int, error) {
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	port := listener.Addr().(*net.TCPAddr).Port
	return port, listener.Close()
}
