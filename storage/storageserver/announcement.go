package storageserver

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/besn0847/arm-tahoe/common/announce"
	"github.com/besn0847/arm-tahoe/common/foolscap"
	"github.com/besn0847/arm-tahoe/common/furl"
	"github.com/besn0847/arm-tahoe/common/nodeconf"
	"github.com/besn0847/arm-tahoe/common/secret"
	"github.com/besn0847/arm-tahoe/common/sharecontainer"
	"github.com/besn0847/arm-tahoe/common/storagehttp"
	"github.com/besn0847/arm-tahoe/storage/sharefs"
)

// Attach makes the service known to the node's Tub, whose location is set, writes
// private/storage.furl, and returns what the node should announce: the service
// name, the permutation seed, and, unless [storage] anonymous is false, FURL and
// NURLs; with grid_management the certificates. Who publishes adds the rest
// (nickname, versions, seqnum). 1.20.0: client.py init_storage.
func (s *Service) Attach(tub *foolscap.Tub) (*announce.Fields, error) {
	fields := &announce.Fields{ServiceName: announce.StorageService}
	var err error
	if fields.PermutationSeed, err = s.permutationSeed(); err != nil {
		return nil, err
	}
	if s.cfg.Node.Storage.GridManagement {
		if fields.Certificates, err = certificates(s.cfg.Node.Certificates); err != nil {
			return nil, err
		}
	}
	if !s.cfg.Node.Storage.Anonymous {
		return fields, nil
	}
	f, err := tub.Register(s.foolscap, s.swissnum)
	if err != nil {
		return nil, fmt.Errorf("register the storage server: %w", err)
	}
	fields.FURL = f.Text()
	if !s.cfg.Node.Storage.ForceFoolscap {
		fields.NURLs = s.nurls(f)
	}
	if err := s.cfg.Dir.WriteFURL(nodeconf.StorageFURLName, secret.NewCapText([]byte(f.Text()))); err != nil {
		return nil, fmt.Errorf("write the storage server's FURL: %w", err)
	}
	return fields, nil
}

// swissnumOf is the secret name of the storage server, that of its FURL file, or
// a new one.
func swissnumOf(cfg Config) (secret.Swissnum, error) {
	text, ok, err := cfg.Dir.Swissnum(nodeconf.StorageFURLName, cfg.Certificate.TubID())
	if err != nil {
		return secret.Swissnum{}, err
	}
	if !ok {
		return furl.NewSwissnum(nil)
	}
	return secret.NewSwissnum(text.Reveal()), nil
}

// nurls are the NURLs for the hints of a FURL that HTTPS can be reached by: tcp
// and tor (protocol_switch.py add_storage_server). Others are left out, with a
// line in the log; so is a name that NURLs cannot carry.
func (s *Service) nurls(f furl.FURL) []string {
	found := []string{}
	for _, text := range f.Hints() {
		nurl, err := s.nurl(text, f.Swissnum())
		switch {
		case errors.Is(err, errNoHTTPS):
		case err != nil:
			s.cfg.Log.Warn("HTTPS is not announced for a location", "hint", text, "err", err)
		default:
			found = append(found, nurl.Text())
		}
	}
	return found
}

// errNoHTTPS says that a hint is of a kind that HTTPS does not use.
var errNoHTTPS = errors.New("not reachable by HTTPS")

func (s *Service) nurl(text string, swissnum secret.Swissnum) (storagehttp.NURL, error) {
	hint, err := furl.ParseHint(text)
	if err != nil {
		return storagehttp.NURL{}, err
	}
	if hint.Type != furl.TCP && hint.Type != furl.Tor {
		return storagehttp.NURL{}, errNoHTTPS
	}
	host, port, err := hint.HostPort()
	if err != nil {
		return storagehttp.NURL{}, err
	}
	if hint.Type == furl.Tor && !strings.HasSuffix(host, ".onion") {
		return storagehttp.NURL{}, errors.New("a tor hint of a server must name an onion service")
	}
	nurl := storagehttp.NURL{
		Tor: hint.Type == furl.Tor, Hash: storagehttp.HashCertificate(s.cfg.Certificate.TLS().Leaf),
		Host: host, Port: port, Swissnum: swissnum,
	}
	return nurl, nurl.Validate()
}

func (s *Service) permutationSeed() (string, error) {
	seed, err := s.cfg.Dir.PermutationSeed(
		func() (bool, error) { return haveShares(s.fs) }, s.cfg.Certificate.TubID(), s.cfg.NodeKey)
	if err != nil {
		return "", fmt.Errorf("read the permutation seed: %w", err)
	}
	return seed, nil
}

// haveShares says whether anything was ever stored (server.py have_shares).
func haveShares(fsys sharefs.FS) (bool, error) {
	names, err := fsys.ReadDir(sharecontainer.SharesDir)
	for _, name := range names {
		if sharecontainer.SharesDir+"/"+name != sharecontainer.IncomingDir {
			return true, err
		}
	}
	return false, err
}

// certificates reads the files of [grid_manager_certificates]. Whether they are
// good is for clients to say, as in 1.20.
func certificates(files []nodeconf.CertificateFile) ([]announce.Certificate, error) {
	found := make([]announce.Certificate, 0, len(files))
	for _, file := range files {
		text, err := readCertificate(file.Path)
		if err != nil {
			return nil, fmt.Errorf("[grid_manager_certificates] %s: %w", file.Name, err)
		}
		c, err := announce.ParseCertificate(text)
		if err != nil {
			return nil, fmt.Errorf("[grid_manager_certificates] %s: %s: %w; grid-manager sign prints a certificate", file.Name, file.Path, err)
		}
		found = append(found, c)
	}
	return found, nil
}

func readCertificate(path string) (text []byte, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	return io.ReadAll(io.LimitReader(f, announce.MaxMessageSize+1))
}
