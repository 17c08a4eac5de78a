// Package hostkey finds the SSH host keys of a node, and makes them when the
// node has none.
//
// It belongs to the role sftpgw. Keys are in OpenSSH's files: the private key
// for its owner alone, the public key beside it with .pub. Tahoe-LAFS 1.20.0
// (frontends/sftpd.py SFTPServer) wants one key, made by hand and named by
// host_privkey_file and host_pubkey_file of [sftpd]. Here
//
//   - the key of host_privkey_file is used if that file exists, and so are
//     private/ssh_host_ed25519_key and private/ssh_host_rsa_key; of two keys of
//     one type the first counts;
//   - if host_privkey_file is set and does not exist, an Ed25519 key is made
//     there, and an RSA key in private/ssh_host_rsa_key, unless that exists;
//   - if it is not set, whatever is missing of the two in private/ is made.
//
// So a node that was given a key by hand keeps to it, and its clients see no
// other.
package hostkey

import (
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"golang.org/x/crypto/ssh"

	"github.com/besn0847/arm-tahoe/common/nodeconf"
)

// Files in private/.
const (
	ed25519Name = "ssh_host_ed25519_key"
	rsaName     = "ssh_host_rsa_key"
)

// rsaBits is the size of new RSA keys. 3072, as ssh-keygen has it, takes a Pi 2
// minutes in bad cases, and nearly all clients take the Ed25519 key.
const rsaBits = 2048

// maxFileSize bounds what is read of a file with a key.
const maxFileSize = 64 << 10

// Config says where keys are.
type Config struct {
	// PrivateFile and PublicFile are host_privkey_file and host_pubkey_file, ""
	// if not set.
	PrivateFile, PublicFile string
	// Private returns the path of a name in private/.
	Private func(name string) string
}

// Open returns the host keys, at least one, of different types, with that of
// PrivateFile first. Those that it makes are on disk when it returns.
func Open(c Config) ([]ssh.Signer, error) {
	var keys []ssh.Signer
	given := false
	if c.PrivateFile != "" {
		key, existed, err := openOrMake(c.PrivateFile, true, newEd25519)
		if err != nil {
			return nil, err
		}
		if err := c.checkPublic(key); err != nil {
			return nil, err
		}
		keys, given = append(keys, key), existed
	}
	for _, other := range []struct {
		name string
		make func() (crypto.Signer, error)
	}{{ed25519Name, newEd25519}, {rsaName, newRSA}} {
		wanted := c.PrivateFile == "" || !given && other.name == rsaName
		key, _, err := openOrMake(c.Private(other.name), wanted, other.make)
		if err != nil {
			return nil, err
		}
		keys = appendNew(keys, key)
	}
	return keys, nil
}

// appendNew appends a key unless there is one of its type.
func appendNew(keys []ssh.Signer, key ssh.Signer) []ssh.Signer {
	if key == nil {
		return keys
	}
	for _, k := range keys {
		if k.PublicKey().Type() == key.PublicKey().Type() {
			return keys
		}
	}
	return append(keys, key)
}

// openOrMake reads a private key, or makes it if that is wanted; otherwise a
// missing one is nil.
func openOrMake(path string, wanted bool, make func() (crypto.Signer, error)) (key ssh.Signer, existed bool, err error) {
	data, err := readFile(path)
	switch {
	case err == nil:
		key, err = parse(path, data)
		return key, true, err
	case !errors.Is(err, fs.ErrNotExist):
		return nil, false, fmt.Errorf("read SSH host key: %w", err)
	case !wanted:
		return nil, false, nil
	}
	made, err := make()
	if err != nil {
		return nil, false, fmt.Errorf("make SSH host key: %w", err)
	}
	key, err = write(path, made)
	return key, false, err
}

func parse(path string, data []byte) (ssh.Signer, error) {
	key, err := ssh.ParsePrivateKey(data)
	var locked *ssh.PassphraseMissingError
	switch {
	case errors.As(err, &locked):
		return nil, fmt.Errorf("SSH host key %s is locked by a passphrase; take it away with ssh-keygen -p -N '' -f FILE", path)
	case err != nil: // the inner error could repeat parts of the file
		return nil, fmt.Errorf("SSH host key %s is no private key in a form of OpenSSH; make one with ssh-keygen, or remove the file to have it made", path)
	}
	return key, nil
}

// write stores a new key in both of its files, the private one last: a key
// counts as made when that is there.
func write(path string, key crypto.Signer) (ssh.Signer, error) {
	signer, err := ssh.NewSignerFromSigner(key)
	if err != nil {
		return nil, err
	}
	block, err := ssh.MarshalPrivateKey(key, "")
	if err != nil {
		return nil, err
	}
	if err := nodeconf.WriteFile(path+".pub", ssh.MarshalAuthorizedKey(signer.PublicKey()), 0o644); err != nil {
		return nil, err
	}
	return signer, nodeconf.WriteFile(path, pem.EncodeToMemory(block), 0o600)
}

// checkPublic holds the key of PrivateFile against PublicFile. A missing
// PublicFile is written.
func (c Config) checkPublic(key ssh.Signer) error {
	if c.PublicFile == "" {
		return nil
	}
	data, err := readFile(c.PublicFile)
	if errors.Is(err, fs.ErrNotExist) {
		return nodeconf.WriteFile(c.PublicFile, ssh.MarshalAuthorizedKey(key.PublicKey()), 0o644)
	}
	if err != nil {
		return fmt.Errorf("read SSH host key: %w", err)
	}
	public, _, _, _, err := ssh.ParseAuthorizedKey(data)
	if err != nil || string(public.Marshal()) != string(key.PublicKey().Marshal()) {
		return fmt.Errorf("[sftpd] host_pubkey_file %s does not belong to host_privkey_file %s; write it anew with ssh-keygen -y -f, or remove it", c.PublicFile, c.PrivateFile)
	}
	return nil
}

func readFile(path string) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close() // it was only read
	return io.ReadAll(io.LimitReader(file, maxFileSize))
}

func newEd25519() (crypto.Signer, error) {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	return key, err
}

func newRSA() (crypto.Signer, error) { return rsa.GenerateKey(rand.Reader, rsaBits) }
