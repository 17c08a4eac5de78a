package sftpfilter

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// Types of packets.
const (
	typeInit          = 1
	typeVersion       = 2
	typeOpen          = 3
	typeClose         = 4
	typeRead          = 5
	typeWrite         = 6
	typeFstat         = 8
	typeFsetstat      = 10
	typeReaddir       = 12
	typeSymlink       = 20 // the last of version 3
	typeStatus        = 101
	typeHandle        = 102
	typeExtended      = 200
	typeExtendedReply = 201
)

// Status codes.
const (
	statusOK          = 0
	statusNoSuchFile  = 2
	statusFailure     = 4
	statusBadMessage  = 5
	statusUnsupported = 8
)

// Sizes in bytes. OpenSSH's server has the same.
const (
	// MaxPacket is the largest packet, its length field not counted.
	MaxPacket = 256 << 10
	// MaxData is how much one packet reads or writes.
	MaxData = MaxPacket - 1024
	// maxHandle is the length of a handle.
	maxHandle = 256
)

// permissionsFlag says that attributes hold permissions; the others are in front
// of them.
const (
	sizeFlag        = 1
	ownerFlag       = 2
	permissionsFlag = 4
)

var errPacket = errors.New("SFTP packet is empty or too long")

// readPacket reads a packet into a buffer, which grows as needed, and returns it
// with its length field.
func readPacket(r io.Reader, buffer []byte) ([]byte, error) {
	buffer = append(buffer[:0], 0, 0, 0, 0)
	if _, err := io.ReadFull(r, buffer); err != nil {
		return buffer, err
	}
	length := binary.BigEndian.Uint32(buffer)
	if length == 0 || length > MaxPacket {
		return buffer, errPacket
	}
	total := 4 + int(length)
	if cap(buffer) < total {
		buffer = append(make([]byte, 0, total), buffer...)
	}
	buffer = buffer[:total]
	if _, err := io.ReadFull(r, buffer[4:]); err != nil {
		return buffer, fmt.Errorf("SFTP packet is cut short: %w", io.ErrUnexpectedEOF)
	}
	return buffer, nil
}

// fields takes a packet apart. After a field that is not there it is broken, and
// gives zeros.
type fields struct {
	rest   []byte
	broken bool
}

func (f *fields) take(n int) []byte {
	if f.broken || n < 0 || n > len(f.rest) {
		f.broken = true
		return nil
	}
	taken := f.rest[:n]
	f.rest = f.rest[n:]
	return taken
}

func (f *fields) uint32() uint32 {
	if b := f.take(4); b != nil {
		return binary.BigEndian.Uint32(b)
	}
	return 0
}

func (f *fields) uint64() uint64 {
	if b := f.take(8); b != nil {
		return binary.BigEndian.Uint64(b)
	}
	return 0
}

// text takes a string of at most max bytes.
func (f *fields) text(max int) string {
	n := f.uint32()
	if uint64(n) > uint64(max) {
		f.broken = true
		return ""
	}
	return string(f.take(int(n)))
}

func appendString(p []byte, s string) []byte {
	return append(binary.BigEndian.AppendUint32(p, uint32(len(s))), s...)
}

// newPacket begins a packet; finish sets its length.
func newPacket(kind byte, id uint32) []byte {
	return binary.BigEndian.AppendUint32([]byte{0, 0, 0, 0, kind}, id)
}

func finish(p []byte) []byte {
	binary.BigEndian.PutUint32(p, uint32(len(p)-4))
	return p
}

func statusPacket(id, code uint32, message string) []byte {
	p := binary.BigEndian.AppendUint32(newPacket(typeStatus, id), code)
	return finish(appendString(appendString(p, message), ""))
}

// extensions are what the version packet offers: the server's own and ours.
var extensions = []struct{ name, version string }{
	{"posix-rename@openssh.com", "1"},
	{"statvfs@openssh.com", "2"},
	{"fstatvfs@openssh.com", "2"},
	{"hardlink@openssh.com", "1"},
	{"fsync@openssh.com", "1"},
	{"limits@openssh.com", "1"},
	{"copy-data", "1"},
}

func versionPacket() []byte {
	p := binary.BigEndian.AppendUint32([]byte{0, 0, 0, 0, typeVersion}, 3)
	for _, e := range extensions {
		p = appendString(appendString(p, e.name), e.version)
	}
	return finish(p)
}

// limitsPacket answers limits@openssh.com.
func limitsPacket(id uint32, handles int) []byte {
	p := newPacket(typeExtendedReply, id)
	for _, n := range []uint64{MaxPacket, MaxData, MaxData, uint64(handles)} {
		p = binary.BigEndian.AppendUint64(p, n)
	}
	return finish(p)
}

// rewriteOpen appends to buffer an open packet with no attributes but the
// permissions. ok is false if it cannot be read.
func rewriteOpen(buffer, packet []byte) (rewritten []byte, ok bool) {
	f := fields{rest: packet[5:]}
	f.take(4)
	path := f.uint32()
	if uint64(path) > MaxPacket {
		return nil, false
	}
	f.take(int(path))
	f.take(4)
	kept := len(packet) - len(f.rest)
	flags := f.uint32()
	if flags&sizeFlag != 0 {
		f.take(8)
	}
	if flags&ownerFlag != 0 {
		f.take(8)
	}
	var mode []byte
	if flags&permissionsFlag != 0 {
		mode = f.take(4)
	}
	if f.broken {
		return nil, false
	}
	buffer = append(buffer[:0], packet[:kept]...)
	buffer = binary.BigEndian.AppendUint32(buffer, flags&permissionsFlag)
	return finish(append(buffer, mode...)), true
}
