package sharestore_test

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/besn0847/arm-tahoe/common/grid"
	"github.com/besn0847/arm-tahoe/common/storagetest"
	"github.com/besn0847/arm-tahoe/storage/sharefs"
	"github.com/besn0847/arm-tahoe/storage/sharestore"
)

const day = 24 * time.Hour

// aged stores an immutable and a mutable share whose leases are from leased,
// and opens the store again at now with the given settings.
func aged(t *testing.T, leased []time.Time, now time.Time, expire sharestore.Expire) *sharestore.Store {
	m := sharefs.NewMem(1 << 30)
	clock := leased[0]
	cfg := config(m)
	cfg.Now = func() time.Time { return clock }
	cfg.BuildDate = time.Time{}
	s, err := sharestore.Open(cfg)
	require.NoError(t, err)
	synctest.Wait() // what makes the index looks at the clock
	require.NoError(t, upload(siA, 0, "immutable").run(t, s))
	require.NoError(t, slot(siM, map[grid.ShareNum]string{0: "mutable"}).run(t, s))
	for i, when := range leased[1:] {
		clock = when
		require.NoError(t, s.AddLease(t.Context(), siA, storagetest.Lease('k'+byte(i))))
		require.NoError(t, s.AddLease(t.Context(), siM, storagetest.Lease('k'+byte(i))))
	}
	require.NoError(t, s.Close())
	cfg.Now = func() time.Time { return now }
	cfg.BuildDate, cfg.Expire = buildDate, expire
	s, err = sharestore.Open(cfg)
	require.NoError(t, err)
	synctest.Wait() // for the index
	return s
}

func TestExpire(t *testing.T) {
	now := buildDate.Add(400 * day)
	before := func(days int) time.Time { return now.Add(-time.Duration(days) * day) }
	age := func(days int) sharestore.Expire {
		return sharestore.Expire{Enabled: true, Mode: sharestore.ExpireAge,
			OverrideLeaseDuration: time.Duration(days) * day, Immutable: true, Mutable: true}
	}
	cutoff := func(date time.Time) sharestore.Expire {
		return sharestore.Expire{Enabled: true, Mode: sharestore.ExpireCutoffDate, CutoffDate: date, Immutable: true, Mutable: true}
	}
	immutableOnly, mutableOnly, off := age(60), age(60), age(60)
	immutableOnly.Mutable, mutableOnly.Immutable, off.Enabled = false, false, false
	rows := []struct {
		name     string
		leased   []time.Time
		expire   sharestore.Expire
		kept     []string
		examined int64
	}{
		{"off", []time.Time{before(399)}, off, []string{"immutable", "mutable"}, 0},
		{"age without override never expires", []time.Time{before(399)}, age(0), []string{"immutable", "mutable"}, 0},
		{"older than the override", []time.Time{before(61)}, age(60), nil, 2},
		{"as old as the override", []time.Time{before(60)}, age(60), []string{"immutable", "mutable"}, 0},
		{"younger than the override, past its own end", []time.Time{before(59)}, age(60), []string{"immutable", "mutable"}, 0},
		{"override shorter than the lease", []time.Time{before(10)}, age(5), nil, 2},
		{"one of two leases has expired", []time.Time{before(61), before(1)}, age(60), []string{"immutable", "mutable"}, 2},
		{"both leases have expired", []time.Time{before(90), before(61)}, age(60), nil, 2},
		{"immutable only", []time.Time{before(61)}, immutableOnly, []string{"mutable"}, 1},
		{"mutable only", []time.Time{before(61)}, mutableOnly, []string{"immutable"}, 1},
		{"before the cutoff date", []time.Time{before(61)}, cutoff(before(60)), nil, 2},
		{"on the cutoff date", []time.Time{before(60)}, cutoff(before(60)), []string{"immutable", "mutable"}, 0},
		{"leased while the clock stood at 1970", []time.Time{time.Unix(100, 0)}, age(60), []string{"immutable", "mutable"}, 2},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := aged(t, row.leased, now, row.expire)
				report, err := s.Collect(t.Context())
				require.NoError(t, err)
				require.Empty(t, report.Skipped)
				require.Equal(t, row.examined, report.Examined)
				var kept []string
				for _, id := range []shareID{{siA, 0}, {siM, 0}} {
					if data := readShare(t, s, id); data != absent {
						kept = append(kept, data)
					}
				}
				require.Equal(t, row.kept, kept)
				require.EqualValues(t, 2-len(kept), report.Removed)
				totals := s.Totals()
				require.EqualValues(t, len(kept), totals.ImmutableShares+totals.MutableShares)
				require.Equal(t, slices.Contains(kept, "immutable"), totals.ImmutableBytes > 0)
				require.NoError(t, s.Close())
			})
		})
	}
}

func TestNothingExpiresWhileTheClockIsWrong(t *testing.T) {
	expire := sharestore.Expire{Enabled: true, Mode: sharestore.ExpireCutoffDate, Immutable: true, Mutable: true,
		CutoffDate: buildDate.Add(1000 * day)}
	leased := buildDate.Add(100 * day)
	rows := []struct {
		name, skipped string
		now           time.Time
	}{
		{"1970", "before this program was built", time.Unix(60, 0)},
		{"just before the build", "before this program was built", buildDate.Add(-time.Second)},
		{"two days before a lease was made", "one of them is wrong", leased.Add(-2 * day)},
		{"an hour before a lease was made", "", leased.Add(-time.Hour)},
		{"later", "", leased.Add(time.Hour)},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := aged(t, []time.Time{leased}, row.now, expire)
				report, err := s.Collect(t.Context())
				require.NoError(t, err)
				require.Contains(t, report.Skipped, row.skipped)
				require.Equal(t, row.skipped != "", report.Removed == 0)
				require.NoError(t, s.Close())
			})
		})
	}
}

// A board whose clock is not set yet takes shares; their leases are those of a
// program just built, so that they do not seem fifty years old the minute after.
func TestLeasesMadeIn1970(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := sharefs.NewMem(1 << 30)
		cfg := config(m)
		clock := time.Unix(60, 0)
		cfg.Now = func() time.Time { return clock }
		cfg.Expire = sharestore.Expire{Enabled: true, Mode: sharestore.ExpireAge, OverrideLeaseDuration: 60 * day, Immutable: true}
		s, err := sharestore.Open(cfg)
		require.NoError(t, err)
		require.NoError(t, upload(siA, 0, "data").run(t, s))
		synctest.Wait()
		clock = buildDate.Add(day)
		report, err := s.Collect(t.Context())
		require.NoError(t, err)
		require.Zero(t, report.Removed)
		clock = buildDate.Add(61 * day)
		report, err = s.Collect(t.Context())
		require.NoError(t, err)
		require.EqualValues(t, 1, report.Removed)
		require.NoError(t, s.Close())
	})
}

// The collector runs by itself.
func TestCollectsInTheBackground(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := aged(t, []time.Time{buildDate}, buildDate.Add(100*day), sharestore.Expire{
			Enabled: true, Mode: sharestore.ExpireAge, OverrideLeaseDuration: day, Immutable: true, Mutable: true})
		status, err := s.Status()
		require.NoError(t, err)
		require.Nil(t, status.LastCollect)
		time.Sleep(7 * time.Minute) // of the bubble
		status, err = s.Status()
		require.NoError(t, err)
		require.EqualValues(t, 2, status.LastCollect.Removed)
		require.NoError(t, s.Close())
	})
}

func TestExpireSettings(t *testing.T) {
	rows := []struct {
		name, want string
		expire     sharestore.Expire
	}{
		{"no mode", "expire.mode", sharestore.Expire{Enabled: true}},
		{"unknown mode", "expire.mode", sharestore.Expire{Enabled: true, Mode: "sometimes"}},
		{"no date", "expire.cutoff_date", sharestore.Expire{Enabled: true, Mode: sharestore.ExpireCutoffDate}},
		{"negative", "expire.override_lease_duration", sharestore.Expire{Enabled: true, Mode: sharestore.ExpireAge, OverrideLeaseDuration: -1}},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			cfg := config(sharefs.NewMem(1))
			cfg.Expire = row.expire
			_, err := sharestore.Open(cfg)
			require.ErrorContains(t, err, row.want)
		})
	}
}
