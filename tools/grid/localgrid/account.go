package localgrid

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/besn0847/arm-tahoe/common/nodeconf"
	"github.com/besn0847/arm-tahoe/common/password"
)

const (
	passwordName = "sftp-password" // in Options.Dir
	accountsName = "ftp.accounts"  // in private/ of a node
)

// account is who may use SFTP on all nodes.
type account struct {
	user, password string
	line           string // without the cap: the password is hashed
}

// openAccount decides on the password and keeps it.
func openAccount(ctx context.Context, o Options) (account, error) {
	a := account{user: o.User, password: o.Password}
	path := filepath.Join(o.Dir, passwordName)
	if a.password == "" {
		text, err := os.ReadFile(path)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return a, err
		}
		a.password = strings.TrimSpace(string(text))
	}
	if a.password == "" {
		a.password = strings.ToLower(rand.Text()[:12])
	}
	hash, err := password.New(ctx, a.password)
	if err != nil {
		return a, fmt.Errorf("--password: %w", err)
	}
	a.line = a.user + " " + hash.Reveal()
	return a, nodeconf.WriteFile(path, []byte(a.password+"\n"), 0o600)
}

// write gives the account to a node that serves SFTP.
func (a account) write(m *member, rootCap string) error {
	if m.sftp == 0 {
		return nil
	}
	return nodeconf.WriteFile(filepath.Join(m.base, "private", accountsName), []byte(a.line+" "+rootCap+"\n"), 0o600)
}
