package sftpserver

import (
	"context"
	"fmt"
	"io"
	"sync"

	"golang.org/x/crypto/ssh"

	"github.com/besn0847/arm-tahoe/common/secret"
	"github.com/besn0847/arm-tahoe/sftpgw/sftpfilter"
)

// onlySFTP is what a request for a shell or a program gets.
const onlySFTP = "This server speaks only SFTP: use sftp, sshfs, rclone or any other SFTP client.\r\n" +
	"It has no shell and runs no programs. For scp use a version that speaks SFTP (without -O).\r\n"

// connection is a client that has logged in.
type connection struct {
	server *Server
	login  *ssh.ServerConn
	cap    secret.CapText
	// ctx is that of the connection, and ends with it.
	ctx      context.Context
	cancel   context.CancelFunc
	channels sync.WaitGroup
	slots    chan struct{}

	mu   sync.Mutex // guards open
	open map[*channel]bool
}

func newConnection(s *Server, login *ssh.ServerConn) *connection {
	c := &connection{server: s, login: login, slots: make(chan struct{}, s.limits.Sessions), open: make(map[*channel]bool)}
	c.cap, _ = login.Permissions.ExtraData[capKey{}].(secret.CapText)
	c.ctx, c.cancel = context.WithCancel(s.ctx)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sessions[c] = true
	return c
}

// serve serves channels until the connection ends, and returns after all that
// was begun is done.
func (c *connection) serve(channels <-chan ssh.NewChannel, requests <-chan *ssh.Request) {
	defer func() {
		c.server.mu.Lock()
		defer c.server.mu.Unlock()
		delete(c.server.sessions, c)
	}()
	c.channels.Go(func() { ssh.DiscardRequests(requests) })
	for request := range channels {
		c.accept(request)
	}
	c.cancel()
	c.channels.Wait()
}

// accept serves a channel of the only type that there is.
func (c *connection) accept(request ssh.NewChannel) {
	if request.ChannelType() != "session" {
		request.Reject(ssh.Prohibited, "this server has no forwarding") // an error ends the connection
		return
	}
	select {
	case c.slots <- struct{}{}:
	default:
		request.Reject(ssh.ResourceShortage, "too many sessions in this connection")
		return
	}
	sshChannel, requests, err := request.Accept()
	if err != nil {
		<-c.slots
		return
	}
	ch := &channel{Channel: sshChannel, conn: c}
	c.mu.Lock()
	c.open[ch] = true
	c.mu.Unlock()
	c.channels.Go(func() {
		ch.serve(requests)
		c.mu.Lock()
		delete(c.open, ch)
		c.mu.Unlock()
		<-c.slots
	})
}

// hangUp has all sessions end as if their clients had said goodbye, and then the
// connection.
func (c *connection) hangUp() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for ch := range c.open {
		ch.end()
	}
	c.channels.Go(func() {
		c.waitIdle()
		c.login.Close() // the client may have closed it
	})
}

// waitIdle returns when no session is left.
func (c *connection) waitIdle() {
	for range cap(c.slots) {
		select {
		case c.slots <- struct{}{}:
		case <-c.ctx.Done():
			return
		}
	}
}

// channel is an SSH session of a connection.
type channel struct {
	ssh.Channel
	conn *connection

	mu     sync.Mutex // guards what is below
	ended  bool
	filter *sftpfilter.Filter // nil before the SFTP session begins
}

// serve answers the requests of a channel, of which one begins SFTP.
func (ch *channel) serve(requests <-chan *ssh.Request) {
	defer ch.Close() // a second time in most cases
	for r := range requests {
		switch r.Type {
		case "subsystem":
			var subsystem struct{ Name string }
			ok := ssh.Unmarshal(r.Payload, &subsystem) == nil && subsystem.Name == "sftp"
			r.Reply(ok, nil) // an error shows at the next use
			if ok {
				ch.conn.channels.Go(func() { ssh.DiscardRequests(requests) })
				ch.sftp()
				return
			}
		case "shell", "exec":
			r.Reply(true, nil)
			io.WriteString(ch.Stderr(), onlySFTP)
			ch.exit(1)
			return
		case "pty-req", "env": // ssh complains if it gets no terminal, before the sentence above
			r.Reply(true, nil)
		default:
			r.Reply(false, nil)
		}
	}
}

// exit tells the client how it ended, and closes the channel.
func (ch *channel) exit(status uint32) {
	ch.SendRequest("exit-status", false, ssh.Marshal(struct{ Status uint32 }{status}))
	ch.Close() // errors mean that the client has gone
}

// sftp serves SFTP until the client sends its end of file, or the connection
// breaks.
func (ch *channel) sftp() {
	log := ch.conn.server.log.With("user", ch.conn.login.User())
	session, err := ch.conn.server.config.Files.Open(ch.conn.ctx, ch.conn.login.User(), ch.conn.cap)
	if err != nil {
		log.Error("sftp: open the directory of the account", "err", err)
		fmt.Fprintf(ch.Stderr(), "The directory of this account cannot be opened; the log of the gateway says why.\r\n")
		ch.exit(1)
		return
	}
	filter := sftpfilter.New(ch, session)
	ch.mu.Lock()
	ch.filter = filter
	ended := ch.ended
	ch.mu.Unlock()
	if ended {
		ch.exit(0)
		return
	}
	if err := ch.transfer(filter); err != nil {
		log.Info("sftp: the session broke", "err", err)
		ch.exit(1)
		return
	}
	ch.exit(0)
}

// transfer runs the request server and the filter. The filter may go on reading
// until the channel is closed; the connection waits for it.
func (ch *channel) transfer(filter *sftpfilter.Filter) error {
	pumped := make(chan error, 1)
	ch.conn.channels.Go(func() { pumped <- filter.Serve() })
	served := filter.NewServer().Serve()
	filter.Close() // never fails
	ch.mu.Lock()
	ended := ch.ended
	ch.mu.Unlock()
	switch {
	case served != io.EOF:
		return served
	case ended:
		return nil
	}
	return <-pumped
}

// end has the session end as if the client had said goodbye.
func (ch *channel) end() {
	ch.mu.Lock()
	defer ch.mu.Unlock()
	ch.ended = true
	if ch.filter != nil {
		ch.filter.End()
	}
}
