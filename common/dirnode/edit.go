package dirnode

import (
	"crypto/rand"
	"time"

	"github.com/besn0847/arm-tahoe/common/dirformat"
)

// ID names an edit.
type ID [16]byte

// Edit is one edit of one directory, fixed when its request arrives, with an id
// and a time, and evaluated anew on each version of the directory that comes up
// until a version that carries it counts. Make it with NewEdit. Not safe for
// concurrent use.
//
// An edit may have taken effect before anybody knows: the connection was lost while
// the version was written, others have built on it, and it is evaluated on its own
// result. So it remembers what it came to, and a Batch what its edits came to
// together, and both know that when they see it again:
//
//   - Something that was linked is not linked again if it is there already, as it
//     was linked: the same cap, the same metadata with the time of the edit.
//   - A removal removes what its first evaluation found and nothing else that took
//     the name meanwhile; a name that has gone meanwhile is what was asked for.
//   - A rename whose result is there is done.
//
// Edits, operations and batches do no I/O, read no clock and start nothing, so that
// what publishes the results (publisher) can be replaced.
//
// The single operations do what those of Tahoe-LAFS 1.20.0 do (dirnode.py Adder,
// Deleter, MetadataSetter, move_child_to), where a retry forgets the first
// evaluation but for "first_time".
type Edit struct {
	ID ID
	// At is when the request arrived; it becomes the time of links.
	At        time.Time
	operation Operation
	tried     bool // a version that carries it may have been written
	result    Result
	made      map[string]dirformat.Entry // what it linked in the last evaluation
	found     map[string]dirformat.Entry // what it removed
}

// Operation is what an edit does: a Link, SetChildren, Unlink, Rename or
// SetMetadata.
type Operation interface {
	// apply changes the table, all or nothing.
	apply(e *Edit, t *dirformat.Table) error
}

// Result is what an edit came to.
type Result struct {
	// Err is nil if the edit holds. Otherwise the directory is as if it had not
	// been asked for: *dirformat.ExistsError, *dirformat.NotFoundError,
	// *dirformat.NameError, *WrongTypeError, or an error of the cap.
	Err error
	// Old is what the edit removed or moved, if there was anything.
	Old dirformat.Entry
	// Changed says that the directory became another one.
	Changed bool
}

// NewEdit returns an edit with a new id.
func NewEdit(operation Operation, at time.Time) *Edit {
	e := &Edit{At: at, operation: operation}
	_, _ = rand.Read(e.ID[:]) // never fails
	return e
}

// Result returns what the last evaluation came to.
func (e *Edit) Result() Result { return e.result }

// evaluate applies the edit to the table, which is changed only if the result has
// no error.
func (e *Edit) evaluate(t *dirformat.Table) {
	e.result = Result{}
	e.result.Err = e.operation.apply(e, t)
	if e.result.Err != nil {
		e.result.Changed = false
	}
	e.tried = e.tried || e.result.Changed
}

// madeBefore reports whether the table has under the name what the edit linked in
// an earlier evaluation.
func (e *Edit) madeBefore(t *dirformat.Table, name string) bool {
	made, ok := e.made[name]
	if !ok || !e.tried {
		return false
	}
	now, err := t.Get(name)
	return err == nil && now.Same(made)
}

// remember keeps what the table has under the name now.
func (e *Edit) remember(t *dirformat.Table, name string) {
	if e.made == nil {
		e.made = make(map[string]dirformat.Entry)
	}
	if entry, err := t.Get(name); err == nil {
		e.made[entry.Name()] = entry
	}
}

// removed takes note of what a removal found.
func (e *Edit) removed(entry dirformat.Entry) {
	if e.found == nil {
		e.found = make(map[string]dirformat.Entry)
	}
	e.found[entry.Name()] = entry
	e.result.Old, e.result.Changed = entry, true
}
