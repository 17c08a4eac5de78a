package accounts

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/ssh"

	"github.com/besn0847/arm-tahoe/common/password"
	"github.com/besn0847/arm-tahoe/common/uri"
)

// Caps of directories that do not exist.
const (
	writeCap  = "URI:DIR2:djrdkfawoqihigoett4g6auz6a:jx5mplfpwexnoqff7y5e4zjus4lidm76dcuarpct7cckorh2dpgq"
	literal   = "URI:DIR2-LIT:gi4tumj2n4wdcmz2kvjesosmjfkdu3rvpbtwwlbqhiwdeot3puwcy"
	verifyCap = "URI:DIR2-Verifier:djrdkfawoqihigoett4g6auz6a:jx5mplfpwexnoqff7y5e4zjus4lidm76dcuarpct7cckorh2dpgq"
	fileCap   = "URI:LIT:krugkidfnzsc4"
)

func readOnly(t testing.TB) string {
	cap, err := uri.Parse(writeCap)
	require.NoError(t, err)
	return cap.ReadOnly().Text()
}

func signer(t testing.TB, key any) ssh.PublicKey {
	s, err := ssh.NewSignerFromKey(key)
	require.NoError(t, err)
	return s.PublicKey()
}

// securityKey returns a public key as `ssh-keygen -t ed25519-sk` and -t ecdsa-sk
// make them (PROTOCOL.u2f of OpenSSH).
func securityKey(t testing.TB, curve string) ssh.PublicKey {
	var wire []byte
	if curve == "" {
		public, _, err := ed25519.GenerateKey(rand.Reader)
		require.NoError(t, err)
		wire = ssh.Marshal(struct{ Type, Key, App string }{ssh.KeyAlgoSKED25519, string(public), "ssh:"})
	} else {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		require.NoError(t, err)
		point, err := key.PublicKey.Bytes()
		require.NoError(t, err)
		wire = ssh.Marshal(struct{ Type, Curve, Key, App string }{ssh.KeyAlgoSKECDSA256, curve, string(point), "ssh:"})
	}
	key, err := ssh.ParsePublicKey(wire)
	require.NoError(t, err)
	return key
}

// keys returns a public key of every type that OpenSSH makes.
func keys(t testing.TB) []ssh.PublicKey {
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	require.NoError(t, err)
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	list := []ssh.PublicKey{signer(t, ed), signer(t, rsaKey), securityKey(t, ""), securityKey(t, "nistp256")}
	for _, curve := range []elliptic.Curve{elliptic.P256(), elliptic.P384(), elliptic.P521()} {
		key, err := ecdsa.GenerateKey(curve, rand.Reader)
		require.NoError(t, err)
		list = append(list, signer(t, key))
	}
	return list
}

func keyLine(key ssh.PublicKey) string {
	return strings.TrimSpace(string(ssh.MarshalAuthorizedKey(key)))
}

// opened writes a file of accounts and opens it; the log goes to the buffer.
func opened(t testing.TB, content string) (*Store, string, *bytes.Buffer) {
	path := filepath.Join(t.TempDir(), "accounts")
	require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
	var log bytes.Buffer
	return Open(slog.New(slog.NewTextHandler(&log, nil)), path), path, &log
}

func TestKeysOfEveryTypeWork(t *testing.T) {
	list := keys(t)
	var content strings.Builder
	for i, key := range list {
		fmt.Fprintf(&content, "# key %d\n\ntahoe %s somebody's key on host%d %s\n", i, keyLine(key), i, writeCap)
	}
	store, _, log := opened(t, content.String())
	require.Empty(t, log.String())
	for _, key := range list {
		cap, err := store.Key("tahoe", key)
		require.NoError(t, err, key.Type())
		require.Equal(t, writeCap, cap.RevealString())
		_, err = store.Key("other", key)
		require.ErrorIs(t, err, ErrDenied)
	}
	_, err := store.Key("tahoe", securityKey(t, ""))
	require.ErrorIs(t, err, ErrDenied)
}

func TestALineGivesItsOwnCap(t *testing.T) {
	key := securityKey(t, "")
	hash, err := password.New(t.Context(), "hashed")
	require.NoError(t, err)
	store, _, log := opened(t, "tahoe passw0rd "+writeCap+"\n"+
		"tahoe "+hash.Reveal()+" "+literal+"\r\n"+
		"tahoe "+keyLine(key)+" "+readOnly(t))
	for given, want := range map[string]string{"passw0rd": writeCap, "hashed": literal} {
		cap, err := store.Password(t.Context(), "tahoe", given)
		require.NoError(t, err)
		require.Equal(t, want, cap.RevealString())
	}
	cap, err := store.Key("tahoe", key)
	require.NoError(t, err)
	require.Equal(t, readOnly(t), cap.RevealString())
	require.Contains(t, log.String(), "accounts:1: the password is written plainly")
	require.NotContains(t, log.String(), "passw0rd")
	require.NotContains(t, log.String(), "URI:")
}

func TestBadLinesAreNamedAndOthersWork(t *testing.T) {
	key := keyLine(securityKey(t, ""))
	cases := []struct{ name, line, reason string }{
		{"too few words", "tahoe " + writeCap, "write NAME"},
		{"no cap", "tahoe passw0rd sesame", "not a cap"},
		{"cap of a file", "tahoe passw0rd " + fileCap, "not that of a directory"},
		{"verify cap", "tahoe passw0rd " + verifyCap, "only to check"},
		{"blank in password", "tahoe pass w0rd " + writeCap, "words between"},
		{"key without data", "tahoe ssh-ed25519 " + writeCap, "is missing"},
		{"key cut short", "tahoe " + key[:60] + " " + writeCap, "cannot be read"},
		{"key of another type", "tahoe ssh-rsa " + strings.Fields(key)[1] + " " + writeCap, "cannot be read"},
		{"unknown key type", "tahoe ssh-dream AAAA " + writeCap, "cannot be read"},
		{"other hash", "tahoe $6$salt$hash " + writeCap, "does not know"},
		{"expensive hash", "tahoe $argon2id$v=19$m=9999999,t=5,p=1$c2FsdHNhbHQ$aGFzaGhhc2hoYXNoaGFzaA " + writeCap, "costs more"},
		{"long name", strings.Repeat("n", 256) + " passw0rd " + writeCap, "name is longer"},
		{"long line", "tahoe " + strings.Repeat("p", MaxLineSize) + " " + writeCap, "line is longer"},
		{"long password", "tahoe " + strings.Repeat("p", 1025) + " " + writeCap, "password is longer"},
		{"not UTF-8", "tahoe \xff " + writeCap, "not UTF-8"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			all := table{}
			problems := all.parse("private/accounts", []byte("# comment\n"+c.line+"\ngood passw0rd "+writeCap))
			require.Len(t, problems, 2)
			require.False(t, problems[0].Warning)
			require.True(t, problems[1].Warning)
			require.Regexp(t, `^private/accounts:2: .*`+c.reason, problems[0].Error())
			require.NotContains(t, problems[0].Error(), "passw0rd")
			require.NotContains(t, problems[0].Error(), "URI:DIR2:d")
			require.NotContains(t, all, "tahoe")
			require.Contains(t, all, "good")
		})
	}
}

func TestPasswordsOfANameAreBounded(t *testing.T) {
	all := table{}
	problems := all.parse("f", []byte(strings.Repeat("tahoe passw0rd "+writeCap+"\n", MaxPasswords+1)))
	require.ErrorContains(t, problems[MaxPasswords], "passwords already")
	require.Len(t, all["tahoe"].passwords, MaxPasswords)
}

func TestUnknownNameAndWrongPasswordAreAlike(t *testing.T) {
	hash, err := password.New(t.Context(), "hashed")
	require.NoError(t, err)
	content := "plain passw0rd " + writeCap + "\nhashed " + hash.Reveal() + " " + writeCap + "\n" +
		"key " + keyLine(securityKey(t, "")) + " " + writeCap
	synctest.Test(t, func(t *testing.T) {
		store, _, _ := opened(t, content)
		for _, name := range []string{"plain", "hashed", "key", "nobody", ""} {
			start := time.Now()
			_, err := store.Password(t.Context(), name, "guess")
			require.Equal(t, ErrDenied, err, name)
			require.Zero(t, time.Since(start)%FailDelay, name)
			require.NotZero(t, time.Since(start), name)
		}
		_, err := store.Password(t.Context(), "plain", "passw0rd") // never locked out
		require.NoError(t, err)
	})
}

func TestARefusalEndsWithItsContext(t *testing.T) {
	store, _, _ := opened(t, "")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := store.Password(ctx, "tahoe", "guess")
	require.ErrorIs(t, err, context.Canceled)
}

func TestFilesAreReadAgain(t *testing.T) {
	key, other := securityKey(t, ""), securityKey(t, "")
	store, path, log := opened(t, "# nothing yet\n")
	require.Contains(t, log.String(), "nobody can log in")
	allowed := func(key ssh.PublicKey) bool {
		_, err := store.Key("tahoe", key)
		return err == nil
	}
	require.False(t, allowed(key))

	line := func(key ssh.PublicKey) []byte { return []byte("tahoe " + keyLine(key) + " " + writeCap + "\n") }
	require.NoError(t, os.WriteFile(path, line(key), 0o600))
	require.True(t, allowed(key))
	require.NoError(t, os.WriteFile(path, line(other), 0o600)) // same size, perhaps same date
	require.False(t, allowed(key))
	require.True(t, allowed(other))

	require.NoError(t, os.WriteFile(path, make([]byte, MaxFileSize+1), 0o600))
	require.True(t, allowed(other), "a file that is too large stays as it was")
	require.Contains(t, log.String(), "larger than")

	require.NoError(t, os.Remove(path))
	require.False(t, allowed(other))
	require.NoError(t, os.WriteFile(path, line(key), 0o644))
	require.NoError(t, os.Chmod(path, 0o644))
	require.True(t, allowed(key))
	require.Contains(t, log.String(), "chmod 600")
}

func TestSeveralFiles(t *testing.T) {
	dir, key := t.TempDir(), securityKey(t, "")
	one, two := filepath.Join(dir, "ftp.accounts"), filepath.Join(dir, "accounts")
	require.NoError(t, os.WriteFile(one, []byte("tahoe passw0rd "+writeCap+"\n"), 0o600))
	require.NoError(t, os.WriteFile(two, []byte("tahoe "+keyLine(key)+" "+writeCap+"\n"), 0o600))
	store := Open(slog.New(slog.DiscardHandler), one, two, filepath.Join(dir, "missing"))
	_, err := store.Key("tahoe", key)
	require.NoError(t, err)
	_, err = store.Password(t.Context(), "tahoe", "passw0rd")
	require.NoError(t, err)
}

func FuzzParse(f *testing.F) {
	f.Add([]byte("tahoe passw0rd " + writeCap + "\n# comment\n\n"))
	f.Add([]byte("tahoe " + keyLine(securityKey(f, "")) + " a b " + readOnly(f)))
	f.Add([]byte("\xef\xbb\xbftahoe $argon2id$v=19$m=7168,t=5,p=1$c2FsdA$aGFzaA " + literal))
	f.Fuzz(func(t *testing.T, data []byte) {
		all := table{}
		lines := bytes.Count(data, []byte("\n")) + 1
		for _, p := range all.parse("file", data) {
			require.NotEmpty(t, p.Reason)
			require.Positive(t, p.Line)
			require.LessOrEqual(t, p.Line, lines)
			require.NotContains(t, p.Error(), "URI:DIR2:d")
		}
		for name, u := range all {
			require.Contains(t, string(data), name)
			require.NotZero(t, len(u.keys)+len(u.passwords))
			for _, cap := range u.keys {
				require.Contains(t, string(data), cap.RevealString())
			}
		}
	})
}
