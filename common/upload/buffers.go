package upload

const (
	// BufferSize is how many bytes are gathered into one write to a server that
	// is not in this process. 1.20 gathers a million.
	BufferSize = 512 << 10
	// MaxBuffers bounds the writes in memory of all uploads of an Uploader.
	MaxBuffers = 32
	// maxInFlight is how many writes of one share are on their way at once.
	maxInFlight = 2
)

// buffers hands out at most MaxBuffers buffers. Those that are given back are
// kept for the next while there is an Uploader; they are made when first used.
type buffers struct {
	free  chan []byte
	spare chan struct{} // how many may still be made
}

func newBuffers() *buffers {
	b := &buffers{free: make(chan []byte, MaxBuffers), spare: make(chan struct{}, MaxBuffers)}
	for range MaxBuffers {
		b.spare <- struct{}{}
	}
	return b
}

// get returns an empty buffer of BufferSize, or nil if all are in use.
func (b *buffers) get() []byte {
	select {
	case buf := <-b.free:
		return buf
	default:
	}
	select {
	case buf := <-b.free:
		return buf
	case <-b.spare:
		return make([]byte, 0, BufferSize)
	default:
		return nil
	}
}

// put takes a buffer back. nil is allowed.
func (b *buffers) put(buf []byte) {
	if buf != nil {
		b.free <- buf[:0]
	}
}

// trim lets go of the memory of buffers that nobody uses.
func (b *buffers) trim() {
	for {
		select {
		case <-b.free:
			b.spare <- struct{}{}
		default:
			return
		}
	}
}

// made counts the buffers that exist.
func (b *buffers) made() int { return MaxBuffers - len(b.spare) }
