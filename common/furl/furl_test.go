package furl

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/besn0847/arm-tahoe/common/grid"
	"github.com/besn0847/arm-tahoe/common/secret"
	"github.com/stretchr/testify/require"
)

const (
	tub      = "u3kdhkudwyygs6d5u3i4i2jl7w5hptdt"
	swissnum = "2rtqkzz5ci7gezjan3ts4i2x7k2psdn6"
	example  = "pb://" + tub + "@tcp:127.0.0.1:20010,tor:abc.onion:80/" + swissnum
)

func TestParse(t *testing.T) {
	f, err := Parse(example)
	require.NoError(t, err)
	require.Equal(t, tub, f.TubID().String())
	require.Equal(t, []string{"tcp:127.0.0.1:20010", "tor:abc.onion:80"}, f.Hints())
	require.Equal(t, swissnum, f.Swissnum().RevealString())
	require.Equal(t, example, f.Text())
}

func TestParseOddities(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"no hints", "pb://" + tub + "@/x", "pb://" + tub + "@/x"},
		{"slashes in the name", "pb://" + tub + "@tcp:a:1/x/y", "pb://" + tub + "@tcp:a:1/x/y"},
		{"at in the name", "pb://" + tub + "@tcp:a:1/x@y", "pb://" + tub + "@tcp:a:1/x@y"},
		{"upper case", "pb://" + strings.ToUpper(tub) + "@/x", "pb://" + tub + "@/x"},
		{"extension of the tub id", "pb://" + tub + ":more@/x", "pb://" + tub + "@/x"},
		{"unknown hint", "pb://" + tub + "@foo/x", "pb://" + tub + "@foo/x"},
	} {
		t.Run(c.name, func(t *testing.T) {
			f, err := Parse(c.text)
			require.NoError(t, err)
			require.Equal(t, c.want, f.Text())
		})
	}
}

func TestParseErrors(t *testing.T) {
	for _, c := range []struct {
		name, text string
		want       error
	}{
		{"empty", "", ErrScheme},
		{"other scheme", "http://x", ErrScheme},
		{"no at", "pb://" + tub, ErrSyntax},
		{"no slash", "pb://" + tub + "@tcp:a:1", ErrSyntax},
		{"no name", "pb://" + tub + "@tcp:a:1/", ErrSyntax},
		{"no tub id", "pb://@tcp:a:1/x", ErrTubID},
		{"short tub id", "pb://abc@tcp:a:1/x", ErrTubID},
		{"not base 32", "pb://" + tub[:31] + "1@/x", ErrTubID},
		{"empty hint", "pb://" + tub + "@tcp:a:1,/x", ErrHint},
		{"line end", example + "\n", ErrBadBytes},
		{"space", "pb://" + tub + "@tcp:a:1/x y", ErrBadBytes},
		{"long", example + strings.Repeat("x", MaxTextSize), ErrTooLong},
		{"many hints", "pb://" + tub + "@" + strings.Repeat("a,", MaxHints) + "a/x", ErrTooMany},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Parse(c.text)
			require.ErrorIs(t, err, c.want)
			require.NotContains(t, err.Error(), swissnum)
		})
	}
}

func TestNew(t *testing.T) {
	name, err := NewSwissnum(bytes.NewReader(make([]byte, 20)))
	require.NoError(t, err)
	require.Equal(t, strings.Repeat("a", 32), name.RevealString())
	_, err = NewSwissnum(bytes.NewReader(nil))
	require.Error(t, err)

	id, err := grid.ParseTubID(tub)
	require.NoError(t, err)
	f, err := New(id, []string{"tcp:a:1"}, name)
	require.NoError(t, err)
	require.Equal(t, "pb://"+tub+"@tcp:a:1/"+name.RevealString(), f.Text())

	other, err := f.WithHints(nil)
	require.NoError(t, err)
	require.True(t, f.Equal(other), "hints do not count")
	require.False(t, f.Equal(FURL{}))

	_, err = New(id, []string{"a/b"}, name)
	require.ErrorIs(t, err, ErrHint)
	_, err = New(id, nil, secret.Swissnum{})
	require.ErrorIs(t, err, ErrSyntax)
}

func TestNoSecretLeaks(t *testing.T) {
	f, err := Parse(example)
	require.NoError(t, err)
	require.True(t, FURL{}.IsZero())
	require.Equal(t, "[no FURL]", FURL{}.String())
	var out bytes.Buffer
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		fmt.Fprintf(&out, verb+"\n", f)
		fmt.Fprintf(&out, verb+"\n", struct {
			A FURL
			b FURL
		}{f, f})
	}
	slog.New(slog.NewTextHandler(&out, nil)).Info("x", "furl", f)
	slog.New(slog.NewJSONHandler(&out, nil)).Info("x", "furl", f)
	text, err := json.Marshal(f)
	require.NoError(t, err)
	out.Write(text)
	require.NotContains(t, out.String(), swissnum)
	require.NotContains(t, out.String(), fmt.Sprintf("%x", swissnum[:5]))
}

func TestHints(t *testing.T) {
	for _, c := range []struct {
		text, kind, host string
		port             uint16
	}{
		{"127.0.0.1:20010", "tcp", "127.0.0.1", 20010},
		{"example.org:1", "tcp", "example.org", 1},
		{"tcp:example.org:65535", "tcp", "example.org", 65535},
		{"tcp:[::1]:80", "tcp", "::1", 80},
		{"tcp:[::ffff:1.2.3.4]:80", "tcp", "::ffff:1.2.3.4", 80},
		{"tcp:[fe80::1%eth0]:80", "tcp", "fe80::1%eth0", 80},
		{"tor:abc.onion:80", "tor", "abc.onion", 80},
		{"i2p:abc.b32.i2p", "i2p", "abc.b32.i2p", 0},
		{"i2p:abc.b32.i2p:7", "i2p", "abc.b32.i2p", 7},
	} {
		t.Run(c.text, func(t *testing.T) {
			h, err := ParseHint(c.text)
			require.NoError(t, err)
			require.Equal(t, c.kind, h.Type)
			host, port, err := h.HostPort()
			require.NoError(t, err)
			require.Equal(t, c.host, host)
			require.Equal(t, c.port, port)
		})
	}
}

func TestBadHints(t *testing.T) {
	for _, text := range []string{"", "x", ":x"} {
		_, err := ParseHint(text)
		require.ErrorIs(t, err, ErrHintType, text)
	}
	for _, text := range []string{
		"tcp:example.org", "tcp:example.org:65536", "tcp:example.org:123456", "tcp:a b:1", "tcp:[::1:1",
		"tcp:a:1:2", "tor:[::1]:80", "tor:abc.onion", "foo:a:1", "i2p:",
	} {
		h, err := ParseHint(text)
		require.NoError(t, err, text)
		_, _, err = h.HostPort()
		require.ErrorIs(t, err, ErrHintAddress, text)
	}
}

func TestCheckTorHost(t *testing.T) {
	for _, host := range []string{"127.0.0.1", "10.1.2.3", "192.168.0.1", "224.0.0.1", "0.0.0.0", "255.255.255.255", "::1", "2001:db8::1", "::ffff:8.8.8.8"} {
		require.ErrorIs(t, CheckTorHost(host), ErrNotPublic, host)
	}
	for _, host := range []string{"8.8.8.8", "abc.onion", "example.org"} {
		require.NoError(t, CheckTorHost(host), host)
	}
}

func FuzzParse(f *testing.F) {
	f.Add(example)
	f.Add("pb://" + tub + "@/x")
	f.Add("pb://" + strings.ToUpper(tub) + "xx@h:1/x")
	f.Fuzz(func(t *testing.T, text string) {
		parsed, err := Parse(text)
		if err != nil {
			require.True(t, parsed.IsZero())
			return
		}
		again := parsed.Text()
		// The exceptions: an upper case or extended tub id.
		at := strings.IndexByte(text, '@')
		require.Equal(t, text[at:], again[len(scheme)+tubIDLen:])
		require.Equal(t, strings.ToLower(text[:len(scheme)+tubIDLen]), again[:len(scheme)+tubIDLen])
		twice, err := Parse(again)
		require.NoError(t, err)
		require.True(t, parsed.Equal(twice))
	})
}

func FuzzParseHint(f *testing.F) {
	for _, text := range []string{"127.0.0.1:1", "tcp:[::1]:80", "tor:a.onion:1", "i2p:x", "foo:bar"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		h, err := ParseHint(text)
		if err != nil {
			return
		}
		// The exception: the legacy form gets its type.
		require.Contains(t, []string{text, "tcp:" + text}, h.String())
		if host, _, err := h.HostPort(); err == nil {
			require.NotEmpty(t, host)
		}
	})
}
