package sharestore

import (
	"fmt"
	"time"

	"github.com/besn0847/arm-tahoe/common/sharecontainer"
)

// ExpireMode is expire.mode of tahoe.cfg.
type ExpireMode string

// The modes.
const (
	// ExpireAge expires leases that were not renewed for OverrideLeaseDuration.
	// Without that nothing ever expires in this mode: 1.20 compares the age
	// of the lease with a point in time (expirer.py process_share), and
	// whoever has relied on that must not lose shares.
	ExpireAge ExpireMode = "age"
	// ExpireCutoffDate expires leases that were renewed last before CutoffDate.
	ExpireCutoffDate ExpireMode = "cutoff-date"
)

// Expire are the settings expire.* of tahoe.cfg. The zero value is off.
type Expire struct {
	Enabled               bool
	Mode                  ExpireMode    // must be given if enabled
	OverrideLeaseDuration time.Duration // 0 is none
	CutoffDate            time.Time
	Immutable, Mutable    bool // kinds of shares that may expire
}

func (e Expire) validate() error {
	switch {
	case !e.Enabled:
		return nil
	case e.Mode != ExpireAge && e.Mode != ExpireCutoffDate:
		return fmt.Errorf(`expire.mode is %q, must be "age" or "cutoff-date"`, string(e.Mode))
	case e.Mode == ExpireCutoffDate && e.CutoffDate.IsZero():
		return fmt.Errorf("expire.mode is cutoff-date, and expire.cutoff_date is missing")
	case e.OverrideLeaseDuration < 0:
		return fmt.Errorf("expire.override_lease_duration is %v, must not be negative", e.OverrideLeaseDuration)
	}
	return nil
}

// limit is the time such that leases granted before it have expired; zero if
// none has.
func (e Expire) limit(now time.Time) time.Time {
	switch {
	case !e.Enabled:
	case e.Mode == ExpireCutoffDate:
		return e.CutoffDate
	case e.OverrideLeaseDuration > 0:
		return now.Add(-e.OverrideLeaseDuration)
	}
	return time.Time{}
}

// covers reports whether shares of the kind may expire.
func (e Expire) covers(kind sharecontainer.Kind) bool {
	return kind == sharecontainer.KindImmutable && e.Immutable || kind == sharecontainer.KindMutable && e.Mutable
}
