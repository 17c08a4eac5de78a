// Package gridclient is the client engine as a whole: it puts together broker,
// upload, download, immutable and mutable files and directories, with the settings
// of one node. It belongs to layer L3 (client engine), and is what gateways use.
//
// Everything here is reached by caps. What the node's owner has put on the
// blacklist is refused with a ProhibitedError.
//
// Checks, repair and deep traversals are not here yet.
//
// Sources in 1.20.0: client.py (_Client, its upload, create_mutable_file,
// create_dirnode), nodemaker.py, blacklist.py.
package gridclient
