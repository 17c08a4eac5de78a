package lint

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// outside are imports that l0 and l1 must not have: those layers touch bytes,
// and nothing else.
var outside = []string{"os", "net", "log", "crypto/rand", "math/rand", "math/rand/v2", "syscall", "sync/atomic"}

// clock are the functions of package time that l0 and l1 must not call; times
// come in as arguments.
var clock = []string{"Now", "Since", "Until", "Sleep", "After", "AfterFunc", "Tick", "NewTimer", "NewTicker"}

// ReadTree reads the imports of every package below root, a checkout of this
// module. Packages come sorted by path.
func ReadTree(root string) ([]Package, error) {
	packages := map[string]*Package{}
	err := walk(root, parser.ImportsOnly, func(dir string, _ *token.FileSet, isTest bool, file *ast.File) {
		p := packages[dir]
		if p == nil {
			p = &Package{Path: dir}
			packages[dir] = p
		}
		p.Main = p.Main || file.Name.Name == "main"
		p.add(file, isTest)
	})
	var sorted []Package
	for _, p := range packages {
		sorted = append(sorted, *p)
	}
	slices.SortFunc(sorted, func(a, b Package) int { return strings.Compare(a.Path, b.Path) })
	return sorted, err
}

// add notes what one file imports of this module.
func (p *Package) add(file *ast.File, isTest bool) {
	for _, spec := range file.Imports {
		imported, ours := strings.CutPrefix(strings.Trim(spec.Path.Value, `"`), Module+"/")
		switch {
		case !ours || slices.Contains(p.Imports, imported):
		case !isTest:
			p.Imports = append(p.Imports, imported)
		case !slices.Contains(p.TestImports, imported):
			p.TestImports = append(p.TestImports, imported)
		}
	}
}

// ImpureSource finds what l0 and l1 must not do: reach the system, read the
// clock, start goroutines. Tests may.
func ImpureSource(root string) ([]string, error) {
	var found []string
	err := walk(root, parser.SkipObjectResolution, func(dir string, files *token.FileSet, isTest bool, file *ast.File) {
		if layer, _ := place(name(dir)); isTest || !within(dir, "common") || layer < 0 || layer > 1 {
			return
		}
		for _, node := range impure(file) {
			at := files.Position(node.Pos())
			found = append(found, fmt.Sprintf("%s/%s:%d: l0 and l1 do no I/O, start no goroutine and read no clock",
				dir, filepath.Base(at.Filename), at.Line))
		}
	})
	return found, err
}

func impure(file *ast.File) []ast.Node {
	var found []ast.Node
	ast.Inspect(file, func(node ast.Node) bool {
		if isImpure(node) {
			found = append(found, node)
		}
		return true
	})
	return found
}

func isImpure(node ast.Node) bool {
	switch node := node.(type) {
	case *ast.GoStmt:
		return true
	case *ast.ImportSpec:
		path := strings.Trim(node.Path.Value, `"`)
		return slices.ContainsFunc(outside, func(banned string) bool { return path == banned }) ||
			strings.HasPrefix(path, "net/") || strings.HasPrefix(path, "os/")
	case *ast.SelectorExpr:
		from, ok := node.X.(*ast.Ident)
		return ok && from.Name == "time" && slices.Contains(clock, node.Sel.Name)
	}
	return false
}

// walk parses every Go file of the module at root and hands it to visit with
// its folder, relative to root and with forward slashes.
func walk(root string, mode parser.Mode, visit func(dir string, files *token.FileSet, isTest bool, file *ast.File)) error {
	return filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() && path != root && skipped(path, entry.Name()) {
			return filepath.SkipDir
		}
		if entry.IsDir() || !strings.HasSuffix(path, ".go") {
			return nil
		}
		files := token.NewFileSet()
		file, err := parser.ParseFile(files, path, nil, mode)
		if err != nil {
			return err
		}
		dir, err := filepath.Rel(root, filepath.Dir(path))
		visit(filepath.ToSlash(dir), files, strings.HasSuffix(path, "_test.go"), file)
		return err
	})
}

// skipped: folders that the Go command does not look into, Bazel's links, and
// modules of their own.
func skipped(path, name string) bool {
	if strings.HasPrefix(name, ".") || strings.HasPrefix(name, "_") || name == "testdata" || strings.HasPrefix(name, "bazel-") {
		return true
	}
	_, err := os.Stat(filepath.Join(path, "go.mod"))
	return err == nil
}
