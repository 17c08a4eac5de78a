package webapi

import (
	"context"

	"github.com/besn0847/arm-tahoe/common/daemon"
)

// Open makes the web server of a node, opens its port and writes node.url. It is
// nil if the node has no web.port. The caller mounts what there is to see, then
// calls Serve; the step that ends it is in node.Shutdown.
func Open(ctx context.Context, node *daemon.Node, title string, nav ...Link) (*Server, error) {
	if node.Config.Node.WebPort == nil {
		return nil, nil
	}
	options := OptionsFor(node.Config, node.Log)
	options.Layout.Title, options.Layout.Nav = title, nav
	server, err := New(options)
	if err != nil {
		return nil, err
	}
	port, err := server.Listen(ctx)
	if err != nil {
		return nil, err
	}
	node.Shutdown.Add(daemon.Drain, "web server", server.Shutdown)
	return server, node.Dir.WriteNodeURL(*node.Config.Node.WebPort, port)
}
