// Package fscopy is what the command cp of the program tahoe does: files and
// trees from this machine to the grid and back, and within either.
//
// Rules, requests, texts and exit codes are those of Tahoe-LAFS 1.20.0's
// scripts/tahoe_cp.py. A copy goes in four steps: look at the target and the
// sources; read all directories of the sources (scan); find or make a directory
// for each of them (assign); copy the files, and enter those of a directory of
// the grid all at once (transfer). So a name that appears twice is noticed before
// the first file is copied.
//
// What is otherwise than in 1.20:
//
//   - Several requests run side by side (workers), and bodies are streamed: memory
//     does not depend on the sizes of files, only on their number (maxEntries).
//   - Immutable files within the grid are not read and stored again; their caps
//     are entered. 1.20 means to do so too, but does not (its ticket 3719). The
//     outcome is the same, and so is what is said.
//   - Names from the grid that are no names of files here (.., or with slashes) are
//     refused: 1.20 writes outside of the target.
//   - Names are compared in the form that the grid keeps them in (NFC), so that two
//     of them cannot become one entry unnoticed.
//   - Directories that contain themselves are refused; 1.20 goes on until Python
//     does not. So are a file onto itself, which 1.20 empties, and a file in place
//     of a directory of the same name.
//   - Where 1.20 ends with a traceback there is a sentence; the exit code is 1 in
//     both. With --verbose, 1.20 shows tracebacks for other errors too.
package fscopy
