// Package accounts reads the files that say who may log in to the SFTP gateway,
// and checks passwords and public keys against them.
//
// It belongs to the role sftpgw and knows neither SSH's messages nor the grid.
// A line is one way to log in, words with blanks between them:
//
//	NAME PASSWORD CAP
//	NAME $argon2id$... CAP                  (or $2b$..., see package password)
//	NAME KEYTYPE KEY [COMMENT...] CAP
//
// Blank lines and those that begin with # do not count. KEYTYPE begins with
// ssh-, ecdsa- or sk-; a password that begins so must be hashed. CAP is that of
// the directory that the login is for; if it is a read-only cap, so is the
// login. A name may stand in any number of lines, each with a cap of its own. Of
// lines with equal name and key the last counts.
//
// Tahoe-LAFS 1.20.0 (frontends/auth.py parse_accounts) takes lines with ssh-
// keys only, one key for a name, and does not start if a line is bad. Here the
// other lines work, and a [Problem] names each bad one. Earlier releases of
// Tahoe-LAFS had the lines with passwords.
//
// # What an attacker learns
//
// An unknown name and a wrong password get the same answer after the same time:
// each attempt costs the check of at least one hash, and a refusal comes at a
// whole multiple of [FailDelay] after the attempt began. Nobody is locked out,
// since many people may share an address. Names, passwords, keys and caps of the
// files enter no error and no log.
package accounts
