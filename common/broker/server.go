package broker

import (
	"github.com/besn0847/arm-tahoe/common/grid"
	"github.com/besn0847/arm-tahoe/common/secret"
	"github.com/besn0847/arm-tahoe/common/taggedhash"
)

// Server is a storage server that is connected at present. It is immutable and
// safe for concurrent use. Calls fail once the connection is lost; whoever asks
// the broker again then gets a list without it, or with a new Server.
type Server struct {
	ID       grid.ServerID
	Nickname string
	Seed     grid.PermutationSeed
	// TubID is what lease secrets and write enablers are derived with: that of
	// the server's Foolscap FURL, of its NURL where it has none.
	TubID   grid.TubID
	Storage grid.StorageServer
	// Version is what the server said when it was connected, or later. Its
	// AvailableSpace may be out of date.
	Version grid.ServerVersion
	// Local says that calls do not leave this process.
	Local bool
	// Health is where users of the server record how it does; nil for none.
	Health *Health
}

// Servers gives the servers that are connected. Implementations are safe for
// concurrent use, do not block, and return lists that the caller may keep but
// not change.
type Servers interface {
	// Permuted returns all connected servers in the order for the storage
	// index, preferred ones first (1.20.0: storage_client.py
	// get_servers_for_psi).
	Permuted(si grid.StorageIndex) []*Server
	// Uploadable is Permuted without the servers that must not be given new
	// shares: grid managers are configured and none vouches for them.
	Uploadable(si grid.StorageIndex) []*Server
}

// LeaseSecrets are the secrets of the lease that a client with the lease secret
// has on the shares of a storage index on this server (1.20.0: client.py
// SecretHolder, util/hashutil.py).
func (s *Server) LeaseSecrets(lease secret.LeaseSecret, si grid.StorageIndex) grid.LeaseSecrets {
	renewal := taggedhash.FileRenewalSecret(taggedhash.ClientRenewalSecret(lease), si)
	cancel := taggedhash.FileCancelSecret(taggedhash.ClientCancelSecret(lease), si)
	return grid.LeaseSecrets{
		Renewal: taggedhash.RenewalSecret(renewal, s.TubID),
		Cancel:  taggedhash.CancelSecret(cancel, s.TubID),
	}
}

// SlotSecrets are the secrets that change a mutable file on this server.
func (s *Server) SlotSecrets(write secret.WriteKey, lease secret.LeaseSecret, si grid.StorageIndex) grid.SlotSecrets {
	return grid.SlotSecrets{
		WriteEnabler: taggedhash.WriteEnabler(taggedhash.WriteEnablerMaster(write), s.TubID),
		Lease:        s.LeaseSecrets(lease, si),
	}
}
