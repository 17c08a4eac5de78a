package broker

import (
	"context"
	"errors"
	"fmt"

	"github.com/besn0847/arm-tahoe/common/announce"
	"github.com/besn0847/arm-tahoe/common/storagehttp"
)

// Protocols, as the status names them.
const (
	ProtocolHTTPS    = "https"
	ProtocolFoolscap = "foolscap"
	ProtocolLocal    = "local"
)

// maxNURLs is how many NURLs of an announcement are tried.
const maxNURLs = 16

// dial connects by what the announcement offers: HTTPS if it has a NURL, unless
// that is not wanted, else Foolscap (1.20.0: storage_client.py
// _should_we_use_http). Where every NURL is unusable here, such as through Tor
// without Tor, Foolscap is tried too, which 1.20 does not.
func (b *Broker) dial(ctx context.Context, fields *announce.Fields) (*Connection, string, error) {
	problem := errNoWay
	if len(fields.NURLs) > 0 && !b.cfg.ForceFoolscap {
		clients, err := b.clients(fields.NURLs)
		if len(clients) > 0 {
			conn, err := race(ctx, clients)
			return conn, ProtocolHTTPS, err
		}
		problem = err
	}
	if fields.FURL != "" && b.cfg.Foolscap != nil {
		conn, err := b.cfg.Foolscap(ctx, fields.FURL)
		return conn, ProtocolFoolscap, err
	}
	return nil, "", problem
}

func parseNURL(text string) (storagehttp.NURL, error) { return storagehttp.ParseNURL(text) }

// clients returns a client for each NURL that can be used, and why the others
// cannot.
func (b *Broker) clients(nurls []string) (clients []*storagehttp.Client, err error) {
	var errs []error
	for _, text := range nurls[:min(len(nurls), maxNURLs)] {
		nurl, err := parseNURL(text)
		if err == nil {
			var client *storagehttp.Client
			if client, err = storagehttp.NewClient(nurl, b.cfg.HTTPS); err == nil {
				clients = append(clients, client)
				continue
			}
		}
		errs = append(errs, err)
	}
	return clients, errors.Join(errs...)
}

// race returns the client that gets an answer first (storage_client.py
// _pick_a_http_server), and closes the others.
func race(ctx context.Context, clients []*storagehttp.Client) (*Connection, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	type finish struct {
		client *storagehttp.Client
		err    error
	}
	finishes := make(chan finish, len(clients))
	for _, c := range clients {
		go func() { // ends with ctx, and is waited for below
			_, err := c.Version(ctx)
			finishes <- finish{c, err}
		}()
	}
	var winner *storagehttp.Client
	var errs []error
	for range clients {
		f := <-finishes
		if f.err == nil && winner == nil {
			winner = f.client
			cancel()
			continue
		}
		f.client.Close()
		if f.err != nil {
			errs = append(errs, f.err)
		}
	}
	if winner == nil {
		return nil, fmt.Errorf("connect: %w", errors.Join(errs...))
	}
	return &Connection{Storage: winner, Address: winner.String(), Close: winner.Close}, nil
}
