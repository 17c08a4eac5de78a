package nodeconf

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/besn0847/arm-tahoe/common/grid"
	"github.com/besn0847/arm-tahoe/common/secret"
)

// NotEmptyError says that a node cannot be made where something is already.
type NotEmptyError struct{ Path string }

// Error says what to do, too.
func (e *NotEmptyError) Error() string {
	return fmt.Sprintf("the base directory %s is not empty: use a different directory, or empty this one", e.Path)
}

// NewNode says what Create makes. Texts go into tahoe.cfg as they are, percent
// signs and line breaks excepted.
type NewNode struct {
	Kind     Kind
	Nickname string
	HideIP   bool
	WebPort  string // "" or none: no web server
	// TubPorts and TubLocations are for tub.port and tub.location; both empty:
	// disabled.
	TubPorts, TubLocations []string

	// The rest is for clients only.
	Introducer secret.CapText // zero: none
	Helper     secret.CapText // zero: none
	Shares     grid.Params
	NoStorage  bool
	StorageDir string // "": storage in the base directory
	// ReservedSpace is a size as in tahoe.cfg; "" stands for 1G.
	ReservedSpace string
	RunHelper     bool
	SFTPPort      string // "": no [sftpd]
	SFTPAccounts  string // accounts.file of [sftpd]

	// For arm-tahoe.cfg, which is made only if one is set.
	SizeLimit string // "": none
}

// tacText is the contents of the .tac file, whose name alone matters today.
const tacText = `
import sys
print("This directory is for arm-tahoe, or Tahoe-LAFS v1.11.0 or later.")
sys.exit(1)
`

// Create makes a node in a directory that is missing or empty: tahoe.cfg, private/
// and the .tac file that tells its kind; keys and secrets are made at the first
// start. The parent must exist. Either everything is made, or tahoe.cfg and the
// .tac file are missing. The error is a *NotEmptyError if the directory is in use.
// scripts/create_node.py create_node, create_introducer.
func Create(path string, node NewNode) error {
	path, err := filepath.Abs(path)
	if err != nil {
		return err
	}
	if err := makeEmpty(path); err != nil {
		return err
	}
	if err := os.Mkdir(filepath.Join(path, privateName), privateDir); err != nil {
		return err
	}
	d := &Dir{path}
	if !node.Introducer.IsZero() {
		if err := d.WriteIntroducers([]Introducer{{defaultPetname, node.Introducer}}); err != nil {
			return err
		}
	}
	if own := node.ownText(); own != "" {
		if err := WriteFile(d.Path(OwnConfigName), []byte(own), publicMode); err != nil {
			return err
		}
	}
	if err := WriteFile(d.Path(ConfigName), []byte(node.Text()), publicMode); err != nil {
		return err
	}
	return WriteFile(d.Path("tahoe-"+string(node.Kind)+".tac"), []byte(tacText), publicMode)
}

// Check tells why the node could not start, as Load would. Create does not ask:
// 1.20 makes such nodes too, for people to edit.
func (n NewNode) Check(path string) error {
	_, err := Parse(path, n.Kind, []byte(n.Text()), []byte(n.ownText()))
	return err
}

func makeEmpty(path string) error {
	err := os.Mkdir(path, dirMode)
	if err == nil || !errors.Is(err, fs.ErrExist) {
		return err
	}
	empty, err := IsEmpty(path)
	if err == nil && !empty {
		return &NotEmptyError{path}
	}
	return err
}

// IsEmpty tells whether a directory is missing or has nothing in it but the
// lost+found of a fresh file system.
func IsEmpty(path string) (bool, error) {
	entries, err := os.ReadDir(path)
	if errors.Is(err, fs.ErrNotExist) {
		return true, nil
	}
	return len(entries) == 0 || len(entries) == 1 && entries[0].Name() == "lost+found", err
}

// Text returns tahoe.cfg: the settings of 1.20's create-node, in its order.
func (n NewNode) Text() string {
	var b strings.Builder
	b.WriteString("# -*- mode: conf; coding: utf-8 -*-\n\n" +
		"# This file configures the node that lives in this directory. It is read\n" +
		"# when the node starts, and never written by it. The keys are those of\n" +
		"# Tahoe-LAFS 1.20; docs/configuration.md lists them. Settings that only\n" +
		"# arm-tahoe has are in " + OwnConfigName + ".\n\n\n")
	if n.HideIP {
		b.WriteString("[connections]\ntcp = tor\n\n")
	}
	n.nodeText(&b)
	if n.Kind == KindClient {
		n.clientText(&b)
	}
	return b.String()
}

func (n NewNode) nodeText(b *strings.Builder) {
	webPort := escape(n.WebPort)
	if strings.EqualFold(webPort, "none") {
		webPort = ""
	}
	ports, locations := disabledWord, disabledWord
	if len(n.TubPorts) > 0 {
		ports, locations = strings.Join(n.TubPorts, ","), strings.Join(n.TubLocations, ",")
	}
	fmt.Fprintf(b, "[node]\nnickname = %s\nreveal-IP-address = %t\n", escape(n.Nickname), !n.HideIP)
	fmt.Fprintf(b, "web.port = %s\nweb.static = public_html\n", webPort)
	fmt.Fprintf(b, "tub.port = %s\ntub.location = %s\n\n", escape(ports), escape(locations))
	b.WriteString("#log_gatherer.furl =\n#timeout.keepalive =\n#timeout.disconnect =\n\n")
}

func (n NewNode) clientText(b *strings.Builder) {
	helper := ""
	if !n.Helper.IsZero() {
		helper = " " + escape(n.Helper.RevealString())
	}
	fmt.Fprintf(b, "[client]\nhelper.furl =%s\n\n", helper)
	b.WriteString("# How new files are spread. Files keep what they were made with, so this may\n# be changed at any time.\n")
	fmt.Fprintf(b, "shares.needed = %d\nshares.happy = %d\nshares.total = %d\n\n", n.Shares.K, n.Shares.Happy, n.Shares.N)
	reserved := n.ReservedSpace
	if reserved == "" {
		reserved = "1G"
	}
	fmt.Fprintf(b, "[storage]\n# Does this node store shares for others?\nenabled = %t\n#readonly =\nreserved_space = %s\n", !n.NoStorage, escape(reserved))
	if n.StorageDir == "" {
		b.WriteString("#storage_dir =\n")
	} else {
		fmt.Fprintf(b, "storage_dir = %s\n", escape(n.StorageDir))
	}
	b.WriteString("#expire.enabled =\n#expire.mode =\n\n")
	fmt.Fprintf(b, "[helper]\n# Does this node upload for others?\nenabled = %t\n\n", n.RunHelper)
	if n.SFTPPort != "" {
		fmt.Fprintf(b, "[sftpd]\nenabled = true\nport = %s\n", escape(n.SFTPPort))
		fmt.Fprintf(b, "host_pubkey_file = private/ssh_host_key.pub\nhost_privkey_file = private/ssh_host_key\naccounts.file = %s\n\n", escape(n.SFTPAccounts))
	}
}

func (n NewNode) ownText() string {
	if n.SizeLimit == "" {
		return ""
	}
	return "# Settings that Tahoe-LAFS does not know; docs/configuration.md lists them.\n\n[storage]\nsize_limit = " + escape(n.SizeLimit) + "\n"
}

// escape makes a text a value of one line that means the text itself. 1.20 does
// not double percent signs, so that its nickname "50%" keeps a node from
// starting.
func escape(text string) string {
	text = strings.Map(func(r rune) rune {
		if r == '\n' || r == '\r' {
			return ' '
		}
		return r
	}, text)
	return strings.ReplaceAll(text, "%", "%%")
}
