package foolscap

import "github.com/besn0847/arm-tahoe/common/banana"

// Bounds of the texts in a copyable, in bytes.
const (
	maxCopyableClass = 200
	maxAttributeName = 200
)

// Copyable is an object that travels by value: a class by the name that both
// sides know it by, and its attributes (copyable.py). Failures are of a type of
// their own, [RemoteError].
//
// Foolscap refuses classes that are not registered; here whoever asks for the
// value decides, by [AsCopyable].
type Copyable struct {
	Class      string
	Attributes []Attribute
}

// Attribute is one of a Copyable.
type Attribute struct {
	Name  string
	Value banana.Value
}

// Kind returns "copyable".
func (*Copyable) Kind() string { return "copyable" }

// Get returns the value of an attribute, the last of that name.
func (c *Copyable) Get(name string) (banana.Value, bool) {
	for i := len(c.Attributes) - 1; i >= 0; i-- {
		if c.Attributes[i].Name == name {
			return c.Attributes[i].Value, true
		}
	}
	return nil, false
}

// AsCopyable returns an object of the class.
func AsCopyable(v banana.Value, class string) (*Copyable, error) {
	c, ok := v.(*Copyable)
	if !ok {
		return nil, rejected(v, "CopyableConstraint")
	}
	if c.Class != class {
		return nil, banana.Violationf("unknown RemoteCopy name")
	}
	return c, nil
}

// writeCopyable writes an object (copyable.py CopyableSlicer).
func writeCopyable(w *banana.Writer, c *Copyable) error {
	n := w.Open("copyable")
	w.Bytes([]byte(c.Class))
	for _, a := range c.Attributes {
		w.Bytes([]byte(a.Name))
		if err := w.Value(a.Value); err != nil {
			return err
		}
	}
	w.Close(n)
	return nil
}

// readCopyable makes a failure or an object of a (copyable ..).
func readCopyable(items []banana.Value) (banana.Value, error) {
	if len(items) == 0 {
		return nil, banana.Violationf("copyable without a name")
	}
	class, err := AsBytes(items[0], 0, maxCopyableClass)
	if err != nil {
		return nil, err
	}
	if len(items)%2 != 1 {
		return nil, banana.Violationf("copyable ended between name and value")
	}
	if string(class) == failureClass {
		return readFailure(items)
	}
	c := &Copyable{Class: string(class), Attributes: make([]Attribute, 0, len(items)/2)}
	for i := 1; i < len(items); i += 2 {
		name, err := AsBytes(items[i], 0, maxAttributeName)
		if err != nil {
			return nil, err
		}
		c.Attributes = append(c.Attributes, Attribute{string(name), items[i+1]})
	}
	return c, nil
}
