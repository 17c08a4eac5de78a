// Package storagetest holds any storage server to the rules of the protocol: a
// server that keeps shares on a disk, and the clients' halves of Foolscap and
// HTTPS in front of one.
//
// The rules are those that a running storage server of Tahoe-LAFS 1.20.0 was
// seen to follow; where a row of direct_calls_and_errors of
// storage-foolscap.json shows one, the test bears its name.
package storagetest
