// Package lint holds the rules of the house that a compiler does not know:
// which package may import which, and what the lower layers must not do.
//
// The layers are drawn in docs/architecture.md. The tests of this package hold
// the tree against them; common/BUILD.bazel, which says the same to Bazel as
// visibility, is written from [Layers].
package lint

import (
	"fmt"
	"slices"
	"strings"
)

// Module is the path of this Go module.
const Module = "github.com/besn0847/arm-tahoe"

// Layer is one floor of common/. A package imports what stands below its
// layer, or before itself in its own layer.
type Layer struct {
	Name     string   // as in "l0"
	About    string   // what it is for
	Packages []string // names below common/, each after those it may import
}

// Layers are the floors of common/, the lowest first. A new package is added
// here before anything imports it.
var Layers = []Layer{
	{"l0", "bytes", []string{"secret", "base32", "netstring", "taggedhash", "hashtree", "erasure"}},
	{"l1", "formats", []string{
		"grid", "uri", "ueb", "sharelayout", "rsakey", "mutablelayout", "dirformat", "announce", "sharecontainer",
	}},
	{"l2", "wire", []string{
		"connlimit", "furl", "banana", "foolscap", "introrpc", "storagerpc", "storagehttp", "helperrpc",
	}},
	{"l3", "client engine", []string{
		"introclient", "broker", "placement", "chkencode", "upload", "helperclient", "immutable", "download", "mutable", "dirnode", "gridclient",
	}},
	{"l4", "daemon support", []string{"version", "nodeconf", "daemon", "nodetub", "password", "webapi", "webfiles", "clientnode"}},
}

// testOnly are packages of common/ that only tests may import; they may import
// anything.
var testOnly = []string{"gridtest", "storagetest", "vectors"}

// roles are the folders of the programs that make a grid.
var roles = []string{"introducer", "helper", "storage", "sftpgw"}

// composers may import the packages of several roles.
var composers = []string{"tools/tahoe", "tools/grid", "benchmarks"}

// blind are services that must not be able to decrypt what passes through
// them. Each maps to those packages of l3 that it may import nevertheless.
var blind = map[string][]string{
	"storage/storageserver":  nil,
	"storage/sharestore":     nil,
	"introducer/introserver": nil,
	"helper/helperserver":    {"broker", "placement", "chkencode", "upload"},
}

// Package is what the rules look at; paths are relative to the module.
type Package struct {
	Path    string   // as in "common/uri"
	Main    bool     // it is a program
	Imports []string // packages of this module that it imports, tests left out
	// TestImports are those of its tests that Imports does not have.
	TestImports []string
}

// Violations returns a sentence for each rule that p breaks.
func Violations(p Package) []string {
	var found []string
	for _, imported := range p.Imports {
		if reason := forbidden(p, imported); reason != "" {
			found = append(found, fmt.Sprintf("%s must not import %s: %s", p.Path, imported, reason))
		}
	}
	for _, imported := range p.TestImports {
		if isTestOnly(imported) || imported == p.Path {
			continue
		}
		if reason := forbidden(p, imported); reason != "" {
			found = append(found, fmt.Sprintf("the tests of %s must not import %s: %s", p.Path, imported, reason))
		}
	}
	return append(found, misplaced(p)...)
}

// forbidden returns why p must not import the package, or "".
func forbidden(p Package, imported string) string {
	switch from := role(p.Path); {
	case isTestOnly(p.Path) || slices.ContainsFunc(composers, func(c string) bool { return within(p.Path, c) }):
		return ""
	case isTestOnly(imported):
		return "it is for tests only"
	case within(imported, "benchmarks") || within(imported, "tools"):
		return "nothing a node runs depends on tools or benchmarks"
	case within(p.Path, "common") && role(imported) != "":
		return "common/ knows no role; what two roles need moves to common/"
	case within(p.Path, "common"):
		return upwards(name(p.Path), name(imported))
	case from != "" && role(imported) != "" && from != role(imported) && !p.Main:
		return "roles do not import each other sideways; their mains compose them"
	}
	return unblinding(p.Path, imported)
}

// upwards returns why a package of common/ must not import another.
func upwards(from, imported string) string {
	at, position := place(from)
	below, before := place(imported)
	switch {
	case at < 0 || below < 0: // misplaced says so
		return ""
	case below > at:
		return fmt.Sprintf("%s (%s) stands above %s (%s), and imports never point upwards",
			Layers[below].Name, Layers[below].About, Layers[at].Name, Layers[at].About)
	case below == at && before >= position:
		return fmt.Sprintf("in %s it does not stand before it; see Layers in tools/lint", Layers[at].Name)
	}
	return ""
}

// unblinding returns why a service that sees only ciphertext must not import
// the package.
func unblinding(from, imported string) string {
	allowed, ok := blind[from]
	if !ok || !within(imported, "common") {
		return ""
	}
	layer, _ := place(name(imported))
	opens := name(imported) == "uri" || layer >= 0 && Layers[layer].Name == "l3"
	if opens && !slices.Contains(allowed, name(imported)) {
		return "caps and keys exist only in gateways; this service must not be able to decrypt what it carries"
	}
	return ""
}

// misplaced finds packages that the house has no room for.
func misplaced(p Package) []string {
	var found []string
	if layer, _ := place(name(p.Path)); within(p.Path, "common") && layer < 0 && !isTestOnly(p.Path) {
		found = append(found, p.Path+" is in no layer: add it to Layers in tools/lint, where its imports allow")
	}
	if p.Main && role(p.Path) != p.Path && !within(p.Path, "tools") && !within(p.Path, "benchmarks") {
		found = append(found, p.Path+" must not be a program: mains live in the role folders, tools and benchmarks")
	}
	return found
}

// place returns the layer and the position of a package of common/, or -1.
func place(name string) (layer, position int) {
	for i, l := range Layers {
		if position := slices.Index(l.Packages, name); position >= 0 {
			return i, position
		}
	}
	return -1, -1
}

// name is the first folder below common/: a package and those inside it stand
// in one place.
func name(path string) string {
	name, _, _ := strings.Cut(strings.TrimPrefix(path, "common/"), "/")
	return name
}

func role(path string) string {
	first, _, _ := strings.Cut(path, "/")
	if slices.Contains(roles, first) {
		return first
	}
	return ""
}

func within(path, folder string) bool { return path == folder || strings.HasPrefix(path, folder+"/") }

func isTestOnly(path string) bool {
	return within(path, "common") && slices.Contains(testOnly, name(path)) || path == "tools/interop"
}
