package lint

import (
	"fmt"
	"slices"
	"strings"
)

// VisibilityFile is the text of common/BUILD.bazel: for every layer the group
// of packages that may import it.
func VisibilityFile() string {
	var b strings.Builder
	b.WriteString("# Written by `go test ./tools/lint -update` from Layers in tools/lint.\n" +
		"# A package of layer lN has the visibility //common:lN_importers.\n")
	for i, layer := range Layers {
		fmt.Fprintf(&b, "\n# %s (%s): %s.\npackage_group(\n    name = %q,\n    packages = [\n",
			layer.Name, layer.About, strings.Join(layer.Packages, ", "), layer.Name+"_importers")
		for _, excluded := range excludedFrom(i) {
			fmt.Fprintf(&b, "        \"-//%s\",\n", excluded)
		}
		b.WriteString("        \"//...\",\n    ],\n)\n")
	}
	return b.String()
}

// excludedFrom lists what must not import layer i: the layers below, and for
// the client engine the services that must not be able to decrypt.
func excludedFrom(i int) []string {
	var excluded []string
	for _, below := range Layers[:i] {
		for _, name := range below.Packages {
			excluded = append(excluded, "common/"+name+"/...")
		}
	}
	if Layers[i].Name == "l3" {
		for service, allowed := range blind {
			if len(allowed) == 0 {
				excluded = append(excluded, service+"/...")
			}
		}
	}
	slices.Sort(excluded)
	return excluded
}

// Visibility lists the labels that every library of a package is visible to: for
// a package of common/ the group of its layer, for a package below a role its
// own role, all mains, tools and benchmarks, and the grid for tests. It is nil for
// all others.
func Visibility(path string) []string {
	if layer, _ := place(name(path)); within(path, "common") && layer >= 0 {
		return []string{"//common:" + Layers[layer].Name + "_importers"}
	}
	own := role(path)
	if own == "" || own == path {
		return nil
	}
	visible := []string{"//benchmarks:__subpackages__", "//common/gridtest:__pkg__", "//tools:__subpackages__", "//" + own + ":__subpackages__"}
	for _, other := range roles {
		if other != own {
			visible = append(visible, "//"+other+":__pkg__")
		}
	}
	slices.Sort(visible)
	return visible
}
