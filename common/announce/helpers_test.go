package announce_test

import (
	"encoding/hex"
	"encoding/json"
	"os"
	"testing"

	"github.com/besn0847/arm-tahoe/common/announce"
	"github.com/stretchr/testify/require"
)

func readJSON(t testing.TB, name string, v any) {
	t.Helper()
	data, err := os.ReadFile("testdata/" + name)
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(data, v))
}

// realAnnouncement is one as introducer.json has it.
type realAnnouncement struct {
	Message    string `json:"message"`
	Signature  string `json:"signature"`
	ClaimedKey string `json:"claimed_key"`
}

func (r realAnnouncement) signed() announce.Signed {
	return announce.Signed{Message: []byte(r.Message), Signature: []byte(r.Signature), Key: []byte(r.ClaimedKey)}
}

// introducerVectors is testdata/introducer.json.
type introducerVectors struct {
	Announcement realAnnouncement
	Relayed      []realAnnouncement
	GridManager  struct {
		Private     string `json:"grid_manager_private"`
		Public      string `json:"grid_manager_public"`
		Server      string `json:"server_public"`
		Certificate struct {
			Certificate string `json:"certificate"`
			Signature   string `json:"signature"`
		} `json:"certificate_file"`
		Config json.RawMessage `json:"config_json"`
	} `json:"grid_manager"`
	ReplacementRule []struct {
		Publish   string `json:"publish"`
		Forwarded bool   `json:"forwarded"`
	} `json:"replacement_rule"`
	Permutation struct {
		StorageIndex hexBytes   `json:"storage_index_hex"`
		Seeds        []hexBytes `json:"seeds_hex"`
		Order        []int      `json:"order"`
	}
	Ed25519 struct {
		Private   string   `json:"private"`
		Public    string   `json:"public"`
		Message   hexBytes `json:"message_hex"`
		Signature string   `json:"signature"`
	}
}

func readIntroducer(t testing.TB) (v introducerVectors) {
	t.Helper()
	readJSON(t, "introducer.json", &v)
	return v
}

// triple is a signed announcement in tahoe-1.20.json.
type triple [3]string

func (s triple) signed() announce.Signed {
	return announce.Signed{Message: []byte(s[0]), Signature: []byte(s[1]), Key: []byte(s[2])}
}

// tahoeVectors is testdata/tahoe-1.20.json.
type tahoeVectors struct {
	Signed []struct {
		Private string
		Triple  triple
	}
	Refusals []struct {
		What   string
		Triple triple
		Error  string
		Text   string
	}
	Replacement [][]struct {
		Message  string
		Accepted bool
		Raised   bool
	}
	Seeds []struct {
		ServerID     string `json:"server_id"`
		Announcement string
		FURL         string
		Seed         hexBytes `json:"seed_hex"`
		TubID        hexBytes `json:"tubid_hex"`
		Name         string
	}
	Permutations []struct {
		SI    hexBytes   `json:"si_hex"`
		Seeds []hexBytes `json:"seeds_hex"`
		Order []int
	}
	GridManager struct {
		Private      string
		Public       string
		Alice        string
		EmptyConfig  string `json:"empty_config"`
		Config       string
		Certificates []struct {
			ExpiresMicro int64 `json:"expires_unix_micro"`
			File         string
		}
	} `json:"grid_manager"`
}

func readTahoe(t testing.TB) (v tahoeVectors) {
	t.Helper()
	readJSON(t, "tahoe-1.20.json", &v)
	return v
}

type hexBytes []byte

func (h *hexBytes) UnmarshalText(text []byte) error {
	b, err := hex.DecodeString(string(text))
	*h = b
	return err
}

// newKey is the signing key whose seed is 32 times the byte n, as in
// testdata/capture.py.
func newKey(t testing.TB, n byte) announce.SigningKey {
	t.Helper()
	var k announce.SigningKey
	seed := make([]byte, 32)
	for i := range seed {
		seed[i] = n
	}
	require.NoError(t, k.Seed.SetBytes(seed))
	return k
}

// sign signs any message, also one that Fields would not write.
func sign(t testing.TB, key announce.SigningKey, message string) announce.Signed {
	t.Helper()
	s, err := announce.Sign(key, &announce.Fields{ServiceName: "x"})
	require.NoError(t, err)
	s.Message = []byte(message)
	s.Signature = signatureText(key.Sign(s.Message))
	return s
}
