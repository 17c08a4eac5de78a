package cli

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/besn0847/arm-tahoe/common/announce"
	"github.com/besn0847/arm-tahoe/common/nodeconf"
	"github.com/besn0847/arm-tahoe/common/secret"
)

// maxInput bounds certificates and grid managers that are read, in bytes.
const maxInput = 1 << 20

func (t *tahoe) adminCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "admin", Short: "admin subcommands: use 'tahoe admin' for a list", Args: cobra.ArbitraryArgs,
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usagef("must specify a subcommand")
			}
			return usagef("Unknown command: %s", args[0])
		},
	}
	c.AddCommand(
		&cobra.Command{Use: "generate-keypair", Short: "Generate a public/private keypair, write to stdout.", Args: atMost(0),
			RunE: func(*cobra.Command, []string) error { t.printKeypair(newKey()); return nil }},
		&cobra.Command{Use: "derive-pubkey PRIVKEY", Short: "Derive a public key from a private key.", Args: exactly(1),
			RunE: func(_ *cobra.Command, args []string) error { return t.derivePubkey(args[0]) }},
		t.addCertificateCommand(), t.migrateCrawlerCommand())
	return c
}

func exactly(n int) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		if len(args) != n {
			return usagef("Wrong number of arguments.")
		}
		return nil
	}
}

func newKey() announce.SigningKey {
	var seed [secret.Size32]byte
	rand.Read(seed[:]) // never fails
	return announce.SigningKey{Seed: secret.NewSigningSeed(seed)}
}

// printKeypair shows the private key: that is what the command is for.
func (t *tahoe) printKeypair(key announce.SigningKey) {
	fmt.Fprintf(t.out, "private: %s\npublic: %s\n", key.Reveal(), key.VerifyingKey())
}

func (t *tahoe) derivePubkey(text string) error {
	key, err := announce.ParseSigningKey(text)
	if err != nil {
		return fmt.Errorf("%w; use what generate-keypair printed as the private key", err)
	}
	t.printKeypair(key)
	return nil
}

func (t *tahoe) addCertificateCommand() *cobra.Command {
	var file, name string
	c := &cobra.Command{
		Use: "add-grid-manager-cert", Short: "Add a Grid Manager-provided certificate to a storage server's config.", Args: atMost(0),
		RunE: func(*cobra.Command, []string) error {
			switch {
			case name == "":
				return usagef("Must provide --name option")
			case file == "":
				return usagef("Must provide --filename option")
			}
			certificate, err := t.readCertificate(file)
			if err != nil {
				return err
			}
			return t.addCertificate(name, certificate)
		},
	}
	c.Flags().StringVarP(&file, "filename", "f", "", "file with the certificate; - is standard input")
	c.Flags().StringVarP(&name, "name", "n", "", "name to give this certificate")
	return c
}

func (t *tahoe) readCertificate(file string) (announce.Certificate, error) {
	var data []byte
	var err error
	if file == "-" {
		fmt.Fprintln(t.Stderr, "reading certificate from stdin")
		data, err = io.ReadAll(io.LimitReader(t.Stdin, maxInput))
		if err == nil && len(data) == 0 {
			return announce.Certificate{}, usagef("Reading certificate from stdin failed")
		}
	} else {
		data, err = readInput(file)
	}
	if err != nil {
		return announce.Certificate{}, err
	}
	certificate, err := announce.ParseCertificate(data)
	if err != nil {
		return certificate, usagef("Error parsing certificate: %v", err)
	}
	return certificate, nil
}

func readInput(path string) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return io.ReadAll(io.LimitReader(file, maxInput))
}

// addCertificate writes NAME.cert and then tahoe.cfg, which it is named in.
func (t *tahoe) addCertificate(name string, certificate announce.Certificate) error {
	baseDir := defaultNodeDir()
	if t.nodeDirectory != "" {
		var err error
		if baseDir, err = absolute(t.nodeDirectory); err != nil {
			return err
		}
	}
	if filepath.Base(name) != name {
		return fmt.Errorf("the name %q cannot be part of a file name", name)
	}
	file := name + ".cert"
	path := filepath.Join(baseDir, file)
	if _, err := os.Stat(path); err == nil {
		fmt.Fprintf(t.Stderr, "Already have certificate for '%s' (at %s)\n", name, path)
		return &exitError{code: 1}
	}
	count, err := nodeconf.AddCertificate(baseDir, name, file, append(certificate.AppendFile(nil), '\n'))
	if err != nil {
		return err
	}
	fmt.Fprintf(t.Stderr, "There are now %d certificates\n", count)
	return nil
}

func (t *tahoe) migrateCrawlerCommand() *cobra.Command {
	var baseDir string
	c := &cobra.Command{
		Use: "migrate-crawler [NODEDIR]", Short: "Write the crawler-history data as JSON.", Args: atMost(1),
		RunE: func(_ *cobra.Command, args []string) error {
			path, err := t.baseDir(baseDir, args, defaultNodeDir())
			if err != nil {
				return err
			}
			return t.migrateCrawler(filepath.Join(path, "storage"))
		},
	}
	c.Flags().StringVarP(&baseDir, "basedir", "C", "", "base directory of the node")
	return c
}

// migrateCrawler turns the crawlers' state from before 1.17, Python pickles, into
// JSON.
func (t *tahoe) migrateCrawler(storage string) error {
	for _, state := range []struct {
		name    string
		history bool
	}{{"lease_checker.state", false}, {"bucket_counter.state", false}, {"lease_checker.history", true}} {
		path := filepath.Join(storage, state.name)
		_, err := os.Stat(path)
		_, jsonErr := os.Stat(path + ".json")
		switch {
		case err == nil:
			if err := migrateState(path, state.history); err != nil {
				return fmt.Errorf("convert %s: %w", path, err)
			}
			fmt.Fprintf(t.out, "Converted '%s' to '%s.json'\n", path, path)
		case !errors.Is(err, os.ErrNotExist):
			return err
		case jsonErr == nil:
			fmt.Fprintf(t.out, "Already converted: '%s.json'\n", path)
		default:
			fmt.Fprintf(t.out, "Not found: '%s'\n", path)
		}
	}
	return nil
}
