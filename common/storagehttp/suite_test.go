package storagehttp

import (
	"testing"

	"github.com/besn0847/arm-tahoe/common/grid"
	"github.com/besn0847/arm-tahoe/common/secret"
	"github.com/besn0847/arm-tahoe/common/storagetest"
)

// TestSuite holds client and server, with TLS between them, to the rules for
// storage servers.
func TestSuite(t *testing.T) {
	storagetest.Run(t, storagetest.Suite{PlainErrors: true, New: func(t *testing.T, s storagetest.Setup) grid.StorageServer {
		core := newMemCore()
		switch {
		case s.ReadOnly:
			core.version.MaximumImmutableShareSize, core.version.AvailableSpace = 0, 0
		case s.Space > 0:
			core.version.MaximumImmutableShareSize, core.version.AvailableSpace = s.Space, s.Space
		}
		h := NewHandler(core, secret.NewSwissnum([]byte(testSwissnum)), HandlerOptions{})
		return newTestClient(t, startServer(t, h, ServerOptions{}))
	}})
}
