package password

import (
	"errors"
	"regexp"
	"strconv"
	"strings"

	"golang.org/x/crypto/bcrypt"
)

// MaxBcryptCost is the largest cost of a bcrypt hash that Parse accepts: the
// logarithm of the work. 10 is usual and takes half a second on a Pi 2; each one
// more doubles that.
const MaxBcryptCost = 13

// bcryptHash is the whole text of the hash. Like every bcrypt, it looks at the
// first 72 bytes of a password only.
type bcryptHash string

// bcryptPattern: $2x$, the mark of hashes that a faulty program made, is not
// taken. The base 64 is bcrypt's own.
var bcryptPattern = regexp.MustCompile(`^\$2[aby]\$(\d\d)\$[./A-Za-z0-9]{53}$`)

// isBcrypt tells whether a text means to be of a kind that is known here.
func isBcrypt(text string) bool {
	return strings.HasPrefix(text, "$2a$") || strings.HasPrefix(text, "$2b$") || strings.HasPrefix(text, "$2y$")
}

func parseBcrypt(text string) (algorithm, error) {
	match := bcryptPattern.FindStringSubmatch(text)
	if match == nil {
		return nil, errors.New("is not a whole bcrypt hash: it has 60 characters")
	}
	switch cost, err := strconv.Atoi(match[1]); {
	case err != nil || cost < bcrypt.MinCost || cost > bcrypt.MaxCost:
		return nil, errors.New("is not a bcrypt hash: its cost is from 04 to 31")
	case cost > MaxBcryptCost:
		return nil, ErrTooExpensive
	}
	return bcryptHash(text), nil
}

func (h bcryptHash) matches(password string) bool {
	return bcrypt.CompareHashAndPassword([]byte(h), []byte(password)) == nil
}
