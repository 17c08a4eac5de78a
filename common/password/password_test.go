package password

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Hashes that other programs made: bcrypt 4.2.0 (hashpw) and PyNaCl 1.5.0
// (pwhash.argon2id.str) of Debian 13.
var foreign = []struct{ name, password, hash string }{
	{"bcrypt 2a", "pässword", "$2a$04$tpQ..2DJxnUntrSqpPVhfe5Z9ckcx7xuZsUSqWEwamt/SRQaniXAS"},
	{"bcrypt 2b", "pässword", "$2b$04$V9G91KVwRi/RZLlhPrs.OuAFoNUM6ODNMGoy8j08oaHUS7jXfhp2."},
	{"bcrypt of nothing", "", "$2b$04$6vZNSBH.lZf2Bhu8rt5iYOLZcsYwkRMZW21bjesP1WPpqUufRTTu6"},
	{"bcrypt of 72 bytes", strings.Repeat("x", 72), "$2b$04$W3lxo8oifo/A1xOAazIOjuwKuFUIwLM5jJOLZavY1Wi3tQWYCoab."},
	{"argon2id", "pässword", "$argon2id$v=19$m=8192,t=3,p=1$eazhOlLYRi7x6Fle7zodhQ$3II/eGfY8/4Ge6GiI7VhD+a7QOcugnrYimD4VwE1YmA"},
	{"argon2id of nothing", "", "$argon2id$v=19$m=8,t=1,p=1$WIvwYrGRRM6t9mn6wTHZcg$s2uAqf9OmojHo/CA8bbF3NP4L1St1mcj5j8SQ7uwVzU"},
}

func check(t *testing.T, h Hash, password string) bool {
	t.Helper()
	ok, err := h.Check(t.Context(), password)
	require.NoError(t, err)
	return ok
}

func TestCheck_ofOtherPrograms(t *testing.T) {
	for _, c := range foreign {
		t.Run(c.name, func(t *testing.T) {
			require.True(t, IsHash(c.hash))
			h, err := Parse(c.hash)
			require.NoError(t, err)
			require.Equal(t, c.hash, h.Reveal())
			require.True(t, check(t, h, c.password))
			require.False(t, check(t, h, c.password[:max(0, len(c.password)-1)]+"y"))
			require.False(t, check(t, h, strings.Repeat("x", MaxLength+1)))
		})
	}
	h, err := Parse(strings.Replace(foreign[0].hash, "$2a$", "$2y$", 1))
	require.NoError(t, err)
	require.True(t, check(t, h, foreign[0].password), "2y is what htpasswd writes")
}

func TestNew(t *testing.T) {
	h, err := New(t.Context(), "secret word")
	require.NoError(t, err)
	require.Regexp(t, `^\$argon2id\$v=19\$m=7168,t=5,p=1\$.{22}\$.{43}$`, h.Reveal())
	again, err := Parse(h.Reveal())
	require.NoError(t, err)
	require.True(t, check(t, again, "secret word"))
	require.False(t, check(t, again, "Secret word"))
	other, err := New(t.Context(), "secret word")
	require.NoError(t, err)
	require.NotEqual(t, h.Reveal(), other.Reveal(), "salted")
	_, err = New(t.Context(), strings.Repeat("x", MaxLength+1))
	require.ErrorIs(t, err, ErrTooLong)
}

func TestParse_refuses(t *testing.T) {
	const bcryptTail = "tpQ..2DJxnUntrSqpPVhfe5Z9ckcx7xuZsUSqWEwamt/SRQaniXAS"
	const argonTail = "$eazhOlLYRi7x6Fle7zodhQ$3II/eGfY8/4Ge6GiI7VhD+a7QOcugnrYimD4VwE1YmA"
	for _, c := range []struct {
		name, text, want string
	}{
		{"nothing", "", ErrNotHash.Error()},
		{"plain password", "passw0rd", ErrNotHash.Error()},
		{"plain password with a dollar", "$ecret", ErrNotHash.Error()},
		{"sha512", "$6$salt$hash", ErrUnsupported.Error()},
		{"argon2i", "$argon2i$v=19$m=8192,t=3,p=1" + argonTail, ErrUnsupported.Error()},
		{"faulty bcrypt", "$2x$04$" + bcryptTail, ErrUnsupported.Error()},
		{"bcrypt that takes days", "$2b$31$" + bcryptTail, ErrTooExpensive.Error()},
		{"bcrypt beyond the limit", "$2b$14$" + bcryptTail, ErrTooExpensive.Error()},
		{"bcrypt without cost", "$2b$03$" + bcryptTail, "from 04 to 31"},
		{"bcrypt with large cost", "$2b$99$" + bcryptTail, "from 04 to 31"},
		{"bcrypt cut", "$2b$04$" + bcryptTail[:52], "60 characters"},
		{"bcrypt with more", "$2b$04$" + bcryptTail + "x", "60 characters"},
		{"bcrypt with a line", "$2b$04$" + bcryptTail + "\n", "60 characters"},
		{"argon2id of 4 TiB", "$argon2id$v=19$m=4294967295,t=1,p=1" + argonTail, ErrTooExpensive.Error()},
		{"argon2id beyond 64 bits", "$argon2id$v=19$m=9999999999,t=9999999999,p=999" + argonTail, ErrTooExpensive.Error()},
		{"argon2id of more memory", "$argon2id$v=19$m=65537,t=1,p=1" + argonTail, ErrTooExpensive.Error()},
		{"argon2id of more passes", "$argon2id$v=19$m=65536,t=5,p=1" + argonTail, ErrTooExpensive.Error()},
		{"argon2id of many passes", "$argon2id$v=19$m=8,t=4294967295,p=1" + argonTail, ErrTooExpensive.Error()},
		{"argon2id of many threads", "$argon2id$v=19$m=8192,t=1,p=9" + argonTail, ErrTooExpensive.Error()},
		{"argon2id without memory", "$argon2id$v=19$m=8,t=1,p=2" + argonTail, "at least 8 times p"},
		{"argon2id with zero", "$argon2id$v=19$m=8,t=0,p=1" + argonTail, "it has the form"},
		{"argon2id of another version", "$argon2id$v=16$m=8,t=1,p=1" + argonTail, "it has the form"},
		{"argon2id with long salt", "$argon2id$v=19$m=8,t=1,p=1$" + strings.Repeat("A", 68) + "$" + strings.Repeat("A", 43), "damaged"},
		{"argon2id with short hash", "$argon2id$v=19$m=8,t=1,p=1$AAAAAAAAAAA$AAAA", "damaged"},
		{"argon2id with stray bits", "$argon2id$v=19$m=8,t=1,p=1$eazhOlLYRi7x6Fle7zodhR$3II/eGfY8/4Ge6GiI7VhD+a7QOcugnrYimD4VwE1YmA", "damaged"},
		{"long", "$2b$04$" + strings.Repeat("A", MaxHashLength), "at most 256"},
	} {
		t.Run(c.name, func(t *testing.T) {
			h, err := Parse(c.text)
			require.ErrorContains(t, err, c.want)
			require.True(t, h.IsZero())
			require.NotContains(t, err.Error(), "tpQ..2DJ")
			require.NotContains(t, err.Error(), "eazhOl")
			require.False(t, check(t, h, ""), "the zero value matches nothing")
		})
	}
}

// The costliest hashes that are accepted do end.
func TestParse_limitsAreAccepted(t *testing.T) {
	const tail = "$eazhOlLYRi7x6Fle7zodhQ$3II/eGfY8/4Ge6GiI7VhD+a7QOcugnrYimD4VwE1YmA"
	for _, text := range []string{"$argon2id$v=19$m=65536,t=4,p=8" + tail, "$argon2id$v=19$m=64,t=4096,p=8" + tail} {
		h, err := Parse(text)
		require.NoError(t, err)
		require.False(t, check(t, h, "x"))
	}
}

func TestDecoy(t *testing.T) {
	require.False(t, check(t, Decoy(), ""))
	require.False(t, Decoy().IsZero())
	require.Empty(t, Decoy().Reveal())
}

func TestEqualPlain(t *testing.T) {
	require.True(t, EqualPlain("a", "a"))
	require.True(t, EqualPlain("", ""))
	require.False(t, EqualPlain("a", "ab"))
	require.False(t, EqualPlain("a", "b"))
}

func TestHash_doesNotPrint(t *testing.T) {
	h, err := Parse(foreign[4].hash)
	require.NoError(t, err)
	var log strings.Builder
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "hash", h, "in", struct{ H Hash }{h})
	for _, text := range []string{fmt.Sprintf("%v %+v %#v %s %q %x", h, h, h, h, h, h), fmt.Sprintf("%+v", struct{ H Hash }{h}), log.String()} {
		require.Contains(t, text, placeholder)
		require.NotContains(t, text, "eazhOl")
		require.NotContains(t, text, "argon2")
	}
}

func TestCheck_waitsForItsTurn(t *testing.T) {
	for range maxChecks {
		checks <- struct{}{}
	}
	h, err := Parse(foreign[0].hash)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = h.Check(ctx, "x")
	require.ErrorIs(t, err, context.Canceled)
	_, err = New(ctx, "x")
	require.ErrorIs(t, err, context.Canceled)
	for range maxChecks {
		<-checks
	}
	require.True(t, check(t, h, foreign[0].password))
}

func FuzzParse(f *testing.F) {
	for _, c := range foreign {
		f.Add(c.hash)
	}
	f.Add("$argon2id$v=19$m=65536,t=4,p=8$AAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAA")
	f.Fuzz(func(t *testing.T, text string) {
		h, err := Parse(text)
		if err != nil {
			require.True(t, h.IsZero())
			return
		}
		require.True(t, IsHash(text))
		if a, ok := h.algorithm.(argon2Hash); ok {
			require.Equal(t, text, a.text(), "there is one way to write a hash")
			require.LessOrEqual(t, int64(a.memory)*int64(a.passes), int64(MaxArgon2Work))
		}
	})
}

func BenchmarkCheck(b *testing.B) {
	h := Decoy()
	for b.Loop() {
		_, _ = h.Check(b.Context(), "x")
	}
}
