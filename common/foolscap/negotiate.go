package foolscap

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha1"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"

	"github.com/besn0847/arm-tahoe/common/banana"
	"github.com/besn0847/arm-tahoe/common/grid"
)

// The facts of negotiation (negotiate.py).
const (
	bananaVersion = 3 // the only one
	maxBlockSize  = 4096
	blockEnd      = "\r\n\r\n"
	duplicateText = "Duplicate connection"
	internalText  = "internal server error, see logs"
)

// NegotiationError says why two Tubs did not come together.
type NegotiationError struct {
	Text string
	// Remote says that the peer found it, else we did and told the peer.
	Remote bool
}

// Error returns the text.
func (e *NegotiationError) Error() string {
	if e.Remote {
		return fmt.Sprintf("the peer refused: %q", e.Text)
	}
	return "negotiation: " + e.Text
}

// ErrWrongTub says that another Tub answered than the one dialled.
var ErrWrongTub = errors.New("connected to the wrong Tub")

// errLate says that another hint was faster.
var errLate = errors.New("another connection was made in the meantime")

// readBlock reads up to an empty line and returns what is before it. After it,
// nothing is taken from in.
func readBlock(in *bufio.Reader) ([]byte, error) {
	var block []byte
	for !bytes.HasSuffix(block, []byte(blockEnd)) {
		line, err := in.ReadSlice('\n')
		if block = append(block, line...); len(block) > maxBlockSize || err == bufio.ErrBufferFull {
			return nil, fmt.Errorf("negotiation block of more than %d bytes", maxBlockSize)
		}
		if err != nil {
			return nil, err
		}
	}
	return block[:len(block)-len(blockEnd)], nil
}

// parseBlock reads "key: value" lines. Keys come in any case; the last of equal
// ones counts.
func parseBlock(block []byte) (map[string]string, error) {
	fields := map[string]string{}
	for line := range strings.SplitSeq(string(block), "\r\n") {
		key, value, ok := strings.Cut(line, ":")
		if !ok {
			return nil, errors.New("line without a colon in negotiation block")
		}
		fields[strings.ToLower(key)] = strings.TrimLeft(value, " \t")
	}
	return fields, nil
}

// appendBlock writes a block, keys sorted as the original does.
func appendBlock(dst []byte, fields map[string]string) []byte {
	keys := make([]string, 0, len(fields))
	for key := range fields {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	for _, key := range keys {
		dst = append(append(append(append(dst, key...), ": "...), fields[key]...), "\r\n"...)
	}
	return append(dst, "\r\n"...)
}

// errorBlock tells the peer why.
func errorBlock(err error) []byte {
	text := internalText
	var known *NegotiationError
	if errors.As(err, &known) {
		text = known.Text
	}
	return appendBlock(nil, map[string]string{"banana-decision-version": "1", "error": text})
}

// negotiation is the encrypted part, in either role.
type negotiation struct {
	tub      *Tub
	wanted   *target // nil if the peer dialled
	conn     *tls.Conn
	in       *bufio.Reader
	activity *activity
	claim    func() bool // see install

	peer  grid.TubID
	offer map[string]string
}

// negotiate works on a connection whose deadlines are set, and returns a
// connection that has started. If it fails, the peer has been told; the caller
// closes conn. A client passes the tub it wants and a claim for install; a server
// neither.
func (t *Tub) negotiate(ctx context.Context, conn *tls.Conn, wanted *target, claim func() bool) (*connection, error) {
	if err := conn.HandshakeContext(ctx); err != nil {
		return nil, fmt.Errorf("TLS: %w", err)
	}
	n := &negotiation{tub: t, wanted: wanted, conn: conn, activity: &activity{in: conn}, claim: claim}
	n.in = bufio.NewReaderSize(n.activity, maxBlockSize)
	if _, err := conn.Write(appendBlock(nil, n.hello())); err != nil {
		return nil, err
	}
	block, err := readBlock(n.in)
	if err == nil {
		n.offer, err = parseBlock(block)
	}
	if err != nil {
		return nil, n.refuse(err)
	}
	if text, ok := n.offer["error"]; ok {
		return nil, &NegotiationError{text, true}
	}
	if err := n.checkOffer(); err != nil {
		return nil, n.refuse(err)
	}
	if t.id.String() > n.peer.String() {
		return n.lead()
	}
	return n.follow()
}

// refuse tells the peer in a block.
func (n *negotiation) refuse(err error) error {
	_, _ = n.conn.Write(errorBlock(err))
	_ = n.conn.CloseWrite()
	return err
}

func (n *negotiation) hello() map[string]string {
	hello := map[string]string{
		"banana-negotiation-range":  fmt.Sprintf("%d %d", bananaVersion, bananaVersion),
		"initial-vocab-table-range": fmt.Sprintf("%d %d", banana.MinVocab, banana.MaxVocab),
		"my-incarnation":            n.tub.incarnation,
		"my-tub-id":                 n.tub.id.String(),
	}
	if n.wanted != nil {
		hello["last-connection"] = n.wanted.last
	}
	return hello
}

// checkOffer makes sure of version and identity (evaluateHello).
func (n *negotiation) checkOffer() error {
	versions, ok := n.offer["banana-negotiation-range"]
	if !ok {
		return &NegotiationError{Text: "No valid banana-negotiation sequence seen"}
	}
	if _, err := overlap(versions, bananaVersion, bananaVersion, "banana version"); err != nil {
		return err
	}
	certificates := n.conn.ConnectionState().PeerCertificates
	if len(certificates) == 0 {
		return errors.New("you must use a certificate to claim a TubID")
	}
	n.peer = sha1.Sum(certificates[0].Raw)
	if n.offer["my-tub-id"] != n.peer.String() {
		return errors.New("TubID mismatch")
	}
	if n.wanted != nil && n.peer != n.wanted.id {
		return ErrWrongTub
	}
	if n.peer == n.tub.id {
		return errors.New("peer has our own certificate")
	}
	return nil
}

// overlap chooses the highest number that both know (best_overlap).
func overlap(theirs string, least, most int, what string) (int, error) {
	fields := strings.Fields(theirs)
	if len(fields) != 2 {
		return 0, fmt.Errorf("%s: not a range", what)
	}
	theirLeast, err := strconv.Atoi(fields[0])
	if err != nil {
		return 0, fmt.Errorf("%s: not a range", what)
	}
	theirMost, err := strconv.Atoi(fields[1])
	if err != nil {
		return 0, fmt.Errorf("%s: not a range", what)
	}
	best := min(most, theirMost)
	if best < least {
		return 0, &NegotiationError{Text: fmt.Sprintf("I can't handle %s %d", what, best)}
	}
	if best < theirLeast {
		return 0, &NegotiationError{Text: fmt.Sprintf("You can't handle %s %d", what, best)}
	}
	return best, nil
}

// lead is the master's part: it decides and switches to Banana at once.
func (n *negotiation) lead() (*connection, error) {
	theirs, ok := n.offer["initial-vocab-table-range"]
	if !ok {
		theirs = "0 0"
	}
	table, err := overlap(theirs, banana.MinVocab, banana.MaxVocab, "initial vocab set")
	if err != nil {
		return nil, n.refuse(err)
	}
	c := n.connection(banana.VocabTable(table))
	c.incarnation = n.offer["my-incarnation"]
	old, err := n.tub.decide(c, n.offer, n.claim)
	if err != nil {
		return nil, n.refuse(err)
	}
	if old != nil {
		old.close(fmt.Errorf("%w: replaced by a new connection", ErrDisconnected))
	}
	n.finish(c, appendBlock(nil, map[string]string{
		"banana-decision-version":   strconv.Itoa(bananaVersion),
		"current-connection":        fmt.Sprintf("%s %d", n.tub.incarnation, c.seqnum),
		"initial-vocab-table-index": fmt.Sprintf("%d %s", table, banana.VocabTable(table).Hash()),
	}))
	return c, nil
}

// follow is the slave's part.
func (n *negotiation) follow() (*connection, error) {
	block, err := readBlock(n.in)
	if err != nil {
		return nil, err
	}
	decision, err := parseBlock(block)
	if err != nil {
		return nil, err
	}
	if text, ok := decision["error"]; ok {
		return nil, &NegotiationError{text, true}
	}
	vocab, err := checkDecision(decision)
	if err != nil {
		n.sendBananaError(err)
		return nil, err
	}
	c := n.connection(vocab)
	old, err := n.tub.obey(c, decision["current-connection"], n.claim)
	if err != nil {
		return nil, err
	}
	if old != nil {
		old.close(fmt.Errorf("%w: replaced by a new connection", ErrDisconnected))
	}
	n.finish(c, nil)
	return c, nil
}

// sendBananaError is for a master that has switched to Banana already.
func (n *negotiation) sendBananaError(err error) {
	w := banana.NewWriter(banana.VocabTable(0))
	w.Error(err.Error())
	if b := w.Take(); b != nil {
		_, _ = b.WriteTo(n.conn)
		b.Release()
	}
	_ = n.conn.CloseWrite()
}

func checkDecision(decision map[string]string) (*banana.Vocab, error) {
	if v := decision["banana-decision-version"]; v != strconv.Itoa(bananaVersion) {
		return nil, &NegotiationError{Text: fmt.Sprintf("I cannot handle banana-decision-version value of %q", v)}
	}
	choice, ok := decision["initial-vocab-table-index"]
	if !ok {
		return banana.VocabTable(0), nil
	}
	index, hash, _ := strings.Cut(choice, " ")
	number, err := strconv.Atoi(index)
	if err != nil || banana.VocabTable(number) == nil {
		return nil, &NegotiationError{Text: "initial vocab table index out of range"}
	}
	vocab := banana.VocabTable(number)
	if number > 0 && vocab.Hash() != hash {
		return nil, &NegotiationError{Text: fmt.Sprintf("Our hash for vocab-table-index %d (%s) does not match your hash", number, vocab.Hash())}
	}
	return vocab, nil
}

func (n *negotiation) connection(vocab *banana.Vocab) *connection {
	c := newConnection(n.tub, n.peer, n.conn, n.in, vocab)
	n.activity.conn = c
	return c
}

func (n *negotiation) finish(c *connection, decision []byte) {
	_ = n.conn.SetDeadline(noDeadline)
	c.log.Debug("connected", "master", decision != nil, "dialled", n.wanted != nil)
	c.start(decision)
}

// decide is the master's choice between an offer and the connection that there
// is (compareOfferAndExisting). It installs c and returns the one to close.
func (t *Tub) decide(c *connection, offer map[string]string, claim func() bool) (old *connection, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	old = t.connections[c.peer]
	if old != nil && !t.prefers(offer, old) {
		return nil, &NegotiationError{Text: duplicateText}
	}
	if err := t.install(c, claim); err != nil {
		return nil, err
	}
	t.masters[c.peer]++
	c.seqnum = t.masters[c.peer]
	forget(t, t.masters)
	return old, nil
}

// prefers says whether an offer is better than the connection that there is.
// t.mu is held.
func (t *Tub) prefers(offer map[string]string, existing *connection) bool {
	last, ok := offer["last-connection"]
	switch {
	case offer["my-incarnation"] == "" || !ok:
		return false // too old to tell
	case offer["my-incarnation"] != existing.incarnation:
		return true // the peer has restarted
	}
	incarnation, number, _ := strings.Cut(last, " ")
	switch incarnation {
	case "none":
		return false // another of its parallel attempts
	case t.incarnation:
		seqnum, err := strconv.ParseUint(strings.TrimSpace(number), 10, 64)
		// Equal: it knows of the connection and wants another nevertheless.
		return err == nil && seqnum == existing.seqnum
	}
	return true // it remembers a past life of ours
}

// obey installs the connection that a master chose, and returns the one to close.
func (t *Tub) obey(c *connection, current string, claim func() bool) (old *connection, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	old = t.connections[c.peer]
	if err := t.install(c, claim); err != nil {
		return nil, err
	}
	if fields := strings.Fields(current); len(fields) == 2 {
		t.slaves[c.peer] = fields[0] + " " + fields[1]
		forget(t, t.slaves)
	}
	return old, nil
}

// install makes c the connection to its peer. A claim, if there is one, says
// whether c may live: not if an attempt to connect was won by another connection.
// t.mu is held.
func (t *Tub) install(c *connection, claim func() bool) error {
	if t.closed {
		return ErrClosed
	}
	if len(t.all) >= t.limits.Connections {
		return fmt.Errorf("more than %d connections", t.limits.Connections)
	}
	if claim != nil && !claim() {
		return errLate
	}
	t.all[c] = struct{}{}
	t.connections[c.peer] = c
	if a := t.attempts[c.peer]; a != nil {
		a.succeed(c)
		delete(t.attempts, c.peer) // who comes when c is lost starts anew
	}
	return nil
}

// remembered is how many peers are remembered that are not connected.
const remembered = 20_000

// forget bounds what is remembered of peers that may never come back: there is a
// new Tub for every start of a Tahoe client. t.mu is held.
func forget[V any](t *Tub, table map[grid.TubID]V) {
	if len(table) <= remembered+len(t.connections) {
		return
	}
	for id := range table {
		if t.connections[id] == nil {
			delete(table, id)
			return
		}
	}
}

var _ net.Conn = (*tls.Conn)(nil)
