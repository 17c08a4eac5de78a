// Package fscmd is what the commands for files and directories of the program
// tahoe do, but for cp, which is fscopy: aliases, mkdir, ls, get, put, unlink, mv
// and ln. It speaks the web API of a gateway.
//
// Requests, output, texts about failures and exit codes are those of
// Tahoe-LAFS 1.20.0, file by file: scripts/tahoe_add_alias.py, tahoe_mkdir.py,
// tahoe_ls.py, tahoe_get.py, tahoe_put.py, tahoe_unlink.py, tahoe_mv.py and
// common.py (get_alias). It reads no command line; tools/tahoe/cli does.
//
// What is otherwise than in 1.20:
//
//   - Where 1.20 ends with a traceback there is a sentence; the exit code is 1 in
//     both.
//   - put streams standard input instead of reading all of it into memory, and get
//     fails if the gateway's answer breaks off.
//   - mv of an entry onto itself is refused: 1.20 removes the entry.
//   - Names with control characters are quoted by ls if standard output is a
//     terminal, which they could otherwise make say anything.
//   - Aliases can be given for one command, from files (Aliases.Give).
package fscmd
