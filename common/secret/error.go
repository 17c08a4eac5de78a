package secret

import "fmt"

// SizeError says that bytes from outside have the wrong number for a secret.
type SizeError struct {
	Kind      string // of secret, as in the placeholder
	Want, Got int    // bytes
}

func sizeError[K kind](want, got int) error {
	var k K
	return &SizeError{Kind: k.name(), Want: want, Got: got}
}

// Error gives the kind and both sizes.
func (e *SizeError) Error() string {
	return fmt.Sprintf("%s of %d bytes, must have %d", e.Kind, e.Got, e.Want)
}
