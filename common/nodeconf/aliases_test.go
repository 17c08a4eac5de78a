package nodeconf

import (
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/besn0847/arm-tahoe/common/secret"
)

func aliasNamed(name string) Alias {
	return Alias{name, secret.NewCapText([]byte("URI:DIR2:" + name))}
}

func TestAddAlias(t *testing.T) {
	d, err := OpenDir(t.TempDir())
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(d.Private(aliasesName), []byte("# mine\nold: URI:DIR2:old"), 0o600))
	require.NoError(t, d.AddAlias(aliasNamed("größe")))
	text, err := os.ReadFile(d.Private(aliasesName))
	require.NoError(t, err)
	require.Equal(t, "# mine\nold: URI:DIR2:old\ngröße: URI:DIR2:größe\n", string(text))

	require.ErrorIs(t, d.AddAlias(aliasNamed("old")), ErrAliasExists)
	for _, name := range []string{"a:b", "a b", "a\nb", "#a", "\ta"} {
		err := d.AddAlias(aliasNamed(name))
		require.ErrorContains(t, err, "an alias cannot be called")
		require.NotContains(t, err.Error(), "URI:")
	}
	again, err := os.ReadFile(d.Private(aliasesName))
	require.NoError(t, err)
	require.Equal(t, text, again)
}

func TestAddAlias_atOnce(t *testing.T) {
	base := t.TempDir()
	const count = 20
	errs := make([]error, count)
	var wait sync.WaitGroup
	for i := range count {
		wait.Go(func() {
			d, err := OpenDir(base)
			if err == nil {
				err = d.AddAlias(aliasNamed(fmt.Sprint("a", i)))
			}
			errs[i] = err
		})
	}
	wait.Wait()
	for _, err := range errs {
		require.NoError(t, err)
	}
	d, err := ExistingDir(base)
	require.NoError(t, err)
	list, err := d.Aliases()
	require.NoError(t, err)
	require.Len(t, list, count)
}

func TestExistingDir_makesNothing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "none")
	d, err := ExistingDir(path)
	require.NoError(t, err)
	list, err := d.Aliases()
	require.NoError(t, err)
	require.Empty(t, list)
	_, ok, err := d.NodeURL()
	require.NoError(t, err)
	require.False(t, ok)
	require.NoFileExists(t, path)
}
