package sftpserver

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"sync"
	"syscall"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/besn0847/arm-tahoe/common/secret"
	"github.com/besn0847/arm-tahoe/sftpgw/sftpfs"
)

// Accounts say who may log in, and for which cap. The error is for the log. It
// must take as long for an unknown name as for a wrong password.
type Accounts interface {
	Password(ctx context.Context, name, password string) (secret.CapText, error)
	Key(name string, key ssh.PublicKey) (secret.CapText, error)
}

// Limits bounds what clients may take; zero fields are those of DefaultLimits.
type Limits struct {
	// Connections that have logged in, of all users and of one.
	Connections, PerUser int
	// Sessions is how many SFTP sessions a connection may have at a time.
	Sessions int
	// Strangers are connections that have not logged in yet, of all addresses and
	// of one. Many people may share an address, but they log in quickly.
	Strangers, StrangersPerAddress int
	// Login is how long a client may take to log in.
	Login time.Duration
}

// DefaultLimits are for a machine with 1 GB of memory.
var DefaultLimits = Limits{
	Connections: 64, PerUser: 32, Sessions: 8,
	Strangers: 32, StrangersPerAddress: 16, Login: 2 * time.Minute,
}

// maxAuthTries is how many keys and passwords a client may try: agents hold many
// keys, and passwords take their time.
const maxAuthTries = 20

// Config says what a server is made of.
type Config struct {
	HostKeys []ssh.Signer
	Accounts Accounts
	Files    *sftpfs.Gateway
	Limits   Limits
	Log      *slog.Logger
}

// Server serves SFTP. Use New.
type Server struct {
	config Config
	log    *slog.Logger
	limits Limits

	// ctx is that of all connections; cancel ends them.
	ctx    context.Context
	cancel context.CancelFunc
	conns  sync.WaitGroup

	mu        sync.Mutex // guards what is below
	draining  bool
	listeners map[net.Listener]bool
	strangers counter[string] // by address
	users     counter[string]
	sessions  map[*connection]bool
}

// New returns a server. Call Close to end it.
func New(config Config) *Server {
	ctx, cancel := context.WithCancel(context.Background())
	return &Server{
		config: config, log: config.Log, limits: config.Limits.orDefault(),
		ctx: ctx, cancel: cancel,
		listeners: make(map[net.Listener]bool), sessions: make(map[*connection]bool),
		strangers: counter[string]{each: make(map[string]int)}, users: counter[string]{each: make(map[string]int)},
	}
}

func (l Limits) orDefault() Limits {
	d := DefaultLimits
	for _, f := range []struct{ value, standard *int }{
		{&l.Connections, &d.Connections}, {&l.PerUser, &d.PerUser}, {&l.Sessions, &d.Sessions},
		{&l.Strangers, &d.Strangers}, {&l.StrangersPerAddress, &d.StrangersPerAddress},
	} {
		if *f.value == 0 {
			*f.value = *f.standard
		}
	}
	if l.Login == 0 {
		l.Login = d.Login
	}
	return l
}

// counter counts things of several owners. The server's mu guards it.
type counter[K comparable] struct {
	all  int
	each map[K]int
}

// take counts one more, if neither all nor those of the owner are too many.
func (c *counter[K]) take(owner K, maxAll, maxEach int) bool {
	if c.all >= maxAll || c.each[owner] >= maxEach {
		return false
	}
	c.all++
	c.each[owner]++
	return true
}

func (c *counter[K]) give(owner K) {
	c.all--
	if c.each[owner]--; c.each[owner] == 0 {
		delete(c.each, owner)
	}
}

// Serve accepts connections until the listener is closed, by StopAccepting or
// Close, which is nil, or breaks.
func (s *Server) Serve(listener net.Listener) error {
	s.mu.Lock()
	if s.draining {
		s.mu.Unlock()
		return listener.Close()
	}
	s.listeners[listener] = true
	s.mu.Unlock()
	for {
		conn, err := listener.Accept()
		switch {
		case errors.Is(err, net.ErrClosed):
			return nil
		case err != nil && !temporary(err):
			return err
		case err != nil:
			s.log.Warn("sftp: accept a connection", "err", err)
			s.pause()
		default:
			s.admit(conn)
		}
	}
}

// temporary tells whether accepting may work again later: the client has gone
// already, or there are too many open files.
func temporary(err error) bool {
	return errors.Is(err, syscall.ECONNABORTED) || errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE)
}

func (s *Server) pause() {
	select {
	case <-time.After(time.Second):
	case <-s.ctx.Done():
	}
}

// admit serves a connection, unless there are too many.
func (s *Server) admit(conn net.Conn) {
	address := host(conn.RemoteAddr())
	s.mu.Lock()
	ok := !s.draining && s.strangers.take(address, s.limits.Strangers, s.limits.StrangersPerAddress)
	if ok {
		s.conns.Add(1)
	}
	s.mu.Unlock()
	if !ok {
		s.log.Warn("sftp: too many connections that have not logged in; one more is closed", "peer", address)
		conn.Close() // it was not used
		return
	}
	go func() {
		defer s.conns.Done()
		s.serve(conn, address)
	}()
}

func host(address net.Addr) string {
	if tcp, ok := address.(*net.TCPAddr); ok {
		return tcp.IP.String()
	}
	return address.String()
}

// serve has a client log in and serves it.
func (s *Server) serve(conn net.Conn, address string) {
	stop := context.AfterFunc(s.ctx, func() { conn.Close() })
	defer stop()
	defer conn.Close() // a second time in most cases
	login, channels, requests, err := s.login(conn)
	s.mu.Lock()
	s.strangers.give(address)
	ok := err == nil && !s.draining && s.users.take(login.User(), s.limits.Connections, s.limits.PerUser)
	s.mu.Unlock()
	if err != nil {
		s.log.Debug("sftp: no login", "peer", address, "err", err)
		return
	}
	if !ok {
		s.log.Warn("sftp: too many connections; one more is closed", "user", login.User(), "peer", address)
		return
	}
	defer func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.users.give(login.User())
	}()
	s.log.Info("sftp: login", "user", login.User(), "peer", address)
	c := newConnection(s, login)
	c.serve(channels, requests)
	s.log.Debug("sftp: connection closed", "user", login.User(), "peer", address)
}

// capKey is where the permissions of a login keep its cap.
type capKey struct{}

// login does SSH's handshake and has the client log in.
func (s *Server) login(conn net.Conn) (*ssh.ServerConn, <-chan ssh.NewChannel, <-chan *ssh.Request, error) {
	ctx, cancel := context.WithTimeout(s.ctx, s.limits.Login)
	defer cancel()
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()
	server, channels, requests, err := ssh.NewServerConn(conn, s.sshConfig(ctx))
	if err == nil && !stop() {
		err = ctx.Err()
	}
	return server, channels, requests, err
}

// StopAccepting closes listeners. Sessions go on.
func (s *Server) StopAccepting(context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.draining = true
	var errs []error
	for listener := range s.listeners {
		errs = append(errs, listener.Close())
	}
	clear(s.listeners)
	return errors.Join(errs...)
}

// Drain has sessions end: they take no more requests, and files that were closed
// are stored. It returns when all have, or with the error of ctx.
func (s *Server) Drain(ctx context.Context) error {
	s.mu.Lock()
	for c := range s.sessions {
		c.hangUp()
	}
	s.mu.Unlock()
	return s.wait(ctx)
}

// Close ends all connections at once.
func (s *Server) Close(ctx context.Context) error {
	err := s.StopAccepting(ctx)
	s.cancel()
	return errors.Join(err, s.wait(ctx))
}

func (s *Server) wait(ctx context.Context) error {
	done := make(chan struct{})
	go func() {
		s.conns.Wait()
		close(done)
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
