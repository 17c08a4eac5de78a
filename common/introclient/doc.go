// Package introclient is a node's side of introduction: it keeps up connections to
// all introducers that the node knows, publishes what the node offers, and knows
// which servers were announced.
//
// It belongs to layer L3. It decides which announcement counts and whether a grid
// manager permits uploads to a server; it connects to no server (package broker
// does) and reads no configuration. The sources are, of Tahoe-LAFS 1.20.0:
//
//   - introducer/client.py IntroducerClient: the life of a connection, what is
//     published and subscribed, the cache
//   - storage_client.py StorageFarmBroker (set_static_servers,
//     _make_storage_server, _got_announcement): the table of servers
//   - util/connection_status.py: Status.Summary
//
// # Which announcement counts
//
// Each introducer has a table of its own, by service and key, in which
// announce.Compare decides; it is what the cache keeps. [Client.Servers] merges
// them: servers.yaml wins over everything, what an introducer says now over what a
// cache says, and between introducers announce.Compare decides again. 1.20 does
// not compare there: the one that spoke last wins, even with something older.
// Nothing is forgotten before the node ends, as in 1.20.
//
// # Publishing
//
// One call of Publish signs one announcement, with one sequence number, for all
// introducers. 1.20 signs one for each, so that clients which know two introducers
// see the server change. It is published again, byte for byte, on each new
// connection.
//
// # The cache
//
// It is used when an introducer cannot be reached, in this process, within
// CacheWait or at the first attempt. It is written when its contents would change,
// at most once a minute and when Run ends, to spare SD cards; 1.20 writes it for
// each announcement.
//
// No FURL is ever logged: introducers go by their petnames, servers by their ids.
package introclient
