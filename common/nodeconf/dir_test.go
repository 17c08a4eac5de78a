package nodeconf

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/besn0847/arm-tahoe/common/grid"
	"github.com/besn0847/arm-tahoe/common/secret"
)

func newDir(t *testing.T) *Dir {
	t.Helper()
	d, err := OpenDir(filepath.Join(t.TempDir(), "node"))
	require.NoError(t, err)
	return d
}

func write(t *testing.T, path, text string) {
	t.Helper()
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	return string(text)
}

func mode(t *testing.T, path string) fs.FileMode {
	t.Helper()
	info, err := os.Stat(path)
	require.NoError(t, err)
	return info.Mode().Perm()
}

func TestDir_secretsAreMadeOnce(t *testing.T) {
	d := newDir(t)
	require.Equal(t, fs.FileMode(0o700), mode(t, d.Private("")))
	key, err := d.NodeKey()
	require.NoError(t, err)
	lease, err := d.LeaseSecret()
	require.NoError(t, err)
	convergence, err := d.ConvergenceSecret()
	require.NoError(t, err)
	require.Equal(t, 32, convergence.Len())
	require.Equal(t, key.Reveal()+"\n", read(t, d.Private("node.privkey")))
	require.Equal(t, key.VerifyingKey().String()+"\n", read(t, d.Path("node.pubkey")))
	for _, name := range []string{"node.privkey", "secret", "convergence"} {
		require.Equal(t, fs.FileMode(0o600), mode(t, d.Private(name)))
	}

	again, err := OpenDir(d.Path(""))
	require.NoError(t, err)
	key2, err := again.NodeKey()
	require.NoError(t, err)
	lease2, err := again.LeaseSecret()
	require.NoError(t, err)
	require.Equal(t, key.Reveal(), key2.Reveal())
	require.True(t, lease.Equal(lease2))

	write(t, d.Private("secret"), "abc\n")
	_, err = again.LeaseSecret()
	require.ErrorContains(t, err, "is not base 32 of 32 bytes; restore the file from a backup")
	write(t, d.Private("node.privkey"), "priv-v0-secretsecret\n")
	_, err = again.NodeKey()
	require.ErrorContains(t, err, "restore the file from a backup")
	require.NotContains(t, err.Error(), "secretsecret")
}

func TestDir_tokenIsNewAtEachStart(t *testing.T) {
	d := newDir(t)
	_, ok, err := d.APIToken()
	require.NoError(t, err)
	require.False(t, ok)
	first, err := d.NewAPIToken()
	require.NoError(t, err)
	require.Equal(t, 44, first.Len())
	require.Equal(t, first.RevealString()+"\n", read(t, d.Private("api_auth_token")))
	second, err := d.NewAPIToken()
	require.NoError(t, err)
	require.False(t, first.Equal(second))
	stored, ok, err := d.APIToken()
	require.NoError(t, err)
	require.True(t, ok)
	require.True(t, second.Equal(stored))
}

func TestDir_publicFiles(t *testing.T) {
	d := newDir(t)
	require.NoError(t, d.WriteNodeID([20]byte{}))
	require.Equal(t, strings.Repeat("a", 32)+"\n", read(t, d.Path("my_nodeid")))
	for _, c := range []struct {
		endpoint Endpoint
		want     string
	}{
		{Endpoint{EndpointTCP, "127.0.0.1", 0}, "http://127.0.0.1:3456/"},
		{Endpoint{EndpointTCP, "", 3456}, "http://127.0.0.1:3456/"},
		{Endpoint{EndpointTCP, "::", 3456}, "http://[::1]:3456/"},
		{Endpoint{EndpointTCP, "192.0.2.1", 3456}, "http://192.0.2.1:3456/"},
	} {
		require.NoError(t, d.WriteNodeURL(c.endpoint, 3456))
		require.Equal(t, c.want+"\n", read(t, d.Path("node.url")))
		url, ok, err := d.NodeURL()
		require.NoError(t, err)
		require.True(t, ok)
		require.Equal(t, c.want, url)
	}
}

func TestDir_permutationSeed(t *testing.T) {
	none, some := func() (bool, error) { return false, nil }, func() (bool, error) { return true, nil }
	d := newDir(t)
	key, err := d.NodeKey()
	require.NoError(t, err)
	seed, err := d.PermutationSeed(none, [20]byte{}, key.VerifyingKey())
	require.NoError(t, err)
	require.Len(t, seed, 84, "base 32 of the text of the key")
	require.Equal(t, seed+"\n", read(t, d.Path("permutation-seed")))
	again, err := d.PermutationSeed(some, [20]byte{}, key.VerifyingKey())
	require.NoError(t, err)
	require.Equal(t, seed, again)

	old, err := newDir(t).PermutationSeed(some, [20]byte{}, key.VerifyingKey())
	require.NoError(t, err)
	require.Equal(t, strings.Repeat("a", 32), old)
}

func TestDir_seqnum(t *testing.T) {
	d := newDir(t)
	for want := range int64(3) {
		number, err := d.NextSeqnum()
		require.NoError(t, err)
		require.Equal(t, want+1, number)
	}
	require.Equal(t, "3\n", read(t, d.Path("announcement-seqnum")))
	write(t, d.Path("announcement-seqnum"), "three\n")
	_, err := d.NextSeqnum()
	require.ErrorContains(t, err, `announcement-seqnum:1: "three" is no sequence number`)
}

func TestDir_furlFiles(t *testing.T) {
	d := newDir(t)
	_, ok, err := d.Swissnum(StorageFURLName, [20]byte{})
	require.NoError(t, err)
	require.False(t, ok)
	furl := "pb://" + strings.Repeat("a", 32) + "@tcp:h:1/swiss"
	require.NoError(t, d.WriteFURL(StorageFURLName, secret.NewCapText([]byte(furl))))
	require.Equal(t, furl+"\n", read(t, d.Private("storage.furl")))
	require.Equal(t, fs.FileMode(0o600), mode(t, d.Private("storage.furl")))
	swissnum, ok, err := d.Swissnum(StorageFURLName, [20]byte{})
	require.NoError(t, err)
	require.True(t, ok)
	require.Equal(t, "swiss", swissnum.RevealString())

	_, _, err = d.Swissnum(StorageFURLName, [20]byte{1})
	require.ErrorContains(t, err, "is a FURL of the Tub")
	require.NotContains(t, err.Error(), "swiss")
	write(t, d.Private("storage.furl"), "http://swiss")
	_, _, err = d.Swissnum(StorageFURLName, [20]byte{})
	require.ErrorContains(t, err, "is not a FURL")
}

func TestDir_introducers(t *testing.T) {
	none, both := parse(t, KindClient, "", ""), parse(t, KindClient, "[client]\nintroducer.furl = "+someFURL+"\n", "")
	d := newDir(t)
	list, err := d.Introducers(none)
	require.NoError(t, err)
	require.Empty(t, list)
	list, err = d.Introducers(both)
	require.NoError(t, err)
	require.Len(t, list, 1)
	require.Equal(t, "default", list[0].Petname)

	// As 1.20 and as people write it.
	write(t, d.Private("introducers.yaml"), "introducers:\n  one:\n    furl: "+someFURL+"\n  'two': {furl: \"pb://x@tcp:[::1]:1/y\"}\n")
	list, err = d.Introducers(none)
	require.NoError(t, err)
	require.Len(t, list, 2)
	require.Equal(t, someFURL, list[0].FURL.RevealString())
	require.Equal(t, "two", list[1].Petname)
	require.NoError(t, d.WriteIntroducers(list))
	again, err := d.Introducers(none)
	require.NoError(t, err)
	require.Len(t, again, 2)
	require.Equal(t, "pb://x@tcp:[::1]:1/y", again[1].FURL.RevealString())
	require.Equal(t, fs.FileMode(0o600), mode(t, d.Private("introducers.yaml")))
	require.NoError(t, d.WriteIntroducers(nil))

	for _, c := range []struct{ name, text, want string }{
		{"empty", "", "introducers.yaml: is empty; write introducers: {} if there are none"},
		{"syntax", "introducers: {\n\n", "introducers.yaml: is not YAML: syntax error"},
		{"list", "introducers: [a]\n", "introducers.yaml:1: introducers is not a mapping"},
		{"number", "introducers:\n  1: {furl: x}\n", "introducers.yaml:2: a name in introducers is not a string"},
		{"no furl", "introducers:\n  a: {fur: x}\n", "introducers.yaml: the furl of introducer a is not a string"},
		{"no string", "introducers:\n  a:\n    furl: 12\n", "introducers.yaml:3: the furl of introducer a is not a string; put it in quotes"},
		{"petname", "introducers:\n  a/b:\n    furl: x\n", `the petname "a/b" cannot be part of a file name`},
	} {
		t.Run(c.name, func(t *testing.T) {
			write(t, d.Private("introducers.yaml"), c.text)
			_, err := d.Introducers(none)
			require.ErrorContains(t, err, c.want)
		})
	}
	write(t, d.Private("introducers.yaml"), "introducers: {default: {furl: x}}\n")
	_, err = d.Introducers(both)
	require.ErrorContains(t, err, "has one named default too; remove one of the two")
}

func TestDir_serversAndCache(t *testing.T) {
	d := newDir(t)
	servers, err := d.StaticServers()
	require.NoError(t, err)
	require.Empty(t, servers)
	write(t, d.Private("servers.yaml"), "storage:\n  v0-a:\n    ann:\n      nickname: 'on'\n      anonymous-storage-FURL: pb://x\n      version: 0\n      list: [1, 2.5, null, true]\n    connections: {tcp: tor}\n")
	servers, err = d.StaticServers()
	require.NoError(t, err)
	require.Len(t, servers, 1)
	require.Equal(t, "v0-a", servers[0].ID)
	require.Equal(t, `{"nickname":"on","anonymous-storage-FURL":"pb://x","version":0,"list":[1,2.5,null,true]}`, string(servers[0].Announcement))
	require.Equal(t, map[string]string{"tcp": "tor"}, servers[0].Connections)

	cache := []CachedAnnouncement{{Announcement: []byte(`{"nickname":"yes","seqnum":3,"n":{"a":"1","b":[]},"c":"\u0001\ud83d\ude00","d":"2009-03-16"}`), Key: "v0-a"}}
	require.NoError(t, d.WriteCachedAnnouncements("default", cache))
	again, err := d.CachedAnnouncements("default")
	require.NoError(t, err)
	require.Equal(t, "v0-a", again[0].Key)
	require.JSONEq(t, string(cache[0].Announcement), string(again[0].Announcement))
	require.Error(t, d.WriteCachedAnnouncements("a/b", cache))
	require.NoError(t, d.RemoveCachedAnnouncements("default"))
	require.NoError(t, d.RemoveCachedAnnouncements("default"))

	// Aliases that unfold to 2^30 elements.
	bomb := "- key_s: a\n  ann:\n    x0: &x0 [a]\n"
	for i := range 30 {
		n := strconv.Itoa(i)
		bomb += "    x" + strconv.Itoa(i+1) + ": &x" + strconv.Itoa(i+1) + " [*x" + n + ", *x" + n + "]\n"
	}
	write(t, d.Private("introducer_default_cache.yaml"), bomb)
	_, err = d.CachedAnnouncements("default")
	require.ErrorContains(t, err, "unfolds to too much")
}

func FuzzYAML(f *testing.F) {
	f.Add([]byte("- key_s: a\n  ann: {a: [1, *x]}\n"))
	f.Add([]byte("introducers:\n  a: &x {furl: b, c: *x}\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		file, err := parseYAML("f", text)
		if err != nil || file.root == nil {
			return
		}
		_, _ = file.introducers()
		_, _ = file.json(nil, file.root, 0)
	})
}

func TestDir_aliases(t *testing.T) {
	d := newDir(t)
	write(t, d.Private("root_dir.cap"), "URI:DIR2:root\n")
	write(t, d.Private("aliases"), "# c\nwork: URI:DIR2:w\n\nmusic:URI:DIR2:m:x\nwork: URI:DIR2:w2\n")
	list, err := d.Aliases()
	require.NoError(t, err)
	var got []string
	for _, a := range list {
		got = append(got, a.Name+" "+a.Cap.RevealString())
	}
	require.Equal(t, []string{"tahoe URI:DIR2:root", "work URI:DIR2:w2", "music URI:DIR2:m:x"}, got)
	write(t, d.Private("aliases"), "ok: x\nURIDIR2secret\n")
	_, err = d.Aliases()
	require.ErrorContains(t, err, `aliases:2: has no colon; write "name: CAP"`)
	require.NotContains(t, err.Error(), "secret")
}

func TestBlacklist(t *testing.T) {
	d := newDir(t)
	b := d.Blacklist()
	si, err := grid.ParseStorageIndex(strings.Repeat("a", 26))
	require.NoError(t, err)
	check := func(wantReason string, want bool) {
		t.Helper()
		reason, prohibited, err := b.Check(si)
		require.NoError(t, err)
		require.Equal(t, wantReason, reason)
		require.Equal(t, want, prohibited)
	}
	check("", false)
	write(t, d.Path("access.blacklist"), "# c\n"+si.String()+" by order\n")
	check("by order", true)
	write(t, d.Path("access.blacklist"), si.String()+"\tfor fun\n")
	require.NoError(t, os.Chtimes(d.Path("access.blacklist"), time.Time{}, time.Unix(1e9, 0)))
	check("for fun", true)
	write(t, d.Path("access.blacklist"), "nonsense\n")
	_, _, err = b.Check(si)
	require.ErrorContains(t, err, "access.blacklist:1: has no reason")
	require.NoError(t, os.Remove(d.Path("access.blacklist")))
	check("", false)
}

func TestLock(t *testing.T) {
	d := newDir(t)
	lock, err := d.Lock()
	require.NoError(t, err)
	fields := strings.Fields(read(t, d.Path("running.process")))
	require.Len(t, fields, 2)
	require.Equal(t, strconv.Itoa(os.Getpid()), fields[0])
	require.Contains(t, fields[1], ".")

	var inUse *InUseError
	_, err = d.Lock()
	require.ErrorAs(t, err, &inUse)
	require.Equal(t, os.Getpid(), inUse.PID)
	require.NoError(t, lock.Release())
	require.NoFileExists(t, d.Path("running.process"))
}

func TestLock_afterOthers(t *testing.T) {
	sleeper := exec.Command("sleep", "60")
	require.NoError(t, sleeper.Start())
	t.Cleanup(func() { _ = sleeper.Process.Kill(); _ = sleeper.Wait() })
	started, err := processStart(sleeper.Process.Pid)
	require.NoError(t, err)
	pid := strconv.Itoa(sleeper.Process.Pid)
	at := func(offset float64) string { return strconv.FormatFloat(started+offset, 'f', -1, 64) }
	for _, c := range []struct {
		name, text, want string
	}{
		{"alive", pid + " " + at(0) + "\n", "a process is already running as PID " + pid},
		{"clock adjusted a little", pid + " " + at(1) + "\n", "already running"},
		{"id used again", pid + " " + at(-1e6) + "\n", ""},
		{"gone", "4194399 12345.6\n", ""},
		{"our own id, as in a container", strconv.Itoa(os.Getpid()) + " 12345.6\n", ""},
		{"empty after a power cut", "", ""},
		{"nonsense", "hello\n", "is not a process id and a start time; if no node runs on this directory, remove the file"},
		{"negative", "-1 5.0\n", "is not a process id"},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := newDir(t)
			write(t, d.Path("running.process"), c.text)
			lock, err := d.Lock()
			if c.want != "" {
				require.ErrorContains(t, err, c.want)
				require.Equal(t, c.text, read(t, d.Path("running.process")))
				return
			}
			require.NoError(t, err)
			require.NoError(t, lock.Release())
		})
	}
}

func TestLock_whileAnotherStarts(t *testing.T) {
	d := newDir(t)
	other, err := lockShortly(d.Path("running.process.lock"))
	require.NoError(t, err)
	defer other.Close()
	_, err = d.Lock()
	var inUse *InUseError
	require.ErrorAs(t, err, &inUse)
	require.Zero(t, inUse.PID)
	require.NoError(t, syscall.Flock(int(other.Fd()), syscall.LOCK_UN))
}

func TestWriteFile_leavesNothingOnFailure(t *testing.T) {
	dir := t.TempDir()
	target := filepath.Join(dir, "target")
	require.NoError(t, os.Mkdir(target, 0o700))
	write(t, filepath.Join(target, "in the way"), "")
	require.Error(t, WriteFile(target, []byte("x"), 0o600), "a directory cannot be replaced")
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, entries, 1)
}

func TestCreate(t *testing.T) {
	base := filepath.Join(t.TempDir(), "node")
	node := NewNode{
		Kind: KindClient, Nickname: "50% mine\n[x]", WebPort: "tcp:3456:interface=127.0.0.1",
		TubPorts: []string{"tcp:1"}, TubLocations: []string{"tcp:h:1"},
		Introducer: secret.NewCapText([]byte(someFURL)), Helper: secret.NewCapText([]byte(someFURL)),
		Shares: grid.Params{K: 1, Happy: 2, N: 3}, StorageDir: "/mnt/100%", RunHelper: true,
		SFTPPort: "tcp:8022", SFTPAccounts: "private/accounts", SizeLimit: "5G",
	}
	require.NoError(t, Create(base, node))
	c, err := Load(base)
	require.NoError(t, err)
	require.Equal(t, "50% mine [x]", c.Node.Nickname)
	require.Equal(t, "/mnt/100%", c.Storage.Dir)
	require.Equal(t, int64(5_000_000_000), c.Storage.SizeLimit)
	require.Equal(t, int64(1_000_000_000), c.Storage.ReservedSpace)
	require.True(t, c.SFTP.Enabled)
	require.True(t, c.Helper.Enabled)
	require.Equal(t, someFURL, c.Client.HelperFURL.RevealString())
	d, err := OpenDir(base)
	require.NoError(t, err)
	list, err := d.Introducers(c)
	require.NoError(t, err)
	require.Len(t, list, 1)

	var used *NotEmptyError
	require.ErrorAs(t, Create(base, node), &used)
	require.ErrorIs(t, Create(filepath.Join(base, "a", "b"), node), os.ErrNotExist)
	require.NoError(t, node.Check(base))
	node.SizeLimit = "lots"
	require.ErrorContains(t, node.Check(base), "is not a size")
}
