package grid

import "fmt"

// ShareKind tells immutable from mutable shares.
type ShareKind int

// The kinds.
const (
	Immutable ShareKind = iota + 1
	Mutable
)

// String is the word that the protocols use: "immutable" or "mutable".
func (k ShareKind) String() string {
	switch k {
	case Immutable:
		return "immutable"
	case Mutable:
		return "mutable"
	}
	return fmt.Sprintf("ShareKind(%d)", int(k))
}

// ParseShareKind reads the words that String writes. The error is an
// *ArgumentError.
func ParseShareKind(word string) (ShareKind, error) {
	switch word {
	case "immutable":
		return Immutable, nil
	case "mutable":
		return Mutable, nil
	}
	return 0, &ArgumentError{Field: "share type", Reason: `must be "immutable" or "mutable"`}
}
