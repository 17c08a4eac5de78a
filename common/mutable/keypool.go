package mutable

import (
	"crypto/rand"
	"runtime"
	"sync"

	"github.com/besn0847/arm-tahoe/common/rsakey"
)

// A KeyPool makes RSA keys ahead of need: making one takes a tenth of a second
// on a desktop and some seconds on a Raspberry Pi 2. One goroutine fills the pool
// with a low priority. Safe for concurrent use.
type KeyPool struct {
	keys chan rsakey.PrivateKey
	stop chan struct{}
	done chan struct{}
	once sync.Once
	// making bounds the keys that are made for callers that wait.
	making   chan struct{}
	generate func() (rsakey.PrivateKey, error)
}

// DefaultPoolSize is a good size for a node: 8 keys, about 2 KiB each.
const DefaultPoolSize = 8

// NewKeyPool returns a pool of so many keys and begins to fill it. Close ends it.
// A pool of size 0 keeps none and makes each key when it is asked for.
func NewKeyPool(size int) *KeyPool {
	return newKeyPool(size, func() (rsakey.PrivateKey, error) { return rsakey.Generate(rand.Reader) })
}

func newKeyPool(size int, generate func() (rsakey.PrivateKey, error)) *KeyPool {
	p := &KeyPool{
		keys: make(chan rsakey.PrivateKey, max(size, 0)), stop: make(chan struct{}), done: make(chan struct{}),
		making: make(chan struct{}, runtime.GOMAXPROCS(0)), generate: generate,
	}
	if size <= 0 {
		close(p.done)
		return p
	}
	go p.fill()
	return p
}

// fill makes keys until the pool is full, and again when one was taken. The
// goroutine keeps its thread, which ends with it, so that the priority is of no
// concern to others.
func (p *KeyPool) fill() {
	defer close(p.done)
	runtime.LockOSThread()
	lowerPriority()
	for {
		key, err := p.generate()
		if err != nil {
			return // Get will make keys and say so
		}
		select {
		case p.keys <- key:
		case <-p.stop:
			return
		}
	}
}

// Get returns a key that nobody else has: one of the pool, or a new one if it is
// empty, which blocks for as long as that takes.
func (p *KeyPool) Get() (rsakey.PrivateKey, error) {
	select {
	case key := <-p.keys:
		return key, nil
	default:
	}
	select {
	case key := <-p.keys:
		return key, nil
	case p.making <- struct{}{}:
		defer func() { <-p.making }()
		return p.generate()
	}
}

// Len returns the number of keys that are ready.
func (p *KeyPool) Len() int { return len(p.keys) }

// Close ends the goroutine and waits for it: until the key that it makes is
// ready. Keys that are left are dropped; Get still works.
func (p *KeyPool) Close() {
	p.once.Do(func() { close(p.stop) })
	<-p.done
}
