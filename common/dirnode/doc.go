// Package dirnode lists and changes directories: mutable ones in SDMF and MDMF
// files, and immutable ones in CHK files and literals.
//
// It belongs to layer L3 (client engine). The table format is in package
// dirformat, mutable files are in package mutable; how immutable files are read
// and stored it is told by its user, see Files. Deep traversals, checks and
// repair are not here.
//
// # Reading
//
// A directory that was read before is kept, parsed, with the version of its file.
// Before it is used again servers are asked for the beginnings of their shares,
// which costs one small round trip for all who ask at the same time; only another
// version is retrieved.
//
// # Writing
//
// A change is an Edit, made when its request arrives. Edits that wait for
// the same directory go into one version, whose base is the version known here:
// if somebody else was faster, servers refuse, and the edits are evaluated on the
// newer version. A change returns when the version that carries it counts, by the
// rules of package mutable, or when one was read in which there is nothing left to
// do. Errors of the change itself, such as a name that exists, are found on such a
// version too.
//
// A *mutable.NoMajorityError says that too few of the directory's servers can be
// reached, an *mutable.UncoordinatedWriteError that others were always faster.
// Then the change may be seen later or not.
//
// Sources: Tahoe-LAFS 1.20.0 dirnode.py (DirectoryNode), nodemaker.py
// (create_new_mutable_directory, create_immutable_directory).
package dirnode
