package storagehttp

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"

	"golang.org/x/sync/errgroup"

	"github.com/besn0847/arm-tahoe/common/grid"
)

// Limits of one read-test-write; the first two are of 1.20's schema.
const (
	MaxTestVectors  = 30 // of one share
	MaxReadVectors  = 30
	MaxWriteVectors = 1 << 17 // of all shares; 1.20 has no limit
)

// slotRequest is the body of a read-test-write.
type slotRequest struct {
	writes map[grid.ShareNum]grid.SlotWrite
	reads  []grid.ReadVector
}

// slot serves POST mutable/SI/read-test-write.
func (h *Handler) slot(c *call) error {
	body, free, err := h.body(c, h.options.MaxSlotWrite)
	defer free()
	if err != nil {
		return err
	}
	s, err := parseSlot(body)
	if err != nil {
		return badBody(err)
	}
	secrets := grid.SlotSecrets{WriteEnabler: c.secrets.enabler, Lease: c.secrets.lease()}
	result, err := h.core.SlotTestvAndReadvAndWritev(c.ctx(), c.at.si, secrets, s.writes, s.reads)
	if err != nil {
		return err
	}
	return c.pieces(slotAnswer(result))
}

// pieces answers with a body in CBOR that may be long.
func (c *call) pieces(p pieces) error {
	if !acceptsCBOR(c.r.Header[headerAccept]) {
		return &refusal{status: http.StatusNotAcceptable}
	}
	parts := p.all()
	size := 0
	for _, b := range parts {
		size += len(b)
	}
	c.w.Header().Set(headerContentType, typeCBOR)
	c.w.Header().Set("Content-Length", strconv.Itoa(size))
	c.status = http.StatusOK
	for _, part := range parts {
		for b := range slices.Chunk(part, chunkSize) {
			c.pace()
			if _, err := c.w.Write(b); err != nil {
				return err
			}
		}
	}
	return nil
}

// pieceSize is the size from which share data is not copied.
const pieceSize = 4096

// pieces is a body that is made of text of its own and of share data, which
// stays where it is.
type pieces struct {
	done [][]byte
	open []byte // what is being appended to
}

// data appends a byte string.
func (p *pieces) data(b []byte) {
	p.open = appendHead(p.open, majorBytes, uint64(len(b)))
	if len(b) < pieceSize {
		p.open = append(p.open, b...)
		return
	}
	p.done = append(p.done, p.open, b)
	p.open = nil
}

func (p *pieces) all() [][]byte { return append(p.done, p.open) }

// slotBody is {"test-write-vectors": {N: {"test": [...], "write": [...],
// "new-length": uint or null}}, "read-vector": [...]}, the shares ascending.
func slotBody(s slotRequest) (p pieces) {
	p.open = appendText(appendHead(p.open, majorMap, 2), "test-write-vectors")
	p.open = appendHead(p.open, majorMap, uint64(len(s.writes)))
	for _, n := range slices.Sorted(maps.Keys(s.writes)) {
		p.open = appendHead(p.open, majorUint, uint64(n))
		p.write(s.writes[n])
	}
	p.open = appendHead(appendText(p.open, "read-vector"), majorArray, uint64(len(s.reads)))
	for _, v := range s.reads {
		p.open = appendHead(p.open, majorMap, 2)
		p.open = appendEntry(appendEntry(p.open, "offset", v.Offset), "size", v.Length)
	}
	return p
}

// write appends the changes to one share.
func (p *pieces) write(w grid.SlotWrite) {
	p.open = appendText(appendHead(p.open, majorMap, 3), "test")
	p.open = appendHead(p.open, majorArray, uint64(len(w.Tests)))
	for _, t := range w.Tests {
		p.open = appendHead(p.open, majorMap, 3)
		p.open = appendEntry(appendEntry(p.open, "offset", t.Offset), "size", t.Length)
		p.open = appendText(p.open, "specimen")
		p.data(t.Specimen)
	}
	p.open = appendHead(appendText(p.open, "write"), majorArray, uint64(len(w.Writes)))
	for _, v := range w.Writes {
		p.open = appendText(appendEntry(appendHead(p.open, majorMap, 2), "offset", v.Offset), "data")
		p.data(v.Data)
	}
	p.open = appendText(p.open, "new-length")
	if w.NewLength == nil {
		p.open = append(p.open, cborNull)
		return
	}
	p.open = appendHead(p.open, majorUint, uint64(*w.NewLength))
}

// parseSlot reads the body that slotBody writes. Share data in the result is
// part of the body.
func parseSlot(body []byte) (s slotRequest, err error) {
	var m struct {
		Writes raw `cbor:"test-write-vectors"`
		Reads  raw `cbor:"read-vector"`
	}
	if err := decode.Unmarshal(body, &m); err != nil {
		return s, err
	}
	if s.reads, err = parseReads(m.Reads); err != nil {
		return s, fmt.Errorf(`"read-vector": %w`, err)
	}
	shares, err := m.Writes.byNumber()
	if err != nil {
		return s, fmt.Errorf(`"test-write-vectors": %w`, err)
	}
	s.writes = make(map[grid.ShareNum]grid.SlotWrite, len(shares))
	room := MaxWriteVectors
	for number, item := range shares {
		n, err := number.shareNum()
		if err != nil {
			return s, err
		}
		w, err := parseSlotWrite(item, room)
		if err != nil {
			return s, fmt.Errorf(`"test-write-vectors" of share %d: %w`, n, err)
		}
		room -= len(w.Writes)
		s.writes[n] = w
	}
	return s, nil
}

func parseReads(array raw) ([]grid.ReadVector, error) {
	items, err := array.elements()
	if err != nil {
		return nil, err
	}
	if len(items) > MaxReadVectors {
		return nil, fmt.Errorf("more than %d", MaxReadVectors)
	}
	reads := make([]grid.ReadVector, len(items))
	for i, item := range items {
		var v struct {
			Offset number `cbor:"offset"`
			Size   number `cbor:"size"`
		}
		if err := decode.Unmarshal(item, &v); err != nil {
			return nil, err
		}
		if !v.Offset.present || !v.Size.present {
			return nil, errVector
		}
		reads[i] = grid.ReadVector{Offset: v.Offset.position(), Length: v.Size.position()}
	}
	return reads, nil
}

var errVector = errors.New("a vector lacks a key")

// parseSlotWrite reads the changes to one share, with at most room writes.
func parseSlotWrite(item raw, room int) (w grid.SlotWrite, err error) {
	var m struct {
		Test      raw `cbor:"test"`
		Write     raw `cbor:"write"`
		NewLength raw `cbor:"new-length"`
	}
	if len(item) == 0 || item[0]&majorMask != majorMap {
		return w, errNotMap
	}
	if err := decode.Unmarshal(item, &m); err != nil {
		return w, err
	}
	if w.Tests, err = parseTests(m.Test); err != nil {
		return w, fmt.Errorf(`"test": %w`, err)
	}
	if w.Writes, err = parseWrites(m.Write, room); err != nil {
		return w, fmt.Errorf(`"write": %w`, err)
	}
	if len(m.NewLength) == 1 && m.NewLength[0] == cborNull {
		return w, nil
	}
	var length number
	if err := missing("new-length", m.NewLength != nil); err != nil {
		return w, err
	}
	if err := decode.Unmarshal(m.NewLength, &length); err != nil {
		return w, fmt.Errorf(`"new-length": %w`, err)
	}
	newLength := length.position()
	w.NewLength = &newLength
	return w, nil
}

func parseTests(array raw) ([]grid.TestVector, error) {
	items, err := array.elements()
	if err != nil {
		return nil, err
	}
	if len(items) > MaxTestVectors {
		return nil, fmt.Errorf("more than %d", MaxTestVectors)
	}
	tests := make([]grid.TestVector, len(items))
	for i, item := range items {
		var v struct {
			Offset   number `cbor:"offset"`
			Size     number `cbor:"size"`
			Specimen octets `cbor:"specimen"`
		}
		if err := decode.Unmarshal(item, &v); err != nil {
			return nil, err
		}
		if !v.Offset.present || !v.Size.present || !v.Specimen.present {
			return nil, errVector
		}
		tests[i] = grid.TestVector{Offset: v.Offset.position(), Length: v.Size.position(), Specimen: v.Specimen.bytes}
	}
	return tests, nil
}

func parseWrites(array raw, room int) ([]grid.WriteVector, error) {
	items, err := array.elements()
	if err != nil {
		return nil, err
	}
	if len(items) > room {
		return nil, fmt.Errorf("more than %d in all", MaxWriteVectors)
	}
	writes := make([]grid.WriteVector, len(items))
	for i, item := range items {
		var v struct {
			Offset number `cbor:"offset"`
			Data   octets `cbor:"data"`
		}
		if err := decode.Unmarshal(item, &v); err != nil {
			return nil, err
		}
		if !v.Offset.present || !v.Data.present {
			return nil, errVector
		}
		writes[i] = grid.WriteVector{Offset: v.Offset.position(), Data: v.Data.bytes}
	}
	return writes, nil
}

// slotAnswer is {"success": bool, "data": {N: [bytes, ...]}}, the shares
// ascending.
func slotAnswer(r grid.TestvResult) (p pieces) {
	p.open = appendText(appendHead(p.open, majorMap, 2), "success")
	if r.Passed {
		p.open = append(p.open, cborTrue)
	} else {
		p.open = append(p.open, cborFalse)
	}
	p.open = appendHead(appendText(p.open, "data"), majorMap, uint64(len(r.Data)))
	for _, n := range slices.Sorted(maps.Keys(r.Data)) {
		p.open = appendHead(p.open, majorUint, uint64(n))
		p.open = appendHead(p.open, majorArray, uint64(len(r.Data[n])))
		for _, b := range r.Data[n] {
			p.data(b)
		}
	}
	return p
}

// parseSlotAnswer reads what slotAnswer writes. Data is part of the body.
func parseSlotAnswer(body []byte, reads []grid.ReadVector) (r grid.TestvResult, err error) {
	var m struct {
		Success truth `cbor:"success"`
		Data    raw   `cbor:"data"`
	}
	if err := decode.Unmarshal(body, &m); err != nil {
		return r, err
	}
	shares, err := m.Data.byNumber()
	if err != nil {
		return r, fmt.Errorf(`"data": %w`, err)
	}
	r.Passed, r.Data = m.Success.value, make(grid.ReadvData, len(shares))
	for number, item := range shares {
		n, err := number.shareNum()
		if err != nil {
			return r, err
		}
		if r.Data[n], err = parseData(item, reads); err != nil {
			return r, fmt.Errorf(`"data" of share %d: %w`, n, err)
		}
	}
	return r, missing("success", m.Success.present)
}

func parseData(array raw, reads []grid.ReadVector) ([][]byte, error) {
	items, err := array.elements()
	if err != nil {
		return nil, err
	}
	if len(items) != len(reads) {
		return nil, fmt.Errorf("%d byte strings for %d reads", len(items), len(reads))
	}
	data := make([][]byte, len(items))
	for i, item := range items {
		var b octets
		if err := b.UnmarshalCBOR(item); err != nil {
			return nil, err
		}
		if int64(len(b.bytes)) > reads[i].Length {
			return nil, errors.New("more bytes than were asked for")
		}
		data[i] = b.bytes
	}
	return data, nil
}

// SlotTestvAndReadvAndWritev implements grid.StorageServer. Beside what other
// servers do not accept, more than MaxTestVectors and MaxReadVectors are an
// *grid.ArgumentError. The node id of a *grid.BadWriteEnablerError is zero: HTTP
// does not carry it. Shares of the other kind, no space, and data too large are
// a *StatusError.
func (c *Client) SlotTestvAndReadvAndWritev(ctx context.Context, si grid.StorageIndex, secrets grid.SlotSecrets, writes map[grid.ShareNum]grid.SlotWrite, reads []grid.ReadVector) (grid.TestvResult, error) {
	if err := checkSlot(writes, reads); err != nil {
		return grid.TestvResult{}, err
	}
	body := slotBody(slotRequest{writes: writes, reads: reads})
	q := &request{
		method: http.MethodPost, at: place{end: endSlot, kind: grid.Mutable, si: si},
		secrets: requestSecrets{renew: secrets.Lease.Renewal, cancel: secrets.Lease.Cancel, enabler: secrets.WriteEnabler},
		data:    body.all(), cbor: true,
	}
	_, answer, err := c.small(ctx, q, MaxAnswerSize)
	if hasStatus(err, http.StatusUnauthorized) {
		return grid.TestvResult{}, &grid.BadWriteEnablerError{}
	}
	if err != nil {
		return grid.TestvResult{}, err
	}
	result, err := parseSlotAnswer(answer, reads)
	if err != nil {
		return grid.TestvResult{}, q.broken(err.Error())
	}
	return result, nil
}

// checkSlot refuses what CBOR has no words for, or 1.20's schema no room.
func checkSlot(writes map[grid.ShareNum]grid.SlotWrite, reads []grid.ReadVector) error {
	if len(reads) > MaxReadVectors {
		return &grid.ArgumentError{Field: "read vector", Reason: fmt.Sprintf("has more than %d reads", MaxReadVectors)}
	}
	for _, v := range reads {
		if err := checkReadVector(v); err != nil {
			return err
		}
	}
	for n, w := range writes {
		if err := checkShareNum(n); err != nil {
			return err
		}
		if err := checkSlotWrite(w); err != nil {
			return err
		}
	}
	return nil
}

func checkSlotWrite(w grid.SlotWrite) error {
	if len(w.Tests) > MaxTestVectors {
		return &grid.ArgumentError{Field: "test vector", Reason: fmt.Sprintf("has more than %d tests", MaxTestVectors)}
	}
	for _, t := range w.Tests {
		if err := checkReadVector(grid.ReadVector{Offset: t.Offset, Length: t.Length}); err != nil {
			return err
		}
	}
	for _, v := range w.Writes {
		if v.Offset < 0 {
			return errNegative
		}
	}
	if w.NewLength != nil && *w.NewLength < 0 {
		return &grid.ArgumentError{Field: "new length", Reason: "is negative"}
	}
	return nil
}

var errNegative = &grid.ArgumentError{Field: "offset or length", Reason: "is negative"}

func checkReadVector(v grid.ReadVector) error {
	if v.Offset < 0 || v.Length < 0 {
		return errNegative
	}
	return nil
}

// SlotReadv implements grid.StorageServer by one request for each range of each
// share, maxParallel at a time, so that changes may come between them. Shares of
// the other kind are a *StatusError.
func (c *Client) SlotReadv(ctx context.Context, si grid.StorageIndex, shares []grid.ShareNum, vectors []grid.ReadVector) (grid.ReadvData, error) {
	for _, v := range vectors {
		if err := checkReadVector(v); err != nil {
			return nil, err
		}
	}
	shares, err := c.readable(ctx, si, shares, vectors)
	if err != nil {
		return nil, err
	}
	data := make(grid.ReadvData, len(shares))
	for _, n := range shares {
		data[n] = make([][]byte, len(vectors))
	}
	if err := c.readvAll(ctx, si, data, vectors); err != nil {
		return nil, err
	}
	for n, got := range data {
		if slices.ContainsFunc(got, func(b []byte) bool { return b == nil }) {
			delete(data, n) // it is not held
		}
	}
	return data, nil
}

// readable returns the shares to be read. The server lists what it holds if all
// are asked for, or if no range would show whether a share is there.
func (c *Client) readable(ctx context.Context, si grid.StorageIndex, shares []grid.ShareNum, vectors []grid.ReadVector) ([]grid.ShareNum, error) {
	for _, n := range shares {
		if err := checkShareNum(n); err != nil {
			return nil, err
		}
	}
	telling := slices.ContainsFunc(vectors, func(v grid.ReadVector) bool { return v.Length > 0 })
	if len(shares) > 0 && telling {
		return shares, nil
	}
	held, err := c.listShares(ctx, grid.Mutable, si)
	if err != nil || len(shares) == 0 {
		return held, err
	}
	return slices.DeleteFunc(held, func(n grid.ShareNum) bool { return !slices.Contains(shares, n) }), nil
}

// readvAll fills data, which has a place for each vector of each share. Those of
// shares that are not there stay nil.
func (c *Client) readvAll(ctx context.Context, si grid.StorageIndex, data grid.ReadvData, vectors []grid.ReadVector) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(maxParallel)
	for n, into := range data {
		share := &reader{client: c, at: place{end: endShare, kind: grid.Mutable, si: si, n: n}}
		for i, v := range vectors {
			group.Go(func() (err error) {
				into[i], err = share.all(ctx, v)
				if errors.Is(err, grid.ErrNoShare) {
					return nil
				}
				return err
			})
		}
	}
	return group.Wait()
}
