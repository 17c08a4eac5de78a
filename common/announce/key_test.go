package announce_test

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/besn0847/arm-tahoe/common/announce"
	"github.com/besn0847/arm-tahoe/common/base32"
	"github.com/stretchr/testify/require"
)

func signatureText(signature [announce.SignatureSize]byte) []byte {
	return base32.AppendEncode([]byte("v0-"), signature[:])
}

func TestKeyVectors(t *testing.T) {
	v := readIntroducer(t).Ed25519
	key, err := announce.ParseSigningKey(v.Private)
	require.NoError(t, err)
	require.Equal(t, v.Private, key.Reveal())
	public := key.VerifyingKey()
	require.Equal(t, v.Public, public.String())
	parsed, err := announce.ParseVerifyingKey(v.Public)
	require.NoError(t, err)
	require.Equal(t, public, parsed)
	signature := key.Sign(v.Message)
	require.Equal(t, v.Signature, string(signatureText(signature)))
	require.True(t, public.Verify(v.Message, signature))
	require.False(t, public.Verify(append(v.Message, ' '), signature))
	for i := range signature {
		damaged := signature
		damaged[i] ^= 1
		require.False(t, public.Verify(v.Message, damaged), "flipped bit in byte %d", i)
	}
	require.Equal(t, strings.TrimPrefix(v.Public, "pub-"), string(public.ServerID()))
	fromID, err := announce.ParseServerKey(string(public.ServerID()))
	require.NoError(t, err)
	require.Equal(t, public, fromID)
}

func TestKeysRefuse(t *testing.T) {
	good := readIntroducer(t).Ed25519
	body := strings.TrimPrefix(good.Public, "pub-v0-")
	for _, test := range []struct {
		name  string
		parse func(string) error
		text  string
		field string
	}{
		{"private as public", public, good.Private, "public key"},
		{"public as private", private, good.Public, "private key"},
		{"server key as public", public, "v0-" + body, "public key"},
		{"empty", private, "", "private key"},
		{"newline", private, good.Private + "\n", "private key"},
		{"newline in public", public, good.Public + "\n", "public key"},
		{"short", public, good.Public[:len(good.Public)-1], "public key"},
		{"upper case", public, "pub-v0-" + strings.ToUpper(body), "public key"},
		{"stray bits", public, "pub-v0-" + body[:51] + "b", "public key"},
		{"foreign character", server, "v0-" + body[:51] + "1", "key"},
		{"version 1", server, "v1-" + body, "key"},
	} {
		t.Run(test.name, func(t *testing.T) {
			var formatError *announce.FormatError
			err := test.parse(test.text)
			require.ErrorAs(t, err, &formatError)
			require.Equal(t, test.field, formatError.Field)
			if len(test.text) > 20 {
				require.NotContains(t, err.Error(), test.text[len(test.text)-20:], "the error shows the key")
			}
		})
	}
}

func private(text string) error { _, err := announce.ParseSigningKey(text); return err }
func public(text string) error  { _, err := announce.ParseVerifyingKey(text); return err }
func server(text string) error  { _, err := announce.ParseServerKey(text); return err }

// Nothing prints a private key, also not from inside other values.
func TestSigningKeyIsRedacted(t *testing.T) {
	const text = "priv-v0-ijbeeqscijbeeqscijbeeqscijbeeqscijbeeqscijbeeqscijba" // 32 times 'B'
	key, err := announce.ParseSigningKey(text)
	require.NoError(t, err)
	manager := &announce.GridManager{Key: key}
	var printed strings.Builder
	for _, v := range []any{key, &key, []announce.SigningKey{key}, manager, *manager, map[string]any{"k": key}} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d"} {
			fmt.Fprintf(&printed, verb+"\n", v)
		}
		encoded, err := json.Marshal(v)
		require.NoError(t, err)
		printed.Write(encoded)
		slog.New(slog.NewTextHandler(&printed, nil)).Info("m", "k", v)
		slog.New(slog.NewJSONHandler(&printed, nil)).Info("m", "k", v)
	}
	require.Contains(t, printed.String(), "[redacted signing key]")
	for _, leak := range []string{text[8:20], "BBBB", "4242", "66 66", "66, 66", "0x42"} {
		require.NotContains(t, printed.String(), leak)
	}
}

func FuzzKeys(f *testing.F) {
	v := readIntroducer(f)
	for _, text := range []string{v.Ed25519.Private, v.Ed25519.Public, v.Announcement.ClaimedKey, "", "v0-"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if k, err := announce.ParseSigningKey(text); err == nil {
			require.Equal(t, text, k.Reveal())
		}
		if k, err := announce.ParseVerifyingKey(text); err == nil {
			require.Equal(t, text, k.String())
			k.Verify(nil, [64]byte{}) // not every key is a point; it must not panic
		}
		if k, err := announce.ParseServerKey(text); err == nil {
			require.Equal(t, text, string(k.ServerID()))
		}
	})
}

func BenchmarkVerify(b *testing.B) {
	s := readIntroducer(b).Announcement.signed()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := s.Verify(); err != nil {
			b.Fatal(err)
		}
	}
}
