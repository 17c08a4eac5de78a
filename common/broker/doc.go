// Package broker knows the storage servers of the grid: those that were
// announced or are configured, which of them are connected, and in which order
// they are asked about a file.
//
// It belongs to layer L3 (client engine). What is stored where is decided by
// packages placement, upload, download and mutable.
//
// # Connections
//
// A [Broker] connects to each server as soon as it is known, by HTTPS if it offers
// that, else by Foolscap, and asks for its version. After that a server that has a
// connection (Foolscap) is away when that is lost; of others (HTTPS) nobody knows,
// so they are asked once a minute, and at once when requests of others have failed
// twice in a row. Servers that are away are tried again after a second and then
// less and less often, up to every five minutes. 1.20 asks every server every
// second.
//
// How servers do ([Health]) is remembered across connections. The node's own
// server is used without any connection.
//
// Source: Tahoe-LAFS 1.20.0, storage_client.py (StorageFarmBroker,
// NativeStorageServer, HTTPNativeStorageServer).
package broker
