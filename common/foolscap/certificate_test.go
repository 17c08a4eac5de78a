package foolscap

import (
	"bytes"
	"encoding/pem"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestCertificates(t *testing.T) {
	for name, make := range map[string]func() (*Certificate, error){"RSA": NewCertificate, "ECDSA": NewEphemeralCertificate} {
		t.Run(name, func(t *testing.T) {
			c, err := make()
			require.NoError(t, err)
			leaf := c.TLS().Leaf
			require.Equal(t, 1, leaf.Version)
			require.EqualValues(t, 1, leaf.SerialNumber.Int64())
			require.Equal(t, "CN=newpb_thingy", leaf.Subject.String())
			require.Equal(t, leaf.RawSubject, leaf.RawIssuer)
			require.NoError(t, leaf.CheckSignature(leaf.SignatureAlgorithm, leaf.RawTBSCertificate, leaf.Signature))

			text, err := c.PEM()
			require.NoError(t, err)
			require.True(t, bytes.HasPrefix(text, []byte("-----BEGIN CERTIFICATE-----")))
			again, err := ParsePEM(text)
			require.NoError(t, err)
			require.Equal(t, c.TubID(), again.TubID())
			rewritten, err := again.PEM()
			require.NoError(t, err)
			require.Equal(t, text, rewritten)

			for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x"} {
				require.Equal(t, "certificate of tub "+c.TubID().String(), fmt.Sprintf(verb, c))
			}
		})
	}
}

func TestBadPEM(t *testing.T) {
	low, high := twoCertificates(t)
	a, err := low.PEM()
	require.NoError(t, err)
	b, err := high.PEM()
	require.NoError(t, err)
	split := bytes.Index(a, []byte("-----BEGIN PRIVATE KEY"))
	damaged := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: []byte("x")})
	noKey := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: []byte("x")})
	for _, c := range []struct {
		name string
		text []byte
		want string
	}{
		{"empty", nil, "no CERTIFICATE block"},
		{"no key", a[:split], "no PRIVATE KEY block"},
		{"no certificate", a[split:], "no CERTIFICATE block"},
		{"damaged", append(damaged, a[split:]...), "unusable certificate"},
		{"bad key", append(a[:split:split], noKey...), "not PKCS#8"},
		{"other key", append(a[:split:split], b[bytes.Index(b, []byte("-----BEGIN PRIVATE KEY")):]...), "belongs to another one"},
		{"long", []byte(strings.Repeat("x", MaxPEMSize+1)), "more than"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := ParsePEM(c.text)
			require.ErrorIs(t, err, ErrCertificate)
			require.ErrorContains(t, err, c.want)
		})
	}
}

// FuzzParsePEM: what parses is written and read again as the same.
func FuzzParsePEM(f *testing.F) {
	low, _ := twoCertificates(f)
	text, err := low.PEM()
	require.NoError(f, err)
	f.Add(text)
	f.Fuzz(func(t *testing.T, text []byte) {
		c, err := ParsePEM(text)
		if err != nil {
			return
		}
		written, err := c.PEM()
		require.NoError(t, err)
		again, err := ParsePEM(written)
		require.NoError(t, err)
		require.Equal(t, c.TubID(), again.TubID())
	})
}
