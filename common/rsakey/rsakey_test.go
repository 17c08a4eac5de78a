package rsakey

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"log/slog"
	"math/big"
	"os"
	"testing"

	"github.com/stretchr/testify/require"
)

// pemNames are the keys that the reference node used; see testdata/README.md.
var pemNames = []string{"sdmf-1000", "mdmf-1000"}

func readDER(t testing.TB, name string) []byte {
	t.Helper()
	text, err := os.ReadFile("testdata/" + name + ".pem")
	require.NoError(t, err)
	block, rest := pem.Decode(text)
	require.NotNil(t, block)
	require.Empty(t, rest)
	require.Equal(t, "PRIVATE KEY", block.Type)
	return block.Bytes
}

func TestPythonKeysKeepTheirBytes(t *testing.T) {
	for _, name := range pemNames {
		t.Run(name, func(t *testing.T) {
			der := readDER(t, name)
			key, err := ParsePrivate(der)
			require.NoError(t, err)
			require.Equal(t, der, key.DER())

			imported, err := Import(der)
			require.NoError(t, err)
			require.Equal(t, der, imported.DER(), "serialising again gives what Python's cryptography wrote")
			require.True(t, imported.Equal(key))
		})
	}
}

func TestParsedKeyDoesNotAliasItsInput(t *testing.T) {
	der := readDER(t, pemNames[0])
	key, err := ParsePrivate(der)
	require.NoError(t, err)
	clear(der)
	require.Equal(t, readDER(t, pemNames[0]), key.DER())

	public := bytes.Clone(key.Public().DER())
	parsed, err := ParsePublic(public)
	require.NoError(t, err)
	clear(public)
	require.True(t, parsed.Equal(key.Public()))
}

func TestImportTurnsPKCS1IntoPKCS8(t *testing.T) {
	want, err := ParsePrivate(readDER(t, pemNames[0]))
	require.NoError(t, err)
	got, err := Import(x509.MarshalPKCS1PrivateKey(want.p().key))
	require.NoError(t, err)
	require.True(t, got.Equal(want))
}

func TestZeroValueIsNoKey(t *testing.T) {
	require.True(t, PrivateKey{}.IsZero())
	key, err := ParsePrivate(readDER(t, pemNames[0]))
	require.NoError(t, err)
	require.False(t, key.IsZero())
}

func TestGeneratedKey(t *testing.T) {
	key, err := Generate(rand.Reader)
	require.NoError(t, err)
	require.Equal(t, 65537, key.p().key.E)
	require.Len(t, key.Public().DER(), 294)

	again, err := ParsePrivate(key.DER())
	require.NoError(t, err)
	require.True(t, again.Equal(key))
	signAndVerify(t, again)
}

// TestCryptoPPExponent reads a key as nodes before 1.14 made it.
func TestCryptoPPExponent(t *testing.T) {
	key, err := fromKey(withExponent(t, 17))
	require.NoError(t, err)
	require.Len(t, key.Public().DER(), 292, "VERIFICATION_KEY_SIZE of mutable/layout.py")

	parsed, err := ParsePrivate(key.DER())
	require.NoError(t, err)
	require.True(t, parsed.Equal(key))
	signAndVerify(t, parsed)
}

// withExponent returns a key on fresh primes that fit the exponent e.
func withExponent(t *testing.T, e int) *rsa.PrivateKey {
	t.Helper()
	one := big.NewInt(1)
	for range 100 {
		base, err := rsa.GenerateKey(rand.Reader, Bits)
		require.NoError(t, err)
		p, q := base.Primes[0], base.Primes[1]
		order := new(big.Int).Mul(new(big.Int).Sub(p, one), new(big.Int).Sub(q, one))
		d := new(big.Int).ModInverse(big.NewInt(int64(e)), order)
		if d == nil {
			continue
		}
		key := &rsa.PrivateKey{PublicKey: rsa.PublicKey{N: base.N, E: e}, D: d, Primes: base.Primes}
		key.Precompute()
		require.NoError(t, key.Validate())
		return key
	}
	t.Fatal("no fitting primes in 100 tries")
	return nil
}

func signAndVerify(t *testing.T, key PrivateKey) {
	t.Helper()
	message := []byte("the header of a version")
	signature, err := key.Sign(rand.Reader, message)
	require.NoError(t, err)
	require.Len(t, signature, SignatureSize)

	public, err := ParsePublic(key.Public().DER())
	require.NoError(t, err)
	require.NoError(t, public.Verify(message, signature))
	require.ErrorIs(t, public.Verify(message[1:], signature), ErrSignature)
	require.ErrorIs(t, public.Verify(message, signature[1:]), ErrSignature)
	require.ErrorIs(t, public.Verify(message, nil), ErrSignature)
	signature[100] ^= 1
	require.ErrorIs(t, public.Verify(message, signature), ErrSignature)
}

func TestVerifyWantsTheSaltSizeOfTahoe(t *testing.T) {
	key, err := ParsePrivate(readDER(t, pemNames[0]))
	require.NoError(t, err)
	digest := make([]byte, 32)
	for _, size := range []int{0, 20, 222} {
		signature, err := rsa.SignPSS(rand.Reader, key.p().key, pssOptions.Hash, digest, &rsa.PSSOptions{SaltLength: size})
		require.NoError(t, err)
		require.ErrorIs(t, key.Public().Verify(nil, signature), ErrSignature)
	}
}

func TestSignNeedsRandomness(t *testing.T) {
	key, err := ParsePrivate(readDER(t, pemNames[0]))
	require.NoError(t, err)
	_, err = key.Sign(nil, []byte("message"))
	require.ErrorContains(t, err, "randomness")
	_, err = key.Sign(bytes.NewReader(nil), []byte("message"))
	require.Error(t, err)
}

func TestParsePrivateRefuses(t *testing.T) {
	der := readDER(t, pemNames[0])
	small, err := rsa.GenerateKey(rand.Reader, 1024)
	require.NoError(t, err)
	curve, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	pkcs8 := func(key any) []byte {
		der, err := x509.MarshalPKCS8PrivateKey(key)
		require.NoError(t, err)
		return der
	}
	rows := []struct {
		name   string
		der    []byte
		reason string
	}{
		{"nothing", nil, "not an unencrypted PKCS#8"},
		{"short", der[:len(der)-1], "not an unencrypted PKCS#8"},
		{"trailing byte", append(bytes.Clone(der), 0), "not an unencrypted PKCS#8"},
		{"too long", make([]byte, MaxPrivateDERSize+1), "4097 bytes"},
		{"1024 bits", pkcs8(small), "modulus of 1024 bits"},
		{"elliptic curve", pkcs8(curve), "not an RSA key"},
		{"changed number", changed(der, len(der)/2), "do not fit together"},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			requireRefused(t, row.reason, func() error { _, err := ParsePrivate(row.der); return err })
			requireRefused(t, row.reason, func() error { _, err := Import(row.der); return err })
		})
	}
}

func TestParsePublicRefuses(t *testing.T) {
	key, err := ParsePrivate(readDER(t, pemNames[0]))
	require.NoError(t, err)
	der := key.Public().DER()
	small, err := rsa.GenerateKey(rand.Reader, 1024)
	require.NoError(t, err)
	curve, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	spki := func(key any) []byte {
		der, err := x509.MarshalPKIXPublicKey(key)
		require.NoError(t, err)
		return der
	}
	rows := []struct {
		name   string
		der    []byte
		reason string
	}{
		{"nothing", nil, "not a SubjectPublicKeyInfo"},
		{"short", der[:len(der)-1], "not a SubjectPublicKeyInfo"},
		{"trailing byte", append(bytes.Clone(der), 0), "not a SubjectPublicKeyInfo"},
		{"too long", make([]byte, MaxPublicDERSize+1), "1025 bytes"},
		{"1024 bits", spki(&small.PublicKey), "modulus of 1024 bits"},
		{"elliptic curve", spki(&curve.PublicKey), "not an RSA key"},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			requireRefused(t, row.reason, func() error { _, err := ParsePublic(row.der); return err })
		})
	}
}

func changed(der []byte, at int) []byte {
	der = bytes.Clone(der)
	der[at] ^= 1
	return der
}

func requireRefused(t *testing.T, reason string, parse func() error) {
	t.Helper()
	var refusal *ParseError
	require.ErrorAs(t, parse(), &refusal)
	require.Contains(t, refusal.Error(), reason)
}

func TestPrivateKeyIsNeverPrinted(t *testing.T) {
	key, err := ParsePrivate(readDER(t, pemNames[0]))
	require.NoError(t, err)
	type unexported struct{ key PrivateKey }
	secretBytes := fmt.Sprintf("%x", key.DER()[100:110])
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d"} {
		require.Equal(t, redacted, fmt.Sprintf(verb, key), verb)
		require.Equal(t, redacted, fmt.Sprintf(verb, &key), verb)
		printed := fmt.Sprintf(verb, unexported{key})
		require.Less(t, len(printed), 100, verb)
		require.NotContains(t, printed, secretBytes)
	}
	require.Equal(t, redacted, key.String())
	require.Equal(t, redacted, key.GoString())
	require.Equal(t, redacted, key.LogValue().String())

	text, err := json.Marshal(map[string]any{"key": key})
	require.NoError(t, err)
	require.JSONEq(t, `{"key":"`+redacted+`"}`, string(text))

	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, nil)).Info("made", "key", key)
	require.Contains(t, log.String(), redacted)
	require.NotContains(t, log.String(), key.p().key.D.String()[:20])
}

func FuzzParsePrivate(f *testing.F) {
	for _, name := range pemNames {
		f.Add(readDER(f, name))
	}
	f.Add([]byte{0x30, 0x00})
	f.Fuzz(func(t *testing.T, der []byte) {
		key, err := ParsePrivate(der)
		if err != nil {
			require.ErrorAs(t, err, new(*ParseError))
			return
		}
		require.Equal(t, der, key.DER())
		again, err := ParsePublic(key.Public().DER())
		require.NoError(t, err)
		require.True(t, again.Equal(key.Public()))
	})
}

func FuzzParsePublic(f *testing.F) {
	for _, name := range pemNames {
		key, err := ParsePrivate(readDER(f, name))
		require.NoError(f, err)
		f.Add(key.Public().DER())
	}
	f.Fuzz(func(t *testing.T, der []byte) {
		key, err := ParsePublic(der)
		if err != nil {
			require.ErrorAs(t, err, new(*ParseError))
			return
		}
		require.Equal(t, der, key.DER())
		require.ErrorIs(t, key.Verify(der, nil), ErrSignature)
	})
}

func BenchmarkSign(b *testing.B) {
	key, err := ParsePrivate(readDER(b, pemNames[0]))
	require.NoError(b, err)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := key.Sign(rand.Reader, key.p().der); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkVerify(b *testing.B) {
	key, err := ParsePrivate(readDER(b, pemNames[0]))
	require.NoError(b, err)
	signature, err := key.Sign(rand.Reader, key.p().der)
	require.NoError(b, err)
	b.ReportAllocs()
	for b.Loop() {
		if err := key.Public().Verify(key.p().der, signature); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkParsePrivate(b *testing.B) {
	der := readDER(b, pemNames[0])
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ParsePrivate(der); err != nil {
			b.Fatal(err)
		}
	}
}
