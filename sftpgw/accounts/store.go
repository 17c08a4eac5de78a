package accounts

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"sync"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/besn0847/arm-tahoe/common/password"
	"github.com/besn0847/arm-tahoe/common/secret"
)

// FailDelay is the unit of the time that a wrong password takes. A check of the
// hashes that package password makes takes less, also on a Pi 2.
const FailDelay = 2 * time.Second

// settle is how old a file must be before an unchanged date means an unchanged
// file.
const settle = 3 * time.Second

// ErrDenied is the only refusal of a login, whatever the reason.
var ErrDenied = errors.New("permission denied")

// Store knows the accounts of some files, which it reads again when they have
// changed. Safe for concurrent use.
type Store struct {
	log *slog.Logger

	mu    sync.Mutex // guards what is below
	files []*file
	all   table
}

// file is a file of accounts as it was when it was read.
type file struct {
	path     string
	info     fs.FileInfo // nil: there was none
	readAt   time.Time
	sum      [sha256.Size]byte // of the content
	accounts table
}

// Open returns a store of the accounts in files, of which none need exist.
// Problems are logged, each once for every change of a file.
func Open(log *slog.Logger, paths ...string) *Store {
	s := &Store{log: log, all: table{}}
	for _, path := range paths {
		s.files = append(s.files, &file{path: path})
	}
	if len(s.table()) == 0 {
		log.Warn("nobody can log in over SFTP yet: write a line NAME PASSWORD CAP, or NAME and a public key and CAP", "file", paths)
	}
	return s
}

// Password returns the cap for a name and password, or ErrDenied, or what ended
// ctx. It takes a good part of a second for a right password, and FailDelay or a
// multiple of it for a wrong one.
func (s *Store) Password(ctx context.Context, name, given string) (secret.CapText, error) {
	start := time.Now()
	cap, ok, err := s.table().checkPassword(ctx, name, given)
	if err != nil {
		return secret.CapText{}, err
	}
	if ok {
		return cap, nil
	}
	elapsed := time.Since(start)
	return secret.CapText{}, wait(ctx, (elapsed/FailDelay+1)*FailDelay-elapsed)
}

// wait returns ErrDenied after a time, or earlier what ended ctx.
func wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return ErrDenied
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Key returns the cap for a name and a public key, or ErrDenied. Whether the
// client has the private key is for the caller to find out.
func (s *Store) Key(name string, key ssh.PublicKey) (secret.CapText, error) {
	if u := s.table()[name]; u != nil {
		if cap, ok := u.keys[string(key.Marshal())]; ok {
			return cap, nil
		}
	}
	return secret.CapText{}, ErrDenied
}

// checkPassword compares a password with all of a name, and with at least one
// hash in any case.
func (t table) checkPassword(ctx context.Context, name, given string) (cap secret.CapText, ok bool, err error) {
	var lines []passwordLine
	if u := t[name]; u != nil {
		lines = u.passwords
	}
	hashed := false
	for _, line := range lines {
		var match bool
		if line.hash.IsZero() {
			match = password.EqualPlain(line.plain, given)
		} else {
			hashed = true
			if match, err = line.hash.Check(ctx, given); err != nil {
				return cap, false, err
			}
		}
		if match {
			cap, ok = line.cap, true
		}
	}
	if !hashed && !ok {
		_, err = password.Decoy().Check(ctx, given)
	}
	return cap, ok, err
}

// table returns what the files say now.
func (s *Store) table() table {
	s.mu.Lock()
	defer s.mu.Unlock()
	changed := false
	for _, f := range s.files {
		if s.refresh(f) {
			changed = true
		}
	}
	if changed {
		s.all = merge(s.files)
	}
	return s.all
}

// merge joins the accounts of files; of equal keys the last counts.
func merge(files []*file) table {
	all := table{}
	for _, f := range files {
		for name, u := range f.accounts {
			to := all.user(name)
			for key, cap := range u.keys {
				to.keys[key] = cap
			}
			to.passwords = append(to.passwords, u.passwords...)
		}
	}
	return all
}

// refresh reads a file again if it has changed. One that cannot be read stays as
// it was: a slip while editing should lock nobody out. One that is gone is empty.
func (s *Store) refresh(f *file) (changed bool) {
	info, err := os.Stat(f.path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		changed = f.info != nil
		f.info, f.accounts = nil, nil
		return changed
	case err != nil:
		s.log.Error("accounts: the file stays as it was read before", "err", err)
		return false
	case f.unchanged(info):
		return false
	}
	data, err := readFile(f.path)
	f.info, f.readAt = info, time.Now()
	if err != nil {
		s.log.Error("accounts: the file stays as it was read before", "err", err)
		return false
	}
	sum := sha256.Sum256(data)
	if f.accounts != nil && sum == f.sum {
		return false
	}
	f.sum, f.accounts = sum, table{}
	problems := f.accounts.parse(f.path, data)
	if info.Mode().Perm()&0o077 != 0 {
		problems = append(problems, Problem{f.path, 0, "others on this machine can read the file: chmod 600", true})
	}
	s.report(problems)
	return true
}

// maxReported bounds the problems of one file that are logged.
const maxReported = 20

func (s *Store) report(problems []Problem) {
	for i, p := range problems {
		switch {
		case i == maxReported:
			s.log.Error("accounts: there are more problems", "number", len(problems)-maxReported)
			return
		case p.Warning:
			s.log.Warn("accounts: " + p.Error())
		default:
			s.log.Error("accounts: " + p.Error() + "; this line is left out, the others work")
		}
	}
}

// unchanged tells whether a file is surely the one that was read. Another change
// may follow a first one without another date, so files that were young when
// they were read are not sure until they have been read once more.
func (f *file) unchanged(now fs.FileInfo) bool {
	old := f.info
	return old != nil && os.SameFile(old, now) && old.Size() == now.Size() &&
		old.ModTime().Equal(now.ModTime()) && f.readAt.Sub(old.ModTime()) > settle
}

func readFile(path string) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close() // it was only read
	data, err := io.ReadAll(io.LimitReader(file, MaxFileSize+1))
	if err != nil {
		return nil, err
	}
	if len(data) > MaxFileSize {
		return nil, Problem{File: path, Reason: fmt.Sprintf("the file is larger than %d bytes", MaxFileSize)}
	}
	return data, nil
}
