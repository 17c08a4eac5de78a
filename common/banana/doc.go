// Package banana reads and writes Banana, the serialization under Foolscap:
// tokens, sequences of them, and the values they stand for.
//
// It belongs to layer L2 and follows src/foolscap/{banana,tokens,vocab,slicer}.py
// and slicers/*.py of Foolscap 24.9.0. Connections, calls and references are not
// its business: package foolscap gives meaning to the sequences it finds.
//
// # Tokens
//
// A token is a header (a base-128 integer, little-endian, in 0 to 64 bytes below
// 0x80), a type byte (0x80 and above) and for some types a body:
//
//	type     byte  header              body
//	INT      81    value               -
//	STRING   82    length              bytes
//	NEG      83    absolute value      -
//	FLOAT    84    none                8 bytes, IEEE double, big-endian
//	LONGINT  85    length              magnitude, big-endian; from 2**31 up
//	LONGNEG  86    length              magnitude, big-endian; below -2**31
//	VOCAB    87    index into a table  -; stands for a STRING
//	OPEN     88    open number         -
//	CLOSE    89    open number         -
//	ABORT    8a    open number         -
//	ERROR    8d    length <= 1000      text; then the sender closes
//	PING     8e    number, 0 omitted   -; answered by a PONG of that number
//	PONG     8f    number, 0 omitted   -
//
// A sequence is OPEN, its type name (STRING or VOCAB), values, CLOSE.
//
// # Reading
//
// A [Reader] turns the stream into top-level sequences, each a [Message] with a
// small tree of values. What a peer can make it hold is bounded: see [Limits].
// Three things may be wrong with a message, as in the original:
//
//   - A violation (too long, too deep, not acceptable): the rest of that message is
//     skipped without being kept, Message.Violation says why, and the stream goes on.
//   - An abort by the sender: likewise, with Message.Aborted.
//   - A stream that makes no sense: a *[ProtocolError]. The connection is lost.
//
// # Writing
//
// A [Writer] appends messages to a list of buffers. Long byte strings are
// referenced, not copied.
package banana
