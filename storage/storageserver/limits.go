package storageserver

import (
	"github.com/besn0847/arm-tahoe/common/foolscap"
	"github.com/besn0847/arm-tahoe/common/storagehttp"
)

// Limits of the connections of one service; doc.go says what they cost. They are
// for a machine of 1 GiB that has other things to do, too.
const (
	// MaxHTTPSConns are connections over HTTPS. One more takes the place of that
	// which has been idle longest. A client of 1.20 has up to 10.
	MaxHTTPSConns = storagehttp.DefaultMaxConns
	// MaxFoolscapConns are negotiated Foolscap connections, one for each client.
	// More are refused.
	MaxFoolscapConns = 1000
	// MaxHalfOpen are connections that have not said yet what they want. One more
	// takes the place of the oldest.
	MaxHalfOpen = 512
	// MaxConnsPerPeer are connections of all kinds from one address.
	MaxConnsPerPeer = 256
	// MaxConnMemory is the memory in bytes that all these connections take while
	// they are idle.
	MaxConnMemory = 96 << 20
)

// TubLimits are the limits for the Tub of a storage node. What is zero has the
// default of package foolscap.
func TubLimits() foolscap.Limits {
	return foolscap.Limits{Connections: MaxFoolscapConns, HalfOpen: MaxHalfOpen}
}
