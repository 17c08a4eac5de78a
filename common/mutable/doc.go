// Package mutable reads and writes mutable files: SDMF files, which are one
// segment, and MDMF files, whose segments can be changed in place.
//
// It belongs to layer L3 (client engine). It knows servers by package broker and
// shares by package mutablelayout, and nothing of directories. Checking and
// repairing on demand is not here.
//
// # Versions and servers
//
// A survey asks servers what they hold and gives a ServerMap; retrieving takes
// any k valid shares of a version; publishing writes a new version to the servers
// that hold shares, each on the condition that it still holds what the survey
// saw. Who gets nothing through must not publish: see below.
//
// # Several writers
//
// Tahoe-LAFS leaves it to people not to write one file from two places. Here
// several gateways do it all the time, so a version counts only when it is
// established: a majority of the servers that hold the file took it, with more
// than half of its share numbers and at least k of them. Sequence numbers are
// rounds, and these rules keep two versions of which neither knows the other from
// being established both:
//
//   - A writer surveys at least a majority, and writes to each server on the
//     condition that it holds exactly what was seen there.
//   - In a round a server takes one version: whoever writes version q to it has
//     seen it hold a lower one.
//   - Round q+1 begins from the established version of round q, or from any of
//     round q if none of them can be established any more, however late the
//     writes arrive that are still under way.
//   - As long as one may still be established, its writer is given time. Then it
//     is completed: written, as it is, to servers that have not taken part in the
//     round yet. One that cannot be read gets a competitor in its round there.
//
// So every established version contains all those before it (Decide is this
// rule, and a test plays it with writers that stop anywhere). It takes that the
// holders of a file do not change, so changing a file places no share on a new
// server, except where nothing can be overlooked: see Config.Servers.
//
// A publish that a server was surprised at is not believed even where it has its
// majority: everything is read again and, if anything else was written, written
// again in a new round, until one version is alone. That is for the sake of 1.20,
// which takes the version of the greatest sequence number and root hash.
//
// Python nodes keep none of these rules but test-and-set. What they write is read
// and built upon like anything else; what they overwrite without having read it
// is lost, as it is among Python nodes.
//
// Sources: Tahoe-LAFS 1.20.0 mutable/servermap.py (ServermapUpdater), retrieve.py
// (Retrieve), publish.py (Publish), filenode.py (MutableFileNode,
// MutableFileVersion), common.py.
package mutable
