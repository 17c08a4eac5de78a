package nodeconf

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/besn0847/arm-tahoe/common/announce"
	"github.com/besn0847/arm-tahoe/common/base32"
	"github.com/besn0847/arm-tahoe/common/secret"
)

// Names in a base directory (client.py, node.py).
const (
	privateName         = "private"
	nodeIDName          = "my_nodeid"
	nodeURLName         = "node.url"
	publicKeyName       = "node.pubkey"
	permutationSeedName = "permutation-seed"
	seqnumName          = "announcement-seqnum"
	blacklistName       = "access.blacklist"
	pidName             = "running.process"

	// In private/.
	CertificateName = "node.pem" // the Tub's certificate and key; made by the Tub
	privateKeyName  = "node.privkey"
	leaseSecretName = "secret"
	convergenceName = "convergence"
	apiTokenName    = "api_auth_token"
	introducersName = "introducers.yaml"
	serversName     = "servers.yaml"
	aliasesName     = "aliases"
	rootCapName     = "root_dir.cap"
	readmeName      = "README"
)

// TubIDSize is the size of a TubID in bytes.
const TubIDSize = 20

// Dir is the base directory of a node, for the files that a node keeps there.
// Its methods do not exclude one another: one process owns a directory (see
// Lock), and one goroutine at a time may use a method that writes. Errors of
// the file system carry the path.
type Dir struct {
	path string
}

// ExistingDir returns the base directory at a path for a program that only reads:
// it makes nothing, and what is missing is read as an empty directory is.
func ExistingDir(path string) (*Dir, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	return &Dir{path}, nil
}

// OpenDir returns the base directory at a path and makes sure that it and its
// private/ exist, the latter for its owner alone (node.py create_node_dir).
func OpenDir(path string) (*Dir, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	d := &Dir{path}
	if err := os.MkdirAll(path, dirMode); err != nil {
		return nil, err
	}
	switch err := os.Mkdir(d.Private(""), privateDir); {
	case err == nil:
		return d, errors.Join(WriteFile(d.Private(readmeName), []byte(privateReadme), publicMode), syncDir(path))
	case !errors.Is(err, fs.ErrExist):
		return nil, err
	}
	return d, nil
}

const privateReadme = `
The files in this directory are secret: keys, caps and the FURLs of this node's
services. Only their owner may read them. docs/configuration.md tells what each
of them is for.
`

// Path returns the path of a name in the directory; "" is the directory itself.
func (d *Dir) Path(name string) string { return filepath.Join(d.path, name) }

// Private returns the path of a name in private/.
func (d *Dir) Private(name string) string { return filepath.Join(d.path, privateName, name) }

// line reads a file of one line, without the spaces around it; ok is false if
// there is no file.
func line(path string) (text string, ok bool, err error) {
	data, err := readLimited(path, maxLineFile)
	if errors.Is(err, fs.ErrNotExist) {
		return "", false, nil
	}
	return strip(string(data)), err == nil, err
}

// privateLine reads a line of private/, or makes it and writes it.
func (d *Dir) privateLine(name string, generate func() string) (string, error) {
	text, ok, err := line(d.Private(name))
	if err != nil || ok {
		return text, err
	}
	text = generate()
	return text, WriteFile(d.Private(name), []byte(text+"\n"), privateMode)
}

// secretText makes the text of a secret of 32 bytes (client.py _make_secret).
func secretText() string {
	var b [secret.Size32]byte
	rand.Read(b[:]) // never fails
	return base32.Encode(b[:])
}

// NodeKey returns the node's signing key from private/node.privkey, which it
// makes at the first start, and writes node.pubkey (client.py init_node_key).
func (d *Dir) NodeKey() (announce.SigningKey, error) {
	text, err := d.privateLine(privateKeyName, func() string {
		var seed [secret.Size32]byte
		rand.Read(seed[:]) // never fails
		return announce.SigningKey{Seed: secret.NewSigningSeed(seed)}.Reveal()
	})
	if err != nil {
		return announce.SigningKey{}, err
	}
	key, err := announce.ParseSigningKey(text)
	if err != nil {
		return announce.SigningKey{}, d.badPrivate(privateKeyName, err)
	}
	return key, d.keep(publicKeyName, key.VerifyingKey().String())
}

func (d *Dir) badPrivate(name string, err error) error {
	return &Error{File: d.Private(name), Line: 1, Reason: err.Error(), Advice: "restore the file from a backup"}
}

// keep writes a public file of one line unless it is there already.
func (d *Dir) keep(name, text string) error {
	if old, _, err := line(d.Path(name)); err == nil && old == text {
		return nil
	}
	return WriteFile(d.Path(name), []byte(text+"\n"), publicMode)
}

// LeaseSecret returns the secret of private/secret, which it makes at the first
// start (client.py init_secrets).
func (d *Dir) LeaseSecret() (secret.LeaseSecret, error) {
	text, err := d.privateLine(leaseSecretName, secretText)
	if err != nil {
		return secret.LeaseSecret{}, err
	}
	var b [secret.Size32]byte
	if err := base32.DecodeTo(b[:], text); err != nil {
		return secret.LeaseSecret{}, d.badPrivate(leaseSecretName, errors.New("is not base 32 of 32 bytes"))
	}
	return secret.NewLeaseSecret(b), nil
}

// ConvergenceSecret returns the secret of private/convergence, which it makes at
// the first start. An empty file is an empty secret, as in 1.20.
func (d *Dir) ConvergenceSecret() (secret.ConvergenceSecret, error) {
	text, err := d.privateLine(convergenceName, secretText)
	if err != nil {
		return secret.ConvergenceSecret{}, err
	}
	b, err := base32.Decode(text)
	if err != nil {
		return secret.ConvergenceSecret{}, d.badPrivate(convergenceName, errors.New("is not base 32"))
	}
	return secret.NewConvergenceSecret(b), nil
}

// NewAPIToken makes the token of this run and writes private/api_auth_token: 44
// characters, URL-safe base 64 of 32 bytes (client.py _create_auth_token). That
// it changes tells whether another program has run on the directory since.
func (d *Dir) NewAPIToken() (secret.CapText, error) {
	var b [32]byte
	rand.Read(b[:]) // never fails
	text := base64.URLEncoding.EncodeToString(b[:])
	return secret.NewCapText([]byte(text)), WriteFile(d.Private(apiTokenName), []byte(text+"\n"), privateMode)
}

// APIToken returns the token of the latest run; ok is false if there was none.
func (d *Dir) APIToken() (token secret.CapText, ok bool, err error) {
	text, ok, err := line(d.Private(apiTokenName))
	if err != nil || !ok {
		return secret.CapText{}, false, err
	}
	return secret.NewCapText([]byte(text)), true, nil
}

// WriteNodeID writes my_nodeid: the TubID in base 32.
func (d *Dir) WriteNodeID(tubID [TubIDSize]byte) error {
	return d.keep(nodeIDName, base32.Encode(tubID[:]))
}

// WriteNodeURL writes node.url for a web server that listens at an endpoint, on
// the port that it got.
func (d *Dir) WriteNodeURL(e Endpoint, port uint16) error {
	return WriteFile(d.Path(nodeURLName), []byte(nodeURL(e, port)), publicMode)
}

// NodeURL returns the URL of the node's web server, with a slash at the end, as
// the latest run wrote it; ok is false if there is none.
func (d *Dir) NodeURL() (url string, ok bool, err error) { return line(d.Path(nodeURLName)) }

// PermutationSeed returns the text in base 32 that a storage server announces as
// its place in the permuted order. It is in permutation-seed; at the first start
// it becomes the TubID if the server holds shares already, which were placed by
// that, and otherwise the node's public key (client.py _init_permutation_seed).
// Tahoe encodes the text of the key, not its bytes, and so does this.
func (d *Dir) PermutationSeed(haveShares func() (bool, error), tubID [TubIDSize]byte, key announce.VerifyingKey) (string, error) {
	text, _, err := line(d.Path(permutationSeedName))
	if err != nil || text != "" {
		return text, err
	}
	have, err := haveShares()
	if err != nil {
		return "", err
	}
	text = base32.Encode([]byte(strings.TrimPrefix(key.String(), announce.PublicKeyPrefix)))
	if have {
		text = base32.Encode(tubID[:])
	}
	return text, WriteFile(d.Path(permutationSeedName), []byte(text+"\n"), publicMode)
}

// NextSeqnum increments announcement-seqnum and returns the new number, 1 at
// first (client.py _sequencer).
func (d *Dir) NextSeqnum() (int64, error) {
	path := d.Path(seqnumName)
	text, _, err := line(path)
	if err != nil {
		return 0, err
	}
	if text == "" {
		text = "0"
	}
	number, err := parseInt(text)
	if err != nil || number < 0 || number == 1<<63-1 {
		return 0, &Error{File: path, Line: 1, Reason: fmt.Sprintf("%s is no sequence number", quote(text)),
			Advice: "write a number not less than those announced before"}
	}
	number++
	return number, WriteFile(path, append(strconv.AppendInt(nil, number, 10), '\n'), publicMode)
}
