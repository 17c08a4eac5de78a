// Package webfiles is the part of the web API that files and directories are read
// and changed with: everything below /uri, /cap, /file and /named. It belongs to
// layer L4, above package webapi, which decides who is answered, and knows the grid
// only by the interfaces Files and Directories.
//
// Sources in 1.20.0: web/root.py (URIHandler, FileHandler), web/unlinked.py,
// web/filenode.py, web/directory.py, web/info.py, web/common.py
// (humanize_exception and the arguments), webish.py (TahoeLAFSRequest).
//
// # What is not here
//
// Checks, repair and deep operations (t=check, start-*, stream-*) answer 501; see
// deepoperations.go for where they will go.
//
// # What differs from 1.20 on purpose
//
//   - Answers that are a cap or a sentence are text/plain, not text/html.
//   - A file whose shares run out in the middle ends the connection, so that nobody
//     takes the part for the whole; 1.20 writes a sentence into the file.
//   - Requests that make an assertion of 1.20 fail (500), such as a PUT to an
//     immutable file that is in no directory, are 400 with a sentence.
//   - Directories that a path asks for and that somebody else makes meanwhile are
//     used; 1.20 replaces them.
//   - POST t=upload under the name of a directory is 409; 1.20 puts the file into
//     that directory, under the same name again.
//   - Too few servers for a change of a directory is 503, as is a change that others
//     kept getting in the way of.
//   - Range is ignored where If-Range names another version, and for an empty file;
//     an open range behind the end is 416, not the whole file.
//   - HEAD has the ETag that GET has, and quoted tags in If-None-Match are known, too.
//   - Metadata in JSON are on one line.
//   - A gzip file is not sent with Content-Encoding, which makes some clients
//     unpack what the user wanted as it is.
//
// # Memory
//
// Files are streamed in both directions. What has to be known whole before it can
// be used (the body of a form with a file, new contents of a mutable file) goes
// through Files.Spool. Everything else that is read has a limit in limits.go, and
// so many transfers go on at a time.
package webfiles
