// Package dirformat reads and writes the content of directories: the table that
// a directory's file holds, with names, caps and metadata of its children. It is
// layer L1 (formats). It knows caps as package uri does and nothing of files.
//
// A table is a sequence of entries, sorted by name. An empty directory has no
// bytes. With N for netstring:
//
//	table = N(entry) N(entry) ...
//	entry = N(name) N(read cap) N(rwcapdata) N(metadata)
//
//	name        UTF-8 in Unicode normal form C
//	read cap    text of the read-only cap; "ro." before an unknown cap is left out,
//	            "imm." too in immutable directories
//	rwcapdata   in immutable directories nothing, in mutable ones:
//	            salt        16 bytes, a hash of the write cap
//	            ciphertext  the write cap, which may be empty, in AES-128-CTR
//	            MAC         32 bytes, see taggedhash.ChildCapMAC
//	metadata    JSON object
//
// The key of the ciphertext follows from the salt and the write key of the
// directory's own file, so whoever can write the directory can write its
// children, and whoever can read it can read them.
//
// # What is read
//
// All that 1.20 reads: entries in any order, with more than four fields, without
// a valid MAC, with rwcapdata too short for a cap, with spaces behind the caps,
// with names in another normal form. Not read are lengths that are no canonical
// netstring and a few kinds of metadata that Python's json module would take, see
// ParseMetadata.
//
// An entry that nobody changes keeps its bytes, as in 1.20 (AuxValueDict). So
// what parses comes out as it went in, with two exceptions: entries are sorted,
// and of those with the same name the last one stays.
//
// # Deviations
//
// Entries whose caps are malformed or not allowed where they are stay in the
// table with an error, see Entry.Err; 1.20 loses them with the next change.
//
// Sources: Tahoe-LAFS 1.20.0 dirnode.py (the table, Adder, Deleter,
// MetadataSetter, update_metadata), unknown.py and nodemaker.py through package
// uri, util/jsonbytes.py and Python's json module (metadata).
package dirformat
