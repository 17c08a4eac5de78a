package introclient

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"sync"

	"github.com/besn0847/arm-tahoe/common/announce"
	"github.com/besn0847/arm-tahoe/common/base32"
	"github.com/besn0847/arm-tahoe/common/introrpc"
)

// Client keeps up the connections to introducers. Its methods are safe for
// concurrent use.
type Client struct {
	config Config
	log    *slog.Logger
	links  []*link
	table  *table

	cacheMu sync.Mutex // held while Config.Cache is used

	publishMu sync.Mutex // held while an announcement is made; sequence numbers are used in order
	mu        sync.Mutex
	published map[string]*announce.Signed // guarded by mu; by service
}

// New returns a Client that knows the static servers and does nothing else until
// Run. The error says what is wrong with the configuration.
func New(config Config) (*Client, error) {
	config = config.withDefaults()
	if err := config.validate(); err != nil {
		return nil, err
	}
	c := &Client{config: config, log: config.Logger, table: newTable(), published: map[string]*announce.Signed{}}
	for _, a := range c.staticServers() {
		c.table.offer(a)
	}
	for _, in := range config.Introducers {
		c.links = append(c.links, newLink(c, in))
	}
	return c, nil
}

// Run connects to all introducers and stays connected until ctx ends. Then it
// writes the caches that have changed and returns nil. It is called once, and
// returns when all its goroutines have ended.
func (c *Client) Run(ctx context.Context) error {
	var group sync.WaitGroup
	for _, l := range c.links {
		group.Go(func() { l.run(ctx) })
	}
	<-ctx.Done()
	group.Wait()
	return nil
}

// Servers returns everything that is announced or configured at present, sorted by
// service and id. The slice must not be changed. It does not block.
//
// Someone who follows it asks for Changes first:
//
//	for {
//		changed := client.Changes()
//		use(client.Servers())
//		select {
//		case <-changed:
//		case <-ctx.Done():
//			return
//		}
//	}
func (c *Client) Servers() []*Announced {
	list, _ := c.table.list()
	return list
}

// Changes returns a channel that is closed when Servers next returns something
// else.
func (c *Client) Changes() <-chan struct{} {
	_, changed := c.table.list()
	return changed
}

// Publish announces a service of this node to all introducers, now and after each
// reconnection, in place of what was published of that service before. It may be
// called before Run, and does not wait for introducers.
//
// The content says what is particular to the service, for storage: PermutationSeed,
// FURL, NURLs, Certificates, StorageOptions; and Extra. The rest is filled in where
// it is empty (client.py create_announcement_dict). Slices in it must not be
// changed afterwards.
func (c *Client) Publish(service string, content announce.Fields) error {
	if c.config.Key.Seed.IsZero() || c.config.NextSeqnum == nil {
		return errors.New("publish: the node has no key to sign with, or no sequence numbers")
	}
	c.publishMu.Lock()
	defer c.publishMu.Unlock()
	if err := c.complete(service, &content); err != nil {
		return fmt.Errorf("publish %s: %w", service, err)
	}
	signed, err := announce.Sign(c.config.Key, &content)
	if err != nil {
		return fmt.Errorf("publish %s: %w", service, err)
	}
	c.mu.Lock()
	c.published[service] = &signed
	c.mu.Unlock()
	for _, l := range c.links {
		l.poke()
	}
	return nil
}

// complete fills in what all announcements of the node have.
func (c *Client) complete(service string, f *announce.Fields) error {
	orDefault(&f.Nickname, c.config.Nickname)
	orDefault(&f.MyVersion, c.config.MyVersion)
	orDefault(&f.OldestSupported, c.config.OldestSupported)
	f.ServiceName = service
	seqnum, err := c.config.NextSeqnum()
	if err != nil {
		return fmt.Errorf("next sequence number: %w", err)
	}
	var nonce [32]byte
	_, _ = rand.Read(nonce[:]) // never fails
	f.Seqnum, f.HasSeqnum, f.Nonce = seqnum, true, base32.Encode(nonce[:])
	return nil
}

func orDefault(field *string, value string) {
	if *field == "" {
		*field = value
	}
}

// publications returns what is to be published, by service.
func (c *Client) publications() map[string]*announce.Signed {
	c.mu.Lock()
	defer c.mu.Unlock()
	all := make(map[string]*announce.Signed, len(c.published))
	for service, a := range c.published {
		all[service] = a
	}
	return all
}

// info is what introducers are told about us.
func (c *Client) info() introrpc.SubscriberInfo {
	return introrpc.SubscriberInfo{
		Nickname: c.config.Nickname, MyVersion: c.config.MyVersion, OldestSupported: c.config.OldestSupported,
	}
}

// Status returns how the connections to the introducers are, in the order of
// Config.Introducers.
func (c *Client) Status() []Status {
	list := make([]Status, 0, len(c.links))
	for _, l := range c.links {
		list = append(list, l.snapshot())
	}
	return list
}
