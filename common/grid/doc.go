// Package grid holds the core words of a Tahoe-LAFS grid as types, without any
// implementation: what names a file on a server, a share, a server, and how
// many shares a file has.
//
// It stands beside layer L1. Names follow docs/glossary.rst of Tahoe-LAFS
// 1.20.0. ServerID, TubID and PermutationSeed are three types because they are
// three things, even where they happen to hold equal bytes.
package grid
