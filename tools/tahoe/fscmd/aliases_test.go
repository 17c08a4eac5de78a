package fscmd

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/besn0847/arm-tahoe/common/base32"
	"github.com/besn0847/arm-tahoe/common/nodeconf"
	"github.com/besn0847/arm-tahoe/common/secret"
)

var (
	dirCap  = "URI:DIR2:" + base32.Encode(make([]byte, 16)) + ":" + base32.Encode(make([]byte, 32))
	fileCap = "URI:LIT:" + base32.Encode([]byte("text"))
)

func testAliases() *Aliases {
	c := func(text string) secret.CapText { return secret.NewCapText([]byte(text)) }
	a := NewAliases([]nodeconf.Alias{{Name: "tahoe", Cap: c(dirCap)}, {Name: "größe", Cap: c("ro." + dirCap)}, {Name: "file", Cap: c(fileCap)}, {Name: "tahoe", Cap: c(dirCap)}})
	a.Give("given", c(fileCap))
	return a
}

func TestResolve(t *testing.T) {
	for argument, want := range map[string]struct {
		root, path string
		whole      bool
	}{
		"":                       {dirCap, "", false},
		"a/b":                    {dirCap, "a/b", false},
		" a ":                    {dirCap, "a", false},
		"tahoe:":                 {dirCap, "", false},
		"tahoe:a b/c:d":          {dirCap, "a b/c:d", false},
		"a/b:c":                  {dirCap, "a/b:c", false},
		fileCap:                  {fileCap, "", false},
		dirCap + "/a/b":          {dirCap, "a/b", false},
		dirCap + ":./a/b":        {dirCap, "a/b", false},
		"ro.URI:x/y":             {"ro.URI:x", "y", false},
		"imm.URI:x/":             {"imm.URI:x", "", false},
		"given:":                 {fileCap, "", true},
		"given:" + fileCap + "/": {fileCap, fileCap + "/", true},
	} {
		got, err := testAliases().Resolve(argument, false)
		require.NoError(t, err, argument)
		require.Equal(t, Location{Root: secret.NewCapText([]byte(want.root)), Path: want.path, Whole: want.whole}, got, argument)
	}
	for argument, path := range map[string]string{"a/b:c": "a/b:c", "a": "a", "./tahoe:x": "./tahoe:x"} {
		got, err := testAliases().Resolve(argument, true)
		require.NoError(t, err)
		require.Equal(t, Location{Local: true, Path: path}, got)
	}
}

func TestResolve_refuses(t *testing.T) {
	for argument, want := range map[string]string{
		"nix:":    "error: Unknown alias 'nix', please create it with 'tahoe add-alias' or 'tahoe create-alias'.",
		"it's:x":  `error: Unknown alias "it's", please create it with 'tahoe add-alias' or 'tahoe create-alias'.`,
		"file:":   "the alias 'file' does not stand for a directory: that is the cap of a file, not of a directory",
		"größe:":  "the alias 'größe' does not stand for a directory: that is no cap: copy the whole of it, from URI:DIR2 on",
		"a\xff/b": `the argument b"a\xff/b" is not in UTF-8`,
	} {
		_, err := testAliases().Resolve(argument, false)
		require.EqualError(t, err, want)
	}
	_, err := NewAliases(nil).Resolve("a", false)
	require.EqualError(t, err, "error: No alias specified, and the default 'tahoe' alias doesn't exist. To create it, use 'tahoe create-alias tahoe'.")
}

// Whatever an argument is, it is understood or refused, and an alias's cap is
// never in what is said about it.
func FuzzResolve(f *testing.F) {
	for _, argument := range []string{"", "tahoe:a", dirCap + "/x", "given:", "file:x", "a/b:c", "ro.imm.URI:"} {
		f.Add(argument)
	}
	f.Fuzz(func(t *testing.T, argument string) {
		for _, local := range []bool{false, true} {
			_, err := testAliases().Resolve(argument, local)
			if err != nil && !strings.Contains(argument, "URI:") {
				require.NotContains(t, err.Error(), "URI:DIR2:a")
			}
		}
	})
}

func TestPythonJSON(t *testing.T) {
	for text, want := range map[string]string{
		"a": `"a"`, "<&>": `"<&>"`, "ü😀": `"\u00fc\ud83d\ude00"`, "\"\\\n": `"\"\\\n"`, "\u2028": `"\u2028"`,
	} {
		require.Equal(t, want, pythonJSON(text))
	}
}

func TestReadPrivateKey(t *testing.T) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(t, err)
	path := filepath.Join(t.TempDir(), "key")
	for kind, der := range map[string][]byte{"PRIVATE KEY": pkcs8, "RSA PRIVATE KEY": x509.MarshalPKCS1PrivateKey(key)} {
		require.NoError(t, os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600))
		got, err := readPrivateKey(path)
		require.NoError(t, err)
		require.Equal(t, pkcs8, got)
	}
	for _, text := range []string{"", "secretsecret", string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: []byte("secretsecret")}))} {
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		_, err := readPrivateKey(path)
		require.ErrorContains(t, err, "holds no RSA private key")
		require.NotContains(t, err.Error(), "secret")
	}
}
