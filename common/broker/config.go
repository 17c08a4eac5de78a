package broker

import (
	"context"
	"log/slog"
	"time"

	"github.com/besn0847/arm-tahoe/common/announce"
	"github.com/besn0847/arm-tahoe/common/grid"
	"github.com/besn0847/arm-tahoe/common/storagehttp"
)

// Announced is a storage server that was announced or is configured. It is not
// changed after it was made.
type Announced struct {
	Announcement *announce.Announcement
	Fields       *announce.Fields // of the announcement
	// UploadPermitted says whether new shares may be given to it at that time;
	// nil is always.
	UploadPermitted func(now time.Time) bool
}

// Source knows which servers there are. Both methods may be called concurrently
// and do not block. An introclient.Client is nearly one.
type Source interface {
	// Servers returns all storage servers, each id once. A server whose
	// Announcement is the same pointer as before has not changed.
	Servers() []Announced
	// Changes returns a channel that is closed when Servers next returns
	// something else.
	Changes() <-chan struct{}
}

// Connection is a way to a server.
type Connection struct {
	Storage grid.StorageServer
	// Lost is closed when the connection is lost; nil for one that has no such
	// moment, as with HTTPS.
	Lost <-chan struct{}
	// Address is where it leads, without any secret, for people.
	Address string
	// Close ends it. It is called once. nil is nothing to be done.
	Close func()
}

// FoolscapDialer connects to the storage server with a FURL, which is a secret.
type FoolscapDialer func(ctx context.Context, furl string) (*Connection, error)

// Local is the storage server of this very node.
type Local struct {
	ID       grid.ServerID
	Nickname string
	Seed     grid.PermutationSeed
	TubID    grid.TubID
	Storage  grid.StorageServer
}

// Config says what a broker does. Zero fields have the meaning given.
type Config struct {
	// Source knows the servers; nil is none but Local.
	Source Source
	// Local is used without any connection, also when it was announced; nil is
	// none.
	Local *Local
	// HTTPS is what is given to the clients of package storagehttp.
	HTTPS storagehttp.ClientOptions
	// Foolscap connects to servers that offer nothing else, or to all; nil is
	// not at all.
	Foolscap FoolscapDialer
	// ForceFoolscap is [client]force_foolscap: NURLs are not used.
	ForceFoolscap bool
	// Preferred is [client]peers.preferred: the ids of servers that come first.
	Preferred []string
	Logger    *slog.Logger // nil is none
}
