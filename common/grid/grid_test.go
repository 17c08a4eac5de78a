package grid

import (
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/besn0847/arm-tahoe/common/base32"
)

func TestStorageIndexText(t *testing.T) {
	// From the caps of formats.json, see common/uri/testdata.
	text := "ecfjihij4pz3tsssfkprif6a7e"
	si, err := ParseStorageIndex(text)
	require.NoError(t, err)
	require.Equal(t, StorageIndex{0x20, 0x8a, 0x94, 0x1d, 0x09, 0xe3, 0xf3, 0xb9, 0xca, 0x52, 0x2a, 0x9f, 0x14, 0x17, 0xc0, 0xf9}, si)
	require.Equal(t, text, si.String())
	require.Equal(t, "ecfji", si.Abbrev())
	require.Equal(t, "ec", si.Prefix())
}

func TestParseStorageIndexRefuses(t *testing.T) {
	rows := []struct {
		name, text string
		want       base32.Reason
	}{
		{"empty", "", base32.BadLength},
		{"short", strings.Repeat("a", 25), base32.BadLength},
		{"as long as a hash", strings.Repeat("a", 52), base32.BadLength},
		{"upper case", strings.Repeat("A", 26), base32.BadCharacter},
		{"path", "../" + strings.Repeat("a", 23), base32.BadCharacter},
		{"trailing bits", strings.Repeat("a", 25) + "b", base32.TrailingBits},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			si, err := ParseStorageIndex(row.text)
			require.Zero(t, si)
			var decodeError *base32.DecodeError
			require.ErrorAs(t, err, &decodeError)
			require.Equal(t, row.want, decodeError.Reason)
		})
	}
}

func TestTubIDText(t *testing.T) {
	text := "a4kccljqtngjtqkvoqflntmmjgf62muh" // any 20 bytes
	id, err := ParseTubID(text)
	require.NoError(t, err)
	require.Equal(t, text, id.String())
	for _, refused := range []string{"", text[1:], text + "a", strings.ToUpper(text)} {
		id, err := ParseTubID(refused)
		require.Error(t, err)
		require.Zero(t, id)
	}
}

func TestServerIDName(t *testing.T) {
	rows := []struct{ id, want string }{
		{"v0-lokcw5mbiokerwwnyzxcjw57eclemb57ledzkofceo7qikobaqma", "lokcw5mb"},
		{"storage-in-the-cellar", "storage-"},
		{"v0-", "v0-"},
		{"nas", "nas"},
		{"", ""},
	}
	for _, row := range rows {
		require.Equal(t, row.want, ServerID(row.id).Name(), row.id)
	}
}

func TestPermutationSeedText(t *testing.T) {
	seed, err := ParsePermutationSeed("nbswy3dp")
	require.NoError(t, err)
	require.Equal(t, PermutationSeed("hello"), seed)
	require.Equal(t, "nbswy3dp", seed.String())
	_, err = ParsePermutationSeed("no base 32")
	require.Error(t, err)
}

func TestShareNumValid(t *testing.T) {
	for _, n := range []ShareNum{0, 1, 255} {
		require.True(t, n.Valid(), n)
	}
	for _, n := range []ShareNum{-1, 256, math.MaxInt32, math.MinInt32} {
		require.False(t, n.Valid(), n)
	}
}

func TestParamsValidate(t *testing.T) {
	for _, good := range []Params{DefaultParams, {1, 1, 1}, {1, 1, 256}, {256, 256, 256}, {3, 1, 10}} {
		require.NoError(t, good.Validate(), good)
	}
	rows := []struct {
		name   string
		params Params
		want   ParamsError
	}{
		{"all zero", Params{}, ParamsError{"total", 0, 1, 256}},
		{"too many shares", Params{3, 7, 257}, ParamsError{"total", 257, 1, 256}},
		{"negative total", Params{3, 7, -10}, ParamsError{"total", -10, 1, 256}},
		{"nothing needed", Params{0, 7, 10}, ParamsError{"needed", 0, 1, 10}},
		{"more needed than there are", Params{11, 7, 10}, ParamsError{"needed", 11, 1, 10}},
		{"happy with nothing", Params{3, 0, 10}, ParamsError{"happy", 0, 1, 10}},
		{"never happy", Params{3, 11, 10}, ParamsError{"happy", 11, 1, 10}},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			var paramsError *ParamsError
			require.ErrorAs(t, row.params.Validate(), &paramsError)
			require.Equal(t, row.want, *paramsError)
			require.Contains(t, paramsError.Error(), "shares."+row.want.Field)
		})
	}
}
