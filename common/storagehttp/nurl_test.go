package storagehttp

import (
	"crypto/x509"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/besn0847/arm-tahoe/common/furl"
	"github.com/besn0847/arm-tahoe/common/secret"
)

// vectors are those of testdata/storage-http.json.
type vectors struct {
	NURL struct {
		Certificate hexBytes `json:"certificate_der_hex"`
		SPKIHash    string   `json:"spki_der_sha256_urlsafe_b64_nopad"`
		FURL        string   `json:"furl"`
	} `json:"nurl"`
	Probes   []probe    `json:"probe_of_every_endpoint"`
	Requests []recorded `json:"requests_made_by_a_real_1.20_client"`
}

func readVectors(t testing.TB) vectors {
	t.Helper()
	text, err := os.ReadFile("testdata/storage-http.json")
	require.NoError(t, err)
	var v vectors
	require.NoError(t, json.Unmarshal(text, &v))
	return v
}

// hexBytes is hexadecimal in JSON; probes also have "(N bytes) " before it.
type hexBytes []byte

func (h *hexBytes) UnmarshalJSON(text []byte) error {
	var s string
	if err := json.Unmarshal(text, &s); err != nil {
		return err
	}
	if strings.HasPrefix(s, "(") {
		_, s, _ = strings.Cut(s, ")")
	}
	_, err := fmt.Sscanf(strings.TrimSpace(s), "%x", (*[]byte)(h))
	if strings.TrimSpace(s) == "" {
		return nil
	}
	return err
}

const hash = "-L-dnhXlXK6bN500fRiGGzQDqJ7pG7OzZiKfJURijIg"

func TestCertificateOf120(t *testing.T) {
	v := readVectors(t).NURL
	cert, err := x509.ParseCertificate(v.Certificate)
	require.NoError(t, err)
	require.Equal(t, v.SPKIHash, HashCertificate(cert).String())
	f, err := furl.Parse(v.FURL)
	require.NoError(t, err)
	n := NURL{Hash: HashCertificate(cert), Host: "127.0.0.1", Port: 20020, Swissnum: f.Swissnum()}
	require.Equal(t, "pb://"+v.SPKIHash+"@127.0.0.1:20020/lj6ztimvb3wn5hxeyro24b56nhjgwxdl#v=1", n.Text())
	again, err := ParseNURL(n.Text())
	require.NoError(t, err)
	require.True(t, again.Hash.Equal(n.Hash))
	require.True(t, again.Swissnum.Equal(n.Swissnum))
}

func TestParseNURL(t *testing.T) {
	tests := []struct {
		name, text string
		want       error
	}{
		{"address", "pb://" + hash + "@10.0.0.1:1/abc#v=1", nil},
		{"name", "pb://" + hash + "@storage.example.org:65535/abc#v=1", nil},
		{"IPv6", "pb://" + hash + "@[2001:db8::1]:443/abc#v=1", nil},
		{"Tor", "pb+tor://" + hash + "@abc.onion:1/abc#v=1", nil},
		{"nothing", "", ErrNURLScheme},
		{"I2P", "pb+i2p://" + hash + "@h:1/abc#v=1", ErrNURLScheme},
		{"web page", "https://" + hash + "@h:1/abc#v=1", ErrNURLScheme},
		{"FURL", "pb://" + hash + "@h:1/abc", ErrNURLVersion},
		{"later version", "pb://" + hash + "@h:1/abc#v=2", ErrNURLVersion},
		{"no hash", "pb://h:1/abc#v=1", ErrNURLSyntax},
		{"no swissnum", "pb://" + hash + "@h:1#v=1", ErrNURLSyntax},
		{"no port", "pb://" + hash + "@h/abc#v=1", ErrNURLSyntax},
		{"short hash", "pb://" + hash[1:] + "@h:1/abc#v=1", ErrNURLHash},
		{"padded hash", "pb://" + hash + "=@h:1/abc#v=1", ErrNURLHash},
		{"bits left over", "pb://" + hash[:42] + "h@h:1/abc#v=1", ErrNURLHash},
		{"line end in hash", "pb://" + hash[:42] + "\n@h:1/abc#v=1", ErrNURLHash},
		{"port 0", "pb://" + hash + "@h:0/abc#v=1", ErrNURLPort},
		{"port 65536", "pb://" + hash + "@h:65536/abc#v=1", ErrNURLPort},
		{"port with a zero", "pb://" + hash + "@h:080/abc#v=1", ErrNURLPort},
		{"negative port", "pb://" + hash + "@h:-1/abc#v=1", ErrNURLPort},
		{"empty host", "pb://" + hash + "@:1/abc#v=1", ErrNURLHost},
		{"brackets round a name", "pb://" + hash + "@[h]:1/abc#v=1", ErrNURLHost},
		{"IPv6 with zone", "pb://" + hash + "@[fe80::1%eth0]:1/abc#v=1", ErrNURLHost},
		{"space", "pb://" + hash + "@a b:1/abc#v=1", ErrNURLHost},
		{"empty swissnum", "pb://" + hash + "@h:1/#v=1", ErrNURLSwissnum},
		{"two parts of a path", "pb://" + hash + "@h:1/abc/d#v=1", ErrNURLSwissnum},
		{"line end", "pb://" + hash + "@h:1/abc\r\nX: y#v=1", ErrNURLSwissnum},
		{"too long", "pb://" + hash + "@h:1/" + strings.Repeat("a", MaxNURLSize) + "#v=1", ErrNURLSize},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			n, err := ParseNURL(tt.text)
			require.ErrorIs(t, err, tt.want)
			if tt.want != nil {
				require.True(t, n.IsZero())
				require.NotContains(t, err.Error(), "/abc")
				return
			}
			require.Equal(t, tt.text, n.Text())
		})
	}
}

func TestNURLDoesNotPrintItsSecret(t *testing.T) {
	n, err := ParseNURL("pb://" + hash + "@[::1]:7/s3cr3t#v=1")
	require.NoError(t, err)
	text, err := json.Marshal(map[string]any{"n": n, "p": &n})
	require.NoError(t, err)
	var log strings.Builder
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "n", n, "p", &n)
	printed := []string{string(text), log.String(), fmt.Sprintf("%v %+v %#v %s %q %x %d", n, n, n, n, n, n, n),
		fmt.Sprintf("%v %+v %#v", &n, struct{ N NURL }{n}, []NURL{n}), fmt.Errorf("x: %v", n).Error()}
	for _, p := range printed {
		require.NotContains(t, p, "s3cr3t")
		require.NotContains(t, p, "733363723374")
		require.Contains(t, p, "redacted")
	}
	require.Equal(t, "[no NURL]", NURL{}.String())
	require.Equal(t, "[::1]:7", n.Address())
}

func TestNURLOfParts(t *testing.T) {
	n := NURL{Host: "h", Port: 1, Swissnum: secret.NewSwissnum([]byte("abc"))}
	require.NoError(t, n.Validate())
	n.Swissnum = secret.NewSwissnum([]byte("a/b"))
	require.ErrorIs(t, n.Validate(), ErrNURLSwissnum)
	require.ErrorIs(t, NURL{Host: "h", Port: 1}.Validate(), ErrNURLSwissnum)
	require.ErrorIs(t, NURL{}.Validate(), ErrNURLHost)
}

func FuzzParseNURL(f *testing.F) {
	f.Add("pb://" + hash + "@127.0.0.1:20020/lj6ztimvb3wn5hxeyro24b56nhjgwxdl#v=1")
	f.Add("pb+tor://" + hash + "@[::1]:1/a#v=1")
	f.Fuzz(func(t *testing.T, text string) {
		n, err := ParseNURL(text)
		if err != nil {
			require.True(t, n.IsZero())
			return
		}
		require.Equal(t, text, n.Text())
		require.NoError(t, n.Validate())
	})
}
