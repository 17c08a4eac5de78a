package storageserver

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"

	"github.com/besn0847/arm-tahoe/common/grid"
	"github.com/besn0847/arm-tahoe/common/secret"
	"github.com/besn0847/arm-tahoe/common/storagehttp"
	"github.com/besn0847/arm-tahoe/common/storagerpc"
	"github.com/besn0847/arm-tahoe/storage/sharefs"
	"github.com/besn0847/arm-tahoe/storage/sharestore"
)

// Service is the storage service of a node. Use Open. Safe for concurrent use.
type Service struct {
	cfg      Config
	fs       *sharefs.OS
	store    *sharestore.Store
	observed observations
	swissnum secret.Swissnum
	foolscap *storagerpc.Server

	conns   *handover // nil without HTTPS
	server  *http.Server
	serving sync.WaitGroup // the goroutine that accepts
	inside  gate           // HTTPS requests

	closing  sync.Once
	closeErr error
}

// Open opens the storage directory and starts what runs in the background: the
// index, garbage collection and scrub, as the settings say. Nobody is served
// before Attach. Close the service after use. Errors say what is wrong with the
// directory or the files of the node.
func Open(cfg Config) (*Service, error) {
	if err := cfg.check(); err != nil {
		return nil, err
	}
	swissnum, err := swissnumOf(cfg)
	if err != nil {
		return nil, err
	}
	s := &Service{cfg: cfg, swissnum: swissnum}
	if err := s.openStore(); err != nil {
		return nil, fmt.Errorf("open storage in %s: %w", cfg.Node.Storage.Dir, err)
	}
	s.foolscap = storagerpc.NewServer(s.store, storagerpc.ServerOptions{Logger: cfg.Log})
	if cfg.Node.Storage.Anonymous && !cfg.Node.Storage.ForceFoolscap {
		s.serveHTTPS()
	}
	s.logSettings()
	return s, nil
}

func (s *Service) openStore() (err error) {
	if s.fs, err = sharefs.NewOS(s.cfg.Node.Storage.Dir); err != nil {
		return err
	}
	cfg := s.cfg.store()
	cfg.FS, cfg.Observe, cfg.Count = s.fs, s.observed.observe, s.observed.count
	if s.store, err = sharestore.Open(cfg); err != nil {
		return errors.Join(err, s.fs.Close())
	}
	return nil
}

// serveHTTPS serves the connections that the Tub hands over.
func (s *Service) serveHTTPS() {
	handler := storagehttp.NewHandler(s.store, s.swissnum, storagehttp.HandlerOptions{Logger: s.cfg.Log})
	s.server = storagehttp.NewServer(s.counted(handler), storagehttp.ServerOptions{MaxConns: s.cfg.MaxHTTPSConns})
	s.conns = newHandover(storagehttp.ServerTLS(s.cfg.Certificate.TLS()))
	s.serving.Go(func() { _ = s.server.Serve(s.conns) }) // ends when the handover does
}

// counted lets requests in while the store is open.
func (s *Service) counted(handler http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !s.inside.enter() {
			w.Header().Set("Connection", "close")
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		defer s.inside.leave()
		handler.ServeHTTP(w, r)
	})
}

func (s *Service) logSettings() {
	set := s.cfg.Node.Storage
	s.cfg.Log.Info("storage is open", "dir", set.Dir, "readonly", set.ReadOnly,
		"reserved_space", set.ReservedSpace, "size_limit", set.SizeLimit, "scrub_rate", set.ScrubRate,
		"expire", set.Expire.Enabled, "https", s.server != nil)
	if set.Discard {
		s.cfg.Log.Warn("[storage] debug_discard is set: what is stored is thrown away")
	}
}

// OtherProtocol is for the Options of the Tub: it takes the connections that
// speak HTTPS. It is nil, which closes them, if there is no HTTPS: with
// force_foolscap, or without anonymous access.
func (s *Service) OtherProtocol() func(net.Conn) {
	if s.conns == nil {
		return nil
	}
	return s.conns.take
}

// Core is the storage server for clients in this process. Do not use it after
// Close.
func (s *Service) Core() grid.StorageCore { return s.store }

// StopAccepting closes what comes in from now on over HTTPS. Foolscap is the
// Tub's.
func (s *Service) StopAccepting(context.Context) error {
	if s.server != nil {
		s.server.SetKeepAlivesEnabled(false)
		s.conns.end()
	}
	return nil
}

// Drain waits until requests over HTTPS that have begun are answered, or ctx
// ends: then they are cut, and that is an error.
func (s *Service) Drain(ctx context.Context) error {
	if s.server == nil {
		return nil
	}
	if err := s.server.Shutdown(ctx); err != nil {
		return errors.Join(err, s.server.Close())
	}
	return nil
}

// Close ends everything, and writes out the index, so that the next start finds
// it good. The Tub must be closed, and clients in this process must have ended.
// Requests over HTTPS that still run are cut; the store is closed when they have
// noticed, at the latest when ctx ends. A second call answers what the first did.
func (s *Service) Close(ctx context.Context) error {
	s.closing.Do(func() { s.closeErr = s.close(ctx) })
	return s.closeErr
}

func (s *Service) close(ctx context.Context) error {
	var errs []error
	if s.server != nil {
		s.conns.end()
		errs = append(errs, s.server.Close(), s.inside.close(ctx))
		s.serving.Wait()
	}
	if err := errors.Join(append(errs, s.store.Close(), s.fs.Close())...); err != nil {
		return fmt.Errorf("close storage in %s: %w", s.cfg.Node.Storage.Dir, err)
	}
	return nil
}
