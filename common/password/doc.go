// Package password hashes passwords for files and checks them: bcrypt and
// argon2id, in the notations that other programs write (crypt(5), the PHC string
// of the argon2 tool). It belongs to layer L4.
//
// Tahoe-LAFS 1.20 has no passwords: its web server asks for none, and its SFTP
// accounts take keys only. Here they guard the web server against other
// machines, and SFTP accounts.
//
//	$2a$10$ 22 characters of salt, 31 of hash        bcrypt, also $2b$ and $2y$
//	$argon2id$v=19$m=7168,t=5,p=1$ SALT $ HASH       argon2id; base 64 without padding
//
// It reads no files and knows no accounts. Passwords written plainly are the
// caller's to find (IsHash) and to compare (EqualPlain).
//
// # What a hash may cost
//
// The text of a hash says how much work and memory a check takes, and a Pi has
// little of both. Parse refuses what is beyond MaxBcryptCost, MaxArgon2Memory and
// MaxArgon2Work: nothing that it accepts takes more than a few seconds of a Pi 2.
// No more than maxChecks checks run at the same time in a process.
package password
