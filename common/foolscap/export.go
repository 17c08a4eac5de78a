package foolscap

import (
	"context"
	"fmt"
	"reflect"

	"github.com/besn0847/arm-tahoe/common/banana"
	"github.com/besn0847/arm-tahoe/common/furl"
)

// export is an object of ours that the peer holds.
type export struct {
	clid   int64
	object Referenceable
	count  int64 // my-references sent and not given back
}

// writeExtension writes what package banana does not know. It is called with
// c.mu held.
func (c *connection) writeExtension(w *banana.Writer, v banana.Value) error {
	switch v := v.(type) {
	case Object:
		return c.writeObject(w, v.Referenceable)
	case *Reference:
		if v.conn != c {
			return banana.Violationf("references to objects of other tubs cannot be passed on")
		}
		n := w.Open("your-reference")
		w.Int(v.clid)
		w.Close(n)
		return nil
	case *RemoteError:
		writeFailure(w, v)
		return nil
	case *Copyable:
		return writeCopyable(w, v)
	}
	return fmt.Errorf("%T cannot be sent", v)
}

// writeObject writes a my-reference: interface and FURL only when the peer does
// not know them (referenceable.py ReferenceableSlicer).
func (c *connection) writeObject(w *banana.Writer, object Referenceable) error {
	if object == nil || !reflect.TypeOf(object).Comparable() {
		return fmt.Errorf("%T cannot be referred to", object)
	}
	e := c.byObject[object]
	if e == nil {
		if len(c.exports) >= c.tub.limits.References {
			return banana.Violationf("more than %d objects on this connection", c.tub.limits.References)
		}
		c.lastCLID++
		e = &export{clid: c.lastCLID, object: object}
		c.exports[e.clid], c.byObject[object] = e, e
	}
	n := w.Open("my-reference")
	w.Int(e.clid)
	if e.count == 0 {
		w.Bytes([]byte(object.RemoteInterface()))
		if f := c.tub.FURL(object); !f.IsZero() && len(f.Hints()) > 0 {
			w.Bytes([]byte(f.Text()))
		}
	}
	e.count++
	c.sending = append(c.sending, e)
	w.Close(n)
	return nil
}

// unsend takes back the references in a message that could not be written.
func (c *connection) unsend() {
	for _, e := range c.sending {
		if e.count--; e.count == 0 {
			delete(c.exports, e.clid)
			delete(c.byObject, e.object)
		}
	}
	c.sending = c.sending[:0]
}

// decref is the peer's decref (broker.py remote_decref).
func (c *connection) decref(clid, count int64) error {
	c.mu.Lock()
	e := c.exports[clid]
	if e == nil {
		c.mu.Unlock()
		return nil
	}
	if count < 0 || count > e.count {
		have := e.count
		c.mu.Unlock()
		return &RemoteError{Type: "builtins.AssertionError", Value: fmt.Sprintf("decref(%d) but refcount was %d", count, have)}
	}
	e.count -= count
	gone := e.count == 0
	if gone {
		delete(c.exports, clid)
		delete(c.byObject, e.object)
	}
	c.mu.Unlock()
	if u, ok := e.object.(Unreferencer); ok && gone {
		u.Unreferenced()
	}
	return nil
}

// target finds the object of a call.
func (c *connection) target(clid banana.Int) (Referenceable, error) {
	if clid == 0 {
		return (*broker)(c), nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if e := c.exports[int64(clid)]; e != nil {
		return e.object, nil
	}
	return nil, banana.Violationf("unknown CLID %d", clid)
}

// broker is object 0 of each connection.
type broker connection

// RemoteInterface returns the name of broker.py.
func (b *broker) RemoteInterface() string { return "RIBroker" }

// RemoteCall answers for the connection (broker.py RIBroker).
func (b *broker) RemoteCall(_ context.Context, r *Request) (banana.Value, error) {
	c := (*connection)(b)
	switch r.Method {
	case "getReferenceByName":
		a := r.Args("name")
		name := a.Bytes(0, 0, furl.MaxTextSize)
		if a.Err() != nil {
			return nil, a.Err()
		}
		object := c.tub.lookup(name)
		if object == nil {
			return nil, unknownName(name)
		}
		return Object{object}, nil
	case "decref":
		a := r.Args("clid", "count")
		clid, count := a.Int(0, 1, 1<<62), a.Int(1, 0, 1<<62)
		if a.Err() != nil {
			return nil, a.Err()
		}
		return banana.None{}, c.decref(clid, count)
	case "decgift":
		a := r.Args("giftID", "count")
		id := a.Int(0, 0, 1<<62)
		if a.Err() != nil {
			return nil, a.Err()
		}
		return nil, &RemoteError{Type: "builtins.KeyError", Value: fmt.Sprint(id)}
	}
	return nil, UnknownMethod(r, b.RemoteInterface())
}

// unknownName is pb.py getReferenceForName: it repeats two characters of what the
// peer asked for.
func unknownName(name []byte) error {
	start := printable(string(name[:min(2, len(name))]))
	return &RemoteError{
		Type:    "builtins.KeyError",
		Value:   fmt.Sprintf(`"unable to find reference for name starting with '%s'"`, start),
		Parents: []string{"builtins.KeyError", "builtins.LookupError", "builtins.Exception", "builtins.BaseException", "builtins.object"},
	}
}

// readMyReference makes a Reference of the peer's object (referenceable.py
// ReferenceUnslicer).
func (c *connection) readMyReference(items []banana.Value) (banana.Value, error) {
	if len(items) == 0 {
		return nil, protocolError("sequence ended too early")
	}
	if len(items) > 3 {
		return nil, banana.Violationf("too many parameters in my-reference")
	}
	clid, ok := items[0].(banana.Int)
	if !ok {
		return nil, protocolError("reference ID must be an INT or NEG")
	}
	name, address, err := referenceNames(items[1:])
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	o := c.imports[int64(clid)]
	if o == nil {
		if len(c.imports) >= c.tub.limits.References {
			return nil, banana.Violationf("more than %d references on this connection", c.tub.limits.References)
		}
		o = &remoteObject{conn: c, clid: int64(clid), name: name, furl: address}
		c.imports[o.clid] = o
	}
	o.received++
	o.handles++
	r := &Reference{remoteObject: o}
	c.arrived = append(c.arrived, r)
	return r, nil
}

// maxInterfaceName is the longest name of a remote interface in bytes.
const maxInterfaceName = 200

func referenceNames(items []banana.Value) (name string, address furl.FURL, err error) {
	if len(items) > 0 {
		b, err := AsBytes(items[0], 0, maxInterfaceName)
		if err != nil {
			return "", furl.FURL{}, err
		}
		name = string(b)
	}
	if len(items) > 1 {
		b, err := AsBytes(items[1], 0, furl.MaxTextSize)
		if err != nil {
			return "", furl.FURL{}, err
		}
		// A FURL that we cannot read is as good as none: it is only for gifts.
		address, _ = furl.Parse(string(b))
	}
	return name, address, nil
}

// readYourReference finds an object of ours that was sent home.
func (c *connection) readYourReference(items []banana.Value) (banana.Value, error) {
	if len(items) != 1 {
		return nil, protocolError("your-reference needs one INT")
	}
	clid, ok := items[0].(banana.Int)
	if !ok {
		return nil, protocolError("your-reference ID must be an INT")
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	e := c.exports[int64(clid)]
	if e == nil {
		return nil, banana.Violationf("unknown clid '%d'", clid)
	}
	return Object{e.object}, nil
}

func refuseGift([]banana.Value) (banana.Value, error) {
	return nil, banana.Violationf("gifts are prohibited in this Tub")
}

// releaseHandle counts down; the last handle tells the peer.
func (c *connection) releaseHandle(o *remoteObject) {
	c.mu.Lock()
	o.handles--
	count := o.received
	if o.handles > 0 || count == 0 || c.closed {
		c.mu.Unlock()
		return
	}
	o.received = 0
	o.acks++
	c.mu.Unlock()
	c.sendDecref(o, count)
}

// sendDecref sends a decref. The peer forgets the name of an object with the
// last reference, and repeats it if it sends the object anew; so what we know is
// forgotten when the answer comes, unless the object came again before.
func (c *connection) sendDecref(o *remoteObject, count int64) {
	p := &pending{done: func(banana.Value, error) {
		o.acks-- // with c.mu held
		if o.acks == 0 && o.received == 0 && o.handles == 0 && c.imports[o.clid] == o {
			delete(c.imports, o.clid)
		}
	}}
	args := []banana.Value{Named{"clid", banana.Int(o.clid)}, Named{"count", banana.Int(count)}}
	_ = c.enqueueCall(p, 0, "decref", args) // an error means that the connection is lost
}
