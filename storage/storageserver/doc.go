// Package storageserver is the storage service of a node: a share store, served
// over Foolscap and over HTTPS on the one port of the node's Tub, with what an
// operator sees of it.
//
// It belongs to the role storage, and mains compose it with a Tub, a web server
// and an introducer client. It knows no decryption key; it keeps no share itself
// (package sharestore does), and speaks no protocol itself (packages storagerpc
// and storagehttp do). It leaves out: the Tub and its listener, the publishing of
// the announcement, storage plugins.
//
//	s, err := storageserver.Open(cfg)           // the store is open; nobody is served
//	tub, err := foolscap.New(foolscap.Options{
//		Certificate:   cfg.Certificate,
//		OtherProtocol: s.OtherProtocol(),       // HTTPS
//		Limits:        storageserver.TubLimits(),
//	})
//	tub.SetLocation(hints)
//	fields, err := s.Attach(tub)                // registers; what to announce
//	go tub.Serve(ctx, storageserver.LimitPeers(listener, storageserver.MaxConnsPerPeer))
//	local := s.Core()                           // for clients in this process
//	mux.Handle("/storage", storageserver.StatusHandler(s))
//
// At the end, in this order: StopAccepting, Drain, the Tub's Close, Close. What
// was acknowledged is on the disk by then, so there is nothing to do for the
// stage Sync.
//
// Sources, of Tahoe-LAFS 1.20.0: client.py (get_anonymous_storage_server,
// init_storage, _init_permutation_seed), protocol_switch.py (add_storage_server),
// node.py (get_grid_manager_certificates), storage/server.py (get_stats,
// get_latencies, count), storage/crawler.py and storage/expirer.py (get_state,
// get_progress), web/storage.py.
//
// # Limits
//
// A peer that is not negotiated, and one that sends its TLS or its headers
// slowly, is cut after FirstBytesTimeout of package foolscap or HeaderTime of
// package storagehttp; the oldest of them gives way to the next. So the sockets
// are at most MaxHalfOpen + MaxFoolscapConns + MaxHTTPSConns = 2,512, whatever
// comes, and one address has at most MaxConnsPerPeer of them. All of them
// together take less than MaxConnMemory while they are idle, which tests hold:
// measured on amd64, 4,000 that want to stay keep 28 MiB with HTTPS and half
// open, and a Foolscap connection takes 27 KiB. What requests hold is bounded by
// the packages of the protocols.
package storageserver
