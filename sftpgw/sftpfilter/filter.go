package sftpfilter

import (
	"encoding/binary"
	"errors"
	"io"
	"sync"

	"github.com/pkg/sftp"

	"github.com/besn0847/arm-tahoe/sftpgw/sftpfs"
)

// MaxTasks bounds the files of one session that are stored, synced or copied at
// the same time.
const MaxTasks = 32

// Filter is the connection that a request server gets instead of the channel.
type Filter struct {
	channel io.ReadWriter
	session *sftpfs.Session
	pipe    *io.PipeReader // what the server reads
	feed    *io.PipeWriter // whole packets, one for each Write
	tasks   chan struct{}  // one element for each task
	running sync.WaitGroup
	ended   chan struct{} // closed by End
	once    sync.Once

	gate    sync.Mutex // held while a packet is dealt with; guards stopped
	stopped bool

	pending pending

	mu      sync.Mutex // guards handles
	handles map[string]sftpfs.Handle

	out    sync.Mutex // guards writes of whole packets to the channel
	packet []byte     // what the server has written of a packet; only the server writes
}

// New returns a filter for a channel and the session whose handlers the server
// calls. Serve must run beside the server.
func New(channel io.ReadWriter, session *sftpfs.Session) *Filter {
	f := &Filter{channel: channel, session: session, tasks: make(chan struct{}, MaxTasks), handles: make(map[string]sftpfs.Handle), ended: make(chan struct{})}
	f.pipe, f.feed = io.Pipe()
	f.pending.changed.L = &f.pending.mu
	return f
}

// pending counts the packets that the server has not answered. At the end of its
// input it may forget answers that it has ready, so it gets the end only after it
// has answered everything.
type pending struct {
	mu      sync.Mutex // guards what is below
	changed sync.Cond
	number  int
	broken  bool // the server has ended
}

func (p *pending) add(n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.number += n
	p.changed.Broadcast()
}

func (p *pending) give() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.broken = true
	p.changed.Broadcast()
}

func (p *pending) wait() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for p.number > 0 && !p.broken {
		p.changed.Wait()
	}
}

// toServer gives the server a packet.
func (f *Filter) toServer(packet []byte) error {
	f.pending.add(1)
	_, err := f.feed.Write(packet)
	return err
}

// endServer gives the server the end of its input, after it has answered.
func (f *Filter) endServer() {
	f.running.Wait()
	f.pending.wait()
	f.feed.Close() // never fails
}

// Read gives the server its packets.
func (f *Filter) Read(p []byte) (int, error) { return f.pipe.Read(p) }

// Close ends the reading of the server, which calls it, and Serve.
func (f *Filter) Close() error {
	f.pending.give()
	return f.pipe.Close()
}

// Serve passes packets on until the channel ends, which is nil, or breaks, or
// until End. It returns after everything that it has begun: files that were
// closed are stored.
func (f *Filter) Serve() error {
	done := make(chan struct{})
	var watcher sync.WaitGroup
	watcher.Go(func() { f.watch(done) })
	err := f.pump()
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrClosedPipe) {
		err = nil
	}
	close(done)
	watcher.Wait()
	f.endServer()
	return err
}

// End has no further requests served, and ends the server when the files that
// were closed are stored. It does not wait for that.
func (f *Filter) End() { f.once.Do(func() { close(f.ended) }) }

// watch carries out End.
func (f *Filter) watch(done <-chan struct{}) {
	select {
	case <-f.ended:
		f.gate.Lock()
		f.stopped = true
		f.gate.Unlock()
		f.endServer()
	case <-done:
	}
}

// pump passes packets on.
func (f *Filter) pump() error {
	var buffer, scratch []byte
	for {
		packet, err := readPacket(f.channel, buffer)
		buffer = packet
		if err != nil {
			return err
		}
		if packet[4] == typeOpen {
			if rewritten, ok := rewriteOpen(scratch, packet); ok {
				packet, scratch = rewritten, rewritten
			}
		}
		if more, err := f.pass(packet); !more || err != nil {
			return err
		}
	}
}

// pass deals with a packet or gives it to the server. more is false after End.
func (f *Filter) pass(packet []byte) (more bool, err error) {
	f.gate.Lock()
	defer f.gate.Unlock()
	if f.stopped {
		return false, nil
	}
	if !f.handle(packet) {
		err = f.toServer(packet)
	}
	return true, err
}

// handle deals with a packet. done is false if it is for the server.
func (f *Filter) handle(packet []byte) (done bool) {
	kind, in := packet[4], &fields{rest: packet[5:]}
	if kind == typeInit {
		return false
	}
	id := in.uint32()
	if in.broken {
		return false // the server ends the session
	}
	switch {
	case kind == typeRead || kind == typeWrite:
		return f.transfer(id, kind, in)
	case kind == typeFstat || kind == typeFsetstat || kind == typeReaddir:
		return f.check(id, kind, in)
	case kind == typeClose:
		return f.close(id, in, packet)
	case kind == typeExtended:
		return f.extended(id, in)
	case kind > typeSymlink || kind == typeVersion:
		f.reply(statusPacket(id, statusUnsupported, "unknown request"))
		return true
	}
	return false
}

// transfer checks the handle of a read or write.
func (f *Filter) transfer(id uint32, kind byte, in *fields) (done bool) {
	name := in.text(maxHandle)
	in.take(8)
	length := in.uint32()
	if kind == typeWrite {
		in.take(int(length))
	}
	if in.broken {
		return false
	}
	file, ok := f.lookup(name).(*sftpfs.FileHandle)
	switch {
	case !ok:
		f.reply(statusPacket(id, statusFailure, "invalid handle"))
	case kind == typeRead && !file.Readable() || kind == typeWrite && !file.Writable():
		// EBADF, for which OpenSSH's server says this
		f.reply(statusPacket(id, statusNoSuchFile, "the handle was opened for something else"))
	default:
		if kind == typeWrite {
			file.Expect()
		}
		return false
	}
	return true
}

// check refuses handles that nobody gave out, and those of files for readdir.
func (f *Filter) check(id uint32, kind byte, in *fields) (done bool) {
	h := f.lookup(in.text(maxHandle))
	_, dir := h.(*sftpfs.DirHandle)
	if in.broken || h != nil && (kind != typeReaddir || dir) {
		return false
	}
	f.reply(statusPacket(id, statusFailure, "invalid handle"))
	return true
}

// close has a file stored before the server closes it.
func (f *Filter) close(id uint32, in *fields, packet []byte) (done bool) {
	name := in.text(maxHandle)
	if in.broken {
		return false
	}
	h := f.lookup(name)
	if h == nil {
		f.reply(statusPacket(id, statusFailure, "invalid handle"))
		return true
	}
	f.mu.Lock()
	delete(f.handles, name)
	f.mu.Unlock()
	file, ok := h.(*sftpfs.FileHandle)
	if !ok || !file.Writable() {
		return false
	}
	file.Begin()
	passed := append([]byte(nil), packet...)
	f.task(func() {
		file.Finish()
		f.toServer(passed) // an error means that the session has ended
	})
	return true
}

// task runs something beside other requests.
func (f *Filter) task(do func()) {
	f.tasks <- struct{}{}
	f.running.Go(func() {
		defer func() { <-f.tasks }()
		do()
	})
}

func (f *Filter) lookup(name string) sftpfs.Handle {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.handles[name]
}

// reply sends a packet of our own. An error is the server's to find.
func (f *Filter) reply(packet []byte) {
	f.out.Lock()
	defer f.out.Unlock()
	f.channel.Write(packet)
}

// Write takes the server's packets, in pieces of any size, and passes on whole
// ones.
func (f *Filter) Write(p []byte) (n int, err error) {
	for n < len(p) {
		if err := f.send(f.collect(p, &n)); err != nil {
			return n, err
		}
	}
	return n, nil
}

// collect takes bytes at n until the packet is complete, which it then returns,
// and otherwise nil.
func (f *Filter) collect(p []byte, n *int) (packet []byte) {
	want := 4
	if len(f.packet) >= 4 {
		want += int(binary.BigEndian.Uint32(f.packet))
	}
	take := min(want-len(f.packet), len(p)-*n)
	f.packet = append(f.packet, p[*n:*n+take]...)
	*n += take
	if len(f.packet) < 4 || len(f.packet) < 4+int(binary.BigEndian.Uint32(f.packet)) {
		return nil
	}
	packet = f.packet
	f.packet = f.packet[:0]
	return packet
}

// send passes a packet of the server on, and learns of new handles.
func (f *Filter) send(packet []byte) error {
	if len(packet) < 5 {
		return nil
	}
	switch packet[4] {
	case typeVersion:
		packet = versionPacket()
	case typeHandle:
		in := fields{rest: packet[5:]}
		in.take(4) // the id
		name := in.text(maxHandle)
		f.mu.Lock()
		f.handles[name] = f.session.Opened()
		f.mu.Unlock()
	}
	f.out.Lock()
	defer f.out.Unlock()
	_, err := f.channel.Write(packet)
	f.pending.add(-1)
	return err
}

var _ io.ReadWriteCloser = (*Filter)(nil)

// NewServer returns a request server for the filter and its session.
func (f *Filter) NewServer() *sftp.RequestServer {
	return sftp.NewRequestServer(f, f.session.Handlers(), sftp.WithRSMaxTxPacket(MaxData))
}
