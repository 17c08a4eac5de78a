package interop

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// NodeOptions says what a node is. The zero value is a client node
// without introducer, storage or helper.
type NodeOptions struct {
	// Name is the nickname and the name of the base directory in Root.Dir;
	// node1, node2 and so on if empty.
	Name string
	// BaseDir is a base directory that another program made, with tahoe.cfg in
	// it; it is used as it is and only Name is looked at besides. It must be in
	// Root.Dir or in a directory given to Root.Share.
	BaseDir string
	// Ours runs the node by our own program instead of Python's.
	Ours bool
	// Introducers holds the FURLs of the introducers.
	Introducers []string
	// Storage makes the node a storage server too.
	Storage bool
	// Shares is needed/happy/total as in 3/7/10; Tahoe's default if empty.
	Shares string
	// ForceFoolscap keeps the node from HTTP both as client and as server.
	ForceFoolscap bool
	// HelperFURL is the helper that the node uploads through.
	HelperFURL string
	// RunHelper makes the node a helper too: see Node.FURL.
	RunHelper bool
	// ExtraConfig goes to the end of tahoe.cfg. It may open sections again;
	// the last value of a key counts.
	ExtraConfig string
}

// IntroducerOptions says what an introducer is; the fields are those of
// NodeOptions, and the default name is introducer.
type IntroducerOptions struct {
	Name, BaseDir, ExtraConfig string
	Ours                       bool
}

// nodeConfig is the start of tahoe.cfg for every kind of node. The web server
// takes a port of its own choice and says which in node.url; tub.port may not be
// 0, since it becomes part of FURLs.
func nodeConfig(name string, tubPort int) string {
	return fmt.Sprintf(`[node]
nickname = %s
tub.port = tcp:%d:interface=127.0.0.1
tub.location = tcp:127.0.0.1:%d
web.port = tcp:0:interface=127.0.0.1
`, name, tubPort, tubPort)
}

// clientConfig is the rest of tahoe.cfg for nodes that are not introducers.
func clientConfig(options NodeOptions) (string, error) {
	var text strings.Builder
	fmt.Fprintf(&text, "[client]\nforce_foolscap = %t\n", options.ForceFoolscap)
	if options.HelperFURL != "" {
		fmt.Fprintf(&text, "helper.furl = %s\n", options.HelperFURL)
	}
	shares, err := sharesConfig(options.Shares)
	text.WriteString(shares)
	fmt.Fprintf(&text, "[storage]\nenabled = %t\nreserved_space = 0\nforce_foolscap = %t\n",
		options.Storage, options.ForceFoolscap)
	fmt.Fprintf(&text, "[helper]\nenabled = %t\n", options.RunHelper)
	text.WriteString(options.ExtraConfig)
	return text.String(), err
}

func sharesConfig(shares string) (string, error) {
	if shares == "" {
		return "", nil
	}
	parts := strings.Split(shares, "/")
	if len(parts) != 3 {
		return "", fmt.Errorf("shares %q are not needed/happy/total", shares)
	}
	for _, part := range parts {
		if _, err := strconv.ParseUint(part, 10, 8); err != nil {
			return "", fmt.Errorf("shares %q: %w", shares, err)
		}
	}
	return fmt.Sprintf("shares.needed = %s\nshares.happy = %s\nshares.total = %s\n",
		parts[0], parts[1], parts[2]), nil
}

// introducersYAML is private/introducers.yaml. FURLs go in double quotes, which
// YAML reads as JSON does.
func introducersYAML(furls []string) string {
	if len(furls) == 0 {
		return "introducers: {}\n"
	}
	text := "introducers:\n"
	for i, furl := range furls {
		text += fmt.Sprintf("  introducer%d:\n    furl: %q\n", i+1, furl)
	}
	return text
}

// writeBaseDir makes what tahoe run needs of a base directory: tahoe.cfg,
// private with the introducers, and a file whose name tells the kind of node
// (scripts/tahoe_run.py identify_node_type). It may be called again.
func writeBaseDir(dir, kind, config string, introducers []string) error {
	private := filepath.Join(dir, "private")
	if err := os.MkdirAll(private, 0o700); err != nil {
		return err
	}
	files := map[string]string{
		filepath.Join(dir, "tahoe.cfg"):            config,
		filepath.Join(dir, "tahoe-"+kind+".tac"):   "",
		filepath.Join(private, "introducers.yaml"): introducersYAML(introducers),
	}
	if kind == introducerKind {
		delete(files, filepath.Join(private, "introducers.yaml"))
	}
	for path, text := range files {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			return err
		}
	}
	return nil
}

// configValue returns a key of the section [node] of a tahoe.cfg, "" if it is
// not there. It reads what this package and the usual programs write; Python's
// continuation lines and interpolation are not for it.
func configValue(config, key string) string {
	value, section := "", ""
	lines := bufio.NewScanner(strings.NewReader(config))
	for lines.Scan() {
		line := strings.TrimSpace(lines.Text())
		if strings.HasPrefix(line, "[") {
			section = line
			continue
		}
		name, rest, found := strings.Cut(line, "=")
		if found && section == "[node]" && strings.EqualFold(strings.TrimSpace(name), key) {
			value = strings.TrimSpace(rest)
		}
	}
	return value
}

// listeningPort returns the number in a tub.port such as tcp:4711:interface=A or
// 4711, and 0 where there is none to wait for.
func listeningPort(tubPort string) int {
	number, _, _ := strings.Cut(strings.TrimPrefix(tubPort, "tcp:"), ":")
	port, err := strconv.ParseUint(number, 10, 16)
	if err != nil {
		return 0
	}
	return int(port)
}
