// Package secret holds keys and other secrets in types that do not print.
//
// It belongs to layer L0. Every kind of secret is a type of its own, so that
// a read key cannot be passed for a write key, nor a cancel secret for a
// renewal secret. All of them share three shapes: Bytes16, Bytes32 and Bytes
// (any length).
//
// # What is promised
//
// A secret that is formatted (every verb of fmt), logged (log/slog, text and
// JSON), encoded (encoding/json, anything that uses encoding.TextMarshaler)
// comes out as a placeholder such as "[redacted write key]", be it the
// argument itself, an element of a slice or map, or a field of a struct. The
// bytes leave only through Reveal, which is easy to search for.
//
// # How
//
// fmt calls methods on what it can reach through exported fields only. An
// unexported field it prints by reflection, so an array or slice of bytes
// would be printed whatever methods its type has; so would an array behind a
// pointer, with a verb that does not fit pointers (%s). What fmt never follows
// is a pointer to a string below the top level: it prints the address. So the
// bytes are kept in a string behind a pointer. Under an unexported field the
// output is an address instead of the placeholder.
//
// Debuggers and libraries that walk memory by reflection on purpose (the diff
// of testify's require.Equal is one) still see the bytes.
//
// The zero value of each type holds no secret: IsZero says so, Equal is false
// for it, and Reveal panics, because going on with sixteen zero bytes for a
// key is worse. No parser returns a zero value without an error.
//
// All types are immutable values, safe for concurrent use. Comparing with ==
// does not compile; use Equal, which takes the same time for equal and unequal
// secrets.
package secret
