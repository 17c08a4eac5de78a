package banana

import (
	"crypto/sha1"
	"encoding/hex"
	"strings"
)

// The range of vocabulary tables that this package knows.
const (
	MinVocab = 0
	MaxVocab = 1
)

// vocab1 is INITIAL_VOCAB_TABLES[1] of vocab.py. It is part of the wire format.
var vocab1 = []string{
	"none", "boolean", "reference", "dict", "list", "tuple", "set", "immutable-set",
	"unicode", "set-vocab", "add-vocab", "call", "arguments", "answer", "error",
	"my-reference", "your-reference", "their-reference", "copyable",
	"instance", "module", "class", "method", "function", "attrdict",
}

// Vocab is a table of byte strings that go over the wire as small numbers. It
// is immutable and safe for concurrent use.
type Vocab struct {
	words   []string
	index   map[string]int
	longest int
}

var vocabs = [...]*Vocab{newVocab(nil), newVocab(vocab1)}

func newVocab(words []string) *Vocab {
	v := &Vocab{words: words, index: make(map[string]int, len(words))}
	for i, word := range words {
		v.index[word] = i
		v.longest = max(v.longest, len(word))
	}
	return v
}

// VocabTable returns the initial table with a number from MinVocab to MaxVocab,
// or nil for any other number.
func VocabTable(number int) *Vocab {
	if number < MinVocab || number > MaxVocab {
		return nil
	}
	return vocabs[number]
}

// Hash returns the four characters by which both sides make sure that they have
// the same table (vocab.py hashVocabTable).
func (v *Vocab) Hash() string {
	sum := sha1.Sum([]byte(strings.Join(v.words, "\x00")))
	return hex.EncodeToString(sum[:2])
}

// lookup returns the index of a word.
func (v *Vocab) lookup(word []byte) (int, bool) {
	if len(word) > v.longest {
		return 0, false
	}
	i, ok := v.index[string(word)]
	return i, ok
}
