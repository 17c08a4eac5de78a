package announce_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/besn0847/arm-tahoe/common/announce"
	"github.com/besn0847/arm-tahoe/common/grid"
	"github.com/stretchr/testify/require"
)

// All announcements of a real introducer connection.
func realAnnouncements(t testing.TB) []realAnnouncement {
	v := readIntroducer(t)
	require.Len(t, v.Relayed, 2)
	return append([]realAnnouncement{v.Announcement}, v.Relayed...)
}

func TestVerifyReal(t *testing.T) {
	a, err := readIntroducer(t).Announcement.signed().Verify()
	require.NoError(t, err)
	require.Equal(t, "storage", a.ServiceName())
	require.Equal(t, "4qpl6mwu", a.ServerID().Name())
	require.Equal(t, announce.Index{ServiceName: "storage", ServerID: a.ServerID()}, a.Index())
	f, err := a.Fields()
	require.NoError(t, err)
	require.Equal(t, &announce.Fields{
		Nickname: "s2", AppVersions: json.RawMessage("[]"), MyVersion: "tahoe-lafs/1.20.0",
		OldestSupported: "1.0.0", ServiceName: announce.StorageService,
		PermutationSeed: "gryxa3bwnv3xk3lmna2wi6trgjsw22tyoi2wqyjxorzhq3rvnn4woytkmy3hgylkpjsxm33rmm2g223qpbqq",
		NURLs:           []string{"pb://WU1nBPD1_74Yx6nZ34j5OwSCTbpxtfYrVvZ_7OfxV6I@127.0.0.1:20021/uj35qfd6iqlafkkepndh35f7utkv532j#v=1"},
		FURL:            "pb://zspqmt2zt75k377je4nh7usbvvkiwi2v@tcp:127.0.0.1:20021/uj35qfd6iqlafkkepndh35f7utkv532j",
		Seqnum:          3, HasSeqnum: true, Nonce: "d6glkkkz3vrsd6l2r3xob2j5ds3e7y2hicacetwzapcxzhglgcma",
	}, f)
	id, err := announce.TubIDOfFURL(f.FURL)
	require.NoError(t, err)
	require.Equal(t, "zspqmt2zt75k377je4nh7usbvvkiwi2v", id.String())
}

// What we read of a real announcement, we write as the same bytes.
func TestMarshalReal(t *testing.T) {
	for _, r := range realAnnouncements(t) {
		a, err := r.signed().Verify()
		require.NoError(t, err)
		require.Equal(t, r.signed(), a.Signed())
		f, err := a.Fields()
		require.NoError(t, err)
		message, err := f.Marshal()
		require.NoError(t, err)
		require.Equal(t, r.Message, string(message))
	}
}

// Ed25519 signatures are determined by key and message, so equal bytes mean
// that 1.20 accepts what we sign.
func TestSignAgainstTahoe(t *testing.T) {
	for _, v := range readTahoe(t).Signed {
		key, err := announce.ParseSigningKey(v.Private)
		require.NoError(t, err)
		theirs, err := v.Triple.signed().Verify()
		require.NoError(t, err)
		f, err := theirs.Fields()
		require.NoError(t, err)
		require.Equal(t, "n\u00e9e \U0001f600 \u007f\"\\/\b\f\n\r\t\u2028", f.Nickname)
		ours, err := announce.Sign(key, f)
		require.NoError(t, err)
		require.Equal(t, v.Triple.signed(), ours)
	}
}

func TestRefusalsAgainstTahoe(t *testing.T) {
	for _, v := range readTahoe(t).Refusals {
		t.Run(v.What, func(t *testing.T) {
			_, err := v.Triple.signed().Verify()
			var unknown *announce.UnknownKeyError
			var format *announce.FormatError
			switch v.Error {
			case "":
				require.NoError(t, err)
			case "UnknownKeyError":
				require.ErrorAs(t, err, &unknown)
				require.Equal(t, v.Text, err.Error())
			case "BadSignature":
				require.ErrorIs(t, err, announce.ErrBadSignature)
			default: // AssertionError, ValueError: not base 32
				require.ErrorAs(t, err, &format)
			}
		})
	}
}

func TestEveryFlippedBitIsRefused(t *testing.T) {
	good := readIntroducer(t).Announcement.signed()
	for part, bytes := range [][]byte{good.Message, good.Signature, good.Key} {
		for i := range bytes {
			for bit := range 8 {
				bytes[i] ^= 1 << bit
				_, err := good.Verify()
				require.Error(t, err, "part %d byte %d bit %d", part, i, bit)
				bytes[i] ^= 1 << bit
			}
		}
	}
}

func TestVerifyRefusesMessages(t *testing.T) {
	key := newKey(t, 9)
	for _, test := range []struct{ name, message, field, reason string }{
		{"empty", "", "announcement", "not JSON"},
		{"list", "[1]", "announcement", "not a JSON object"},
		{"null", "null", "announcement", "not a JSON object"},
		{"cut", `{"service-name": "sto`, "announcement", "not JSON"},
		{"more behind", `{"service-name": "storage"} 1`, "announcement", "not JSON"},
		{"NaN, which Python would read", `{"service-name": "s", "a": NaN}`, "announcement", "not JSON"},
		{"not UTF-8", "{\"service-name\": \"\xff\"}", "announcement", "not UTF-8"},
		{"no service name", `{"a": 1}`, "service-name", "missing"},
		{"service name is no string", `{"service-name": 7}`, "service-name", "not a string"},
		{"deep", `{"service-name": "s", "a": ` + strings.Repeat("[", 32) + strings.Repeat("]", 32) + `}`,
			"announcement", "nested deeper than 32"},
		{"large", `{"service-name": "` + strings.Repeat("s", announce.MaxMessageSize) + `"}`,
			"announcement", "65556 bytes, more than 65536"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := sign(t, key, test.message).Verify()
			var format *announce.FormatError
			require.ErrorAs(t, err, &format)
			require.Equal(t, test.field, format.Field)
			require.Equal(t, test.reason, format.Reason)
		})
	}
	_, err := sign(t, key, `{"service-name": "s", "a": "`+strings.Repeat("[", 99)+`"}`).Verify()
	require.NoError(t, err, "brackets in strings are no nesting")
}

func TestFieldsRefuse(t *testing.T) {
	for _, test := range []struct{ name, message, field string }{
		{"nickname is a number", `{"nickname": 5}`, "nickname"},
		{"nickname is null", `{"nickname": null}`, "nickname"},
		{"version is a string", `{"version": "0"}`, "version"},
		{"FURL is a list", `{"anonymous-storage-FURL": []}`, "anonymous-storage-FURL"},
		{"NURLs are a string", `{"anonymous-storage-NURLs": "pb://"}`, "anonymous-storage-NURLs"},
		{"a NURL is a number", `{"anonymous-storage-NURLs": [1]}`, "anonymous-storage-NURLs"},
		{"certificates are an object", `{"grid-manager-certificates": {}}`, "grid-manager-certificates"},
		{"a certificate is a string", `{"grid-manager-certificates": ["x"]}`, "grid manager certificate"},
		{"a certificate without signature", `{"grid-manager-certificates": [{"certificate": "x"}]}`, "signature"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := announce.ParseFields([]byte(test.message))
			var format *announce.FormatError
			require.ErrorAs(t, err, &format)
			require.Equal(t, test.field, format.Field)
		})
	}
}

func TestFieldsKeepWhatTheyDoNotKnow(t *testing.T) {
	f, err := announce.ParseFields([]byte(
		`{"zebra": {"b":1, "a": [2.50]}, "service-name": "other", "seqnum": "9", "Nickname": "not the field", "zebra": 1e3}`))
	require.NoError(t, err)
	require.Equal(t, []announce.Member{
		{Name: "zebra", Value: json.RawMessage("1e3")}, // repeated: Python keeps the last
		{Name: "Nickname", Value: json.RawMessage(`"not the field"`)},
	}, f.Extra)
	require.False(t, f.HasSeqnum)
	require.Empty(t, f.Nickname)
	f.Extra = f.Extra[:1]
	message, err := f.Marshal()
	require.NoError(t, err)
	require.Equal(t, `{"version": 0, "nickname": "", "app-versions": [], "my-version": "", "oldest-supported": "",`+
		` "service-name": "other", "zebra": 1e3}`, string(message))
}

func TestMarshalRefuses(t *testing.T) {
	var format *announce.FormatError
	_, err := (&announce.Fields{AppVersions: json.RawMessage("[")}).Marshal()
	require.ErrorAs(t, err, &format)
	require.Equal(t, "app-versions", format.Field)
	_, err = announce.Sign(newKey(t, 1), &announce.Fields{Nickname: strings.Repeat("x", announce.MaxMessageSize)})
	require.ErrorAs(t, err, &format)
	require.Equal(t, "announcement", format.Field)
}

func TestUnsigned(t *testing.T) {
	a, err := announce.Unsigned("storage-one", []byte(`{"anonymous-storage-FURL": "pb://x"}`))
	require.NoError(t, err)
	require.Equal(t, grid.ServerID("storage-one"), a.ServerID())
	require.Empty(t, a.ServiceName())
	require.Nil(t, a.Signed().Signature)
	_, err = announce.Unsigned("storage-one", []byte(`{"service-name": []}`))
	require.Error(t, err)
}

func TestTubIDOfFURLRefuses(t *testing.T) {
	for _, furl := range []string{"", "pb://@tcp:h:1/x", "pb://short@tcp:h:1/x", "http://zspqmt2zt75k377je4nh7usbvvkiwi2v@h/x",
		"pb://zspqmt2zt75k377je4nh7usbvvkiwi21@tcp:h:1/x", "pb://zspqmt2zt75k377je4nh7usbvvkiwi2v/x"} {
		_, err := announce.TubIDOfFURL(furl)
		var format *announce.FormatError
		require.ErrorAs(t, err, &format, furl)
	}
}

func TestReplacementVectors(t *testing.T) {
	first, second := newKey(t, 1), newKey(t, 2)
	messages := map[string]announce.Signed{
		"seqnum 5":                             sign(t, first, `{"service-name": "storage", "a": 1, "seqnum": 5}`),
		"identical announcement again":         sign(t, first, `{"service-name": "storage", "a": 1, "seqnum": 5}`),
		"seqnum 5, other content":              sign(t, first, `{"service-name": "storage", "a": 2, "seqnum": 5}`),
		"seqnum 4":                             sign(t, first, `{"service-name": "storage", "a": 1, "seqnum": 4}`),
		"no seqnum":                            sign(t, first, `{"service-name": "storage", "a": 1}`),
		`seqnum "9" (string)`:                  sign(t, first, `{"service-name": "storage", "a": 1, "seqnum": "9"}`),
		"seqnum 6.5 (float)":                   sign(t, first, `{"service-name": "storage", "a": 1, "seqnum": 6.5}`),
		"seqnum 6":                             sign(t, first, `{"service-name": "storage", "a": 1, "seqnum": 6}`),
		"second key, no seqnum":                sign(t, second, `{"service-name": "storage", "a": 1}`),
		"second key, no seqnum, other content": sign(t, second, `{"service-name": "storage", "a": 2}`),
		"second key, seqnum 1":                 sign(t, second, `{"service-name": "storage", "a": 2, "seqnum": 1}`),
		"second key, no seqnum after seqnum":   sign(t, second, `{"service-name": "storage", "a": 3}`),
	}
	known := map[announce.Index]*announce.Announcement{}
	ran := 0
	for _, step := range readIntroducer(t).ReplacementRule {
		if step.Publish == "" {
			continue // the note at the end
		}
		require.Contains(t, messages, step.Publish)
		a, err := messages[step.Publish].Verify()
		require.NoError(t, err)
		decision := announce.Compare(known[a.Index()], a)
		require.Equal(t, step.Forwarded, decision.Accept(), "%s: %s", step.Publish, decision)
		if decision.Accept() {
			known[a.Index()] = a
		}
		ran++
	}
	require.Equal(t, len(messages), ran)
}

func TestReplacementAgainstTahoe(t *testing.T) {
	key := newKey(t, 3)
	seen := map[announce.Decision]int{}
	for _, steps := range readTahoe(t).Replacement {
		var known *announce.Announcement
		for _, step := range steps {
			a, err := sign(t, key, step.Message).Verify()
			require.NoError(t, err, step.Message)
			decision := announce.Compare(known, a)
			seen[decision]++
			require.Equal(t, step.Accepted, decision.Accept(), "%s: %s", step.Message, decision)
			require.Equal(t, step.Raised, decision == announce.IncomparableKnown, "%s: %s", step.Message, decision)
			if decision.Accept() {
				known = a
			}
		}
	}
	for d := announce.New; d <= announce.IncomparableKnown; d++ {
		require.NotZero(t, seen[d], d.String())
		require.NotEmpty(t, d.String())
	}
}

func FuzzAnnouncement(f *testing.F) {
	for _, r := range realAnnouncements(f) {
		f.Add([]byte(r.Message), []byte(r.Signature), []byte(r.ClaimedKey))
	}
	for _, v := range readTahoe(f).Refusals {
		s := v.Triple.signed()
		f.Add(s.Message, s.Signature, s.Key)
	}
	key := newKey(f, 7)
	f.Fuzz(func(t *testing.T, message, signature, claimed []byte) {
		s := announce.Signed{Message: message, Signature: signature, Key: claimed}
		if a, err := s.Verify(); err == nil {
			require.Equal(t, s, a.Signed())
			require.Equal(t, string(claimed), string(a.ServerID()))
		}
		a, err := sign(t, key, string(message)).Verify()
		if err != nil {
			var format *announce.FormatError
			require.True(t, errors.As(err, &format), "%v", err)
			return
		}
		require.Equal(t, announce.Duplicate, announce.Compare(a, a))
		fields, err := a.Fields()
		if err != nil {
			return
		}
		// Read, written, and read again, the fields are the same. (The bytes
		// are not: order, spaces and escapes are free.)
		written, err := fields.Marshal()
		if err != nil {
			return // only the size can be wrong: escapes are longer than UTF-8
		}
		again, err := announce.ParseFields(written)
		require.NoError(t, err)
		rewritten, err := again.Marshal()
		require.NoError(t, err)
		require.Equal(t, string(written), string(rewritten))
	})
}
