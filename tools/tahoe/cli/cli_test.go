package cli

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/besn0847/arm-tahoe/common/daemon"
	"github.com/besn0847/arm-tahoe/common/nodeconf"
)

type result struct {
	code           int
	stdout, stderr string
}

func tahoeRun(t *testing.T, c Command, args ...string) result {
	t.Helper()
	t.Setenv("HOME", t.TempDir())
	var out, errOut bytes.Buffer
	c.Name, c.Stdout, c.Stderr = "tahoe", &out, &errOut
	if c.Stdin == nil {
		c.Stdin = strings.NewReader("")
	}
	code := c.Tahoe(t.Context(), args)
	return result{code, out.String(), errOut.String()}
}

func TestTahoe_usage(t *testing.T) {
	for _, c := range []struct {
		args []string
		want string // the end of standard output
	}{
		{nil, "tahoe:  must specify a command\n\n"},
		{[]string{"frob"}, "tahoe:  Unknown command: frob\n\n"},
		{[]string{"--frob"}, "tahoe:  option --frob not recognized\n\n"},
		{[]string{"admin"}, "tahoe:  must specify a subcommand\n\n"},
		{[]string{"create-node", "x"}, "tahoe:  --listen=tcp requires --hostname=\n\n"},
		{[]string{"create-node", "--nickname"}, "tahoe:  option --nickname requires argument\n\n"},
		{[]string{"create-node", "--listen=carrier", "x"}, "tahoe:  --listen= must be one/some of: i2p, none, tcp, tor\n\n"},
		{[]string{"create-node", "--listen=none", "--hostname=h", "x"}, "tahoe:  --hostname cannot be used when --listen=none\n\n"},
		{[]string{"create-client", "a", "b"}, "tahoe:  Wrong number of arguments.\n\n"},
		{[]string{"create-client", "--shares-total=x", "a"}, "tahoe:  --shares-total must be an integer\n\n"},
		{[]string{"create-client", "--", "-x"}, "cannot start with '-'.\nUse './-x' if you intended to refer to a file.\n\n"},
		{[]string{"-d", "a", "create-client", "b"}, "tahoe:  The --node-directory (or -d) option and a basedir argument cannot both be used.\n\n"},
		{[]string{"create-introducer", "--hostname=h"}, "or a basedir argument\n\n"},
	} {
		t.Run(strings.Join(c.args, " "), func(t *testing.T) {
			r := tahoeRun(t, Command{}, c.args...)
			require.Equal(t, 1, r.code)
			require.True(t, strings.HasSuffix(r.stdout, c.want), r.stdout)
			require.Contains(t, r.stdout, "Usage:")
			require.Empty(t, r.stderr)
		})
	}
}

func TestTahoe_refusesWhatIsMissing(t *testing.T) {
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"create-node", "--listen=tor"}, "cannot make an address with Tor or I2P yet"},
		{[]string{"create-client", "--join=1-a-b"}, "cannot join a grid with an invite code yet"},
		{[]string{"admin", "derive-pubkey", "priv-v0-secretsecret"}, "private key"},
	} {
		r := tahoeRun(t, Command{}, c.args...)
		require.Equal(t, 1, r.code)
		require.Contains(t, r.stderr, c.want)
		require.NotContains(t, r.stderr, "secretsecret")
	}
}

func TestTahoe_run(t *testing.T) {
	base := filepath.Join(t.TempDir(), "node")
	require.Equal(t, 0, tahoeRun(t, Command{}, "create-client", base).code)

	r := tahoeRun(t, Command{}, "run", base)
	require.Equal(t, 1, r.code)
	require.Contains(t, r.stderr, "tahoe: this version cannot run a node of the kind client yet; its configuration is in order\n")

	// Standard input is at its end, so the node ends as soon as it is ready.
	c := Command{Run: map[nodeconf.Kind]func(context.Context, *daemon.Node) error{
		nodeconf.KindClient: func(ctx context.Context, n *daemon.Node) error {
			n.Ready()
			<-ctx.Done()
			return nil
		},
	}}
	r = tahoeRun(t, c, "run", base)
	require.Equal(t, 0, r.code, r.stderr)
	require.Equal(t, "'tahoe run' in '"+base+"'\nrunning node in '"+base+"'\nclient running\n", r.stdout)

	require.NoError(t, os.WriteFile(filepath.Join(base, "tahoe.cfg"), []byte("[node]\nnickame = x\n"), 0o600))
	r = tahoeRun(t, c, "run", base)
	require.Equal(t, 1, r.code)
	require.Contains(t, r.stderr, "\nConfiguration error:\n"+base+"/tahoe.cfg:2: [node] nickame: unknown key; did you mean nickname?\n")
}

func TestTahoe_runHoldsTheDirectory(t *testing.T) {
	base := filepath.Join(t.TempDir(), "node")
	require.Equal(t, 0, tahoeRun(t, Command{}, "create-client", base).code)
	dir, err := nodeconf.OpenDir(base)
	require.NoError(t, err)
	lock, err := dir.Lock()
	require.NoError(t, err)
	r := tahoeRun(t, Command{}, "run", base)
	require.Equal(t, 1, r.code)
	require.Contains(t, r.stderr, "ERROR: a process is already running as PID")
	require.NoError(t, lock.Release())
}

func TestAbbreviate(t *testing.T) {
	day := 24 * time.Hour
	for since, want := range map[time.Duration]string{
		-30*day + time.Second: "29 days in the future",
		time.Second:           "1 second ago",
		119 * time.Second:     "119 seconds ago",
		2 * time.Minute:       "2 minutes ago",
		47 * time.Hour:        "47 hours ago",
		60 * day:              "2 months ago",
		5 * 365 * day:         "5 years ago",
	} {
		require.Equal(t, want, abbreviate(since))
	}
}
