package storagerpc

import (
	"context"
	"log/slog"

	"golang.org/x/sync/semaphore"

	"github.com/besn0847/arm-tahoe/common/banana"
	"github.com/besn0847/arm-tahoe/common/foolscap"
	"github.com/besn0847/arm-tahoe/common/grid"
)

// Names of remote interfaces.
const (
	Interface       = "RIStorageServer.tahoe.allmydata.com"
	interfaceWriter = "RIBucketWriter"
	interfaceReader = "RIBucketReader"
)

// Defaults of ServerOptions, for a machine of 1 GiB.
const (
	DefaultMaxWriters = 1024
	DefaultMaxRead    = 32 << 20
	DefaultReadMemory = 96 << 20
)

// ServerOptions say what a Server may use. Zero values are the defaults.
type ServerOptions struct {
	// MaxWriters is how many uploads one connection may have at once.
	MaxWriters int
	// MaxRead is how many bytes one answer may hold, and those of one
	// connection together that wait to be read by the peer.
	MaxRead int64
	// ReadMemory is how many bytes all answers may hold together, at least
	// MaxRead. Calls wait for it.
	ReadMemory int64
	// Logger gets errors of the core that no client can cause; nil for nothing.
	Logger *slog.Logger
}

// Server answers the calls of storage clients from a core. It is a
// foolscap.Referenceable to be registered in a Tub, and safe for concurrent
// use.
type Server struct {
	core    grid.StorageCore
	options ServerOptions
	reading *semaphore.Weighted
	log     *slog.Logger
}

var (
	_ foolscap.Referenceable = (*Server)(nil)
	_ foolscap.MethodLimiter = (*Server)(nil)
)

// NewServer returns a Server. Close the Tub before the core: when Tub.Close has
// returned, no call runs any more and all uploads have been aborted.
func NewServer(core grid.StorageCore, options ServerOptions) *Server {
	if options.MaxWriters <= 0 {
		options.MaxWriters = DefaultMaxWriters
	}
	if options.MaxRead <= 0 {
		options.MaxRead = DefaultMaxRead
	}
	if options.ReadMemory <= 0 {
		options.ReadMemory = DefaultReadMemory
	}
	options.ReadMemory = max(options.ReadMemory, options.MaxRead)
	if options.Logger == nil {
		options.Logger = slog.New(slog.DiscardHandler)
	}
	return &Server{core, options, semaphore.NewWeighted(options.ReadMemory), options.Logger}
}

// method is one of a remote interface.
type method struct {
	// memory is how large a call may be in bytes, as package banana counts; 0
	// is what the Tub allows.
	memory int64
	serve  func(s *session, ctx context.Context, r *foolscap.Request) (banana.Value, error)
}

// Memory of calls: some values and byte strings, lists of shares, lists of
// vectors, texts for people.
const (
	smallCall  = 4 << 10
	listCall   = 256 << 10
	reasonCall = 128 << 10
)

var methods = map[string]method{
	"get_version":                     {smallCall, serveVersion},
	"allocate_buckets":                {listCall, serveAllocate},
	"get_buckets":                     {smallCall, serveBuckets},
	"add_lease":                       {smallCall, serveLease},
	"slot_readv":                      {2 * listCall, serveReadv},
	"slot_testv_and_readv_and_writev": {0, serveWritev},
	"advise_corrupt_share":            {reasonCall, serveAdvise},
}

// RemoteInterface returns Interface.
func (s *Server) RemoteInterface() string { return Interface }

// MethodLimits bounds what calls may carry; see foolscap.MethodLimiter.
func (s *Server) MethodLimits(name string, limits *banana.Limits) error {
	methods[name].limit(limits)
	return nil
}

func (m method) limit(limits *banana.Limits) {
	if m.memory > 0 {
		limits.Message = min(limits.Message, m.memory)
	}
}

// RemoteCall answers a call; see foolscap.Referenceable.
func (s *Server) RemoteCall(ctx context.Context, r *foolscap.Request) (banana.Value, error) {
	m, ok := methods[r.Method]
	if !ok {
		return nil, foolscap.UnknownMethod(r, Interface)
	}
	v, err := m.serve(s.session(r), ctx, r)
	return v, s.refuse(ctx, r, err)
}

// refuse returns the exception for an error, nil for none.
func (s *Server) refuse(ctx context.Context, r *foolscap.Request, err error) error {
	if err == nil {
		return nil
	}
	if refused := exception(err); refused != nil {
		return refused
	}
	if ctx.Err() == nil {
		s.log.Error("a storage call failed", "op", r.Method, "peer", r.Peer.String(), "err", err)
	}
	return remote(foolscap.TypeException, "the storage server could not do this; its log says why")
}
