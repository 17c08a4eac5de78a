package storageserver

import (
	"errors"
	"log/slog"
	"time"

	"github.com/besn0847/arm-tahoe/common/announce"
	"github.com/besn0847/arm-tahoe/common/foolscap"
	"github.com/besn0847/arm-tahoe/common/nodeconf"
	"github.com/besn0847/arm-tahoe/common/secret"
	"github.com/besn0847/arm-tahoe/common/version"
	"github.com/besn0847/arm-tahoe/storage/sharestore"
)

// IndexName is the index of shares in the base directory. Two files more begin
// with this name. It can be removed while the node is stopped; it is made again.
const IndexName = "storage.index"

// buildDate is a time that was in the past when this program was made, so that a
// clock that shows less is wrong. It is a constant, for the same sources give the
// same bytes: Go 1.26, which go.mod asks for, came out in February 2026.
var buildDate = time.Date(2026, time.February, 1, 0, 0, 0, 0, time.UTC)

// Config says what a storage service is made of. Fields without a default must
// be set.
type Config struct {
	// Dir is the base directory: storage.furl, permutation-seed, and the index.
	Dir *nodeconf.Dir
	// Node is where the settings come from: [storage], the nickname for the
	// status page, and [grid_manager_certificates].
	Node *nodeconf.Config
	// Certificate is node.pem, which Tub and HTTPS share.
	Certificate *foolscap.Certificate
	// NodeKey is the node's public key, for the permutation seed.
	NodeKey announce.VerifyingKey
	// Token is private/api_auth_token as it was found at the start, zero if there
	// was none, and NextToken what this run has put there: they tell whether
	// another program has used the directory, see sharestore.Config.
	Token, NextToken secret.CapText
	// MaxHTTPSConns is how many connections HTTPS serves at once; 0 is
	// MaxHTTPSConns.
	MaxHTTPSConns int
	Now           func() time.Time // the clock; nil is time.Now
	Log           *slog.Logger     // nil is none
}

func (c *Config) check() error {
	switch {
	case c.Dir == nil || c.Node == nil:
		return errors.New("storage service: no base directory or configuration")
	case c.Certificate == nil:
		return errors.New("storage service: no certificate")
	case !c.Node.Storage.Enabled:
		return errors.New("storage service: [storage] enabled is false")
	}
	if c.MaxHTTPSConns <= 0 {
		c.MaxHTTPSConns = MaxHTTPSConns
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return nil
}

// store returns the settings of the share store, but for FS and hooks.
func (c *Config) store() sharestore.Config {
	s := c.Node.Storage
	return sharestore.Config{
		NodeID:             c.Certificate.TubID(),
		ApplicationVersion: applicationVersion(),
		ReadOnly:           s.ReadOnly,
		ReservedSpace:      s.ReservedSpace,
		DiscardData:        s.Discard,
		Expire:             expire(s.Expire),
		SizeLimit:          sizeLimit(s.SizeLimit),
		ScrubRate:          s.ScrubRate,
		IndexPath:          c.Dir.Path(IndexName),
		Epoch:              epoch(c.Token),
		NextEpoch:          epoch(c.NextToken),
		BuildDate:          buildDate,
		Now:                c.Now,
		Log:                c.Log,
	}
}

// epoch is a token as the store takes it, which keeps a hash of it only; "" for
// none, which is like no other.
func epoch(token secret.CapText) string {
	if token.IsZero() {
		return ""
	}
	return token.RevealString()
}

func applicationVersion() string { return "arm-tahoe/" + version.Get().Version }

// sizeLimit turns the setting, where -1 is no limit, into that of the store,
// where 0 is none: a limit of 0 bytes becomes one into which no share fits.
func sizeLimit(setting int64) int64 {
	if setting == 0 {
		return 1
	}
	return max(setting, 0)
}

func expire(s nodeconf.ExpireSettings) sharestore.Expire {
	e := sharestore.Expire{
		Enabled: s.Enabled, Mode: sharestore.ExpireMode(s.Mode), CutoffDate: s.CutoffDate,
		Immutable: s.Immutable, Mutable: s.Mutable,
	}
	if s.OverrideLeaseSeconds != nil {
		// Longer than a Duration can tell is as good as for ever.
		e.OverrideLeaseDuration = time.Duration(min(*s.OverrideLeaseSeconds, int64(1<<63-1)/int64(time.Second))) * time.Second
	}
	return e
}
