package introclient

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/besn0847/arm-tahoe/common/announce"
	"github.com/besn0847/arm-tahoe/common/grid"
)

// FuzzAnnounced: whatever an introducer announces, properly signed, is taken or
// left, and what is taken has readable fields and stays within the tables.
func FuzzAnnounced(f *testing.F) {
	for _, seed := range []string{
		`{"service-name": "storage", "nickname": "a", "seqnum": 1}`, `{"service-name": "storage", "seqnum": 1.5, "x": [1e400]}`,
		`{"service-name": "storage", "grid-manager-certificates": [{"certificate": "{}", "signature": "a"}]}`, `[]`, `{"service-name": 1}`,
	} {
		f.Add([]byte(seed), []byte(seed))
	}
	f.Fuzz(func(t *testing.T, first, second []byte) {
		manager := newKey(50).VerifyingKey()
		c, err := New(Config{GridManagers: []announce.VerifyingKey{manager}})
		require.NoError(t, err)
		l := newLink(c, Introducer{Petname: "one"})
		l.announced(context.Background(), []announce.Signed{sign(1, "%s", first), sign(1, "%s", second), {Message: first}}, 0)
		if a, err := announce.Unsigned(grid.ServerID(id(1)), first); err == nil && l.wanted(a) {
			l.offer(a, Cached)
		}
		require.LessOrEqual(t, l.known.count(), 1)
		for _, a := range c.Servers() {
			require.NotNil(t, a.Fields)
			require.False(t, a.UploadPermitted(c.config.Now()))
		}
	})
}
