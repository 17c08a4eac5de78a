package webapi

import (
	"context"
	"net/netip"
	"sync"
	"time"
)

// Failed logins are answered late, and nobody is locked out: many people may share
// an address. What one address can try in a second is bounded by the requests
// that may wait for it.
const (
	failureDelay      = time.Second
	maxLogins         = 32 // being checked or waiting, in all
	maxLoginsFromPeer = 4  // of them from one IPv4 address or one IPv6 /64
)

// throttle counts the logins that are being checked. Safe for concurrent use.
// Whoever has the right password of the latest login is not held up here.
type throttle struct {
	mu     sync.Mutex // guards all below
	total  int
	byPeer map[netip.Prefix]int // no zeros, so at most maxLogins entries
}

// enter takes a place; ok is false if there is none. The caller calls leave
// afterwards.
func (t *throttle) enter(address netip.Addr) (leave func(), ok bool) {
	key := loginKey(address)
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.total >= maxLogins || t.byPeer[key] >= maxLoginsFromPeer {
		return nil, false
	}
	if t.byPeer == nil {
		t.byPeer = map[netip.Prefix]int{}
	}
	t.total++
	t.byPeer[key]++
	return func() { t.leave(key) }, true
}

func (t *throttle) leave(key netip.Prefix) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.total--
	if t.byPeer[key]--; t.byPeer[key] == 0 {
		delete(t.byPeer, key)
	}
}

func loginKey(address netip.Addr) netip.Prefix {
	bits := 64
	if address.Is4() {
		bits = 32
	}
	key, _ := address.WithZone("").Prefix(bits)
	return key
}

// wait returns after d, or when ctx has ended.
func wait(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
