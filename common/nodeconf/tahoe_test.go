package nodeconf

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// outcome is a value, or an error of Python's.
type outcome[T any] struct {
	Value T      `json:"value"`
	Error string `json:"error"`
}

type configVector struct {
	Text       string
	Error      string
	Sections   map[string]map[string]outcome[string]
	Client     bool
	Introducer bool
	Written    *string
}

type vectors struct {
	Configs   map[string]configVector
	Booleans  map[string]outcome[bool]
	Sizes     map[string]outcome[*int64]
	Durations map[string]outcome[int64]
	Dates     map[string]outcome[int64]
	Endpoints map[string]outcome[struct {
		Kind, Interface string
		Port            int
	}]
	Ports []struct {
		Text   string
		Stored *string
		Value  []string
		Error  string
		File   string
	}
}

func loadVectors(t testing.TB) vectors {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", "tahoe-1.20.0.json"))
	require.NoError(t, err)
	var v vectors
	require.NoError(t, json.Unmarshal(text, &v))
	require.NotEmpty(t, v.Configs)
	return v
}

func TestParseFile_asPython(t *testing.T) {
	for name, v := range loadVectors(t).Configs {
		t.Run(name, func(t *testing.T) {
			file, err := ParseFile("tahoe.cfg", []byte(v.Text))
			if v.Error != "" {
				require.Error(t, err)
				var wrong *Error
				require.ErrorAs(t, err, &wrong)
				require.Positive(t, wrong.Line)
				return
			}
			require.NoError(t, err)
			require.Len(t, file.Sections(), len(v.Sections))
			for section, keys := range v.Sections {
				require.Contains(t, file.Sections(), section)
				require.Len(t, file.Keys(section), len(keys))
				for key, want := range keys {
					requireValue(t, file, section, key, want)
				}
			}
			require.Equal(t, v.Client, len(tahoeSchema(KindClient).check(file)) == 0, "accepted by a client")
			require.Equal(t, v.Introducer, len(tahoeSchema(KindIntroducer).check(file)) == 0, "accepted by an introducer")
			requireWritten(t, file, v.Written)
		})
	}
}

func requireValue(t *testing.T, file *File, section, key string, want outcome[string]) {
	t.Helper()
	value, ok, err := file.Get(section, key)
	require.True(t, ok)
	require.Equal(t, want.Error != "", err != nil, "%s: %v", key, err)
	if err == nil {
		require.Equal(t, want.Value, value, key)
	}
}

func requireWritten(t *testing.T, file *File, want *string) {
	t.Helper()
	text, err := file.AppendPython(nil)
	require.Equal(t, want == nil, err != nil)
	if want != nil {
		require.Equal(t, *want, string(text))
	}
}

func TestValues_asTahoe(t *testing.T) {
	v := loadVectors(t)
	for text, want := range v.Booleans {
		value, err := ParseBool(text)
		require.Equal(t, want.Error != "", err != nil, text)
		require.Equal(t, want.Value, value, text)
	}
	for text, want := range v.Sizes {
		value, err := ParseSize(text)
		require.Equal(t, want.Error != "" || want.Value == nil, err != nil, text)
		if err == nil {
			require.Equal(t, *want.Value, value, text)
		}
	}
	for text, want := range v.Durations {
		value, err := ParseDuration(text)
		require.Equal(t, want.Error != "", err != nil, text)
		require.Equal(t, want.Value, value, text)
	}
	for text, want := range v.Dates {
		value, err := ParseDate(text)
		require.Equal(t, want.Error != "", err != nil, text)
		if err == nil {
			require.Equal(t, want.Value, value.Unix(), text)
		}
	}
}

func TestParseSize_beyondInt64(t *testing.T) {
	for _, text := range []string{"9223372036854775808", "10E", "8EiB", "99999999999999999999999999"} {
		value, err := ParseSize(text)
		require.NoError(t, err)
		require.Equal(t, int64(1<<63-1), value)
	}
}

func TestParseEndpoint_asTwisted(t *testing.T) {
	// Python's int() takes spaces; everything else is as there.
	for text, want := range loadVectors(t).Endpoints {
		e, err := ParseEndpoint(text)
		require.Equal(t, want.Error != "", err != nil, "%s: %v", text, err)
		if err != nil {
			continue
		}
		require.Equal(t, Endpoint{EndpointTCP, want.Value.Interface, uint16(want.Value.Port)}, e, text)
		again, err := ParseEndpoint(e.String())
		require.NoError(t, err)
		require.Equal(t, e, again)
	}
}

// acceptedHere are the ports that 1.20 refuses by accident: AUTO with a list.
var acceptedHere = map[string]string{
	"[node]\ntub.port = tcp:4711,tcp:4712\ntub.location = AUTO\n": "tcp:4711,tcp:4712 tcp:127.0.0.1:4711,tcp:192.0.2.7:4711",
}

func TestListen_asTahoe(t *testing.T) {
	host := Host{
		LocalAddresses: func() ([]string, error) { return []string{"127.0.0.1", "192.0.2.7"}, nil },
		AllocatePort:   func() (uint16, error) { return 40000, nil },
	}
	for _, v := range loadVectors(t).Ports {
		t.Run(strings.ReplaceAll(v.Text, "\n", " "), func(t *testing.T) {
			dir := t.TempDir()
			if v.Stored != nil {
				require.NoError(t, os.WriteFile(filepath.Join(dir, portFileName), []byte(*v.Stored), 0o600))
			}
			text := v.Text + "[connections]\ntcp = tor\n[storage]\nenabled = false\n"
			config, err := Parse(dir, KindClient, []byte(text), nil)
			if accepted, ok := acceptedHere[v.Text]; ok {
				v.Value, v.Error = strings.Fields(accepted), ""
			}
			require.Equal(t, v.Error != "", err != nil, "%v", err)
			if err != nil {
				return
			}
			listen, err := config.Listen(host)
			require.NoError(t, err)
			if v.Value == nil {
				require.Empty(t, listen)
				return
			}
			var endpoints []string
			for _, e := range listen.Endpoints {
				endpoints = append(endpoints, e.String())
			}
			require.Equal(t, v.Value, []string{strings.Join(endpoints, ","), strings.Join(listen.Hints, ",")})
			if v.File != "" {
				stored, err := os.ReadFile(filepath.Join(dir, portFileName))
				require.NoError(t, err)
				require.Equal(t, v.File, string(stored))
			}
		})
	}
}

func FuzzParseFile(f *testing.F) {
	for _, v := range loadVectors(f).Configs {
		f.Add([]byte(v.Text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		config, err := Parse("/base", KindClient, text, text)
		require.Equal(t, err == nil, config != nil)
		file, err := ParseFile("tahoe.cfg", text)
		if err != nil {
			return
		}
		written, err := file.AppendPython(nil)
		if err != nil || len(written) > MaxFileSize || !rewritable(file) {
			return
		}
		// What was written back means the same, and is stable.
		again, err := ParseFile("tahoe.cfg", written)
		require.NoError(t, err)
		twice, err := again.AppendPython(nil)
		require.NoError(t, err)
		require.Equal(t, string(written), string(twice))
	})
}

// rewritable leaves out what Python's own writer garbles: names of keys that
// begin like a header or a comment, values with lines that do so, and headers
// that end differently when they stand alone.
func rewritable(file *File) bool {
	for _, section := range file.Sections() {
		for _, key := range append(slices.Clone(file.Keys(section)), file.Keys(defaultSection)...) {
			value, _, _ := file.Get(section, key)
			if strings.ContainsAny(key[:1], "[#;") || strings.ContainsAny(value, "\n\r\v\f\x1c\x1d\x1e\x1f\u0085\u00a0\u2028\u2029") || strip(value) != value {
				return false
			}
		}
	}
	return true
}

func FuzzParseEndpoint(f *testing.F) {
	for text := range loadVectors(f).Endpoints {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		e, err := ParseEndpoint(text)
		if err != nil {
			return
		}
		again, err := ParseEndpoint(e.String())
		require.NoError(t, err)
		require.Equal(t, e, again)
	})
}
