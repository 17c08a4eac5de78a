package foolscap

import (
	"context"
	"slices"
	"strings"

	"github.com/besn0847/arm-tahoe/common/banana"
	"github.com/besn0847/arm-tahoe/common/grid"
)

// Referenceable is an object whose methods peers may call. Its type must be
// comparable, as pointers are: the object is known by it.
type Referenceable interface {
	// RemoteInterface returns the name that peers see, as in
	// "RIStorageServer.tahoe.allmydata.com"; "" for none.
	RemoteInterface() string
	// RemoteCall answers one call. See [Request] for what belongs to whom.
	//
	// The calls on one connection run one after another, in the order sent, as
	// Tahoe relies on: see [Request.Unblock] for methods that take long. ctx ends
	// with the connection.
	//
	// A *banana.Violation becomes Foolscap's Violation at the caller, a
	// *RemoteError what it says, any other error a builtins.Exception with its
	// text: it must hold no secret. UnknownMethod is for methods that are none.
	RemoteCall(ctx context.Context, r *Request) (banana.Value, error)
}

// MethodLimiter is a Referenceable that wants to know a method before its
// arguments come in.
type MethodLimiter interface {
	// MethodLimits lowers the limits of the call at hand, or refuses it with a
	// *banana.Violation. It must not block.
	MethodLimits(method string, limits *banana.Limits) error
}

// Unreferencer is a Referenceable that wants to know when a peer that had been
// given it holds it no longer: it let go, or its connection was lost.
type Unreferencer interface {
	// Unreferenced is called once per connection that had the object, or more
	// often if the object was sent anew in between.
	Unreferenced()
}

// Object is a Referenceable as a value: in arguments and answers it becomes a
// reference for the peer; one that comes from a peer is our own, sent home.
type Object struct{ Referenceable }

// Kind returns "your-reference".
func (Object) Kind() string { return "your-reference" }

// Named is an argument passed by name. In a call it follows those without.
type Named struct {
	Name  string
	Value banana.Value
}

// Kind names the type for error messages.
func (Named) Kind() string { return "keyword argument" }

// Request is one call by a peer. It, and the byte strings in it, belong to the
// handler. References among the arguments are released when the handler returns:
// Retain what is to stay.
type Request struct {
	Method string
	Peer   grid.TubID
	// Positional and Named are the arguments as they came; see Args.
	Positional []banana.Value
	Named      []Named

	unblock func()
	conn    *connection // nil in a request that a test made
}

// Unblock lets the calls behind this one start now. A handler calls it before it
// waits for anything but a disk: above all for a peer.
func (r *Request) Unblock() {
	if r.unblock != nil {
		r.unblock()
		r.unblock = nil
	}
}

// OnDisconnect calls f once, in a goroutine of its own, when the caller's
// connection is lost, at once if it is. The result undoes it.
func (r *Request) OnDisconnect(f func()) (stop func()) {
	if r.conn == nil {
		return func() {}
	}
	return r.conn.onClose(f)
}

// Local returns what key, an object that answers calls for instance, keeps for
// the caller's connection: the first time the result of create, which must not
// call Local. It is forgotten with the connection.
func (r *Request) Local(key any, create func() any) any {
	if r.conn == nil {
		return create()
	}
	return r.conn.local(key, create)
}

// UnknownMethod returns the violation of a method that name, a remote interface,
// does not have.
func UnknownMethod(r *Request, name string) error {
	return banana.Violationf("method '%s' not defined in %s", printable(r.Method), name)
}

// printable keeps control characters of a peer out of texts.
func printable(s string) string {
	return strings.Map(func(c rune) rune {
		if c < ' ' || c == 0x7f {
			return '?'
		}
		return c
	}, s)
}

// Args gives the arguments of a request by the names in a method's schema. It
// keeps the first error, so that a handler asks for everything and then looks at
// Err once. Its functions return zero values after an error.
type Args struct {
	names  []string
	values []banana.Value
	err    error
}

// Args binds the arguments to names, in the order of positional arguments
// (remoteinterface.py RemoteMethodSchema). A name that ends in "?" may be left
// out.
func (r *Request) Args(names ...string) *Args {
	a := &Args{names: names, values: make([]banana.Value, len(names))}
	if len(r.Positional) > len(names) {
		a.err = banana.Violationf("too many positional arguments: %d >= %d", len(names), len(names))
		return a
	}
	copy(a.values, r.Positional)
	for _, named := range r.Named {
		i := slices.IndexFunc(names, func(n string) bool { return strings.TrimSuffix(n, "?") == named.Name })
		switch {
		case i < 0:
			a.err = banana.Violationf("unknown argument '%s'", printable(named.Name))
			return a
		case a.values[i] != nil:
			a.err = banana.Violationf("got multiple values for keyword argument '%s'", named.Name)
			return a
		}
		a.values[i] = named.Value
	}
	for i, v := range a.values {
		if v == nil && !strings.HasSuffix(names[i], "?") {
			a.err = banana.Violationf("missing required argument '%s'", names[i])
			return a
		}
	}
	return a
}

// Err returns the first violation.
func (a *Args) Err() error { return a.err }

// Fail records a violation that the caller found, unless there is one.
func (a *Args) Fail(err error) {
	if a.err == nil {
		a.err = err
	}
}

// Has says whether argument i was given.
func (a *Args) Has(i int) bool { return a.err == nil && a.values[i] != nil }

// Value returns argument i, or nil.
func (a *Args) Value(i int) banana.Value {
	if a.err != nil {
		return nil
	}
	return a.values[i]
}

// Bytes returns argument i as AsBytes does.
func (a *Args) Bytes(i, least, most int) []byte {
	return get(a, i, func(v banana.Value) ([]byte, error) { return AsBytes(v, least, most) })
}

// Int returns argument i as AsInt does.
func (a *Args) Int(i int, least, most int64) int64 {
	return get(a, i, func(v banana.Value) (int64, error) { return AsInt(v, least, most) })
}

// Offset returns argument i as AsOffset does.
func (a *Args) Offset(i int) int64 { return get(a, i, AsOffset) }

// Bool returns argument i as AsBool does.
func (a *Args) Bool(i int) bool { return get(a, i, AsBool) }

// List returns argument i as AsList does.
func (a *Args) List(i, most int) []banana.Value {
	return get(a, i, func(v banana.Value) ([]banana.Value, error) { return AsList(v, most) })
}

// Set returns argument i as AsSet does.
func (a *Args) Set(i, most int) []banana.Value {
	return get(a, i, func(v banana.Value) ([]banana.Value, error) { return AsSet(v, most) })
}

// Tuple returns argument i as AsTuple does.
func (a *Args) Tuple(i, size int) []banana.Value {
	return get(a, i, func(v banana.Value) ([]banana.Value, error) { return AsTuple(v, size) })
}

// Dict returns argument i as AsDict does, never nil.
func (a *Args) Dict(i, most int) *banana.Dict {
	d := get(a, i, func(v banana.Value) (*banana.Dict, error) { return AsDict(v, most) })
	if d == nil {
		d = &banana.Dict{}
	}
	return d
}

// Reference returns argument i as AsReference does; nil if it was not given.
func (a *Args) Reference(i int, name string) *Reference {
	return get(a, i, func(v banana.Value) (*Reference, error) { return AsReference(v, name) })
}

func get[T any](a *Args, i int, as func(banana.Value) (T, error)) (result T) {
	if a.err != nil || a.values[i] == nil {
		return result
	}
	result, err := as(a.values[i])
	if err != nil {
		a.err = err
		var zero T
		return zero
	}
	return result
}

// arguments is the (arguments ..) of a call on its way in.
type arguments struct {
	positional []banana.Value
	named      []Named
}

// Kind returns "arguments".
func (*arguments) Kind() string { return "arguments" }

// readArguments reads (arguments NPOS p0 .. name value ..).
func readArguments(items []banana.Value) (banana.Value, error) {
	if len(items) == 0 {
		return nil, protocolError("'arguments' sequence ended too early")
	}
	count, ok := items[0].(banana.Int)
	if !ok || count < 0 {
		return nil, protocolError("posarg count must be an INT")
	}
	items = items[1:]
	if int64(count) > int64(len(items)) || (len(items)-int(count))%2 != 0 {
		return nil, protocolError("'arguments' sequence ended too early")
	}
	a := &arguments{positional: items[:count:count]}
	for rest := items[count:]; len(rest) > 0; rest = rest[2:] {
		name, ok := rest[0].(banana.Bytes)
		if !ok {
			return nil, protocolError("kwarg name must be a STRING")
		}
		a.named = append(a.named, Named{string(name), rest[1]})
	}
	return a, nil
}

func protocolError(text string) error {
	return &banana.ProtocolError{Where: "<RootUnslicer>.<methodcall>", Text: text}
}

// writeArguments writes args, those by name sorted as Foolscap does.
func writeArguments(w *banana.Writer, args []banana.Value) error {
	split := slices.IndexFunc(args, func(v banana.Value) bool { _, ok := v.(Named); return ok })
	if split < 0 {
		split = len(args)
	}
	n := w.Open("arguments")
	w.Int(int64(split))
	for _, arg := range args[:split] {
		if err := w.Value(arg); err != nil {
			return err
		}
	}
	if err := writeNamed(w, args[split:]); err != nil {
		return err
	}
	w.Close(n)
	return nil
}

func writeNamed(w *banana.Writer, args []banana.Value) error {
	if len(args) == 0 {
		return nil
	}
	named := make([]Named, len(args))
	for i, arg := range args {
		n, ok := arg.(Named)
		if !ok {
			return banana.Violationf("argument without a name after one with a name")
		}
		named[i] = n
	}
	slices.SortFunc(named, func(a, b Named) int { return strings.Compare(a.Name, b.Name) })
	for _, n := range named {
		w.Bytes([]byte(n.Name))
		if err := w.Value(n.Value); err != nil {
			return err
		}
	}
	return nil
}
