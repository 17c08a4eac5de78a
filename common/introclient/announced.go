package introclient

import (
	"log/slog"
	"maps"
	"time"

	"github.com/besn0847/arm-tahoe/common/announce"
	"github.com/besn0847/arm-tahoe/common/grid"
)

// Origin says where an announcement comes from.
type Origin int

// The origins.
const (
	Live   Origin = iota // an introducer, since this process started
	Cached               // the cache of an introducer, from an earlier run
	Static               // servers.yaml
)

// String names the origin.
func (o Origin) String() string { return [...]string{"introducer", "cache", "servers.yaml"}[o] }

// Announced is a service that was announced and that we use. It is not changed
// after it was made and safe for concurrent use. When an announcement changes,
// there is a new Announced with another Announcement.
type Announced struct {
	Service      string // as in "storage"
	Announcement *announce.Announcement
	Fields       *announce.Fields // of the announcement; not to be changed
	Origin       Origin
	Introducer   string    // petname; "" for Static
	Since        time.Time // when this process learnt of it
	// Connections says how kinds of hints are reached, as in tcp: tor; nil: as the
	// node does in general. Only Static ones have it.
	Connections map[string]string

	permit *announce.CertificateVerifier
}

// ServerID is the key text "v0-..." of the announcer, or any text of servers.yaml.
func (a *Announced) ServerID() grid.ServerID { return a.Announcement.ServerID() }

// UploadPermitted says whether new shares may be given to the server at that time:
// always if the node trusts no grid manager, otherwise while a certificate of one
// is good. Reading is always permitted.
func (a *Announced) UploadPermitted(now time.Time) bool { return a.permit.Permitted(now) }

// newAnnounced reads the contents of an announcement. The error is that of
// announce.Announcement.Fields.
func (c *Client) newAnnounced(a *announce.Announcement, origin Origin, introducer string) (*Announced, error) {
	fields, err := a.Fields()
	if err != nil {
		return nil, err
	}
	permit, problems := announce.NewCertificateVerifier(
		c.config.GridManagers, fields.Certificates[:min(MaxCertificates, len(fields.Certificates))], a.ServerID())
	if len(problems) > 0 {
		c.log.Debug("certificates that do not verify", "server", shortID(a.ServerID()), "count", len(problems))
	}
	return &Announced{
		Service: a.ServiceName(), Announcement: a, Fields: fields,
		Origin: origin, Introducer: introducer, Since: c.config.Now(), permit: permit,
	}, nil
}

// staticServers reads those of servers.yaml. One that cannot be read is left out,
// as in storage_client.py set_static_servers.
func (c *Client) staticServers() []*Announced {
	var list []*Announced
	for _, s := range c.config.StaticServers {
		a, err := announce.Unsigned(grid.ServerID(s.ID), s.Announcement)
		var known *Announced
		if err == nil {
			known, err = c.newAnnounced(a, Static, "")
		}
		if err != nil {
			c.log.Warn("a server of servers.yaml is left out: correct its announcement", "server", shortID(grid.ServerID(s.ID)), "err", err)
			continue
		}
		known.Service, known.Connections = announce.StorageService, maps.Clone(s.Connections)
		list = append(list, known)
	}
	return list
}

// shortID is how people see a server id: the first characters of the key.
func shortID(id grid.ServerID) slog.Value {
	const prefix, shown = len("v0-"), 8
	text := string(id)
	if len(text) > prefix+shown && text[:prefix] == "v0-" {
		return slog.StringValue(text[prefix : prefix+shown])
	}
	return slog.StringValue(text)
}
