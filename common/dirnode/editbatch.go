package dirnode

import "github.com/besn0847/arm-tahoe/common/dirformat"

// maxAttempts bounds the attempts that a Batch remembers.
const maxAttempts = 16

// Batch is edits of one directory that are published together. The zero value has
// none. Not safe for concurrent use.
type Batch struct {
	edits    []*Edit
	attempts []attempt
}

// attempt is what the batch came to on one version.
type attempt struct {
	edits   int // so many of them, the first ones
	results []Result
	state   map[string]dirformat.Entry // of every name that they may change; zero Entry: none
}

// Add appends an edit.
func (b *Batch) Add(e *Edit) { b.edits = append(b.edits, e) }

// Edits returns the edits in their order.
func (b *Batch) Edits() []*Edit { return b.edits }

// Evaluate applies all edits to a version of the directory, in their order, and
// reports whether it becomes another one. The table is changed. Their results
// hold once the changed version counts, or at once if nothing changed.
//
// If the version shows what an earlier evaluation came to, under all names that
// mattered, that one has taken effect, and its results stay.
func (b *Batch) Evaluate(t *dirformat.Table) (changed bool) {
	start := 0
	for _, a := range b.attempts {
		if a.edits > start && a.shows(t) {
			start = a.edits
			for i, r := range a.results {
				b.edits[i].result = r
			}
		}
	}
	for _, e := range b.edits[start:] {
		e.evaluate(t)
		changed = changed || e.result.Changed
	}
	if changed && len(b.attempts) < maxAttempts {
		b.attempts = append(b.attempts, b.attempt(t))
	}
	return changed
}

func (b *Batch) attempt(t *dirformat.Table) attempt {
	a := attempt{edits: len(b.edits), state: make(map[string]dirformat.Entry)}
	for _, e := range b.edits {
		a.results = append(a.results, e.result)
		for _, name := range names(e.operation) {
			a.state[name], _ = t.Get(name)
		}
	}
	return a
}

// shows reports whether the table has what the attempt came to.
func (a attempt) shows(t *dirformat.Table) bool {
	for name, want := range a.state {
		if now, _ := t.Get(name); !now.Same(want) {
			return false
		}
	}
	return true
}
