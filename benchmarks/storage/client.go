package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"time"

	"github.com/besn0847/arm-tahoe/common/foolscap"
	"github.com/besn0847/arm-tahoe/common/furl"
	"github.com/besn0847/arm-tahoe/common/grid"
	"github.com/besn0847/arm-tahoe/common/storagehttp"
	"github.com/besn0847/arm-tahoe/common/storagerpc"
)

// The protocols.
const (
	https        = "HTTPS"
	overFoolscap = "Foolscap"
)

var protocols = []string{https, overFoolscap}

// client is one gateway as the server sees it, with connections of its own.
type client struct {
	grid.StorageServer
	close func()
}

// connect returns so many clients of the node, each of which has asked for the
// version.
func connect(ctx context.Context, n *node, protocol string, count int) (clients []client, err error) {
	defer func() {
		if err != nil {
			closeAll(clients)
		}
	}()
	for range count {
		c, err := dial(ctx, n, protocol)
		if err != nil {
			return clients, err
		}
		clients = append(clients, c)
		if _, err := c.Version(ctx); err != nil {
			return clients, err
		}
	}
	return clients, nil
}

func closeAll(clients []client) {
	for _, c := range clients {
		c.close()
	}
}

func dial(ctx context.Context, n *node, protocol string) (client, error) {
	switch protocol {
	case https:
		return dialHTTPS(n)
	case overFoolscap:
		return dialFoolscap(ctx, n)
	}
	return client{}, fmt.Errorf("no protocol %q: say %s or %s", protocol, https, overFoolscap)
}

func dialHTTPS(n *node) (client, error) {
	nurl, err := nurlOf(n)
	if err != nil {
		return client{}, err
	}
	c, err := storagehttp.NewClient(nurl, storagehttp.ClientOptions{})
	if err != nil {
		return client{}, err
	}
	return client{c, c.Close}, nil
}

// nurlOf puts together what the node announces, from its files.
func nurlOf(n *node) (storagehttp.NURL, error) {
	address, err := storageFURL(n)
	if err != nil {
		return storagehttp.NURL{}, err
	}
	pair, err := tls.LoadX509KeyPair(n.path("private/node.pem"), n.path("private/node.pem"))
	if err != nil {
		return storagehttp.NURL{}, err
	}
	certificate, err := x509.ParseCertificate(pair.Certificate[0])
	if err != nil {
		return storagehttp.NURL{}, err
	}
	return storagehttp.NURL{
		Hash: storagehttp.HashCertificate(certificate), Host: "127.0.0.1", Port: uint16(n.port), Swissnum: address.Swissnum(),
	}, nil
}

func storageFURL(n *node) (furl.FURL, error) {
	text, err := n.furl("storage.furl")
	if err != nil {
		return furl.FURL{}, err
	}
	return furl.Parse(text)
}

func dialFoolscap(ctx context.Context, n *node) (client, error) {
	address, err := storageFURL(n)
	if err != nil {
		return client{}, err
	}
	certificate, err := foolscap.NewEphemeralCertificate()
	if err != nil {
		return client{}, err
	}
	tub, err := foolscap.New(foolscap.Options{Certificate: certificate})
	if err != nil {
		return client{}, err
	}
	end := func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		_ = tub.Close(ctx)
	}
	ref, err := tub.GetReference(ctx, address)
	if err != nil {
		end()
		return client{}, err
	}
	c, err := storagerpc.NewClient(ref)
	if err != nil {
		end()
		return client{}, errors.Join(err, errors.New("the FURL is not that of a storage server"))
	}
	return client{c, end}, nil
}
