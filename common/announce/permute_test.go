package announce_test

import (
	"fmt"
	"testing"

	"github.com/besn0847/arm-tahoe/common/announce"
	"github.com/besn0847/arm-tahoe/common/grid"
	"github.com/stretchr/testify/require"
)

func toSeeds(list []hexBytes) []grid.PermutationSeed {
	seeds := make([]grid.PermutationSeed, len(list))
	for i, b := range list {
		seeds[i] = grid.PermutationSeed(b)
	}
	return seeds
}

func TestPermutationVectors(t *testing.T) {
	v := readIntroducer(t).Permutation
	require.Equal(t, v.Order, announce.Permute(grid.StorageIndex(v.StorageIndex), toSeeds(v.Seeds), nil))
	for _, v := range readTahoe(t).Permutations {
		require.Equal(t, v.Order, announce.Permute(grid.StorageIndex(v.SI), toSeeds(v.Seeds), nil))
	}
}

func TestPermutePrefers(t *testing.T) {
	v := readIntroducer(t).Permutation
	preferred := func(i int) bool { return i == 4 || i == 0 }
	require.Equal(t, []int{0, 4, 3, 2, 5, 1}, announce.Permute(grid.StorageIndex(v.StorageIndex), toSeeds(v.Seeds), preferred))
}

func TestPermuteEqualSeeds(t *testing.T) {
	require.Equal(t, []int{0, 1, 2}, announce.Permute(grid.StorageIndex{}, make([]grid.PermutationSeed, 3), nil))
}

func TestSeedsAgainstTahoe(t *testing.T) {
	for i, v := range readTahoe(t).Seeds {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			a, err := announce.Unsigned(grid.ServerID(v.ServerID), []byte(v.Announcement))
			require.NoError(t, err)
			seed, err := a.PermutationSeed()
			require.NoError(t, err)
			require.Equal(t, grid.PermutationSeed(v.Seed), seed)
			id, err := announce.TubIDOfFURL(v.FURL)
			require.NoError(t, err)
			require.Equal(t, grid.TubID(v.TubID), id)
			require.Equal(t, v.Name, a.ServerID().Name())
		})
	}
}

func TestSeedRefuses(t *testing.T) {
	for _, test := range []struct{ name, id, message, field string }{
		{"not a string", "x", `{"permutation-seed-base32": 5}`, "permutation-seed-base32"},
		{"not base 32", "x", `{"permutation-seed-base32": "A"}`, "permutation-seed-base32"},
		{"key that is not base 32", "v0-" + "1111111111111111111111111111111111111111111111111111", `{}`, "server id"},
	} {
		t.Run(test.name, func(t *testing.T) {
			a, err := announce.Unsigned(grid.ServerID(test.id), []byte(test.message))
			require.NoError(t, err)
			_, err = a.PermutationSeed()
			var format *announce.FormatError
			require.ErrorAs(t, err, &format)
			require.Equal(t, test.field, format.Field)
		})
	}
}

// A fresh server's seed is the text of its key.
func TestNewSeedIsWhatRealServersAnnounce(t *testing.T) {
	for _, r := range realAnnouncements(t) {
		a, err := r.signed().Verify()
		require.NoError(t, err)
		seed, err := a.PermutationSeed()
		require.NoError(t, err)
		key, err := announce.ParseServerKey(string(a.ServerID()))
		require.NoError(t, err)
		require.Equal(t, announce.NewSeed(key), seed)
	}
}

func FuzzPermutationSeed(f *testing.F) {
	for _, v := range readTahoe(f).Seeds {
		f.Add(v.ServerID, []byte(v.Announcement))
	}
	f.Fuzz(func(t *testing.T, id string, message []byte) {
		a, err := announce.Unsigned(grid.ServerID(id), message)
		if err != nil {
			return
		}
		seed, err := a.PermutationSeed()
		if err != nil {
			var format *announce.FormatError
			require.ErrorAs(t, err, &format)
			return
		}
		announce.Permute(grid.StorageIndex{}, []grid.PermutationSeed{seed}, nil)
	})
}

func TestOldSeedIsTheTubID(t *testing.T) {
	id := grid.TubID{1, 2, 3}
	require.Equal(t, string(id[:]), string(announce.OldSeed(id)))
}

func BenchmarkPermute1000(b *testing.B) {
	seeds := make([]grid.PermutationSeed, 1000)
	for i := range seeds {
		seeds[i] = grid.PermutationSeed(fmt.Sprintf("%052d", i))
	}
	b.ReportAllocs()
	for b.Loop() {
		announce.Permute(grid.StorageIndex{1}, seeds, nil)
	}
}
