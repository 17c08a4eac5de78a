package helpernode

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"github.com/besn0847/arm-tahoe/common/clientnode"
	"github.com/besn0847/arm-tahoe/common/dirnode"
	"github.com/besn0847/arm-tahoe/common/nodeconf"
	"github.com/besn0847/arm-tahoe/common/rsakey"
	"github.com/besn0847/arm-tahoe/common/secret"
	"github.com/besn0847/arm-tahoe/common/uri"
)

const (
	rootAlias = "tahoe"
	// rootKeyName is in private/, from when the root directory has a cap until it
	// is stored: the DER of its RSA key, which cannot be had from the cap.
	rootKeyName = "root-directory.key"
	// Times between attempts to store it.
	firstPause, longestPause = time.Second, 30 * time.Second
)

// ensureRoot sees that the alias tahoe exists. Its directory gets key and cap at
// once and is stored when there are enough servers, for the helper is started
// before any of them.
func ensureRoot(ctx context.Context, n *clientnode.Node) error {
	key, err := rootKey(n)
	if err != nil || key.IsZero() {
		return err
	}
	dir := dirnode.Cap(uri.SDMF, key)
	si, _ := dir.StorageIndex()
	kept := n.Grid.Promise(si, func() string {
		return fmt.Sprintf("root directory not stored yet: %d of %d servers", len(n.Grid.Servers().Uploadable(si)), n.Config.Client.Shares.Happy)
	})
	n.Go(ctx, "root directory", func(ctx context.Context) error {
		if !storeRoot(ctx, n, key) {
			return nil
		}
		kept()
		n.Log.Info("root directory stored", "alias", rootAlias)
		return os.Remove(n.Dir.Private(rootKeyName))
	})
	return nil
}

// rootKey returns the key of a root directory that is to be stored, zero if there
// is nothing to be done. It makes key and alias if there is no alias.
func rootKey(n *clientnode.Node) (rsakey.PrivateKey, error) {
	alias, err := findAlias(n.Dir)
	if err != nil {
		return rsakey.PrivateKey{}, err
	}
	path := n.Dir.Private(rootKeyName)
	key, err := readKey(path)
	switch {
	case err != nil:
		return key, err
	case alias == "":
		return makeRoot(n, key)
	case !key.IsZero() && dirnode.Cap(uri.SDMF, key).Text() != alias:
		return rsakey.PrivateKey{}, fmt.Errorf("%s is the key of another directory than the alias %s in private/aliases; "+
			"move the one that you do not want away", path, rootAlias)
	}
	return key, nil
}

// makeRoot writes the key, unless it is there from a start that was cut short,
// and then the alias.
func makeRoot(n *clientnode.Node, key rsakey.PrivateKey) (rsakey.PrivateKey, error) {
	if key.IsZero() {
		var err error
		if key, err = rsakey.Generate(rand.Reader); err != nil {
			return key, err
		}
		if err := nodeconf.WriteFile(n.Dir.Private(rootKeyName), key.DER(), 0o600); err != nil {
			return key, err
		}
	}
	return key, n.Dir.AddAlias(nodeconf.Alias{Name: rootAlias, Cap: secret.NewCapText([]byte(dirnode.Cap(uri.SDMF, key).Text()))})
}

func readKey(path string) (rsakey.PrivateKey, error) {
	der, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return rsakey.PrivateKey{}, nil
	}
	if err != nil {
		return rsakey.PrivateKey{}, err
	}
	key, err := rsakey.ParsePrivate(der)
	if err != nil {
		return key, fmt.Errorf("%s: %w", path, err)
	}
	return key, nil
}

// findAlias returns the cap of the alias, "" without it.
func findAlias(dir *nodeconf.Dir) (string, error) {
	aliases, err := dir.Aliases()
	if err != nil {
		return "", err
	}
	for _, alias := range aliases {
		if alias.Name == rootAlias {
			return alias.Cap.RevealString(), nil
		}
	}
	return "", nil
}

// storeRoot tries until the directory is stored, or ctx ends: then it is false.
func storeRoot(ctx context.Context, n *clientnode.Node, key rsakey.PrivateKey) bool {
	for pause := firstPause; ; pause = min(2*pause, longestPause) {
		if n.Grid.WaitFor(ctx, n.Config.Client.Shares.Happy) != nil {
			return false
		}
		err := n.Grid.Keep(ctx, uri.SDMF, key)
		if err == nil {
			return true
		}
		if ctx.Err() != nil {
			return false
		}
		n.Log.Warn("root directory not stored yet", "err", err)
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return false
		}
	}
}
