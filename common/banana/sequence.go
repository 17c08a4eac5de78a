package banana

import (
	"cmp"
	"slices"
	"unicode/utf8"
)

// sequence reads the value that follows an OPEN inside a message.
func (r *Reader) sequence(open token) (Value, error) {
	kind, number, err := r.enter()
	if err != nil {
		return nil, err
	}
	switch kind {
	case "list", "tuple", "dict", "set", "immutable-set":
		return r.container(kind, number, open)
	case "none", "boolean", "unicode", "decimal", "reference":
		return r.leaf(kind, open)
	}
	extend, ok := r.Extensions[kind]
	if !ok {
		return nil, Violationf("unknown OPEN type ('%s',)", safeName(kind))
	}
	items, err := r.items(open)
	if err != nil {
		return nil, err
	}
	return extend(items)
}

// safeName shows a name from the peer.
func safeName(name string) string {
	for _, c := range name {
		if c < ' ' || c > '~' {
			return "?"
		}
	}
	return name
}

func (r *Reader) items(open token) ([]Value, error) {
	var items []Value
	for {
		v, done, err := r.child(open.number)
		if done || err != nil {
			return items, err
		}
		items = append(items, v)
	}
}

// container reads one of the types that references can point at.
func (r *Reader) container(kind string, number uint64, open token) (Value, error) {
	at := len(r.objects)
	r.objects = append(r.objects, object{number: number})
	before := r.meter.nodes
	items, err := r.items(open)
	if err != nil {
		return nil, err
	}
	v, err := r.contain(kind, items)
	if err != nil {
		return nil, err
	}
	r.objects[at].value = v
	r.objects[at].weight = r.meter.nodes - before + 1
	return v, nil
}

func (r *Reader) contain(kind string, items []Value) (Value, error) {
	switch kind {
	case "list":
		return &List{items}, nil
	case "tuple":
		return &Tuple{items}, nil
	case "dict":
		return r.dict(items)
	}
	return r.set(items, kind == "immutable-set")
}

// dict makes a dictionary; slicers/dict.py makes fatal what is wrong with it.
func (r *Reader) dict(items []Value) (Value, error) {
	if len(items)%2 != 0 {
		return nil, r.protocolErrorf("dict ended between key and value")
	}
	var keys keySet
	d := &Dict{make([]Pair, 0, len(items)/2)}
	for i := 0; i < len(items); i += 2 {
		if err := r.key(&keys, items[i], true); err != nil {
			return nil, err
		}
		d.Pairs = append(d.Pairs, Pair{items[i], items[i+1]})
	}
	return d, nil
}

// set makes a set. What Python would find to be there already is left out.
func (r *Reader) set(items []Value, frozen bool) (Value, error) {
	var keys keySet
	s := &Set{Items: items[:0], Frozen: frozen}
	for _, item := range items {
		isNew, hashable := keys.add(item)
		if !hashable {
			return nil, r.protocolErrorf("unhashable item in set")
		}
		if err := r.meter.bytes(int64(len(keys.scratch))); err != nil {
			return nil, err
		}
		if isNew {
			s.Items = append(s.Items, item)
		}
	}
	return s, nil
}

func (r *Reader) key(keys *keySet, v Value, unique bool) error {
	isNew, hashable := keys.add(v)
	switch {
	case !hashable:
		return r.protocolErrorf("unhashable key")
	case unique && !isNew:
		return r.protocolErrorf("duplicate key")
	}
	return r.meter.bytes(int64(len(keys.scratch)))
}

// leaf reads one of the types that hold a token or none.
func (r *Reader) leaf(kind string, open token) (Value, error) {
	items, err := r.items(open)
	if err != nil {
		return nil, err
	}
	if kind == "none" {
		if len(items) != 0 {
			return nil, r.protocolErrorf("NoneUnslicer does not accept any tokens")
		}
		return None{}, nil
	}
	if len(items) != 1 {
		return nil, r.protocolErrorf("%s needs one token", kind)
	}
	switch item := items[0].(type) {
	case Int:
		if kind == "boolean" {
			return Bool(item != 0), nil
		}
		if kind == "reference" {
			return r.reference(item)
		}
	case Bytes:
		if kind == "unicode" || kind == "decimal" {
			return r.text(kind, item)
		}
	}
	return nil, r.protocolErrorf("%s does not accept %s", kind, items[0].Kind())
}

func (r *Reader) text(kind string, b Bytes) (Value, error) {
	if !utf8.Valid(b) {
		return nil, r.protocolErrorf("%s is not UTF-8", kind)
	}
	if err := r.meter.bytes(int64(len(b))); err != nil { // the copy
		return nil, err
	}
	if kind == "decimal" {
		return Decimal(b), nil
	}
	return Text(b), nil
}

// reference finds an earlier container of this message. One that is still open
// would contain itself: Python builds such loops, but no schema of Tahoe accepts
// them, and whoever walks the tree would not end.
func (r *Reader) reference(number Int) (Value, error) {
	i, ok := slices.BinarySearchFunc(r.objects, uint64(number), func(o object, n uint64) int {
		return cmp.Compare(o.number, n)
	})
	if !ok || number < 0 {
		return nil, r.protocolErrorf("dangling reference '%d'", number)
	}
	o := r.objects[i]
	if o.value == nil {
		return nil, Violationf("container inside itself")
	}
	// Charged as if it were there again, or a few hundred bytes could stand for
	// a tree that no walk ever ends in.
	if err := r.meter.values(o.weight); err != nil {
		return nil, err
	}
	return o.value, nil
}
