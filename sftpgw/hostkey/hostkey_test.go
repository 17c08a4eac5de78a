package hostkey_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/pem"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/ssh"

	"github.com/besn0847/arm-tahoe/sftpgw/hostkey"
)

func inDir(dir string) hostkey.Config {
	return hostkey.Config{Private: func(name string) string { return filepath.Join(dir, name) }}
}

func open(t *testing.T, c hostkey.Config) (types, keys []string) {
	list, err := hostkey.Open(c)
	require.NoError(t, err)
	for _, key := range list {
		types = append(types, key.PublicKey().Type())
		keys = append(keys, string(key.PublicKey().Marshal()))
	}
	return types, keys
}

// byHand writes a key as ssh-keygen does, and returns the path.
func byHand(t *testing.T, path, passphrase string) string {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	var block *pem.Block
	if passphrase == "" {
		block, err = ssh.MarshalPrivateKey(key, "by hand")
	} else {
		block, err = ssh.MarshalPrivateKeyWithPassphrase(key, "by hand", []byte(passphrase))
	}
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(path, pem.EncodeToMemory(block), 0o600))
	return path
}

func TestKeysAreMadeOnceForEachNode(t *testing.T) {
	dir := t.TempDir()
	types, keys := open(t, inDir(dir))
	require.Equal(t, []string{ssh.KeyAlgoED25519, ssh.KeyAlgoRSA}, types)
	_, again := open(t, inDir(dir))
	require.Equal(t, keys, again)
	_, elsewhere := open(t, inDir(t.TempDir()))
	require.NotEqual(t, keys, elsewhere)

	for i, name := range []string{"ssh_host_ed25519_key", "ssh_host_rsa_key"} {
		info, err := os.Stat(filepath.Join(dir, name))
		require.NoError(t, err)
		require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
		public, err := os.ReadFile(filepath.Join(dir, name+".pub"))
		require.NoError(t, err)
		key, _, _, _, err := ssh.ParseAuthorizedKey(public)
		require.NoError(t, err)
		require.Equal(t, keys[i], string(key.Marshal()))
	}
}

func TestAKeyMadeByHandStaysAlone(t *testing.T) {
	dir := t.TempDir()
	c := inDir(dir)
	c.PrivateFile = byHand(t, filepath.Join(dir, "my_key"), "")
	c.PublicFile = filepath.Join(dir, "my_key.public")
	types, keys := open(t, c)
	require.Equal(t, []string{ssh.KeyAlgoECDSA256}, types)
	require.FileExists(t, c.PublicFile)
	_, again := open(t, c)
	require.Equal(t, keys, again)
}

func TestAConfiguredKeyIsMade(t *testing.T) {
	dir := t.TempDir()
	c := inDir(dir)
	c.PrivateFile, c.PublicFile = filepath.Join(dir, "ssh_host_key"), filepath.Join(dir, "ssh_host_key.pub")
	types, keys := open(t, c)
	require.Equal(t, []string{ssh.KeyAlgoED25519, ssh.KeyAlgoRSA}, types)
	_, again := open(t, c)
	require.Equal(t, keys, again)
	require.NoFileExists(t, filepath.Join(dir, "ssh_host_ed25519_key"))
}

func TestKeysThatCannotBeUsed(t *testing.T) {
	dir := t.TempDir()
	write := func(name, content string) string {
		path := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
		return path
	}
	good := byHand(t, filepath.Join(dir, "good"), "")
	cases := []struct{ name, private, public, want string }{
		{"garbage", write("garbage", "sesame"), "", "no private key"},
		{"locked", byHand(t, filepath.Join(dir, "locked"), "sesame"), "", "passphrase"},
		{"empty", write("empty", ""), "", "no private key"},
		{"a directory", dir, "", "read SSH host key"},
		{"other public key", good, write("other.pub", "sesame"), "does not belong"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			config := inDir(t.TempDir())
			config.PrivateFile, config.PublicFile = c.private, c.public
			_, err := hostkey.Open(config)
			require.ErrorContains(t, err, c.want)
			require.NotContains(t, err.Error(), "sesame")
		})
	}
}
