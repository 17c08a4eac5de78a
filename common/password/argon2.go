package password

import (
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"regexp"
	"strconv"

	"golang.org/x/crypto/argon2"
)

// Limits of the argon2id hashes that Parse accepts. A Pi 2 does 40 to 60 MiB in a
// second.
const (
	MaxArgon2Memory  = 64 << 10  // KiB
	MaxArgon2Work    = 256 << 10 // KiB, memory times passes
	MaxArgon2Threads = 8
)

// What New makes: one of the equal choices in OWASP's password storage cheat
// sheet, the one with the least memory. On 32-bit machines it takes about as long
// as bcrypt with cost 10, which looks at 72 bytes of a password only.
const (
	newMemory   = 7 << 10 // KiB
	newPasses   = 5
	newThreads  = 1
	newSaltSize = 16 // bytes
	newKeySize  = 32 // bytes
)

// Sizes of salt and hash in bytes.
const (
	minSaltSize, maxSaltSize = 8, 48
	minKeySize, maxKeySize   = 16, 64
)

const argon2Prefix = "$argon2id$"

// argon2Pattern is what the argon2 tool writes; its parameters have this order.
var argon2Pattern = regexp.MustCompile(`^\$argon2id\$v=19\$m=([1-9]\d{0,9}),t=([1-9]\d{0,9}),p=([1-9]\d{0,2})\$([A-Za-z0-9+/]+)\$([A-Za-z0-9+/]+)$`)

var phcEncoding = base64.RawStdEncoding.Strict()

// argon2Hash is RFC 9106, version 0x13.
type argon2Hash struct {
	memory, passes uint32 // KiB, 1
	threads        uint8
	salt, key      []byte
}

func parseArgon2(text string) (algorithm, error) {
	match := argon2Pattern.FindStringSubmatch(text)
	if match == nil {
		return nil, errors.New("is not an argon2id hash: it has the form $argon2id$v=19$m=M,t=T,p=P$SALT$HASH")
	}
	var numbers [3]int64
	for i := range numbers {
		numbers[i], _ = strconv.ParseInt(match[i+1], 10, 64) // ten digits at most
	}
	memory, passes, threads := numbers[0], numbers[1], numbers[2]
	switch {
	case memory > MaxArgon2Memory || threads > MaxArgon2Threads || passes > MaxArgon2Work/memory:
		return nil, ErrTooExpensive
	case memory < 8*threads:
		return nil, errors.New("is not an argon2id hash: m is at least 8 times p")
	}
	salt, saltErr := phcEncoding.DecodeString(match[4])
	key, keyErr := phcEncoding.DecodeString(match[5])
	if saltErr != nil || keyErr != nil || len(salt) < minSaltSize || len(salt) > maxSaltSize || len(key) < minKeySize || len(key) > maxKeySize {
		return nil, errors.New("is not an argon2id hash: the salt or the hash behind the parameters is damaged")
	}
	return argon2Hash{uint32(memory), uint32(passes), uint8(threads), salt, key}, nil
}

func (h argon2Hash) matches(password string) bool {
	return subtle.ConstantTimeCompare(h.derive(password, len(h.key)), h.key) == 1
}

func (h argon2Hash) derive(password string, size int) []byte {
	return argon2.IDKey([]byte(password), h.salt, h.passes, h.memory, h.threads, uint32(size))
}

// text is the opposite of parseArgon2.
func (h argon2Hash) text() string {
	return fmt.Sprintf("%sv=19$m=%d,t=%d,p=%d$%s$%s", argon2Prefix, h.memory, h.passes, h.threads,
		phcEncoding.EncodeToString(h.salt), phcEncoding.EncodeToString(h.key))
}
