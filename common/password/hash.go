package password

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"regexp"
	"strings"
)

// MaxLength is the length of a password in bytes; longer ones match nothing.
const MaxLength = 1024

// MaxHashLength is the length of the text of a hash in bytes.
const MaxHashLength = 256

// maxChecks is how many checks run at once; each may take MaxArgon2Memory.
const maxChecks = 2

// Errors of Parse that a caller may want to tell apart.
var (
	// ErrNotHash: the text is no hash of any kind; perhaps a plain password.
	ErrNotHash = errors.New("is not the hash of a password: write a bcrypt ($2b$...) or argon2id ($argon2id$...) hash")
	// ErrUnsupported: the text is a hash, but of another kind.
	ErrUnsupported = errors.New("is a hash that this program does not know: write a bcrypt ($2b$...) or argon2id ($argon2id$...) hash")
	// ErrTooExpensive: checking would take more time or memory than this program
	// gives.
	ErrTooExpensive = errors.New("costs more to check than a small machine has")
)

// ErrTooLong is the error of New for passwords that no check would accept.
var ErrTooLong = fmt.Errorf("password is longer than %d bytes", MaxLength)

// checks has a place for each check that may run.
var checks = make(chan struct{}, maxChecks)

// algorithm is a parsed hash. matches takes its time; the password has at most
// MaxLength bytes.
type algorithm interface {
	matches(password string) bool
}

// Hash is what a file holds instead of a password. Make it with Parse or New; the
// zero value matches nothing. It is immutable, safe for concurrent use, and does
// not print: whoever has it can try passwords at leisure.
type Hash struct {
	algorithm algorithm
	text      string
}

// Parse reads the text of a hash, without spaces around it. The errors are
// ErrNotHash, ErrUnsupported, ErrTooExpensive, or say what is wrong with the
// text; they never repeat it.
func Parse(text string) (Hash, error) {
	if len(text) > MaxHashLength {
		return Hash{}, fmt.Errorf("has %d bytes: a hash has at most %d", len(text), MaxHashLength)
	}
	var a algorithm
	var err error
	switch {
	case isBcrypt(text):
		a, err = parseBcrypt(text)
	case strings.HasPrefix(text, argon2Prefix):
		a, err = parseArgon2(text)
	case IsHash(text):
		err = ErrUnsupported
	default:
		err = ErrNotHash
	}
	if err != nil {
		return Hash{}, err
	}
	return Hash{a, text}, nil
}

// New hashes a password, with argon2id and salt of its own. It takes about as
// long as a check, and waits for its turn as Check does.
func New(ctx context.Context, password string) (Hash, error) {
	if len(password) > MaxLength {
		return Hash{}, ErrTooLong
	}
	done, err := turn(ctx)
	if err != nil {
		return Hash{}, err
	}
	defer done()
	h := argon2Hash{memory: newMemory, passes: newPasses, threads: newThreads, salt: make([]byte, newSaltSize)}
	rand.Read(h.salt)
	h.key = h.derive(password, newKeySize)
	return Hash{h, h.text()}, nil
}

// Decoy returns a hash that costs as much as those of New and that no password
// matches: check unknown users against it, so that they take as long to refuse
// as known ones.
func Decoy() Hash {
	return Hash{decoy{argon2Hash{memory: newMemory, passes: newPasses, threads: newThreads, salt: make([]byte, newSaltSize), key: make([]byte, newKeySize)}}, ""}
}

type decoy struct{ argon2Hash }

func (d decoy) matches(password string) bool {
	d.argon2Hash.matches(password)
	return false
}

// Check tells whether the password is the one that was hashed. It takes a good
// part of a second on a small machine, and as long for a wrong password as for
// the right one. It waits until fewer than maxChecks others run; the error says
// that ctx has ended before.
func (h Hash) Check(ctx context.Context, password string) (bool, error) {
	if h.IsZero() || len(password) > MaxLength {
		return false, nil
	}
	done, err := turn(ctx)
	if err != nil {
		return false, err
	}
	defer done()
	return h.algorithm.matches(password), nil
}

func turn(ctx context.Context) (done func(), err error) {
	select {
	case checks <- struct{}{}:
		return func() { <-checks }, nil
	case <-ctx.Done():
		return nil, fmt.Errorf("wait to check a password: %w", context.Cause(ctx))
	}
}

// IsZero says whether there is no hash in here.
func (h Hash) IsZero() bool { return h.algorithm == nil }

// Reveal returns the text to write into a file; "" for the zero value and Decoy.
func (h Hash) Reveal() string { return h.text }

// Format writes a placeholder, whatever the verb.
func (h Hash) Format(state fmt.State, _ rune) { _, _ = io.WriteString(state, placeholder) }

// LogValue returns a placeholder.
func (h Hash) LogValue() slog.Value { return slog.StringValue(placeholder) }

// MarshalText returns a placeholder, never an error.
func (h Hash) MarshalText() ([]byte, error) { return []byte(placeholder), nil }

const placeholder = "[redacted password hash]"

// cryptPattern is how all hashes of crypt(5) and PHC strings begin.
var cryptPattern = regexp.MustCompile(`^\$[a-z0-9-]{1,32}\$`)

// IsHash tells whether a text looks like a hash of any kind, rather than a plain
// password. Parse may still refuse it.
func IsHash(text string) bool { return cryptPattern.MatchString(text) }

// EqualPlain compares a password that is written plainly with the one that was
// given, in a time that does not tell where they differ.
func EqualPlain(written, given string) bool {
	a, b := sha256.Sum256([]byte(written)), sha256.Sum256([]byte(given))
	return subtle.ConstantTimeCompare(a[:], b[:]) == 1
}
