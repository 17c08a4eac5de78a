package announce_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/besn0847/arm-tahoe/common/announce"
	"github.com/stretchr/testify/require"
)

func TestCertificateVector(t *testing.T) {
	v := readIntroducer(t).GridManager
	file, err := json.Marshal(v.Certificate)
	require.NoError(t, err)
	c, err := announce.ParseCertificate(file)
	require.NoError(t, err)
	manager, err := announce.ParseVerifyingKey(v.Public)
	require.NoError(t, err)
	s, err := c.Verify(manager)
	require.NoError(t, err)
	require.Equal(t, v.Server, s.ServerKey.String())
	require.True(t, s.Expires.Equal(time.Date(2036, 11, 19, 13, 20, 59, 697729000, time.UTC)))

	key, err := announce.ParseSigningKey(v.Private)
	require.NoError(t, err)
	require.Equal(t, c, announce.SignCertificate(key, s), "the same bytes again")
}

func TestGridManagerConfigVector(t *testing.T) {
	v := readIntroducer(t).GridManager
	m, err := announce.ParseGridManager(v.Config)
	require.NoError(t, err)
	require.Equal(t, v.Private, m.Key.Reveal())
	require.Equal(t, v.Public, m.Key.VerifyingKey().String())
	alice, ok := m.Find("alice")
	require.True(t, ok)
	require.Equal(t, v.Server, alice.Key.String())
	_, ok = m.Find("bob")
	require.False(t, ok)
	require.JSONEq(t, string(v.Config), string(m.AppendReveal(nil)))
}

func TestGridManagerAgainstTahoe(t *testing.T) {
	v := readTahoe(t).GridManager
	for _, text := range []string{v.EmptyConfig, v.Config} {
		m, err := announce.ParseGridManager([]byte(text))
		require.NoError(t, err)
		require.Equal(t, text, string(m.AppendReveal(nil)))
		require.Equal(t, v.Private, m.Key.Reveal())
		require.Equal(t, v.Public, m.Key.VerifyingKey().String())
	}
	key, err := announce.ParseSigningKey(v.Private)
	require.NoError(t, err)
	alice, err := announce.ParseVerifyingKey(v.Alice)
	require.NoError(t, err)
	for _, c := range v.Certificates {
		ours := announce.SignCertificate(key, announce.Statement{
			// Nanoseconds are cut off, not rounded, and any zone is as good.
			Expires:   time.UnixMicro(c.ExpiresMicro).Add(999).In(time.FixedZone("", 3600)),
			ServerKey: alice,
		})
		require.Equal(t, c.File, string(ours.AppendFile(nil)))
		parsed, err := announce.ParseCertificate([]byte(c.File))
		require.NoError(t, err)
		require.Equal(t, ours, parsed)
	}
}

func TestParseCertificateRefuses(t *testing.T) {
	for _, test := range []struct{ name, text, field string }{
		{"no object", `"x"`, "grid manager certificate"},
		{"no JSON", `{`, "grid manager certificate"},
		{"no certificate", `{"signature": "a"}`, "certificate"},
		{"signature is null", `{"signature": null, "certificate": ""}`, "signature"},
		{"signature is a number", `{"signature": 5, "certificate": ""}`, "signature"},
		{"third field", `{"signature": "a", "certificate": "", "x": 1}`, "grid manager certificate"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := announce.ParseCertificate([]byte(test.text))
			var format *announce.FormatError
			require.ErrorAs(t, err, &format)
			require.Equal(t, test.field, format.Field)
		})
	}
}

func TestStatementRefuses(t *testing.T) {
	manager := newKey(t, 4)
	server := newKey(t, 5).VerifyingKey().String()
	for _, test := range []struct{ name, statement, field string }{
		{"no object", `7`, "certificate"},
		{"unknown version", `{"expires":"2030-01-02T03:04:05+00:00","public_key":"` + server + `","version":2}`, "version"},
		{"no version", `{"expires":"2030-01-02T03:04:05+00:00","public_key":"` + server + `"}`, "version"},
		{"no expiry", `{"public_key":"` + server + `","version":1}`, "expires"},
		{"expiry without offset", `{"expires":"2030-01-02T03:04:05","public_key":"` + server + `","version":1}`, "expires"},
		{"expiry is nonsense", `{"expires":"soon","public_key":"` + server + `","version":1}`, "expires"},
		{"no key", `{"expires":"2030-01-02T03:04:05+00:00","version":1}`, "public_key"},
		{"server id for key", `{"expires":"2030-01-02T03:04:05+00:00","public_key":"` + server[4:] + `","version":1}`, "public key"},
	} {
		t.Run(test.name, func(t *testing.T) {
			signature := manager.Sign([]byte(test.statement))
			c := announce.Certificate{Statement: test.statement, Signature: string(signatureText(signature)[3:])}
			_, err := c.Verify(manager.VerifyingKey())
			var format *announce.FormatError
			require.ErrorAs(t, err, &format)
			require.Equal(t, test.field, format.Field)
		})
	}
}

func TestGridManagerRefuses(t *testing.T) {
	private := newKey(t, 4).Reveal()
	for _, test := range []struct{ name, text, field string }{
		{"no version", `{}`, "grid_manager_config_version"},
		{"other version", `{"grid_manager_config_version": 1}`, "grid_manager_config_version"},
		{"no key", `{"grid_manager_config_version": 0}`, "private_key"},
		{"bad key", `{"grid_manager_config_version": 0, "private_key": "priv-v0-xx"}`, "private key"},
		{"servers are a list", `{"grid_manager_config_version": 0, "private_key": "` + private + `", "storage_servers": []}`, "storage_servers"},
		{"server is a string", `{"grid_manager_config_version": 0, "private_key": "` + private + `", "storage_servers": {"a": "x"}}`, "storage server"},
		{"server without key", `{"grid_manager_config_version": 0, "private_key": "` + private + `", "storage_servers": {"a": {}}}`, "public_key"},
		{"server with bad key", `{"grid_manager_config_version": 0, "private_key": "` + private + `", "storage_servers": {"a": {"public_key": "x"}}}`, "public key"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := announce.ParseGridManager([]byte(test.text))
			var format *announce.FormatError
			require.ErrorAs(t, err, &format)
			require.Equal(t, test.field, format.Field)
			require.NotContains(t, err.Error(), private[8:30])
		})
	}
}

func TestCertificateVerifier(t *testing.T) {
	now := time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
	manager, stranger := newKey(t, 1), newKey(t, 2)
	alice, bob := newKey(t, 3).VerifyingKey(), newKey(t, 4).VerifyingKey()
	good := announce.SignCertificate(manager, announce.Statement{Expires: now.Add(time.Second), ServerKey: alice})
	expired := announce.SignCertificate(manager, announce.Statement{Expires: now, ServerKey: alice})
	foreign := announce.SignCertificate(stranger, announce.Statement{Expires: now.Add(time.Hour), ServerKey: alice})
	bobs := announce.SignCertificate(manager, announce.Statement{Expires: now.Add(time.Hour), ServerKey: bob})
	broken := good
	broken.Signature = strings.Repeat("a", 103)
	for _, test := range []struct {
		name         string
		managers     []announce.VerifyingKey
		certificates []announce.Certificate
		permitted    bool
		numProblems  int
	}{
		{"no grid manager: everybody", nil, nil, true, 0},
		{"no certificate", []announce.VerifyingKey{manager.VerifyingKey()}, nil, false, 0},
		{"good", []announce.VerifyingKey{manager.VerifyingKey()}, []announce.Certificate{good}, true, 0},
		{"good among bad", []announce.VerifyingKey{manager.VerifyingKey()},
			[]announce.Certificate{broken, foreign, expired, bobs, good}, true, 2},
		{"expires at this instant", []announce.VerifyingKey{manager.VerifyingKey()}, []announce.Certificate{expired}, false, 0},
		{"of a stranger", []announce.VerifyingKey{manager.VerifyingKey()}, []announce.Certificate{foreign}, false, 1},
		{"for another server", []announce.VerifyingKey{manager.VerifyingKey()}, []announce.Certificate{bobs}, false, 0},
		{"second manager signed", []announce.VerifyingKey{stranger.VerifyingKey(), manager.VerifyingKey()},
			[]announce.Certificate{good}, true, 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			v, problems := announce.NewCertificateVerifier(test.managers, test.certificates, alice.ServerID())
			require.Equal(t, test.permitted, v.Permitted(now))
			require.Len(t, problems, test.numProblems)
			for _, p := range problems {
				require.ErrorIs(t, p.Err, announce.ErrBadSignature)
			}
		})
	}
}

func FuzzCertificate(f *testing.F) {
	v := readTahoe(f).GridManager
	f.Add([]byte(v.Config))
	f.Add([]byte(v.EmptyConfig))
	for _, c := range v.Certificates {
		f.Add([]byte(c.File))
	}
	c, err := announce.ParseCertificate([]byte(v.Certificates[0].File))
	require.NoError(f, err)
	f.Add([]byte(c.Statement))
	key := newKey(f, 4)
	f.Fuzz(func(t *testing.T, text []byte) {
		// As a file: what parses comes back from what we write.
		if c, err := announce.ParseCertificate(text); err == nil {
			again, err := announce.ParseCertificate(c.AppendFile(nil))
			if err == nil { // escapes may have made it too long
				require.Equal(t, c, again)
			}
			_, _ = c.Verify(key.VerifyingKey())
		}
		// As a statement: the canonical form is a fixed point.
		signature := key.Sign(text)
		signed := announce.Certificate{Statement: string(text), Signature: string(signatureText(signature)[3:])}
		if s, err := signed.Verify(key.VerifyingKey()); err == nil && s.Expires.UTC().Year() <= 9999 && s.Expires.UTC().Year() > 0 {
			canonical := announce.SignCertificate(key, s)
			s2, err := canonical.Verify(key.VerifyingKey())
			require.NoError(t, err, canonical.Statement)
			require.Equal(t, canonical, announce.SignCertificate(key, s2))
		}
		if m, err := announce.ParseGridManager(text); err == nil {
			written := m.AppendReveal(nil)
			if again, err := announce.ParseGridManager(written); err == nil {
				require.Equal(t, string(written), string(again.AppendReveal(nil)))
			}
		}
	})
}
