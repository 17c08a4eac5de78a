package webapi

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"sync"

	"github.com/besn0847/arm-tahoe/common/password"
)

// maxPasswordFile is the size of the password file in bytes.
const maxPasswordFile = 4 << 10

// login checks the web password. The file is read at each request that brings a
// password, so that a new one counts at once. Safe for concurrent use.
type login struct {
	file     string // "": there is no password
	throttle throttle
	key      [32]byte // of mac

	mu sync.Mutex // guards all below
	// The password that matched last is remembered as a MAC, because clients send
	// it with every request and a check takes most of a second on a small machine.
	text string // of the hash that it matched
	mac  [sha256.Size]byte
}

// newLogin reads the file once, to refuse a bad one at the start.
func newLogin(file string) (*login, error) {
	l := &login{file: file}
	rand.Read(l.key[:])
	if file == "" {
		return l, nil
	}
	_, err := readHash(file)
	return l, err
}

// readHash reads the hash in a password file: one line, also with a user name in
// front of it, as htpasswd writes.
func readHash(file string) (h password.Hash, err error) {
	f, err := os.Open(file)
	if err != nil {
		return h, fmt.Errorf("web password: %w", err)
	}
	text, err := io.ReadAll(io.LimitReader(f, maxPasswordFile+1))
	if err := errors.Join(err, f.Close()); err != nil {
		return h, fmt.Errorf("web password: %w", err)
	}
	line := strings.TrimSpace(string(text))
	if _, hash, ok := strings.Cut(line, ":"); ok && password.IsHash(hash) {
		line = hash
	}
	switch {
	case len(text) > maxPasswordFile || strings.ContainsAny(line, "\r\n"):
		err = errors.New("has more than one line: write one hash")
	case line == "":
		err = errors.New("is empty: write one bcrypt or argon2id hash, as of htpasswd -nB tahoe")
	default:
		h, err = password.Parse(line)
	}
	if err != nil {
		return h, fmt.Errorf("web password: %s %w", file, err)
	}
	return h, nil
}

// refusal says why a request may not use a private route; nil if it may. It takes
// at least failureDelay for a wrong password. The error is no *Error if the file
// cannot be read.
func (l *login) refusal(r *http.Request) error {
	if l.file == "" {
		return &Error{http.StatusForbidden, noPasswordText}
	}
	_, given, ok := r.BasicAuth()
	if !ok {
		return &Error{http.StatusUnauthorized, askPasswordText}
	}
	hash, err := readHash(l.file)
	if err != nil {
		return err
	}
	if l.remembers(hash, given) {
		return nil
	}
	leave, ok := l.throttle.enter(peer(r))
	if !ok {
		return &Error{http.StatusTooManyRequests, "Too many logins are being checked. Try again in a few seconds."}
	}
	defer leave()
	return l.check(r.Context(), hash, given)
}

func (l *login) check(ctx context.Context, hash password.Hash, given string) error {
	ok, err := hash.Check(ctx, given)
	switch {
	case err != nil:
		return &Error{http.StatusServiceUnavailable, "The node was too busy to check the password. Try again in a few seconds."}
	case !ok:
		wait(ctx, failureDelay)
		return &Error{http.StatusUnauthorized, "This is not the node's web password."}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.text, l.mac = hash.Reveal(), l.sum(given)
	return nil
}

// remembers tells whether the password matched the hash before.
func (l *login) remembers(hash password.Hash, given string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	sum := l.sum(given)
	return l.text == hash.Reveal() && hmac.Equal(sum[:], l.mac[:])
}

func (l *login) sum(given string) (mac [sha256.Size]byte) {
	h := hmac.New(sha256.New, l.key[:])
	io.WriteString(h, given)
	h.Sum(mac[:0])
	return mac
}

const (
	noPasswordText = "This answers only programs on the node's own machine, because whoever may ask can use caps. " +
		"To let others in, put a hashed password into a file and name the file as password_file in [web] of arm-tahoe.cfg; or come through ssh -L."
	askPasswordText = "This answers only programs on the node's own machine, and whoever knows the node's web password " +
		"(HTTP Basic, any user name), because whoever may ask can use caps."
)
