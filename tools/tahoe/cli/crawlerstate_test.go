package cli

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// protocol0 is Python's pickle of {'version': 1, 'a': None, 'f': 0.5, 'b': True,
// 'cycle-to-date': {'lease-age-histogram': {(0, 86400): 2}}}, protocol 0.
const protocol0 = "(dp0\nVversion\np1\nI1\nsVa\np2\nNsVf\np3\nF0.5\nsVb\np4\nI01\nsVcycle-to-date\np5\n(dp6\nVlease-age-histogram\np7\n(dp8\n(I0\nI86400\ntp9\nI2\nsss."

func TestMigrateCrawler(t *testing.T) {
	base := t.TempDir()
	storage := filepath.Join(base, "storage")
	require.NoError(t, os.Mkdir(storage, 0o700))
	state := filepath.Join(storage, "lease_checker.state")
	require.NoError(t, os.WriteFile(state, []byte(protocol0), 0o600))
	r := tahoeRun(t, Command{}, "admin", "migrate-crawler", base)
	require.Equal(t, 0, r.code, r.stderr)
	require.Equal(t, "Converted '"+state+"' to '"+state+".json'\nNot found: '"+storage+"/bucket_counter.state'\nNot found: '"+storage+"/lease_checker.history'\n", r.stdout)
	text, err := os.ReadFile(state + ".json")
	require.NoError(t, err)
	require.Equal(t, `{"version": 1, "a": null, "f": 0.5, "b": true, "cycle-to-date": {"lease-age-histogram": {"0,86400": 2}}}`, string(text))
	require.NoFileExists(t, state)
	r = tahoeRun(t, Command{}, "admin", "migrate-crawler", base)
	require.Contains(t, r.stdout, "Already converted: '"+state+".json'\n")
}

func TestMigrateCrawler_refuses(t *testing.T) {
	for name, text := range map[string]string{
		"call":     "cos\nsystem\n(S'true'\ntR.",
		"empty":    "",
		"version":  "(dVversion\nI2\ns.",
		"list":     "(lp0\n.",
		"loop":     "(dp0\nVversion\nI1\nsVa\ng0\ns.",
		"no stack": "s.",
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "state")
			require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
			require.ErrorContains(t, migrateState(path, false), "remove it, and the crawler begins anew")
			require.FileExists(t, path)
			require.NoFileExists(t, path+".json")
		})
	}
}

func FuzzUnpickle(f *testing.F) {
	f.Add([]byte(protocol0), true)
	f.Add([]byte("\x80\x04\x95\x0b\x00\x00\x00\x00\x00\x00\x00}\x94\x8c\x01a\x94K\x01s."), false)
	f.Add([]byte("]q\x00(J\x01\x00\x00\x00M\x01\x02G@\x00\x00\x00\x00\x00\x00\x00\x8a\x01\xffK\x01K\x02\x86e."), false)
	f.Fuzz(func(t *testing.T, data []byte, history bool) {
		text, err := stateJSON(data, history)
		require.Equal(t, err != nil, text == nil)
		require.False(t, bytes.ContainsAny(text, "\n"))
	})
}
