package accounts

import (
	"bytes"
	"fmt"
	"strings"
	"unicode/utf8"

	"golang.org/x/crypto/ssh"

	"github.com/besn0847/arm-tahoe/common/password"
	"github.com/besn0847/arm-tahoe/common/secret"
	"github.com/besn0847/arm-tahoe/common/uri"
)

// Limits of a file. What is beyond them is a Problem.
const (
	// MaxFileSize is the size of a file in bytes.
	MaxFileSize = 1 << 20
	// MaxLineSize is the length of a line in bytes. A key takes up to 3 KiB.
	MaxLineSize = 16 << 10
	// MaxPasswords is how many lines with passwords one name may have: each is
	// work for whoever tries to log in with that name.
	MaxPasswords = 8
	// maxNameSize is the length of a name in bytes.
	maxNameSize = 255
)

// Problem is what is wrong with a file of accounts, or with one of its lines. It
// repeats nothing of the line.
type Problem struct {
	File   string // path as it was given
	Line   int    // counted from 1; 0: the file as a whole
	Reason string
	// Warning says that the line works nevertheless.
	Warning bool
}

// Error returns "private/accounts:3: reason".
func (p Problem) Error() string {
	if p.Line == 0 {
		return p.File + ": " + p.Reason
	}
	return fmt.Sprintf("%s:%d: %s", p.File, p.Line, p.Reason)
}

// table is what files say. It is not changed once it is in use.
type table map[string]*user

type user struct {
	keys      map[string]secret.CapText // by the public key in SSH's wire format
	passwords []passwordLine
}

// passwordLine is a line with a password; either hash or plain is set.
type passwordLine struct {
	hash  password.Hash
	plain string
	cap   secret.CapText
}

// parse adds the accounts of a file to t and returns what is wrong with it.
func (t table) parse(file string, data []byte) []Problem {
	var problems []Problem
	data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))
	number := 0
	for line := range bytes.Lines(data) {
		number++
		reason, warning := t.parseLine(line)
		if reason != "" {
			problems = append(problems, Problem{file, number, reason, warning})
		}
	}
	return problems
}

// parseLine adds the account of a line. A reason that is no warning means that
// nothing was added.
func (t table) parseLine(line []byte) (reason string, warning bool) {
	if len(line) > MaxLineSize {
		return fmt.Sprintf("the line is longer than %d bytes", MaxLineSize), false
	}
	if !utf8.Valid(line) {
		return "the line is not UTF-8", false
	}
	words := strings.Fields(string(line))
	switch {
	case len(words) == 0 || strings.HasPrefix(words[0], "#"):
		return "", false
	case len(words) < 3:
		return "write NAME, then a password or a public key, then the cap of a directory", false
	case len(words[0]) > maxNameSize:
		return fmt.Sprintf("the name is longer than %d bytes", maxNameSize), false
	}
	name, credential, last := words[0], words[1:len(words)-1], words[len(words)-1]
	cap, reason := rootCap(last)
	if reason != "" {
		return reason, false
	}
	if isKeyType(credential[0]) {
		return t.addKey(name, credential, cap), false
	}
	if len(credential) != 1 {
		return "there are words between the password and the cap; a password has no blanks, and the type of a public key begins with ssh-, ecdsa- or sk-", false
	}
	return t.addPassword(name, credential[0], cap)
}

// rootCap checks the cap of a line, which must be that of a directory that can
// be read.
func rootCap(text string) (cap secret.CapText, reason string) {
	parsed, err := uri.Parse(text)
	if err != nil {
		return cap, "the last word is not a cap; it is that of a directory, such as URI:DIR2:..."
	}
	if _, ok := parsed.(uri.Directory); !ok {
		return cap, "the cap is not that of a directory; take one that begins with URI:DIR2"
	}
	switch parsed.Kind() {
	case uri.KindDirSSKVerify, uri.KindDirMDMFVerify, uri.KindDirCHKVerify:
		return cap, "the cap permits only to check the directory, not to read it"
	}
	return secret.NewCapText([]byte(text)), ""
}

// isKeyType tells whether a word is the type of a public key. It goes by the
// prefix, so that a mistyped type never becomes somebody's password.
func isKeyType(word string) bool {
	return strings.HasPrefix(word, "ssh-") || strings.HasPrefix(word, "ecdsa-") || strings.HasPrefix(word, "sk-")
}

// addKey adds a line whose words after the name are type, key and comment.
func (t table) addKey(name string, words []string, cap secret.CapText) (reason string) {
	if len(words) < 2 {
		return "the public key is missing after its type"
	}
	key, _, _, _, err := ssh.ParseAuthorizedKey([]byte(words[0] + " " + words[1]))
	if err != nil {
		return "the public key cannot be read; copy the line of a .pub file whole"
	}
	if _, ok := key.(*ssh.Certificate); ok {
		return "certificates are not accepted; take the .pub file without -cert"
	}
	u := t.user(name)
	u.keys[string(key.Marshal())] = cap
	return ""
}

// addPassword adds a line with a password, hashed or plain.
func (t table) addPassword(name, text string, cap secret.CapText) (reason string, warning bool) {
	if old := t[name]; old != nil && len(old.passwords) >= MaxPasswords {
		return fmt.Sprintf("the name has %d passwords already", MaxPasswords), false
	}
	if len(text) > password.MaxLength {
		return fmt.Sprintf("the password is longer than %d bytes", password.MaxLength), false
	}
	line := passwordLine{cap: cap}
	if password.IsHash(text) {
		hash, err := password.Parse(text)
		if err != nil {
			return "the password " + err.Error(), false
		}
		line.hash = hash
	} else {
		line.plain = text
		reason, warning = "the password is written plainly; put its hash there, which `tahoe passwd` makes", true
	}
	u := t.user(name)
	u.passwords = append(u.passwords, line)
	return reason, warning
}

func (t table) user(name string) *user {
	u := t[name]
	if u == nil {
		u = &user{keys: make(map[string]secret.CapText)}
		t[name] = u
	}
	return u
}
