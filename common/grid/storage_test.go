package grid

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// Texts of storage-foolscap.json, section direct_calls_and_errors, that a
// client of 1.20 shows to its user.
func TestStorageErrorsHaveTahoesTexts(t *testing.T) {
	node, err := ParseTubID("u3kdhkudwyygs6d5u3i4i2jl7w5hptdt")
	require.NoError(t, err)
	si, err := ParseStorageIndex("ida75hm7zwvw7bpfdkw2thst4m")
	require.NoError(t, err)
	rows := []struct {
		name string
		err  error
		want string
	}{
		{"write enabler", &BadWriteEnablerError{node},
			"The write enabler was recorded by nodeid 'u3kdhkudwyygs6d5u3i4i2jl7w5hptdt'."},
		{"conflict", &ConflictingWriteError{Range{0, 10}}, "Chunk 0-10 doesn't match already written data."},
		{"mutable slot", &UnknownContainerVersionError{Immutable, si, 0, "1415669871"},
			"sharefile 'shares/id/ida75hm7zwvw7bpfdkw2thst4m/0' had unexpected version 1415669871"},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) { require.EqualError(t, row.err, row.want) })
	}
}

func TestShareKindWords(t *testing.T) {
	for _, kind := range []ShareKind{Immutable, Mutable} {
		parsed, err := ParseShareKind(kind.String())
		require.NoError(t, err)
		require.Equal(t, kind, parsed)
	}
	for _, word := range []string{"", "Mutable", "ShareKind(0)"} {
		_, err := ParseShareKind(word)
		var argument *ArgumentError
		require.ErrorAs(t, err, &argument, word)
	}
}
