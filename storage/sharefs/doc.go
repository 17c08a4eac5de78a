// Package sharefs is the seam between a share store and the file system: the
// few calls that a store makes, as an interface, so that tests can put a disk
// under it that fails, fills up, is slow, or loses its power.
//
// [OS] is a real directory. [Mem] keeps files in memory and knows which of
// their bytes and names would be there after a power cut.
//
// Names are paths with slashes, relative to the directory of the FS. Symbolic
// links that lead out of it are never followed ([os.Root]). Whoever uses an FS
// says what has to be durable:
//
//   - File.Sync makes the bytes of a file durable, not its name;
//   - FS.SyncDir makes the names in one directory durable, but not the name of
//     the directory in its parent;
//   - anything else may or may not be there after a power cut, in any
//     combination, except that Rename puts either the old or the new file
//     under the new name.
package sharefs
