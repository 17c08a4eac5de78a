// Package intronode is an introducer as a node: the service of package
// introserver on the node's Tub, and its web page. The mains of introducer and
// tahoe run it.
//
// It belongs to the role introducer and follows introducer/server.py
// (create_introducer, _IntroducerNode) of Tahoe-LAFS 1.20.0.
package intronode

import (
	"context"

	"github.com/besn0847/arm-tahoe/common/daemon"
	"github.com/besn0847/arm-tahoe/common/nodeconf"
	"github.com/besn0847/arm-tahoe/common/nodetub"
	"github.com/besn0847/arm-tahoe/common/version"
	"github.com/besn0847/arm-tahoe/common/webapi"
	"github.com/besn0847/arm-tahoe/introducer/introserver"
)

// Run serves until ctx ends or the node can no longer serve. It writes
// private/introducer.furl before it calls node.Ready.
func Run(ctx context.Context, node *daemon.Node) error {
	tub, err := nodetub.Open(node, nodetub.Options{})
	if err != nil {
		return err
	}
	service := introserver.New(introserver.Config{Version: version.Application(), Logger: node.Log})
	node.Shutdown.Add(daemon.Close, "introducer", func(context.Context) error { service.Close(); return nil })
	if _, err := tub.RegisterFile(nodeconf.IntroducerFURLName, service.Object()); err != nil {
		return err
	}
	web, err := openWeb(ctx, node, tub, service)
	if err != nil {
		return err
	}
	node.Go(ctx, "tub", tub.Serve)
	if web != nil {
		node.Go(ctx, "web server", func(context.Context) error { return web.Serve() })
	}
	node.Ready()
	return node.Wait(ctx)
}

// openWeb opens the web server, if there is one, with the introducer's page.
func openWeb(ctx context.Context, node *daemon.Node, tub *nodetub.Tub, service *introserver.Service) (*webapi.Server, error) {
	web, err := webapi.Open(ctx, node, "introducer", webapi.Link{Path: "/", Text: "Introducer"}, webapi.Link{Path: "/statistics", Text: "Statistics"})
	if web == nil || err != nil {
		return nil, err
	}
	web.Handle(webapi.Public, "/", service.Page(tub.TubID(), version.Get().String()))
	web.Stats().Produce(func(values webapi.Values) { addStatistics(values, service.Counters()) })
	return web, nil
}

// addStatistics gives the counters names like those of other services; 1.20 has
// none for them.
func addStatistics(values webapi.Values, c introserver.Counters) {
	for name, value := range map[string]int64{
		"announcements": c.Announcements, "announcement_bytes": c.AnnouncementBytes, "subscriptions": c.Subscriptions,
		"inbound_messages": c.InboundMessages, "inbound_duplicates": c.InboundDuplicates,
		"inbound_no_seqnum": c.InboundNoSeqnum, "inbound_old_replays": c.InboundOldReplays,
		"inbound_updates": c.InboundUpdates, "inbound_refused": c.InboundRefused,
		"inbound_subscribes": c.InboundSubscribes, "outbound_messages": c.OutboundMessages,
		"outbound_announcements": c.OutboundAnnouncements, "outbound_errors": c.OutboundErrors, "evicted": c.Evicted,
	} {
		values["introducer."+name] = float64(value)
	}
}
