package dirformat

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/besn0847/arm-tahoe/common/secret"
	"github.com/besn0847/arm-tahoe/common/uri"
)

func TestCloneIsIndependent(t *testing.T) {
	table := New(Writable(secret.NewWriteKey([16]byte{1})))
	child := uri.ChildOf(uri.NewLiteral([]byte("x")))
	require.NoError(t, table.Link("a", child, nil, time.Unix(1, 0), Anything))
	require.NoError(t, table.Link("b", child, nil, time.Unix(1, 0), Anything))
	table.Prepare()
	before := table.Append(nil)
	clone := table.Clone()
	require.Equal(t, before, clone.Append(nil))
	_, err := clone.Remove("a")
	require.NoError(t, err)
	require.NoError(t, clone.Link("c", child, nil, time.Unix(2, 0), Anything))
	require.Equal(t, before, table.Append(nil))
	require.NotEqual(t, before, clone.Append(nil))
	old, err := table.Get("b")
	require.NoError(t, err)
	same, err := clone.Get("b")
	require.NoError(t, err)
	require.True(t, old.Same(same))
	other, err := clone.Get("c")
	require.NoError(t, err)
	require.False(t, old.Same(other))
}
