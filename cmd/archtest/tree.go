package archtest

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
)

// File is one text file of the tree; Go files are parsed.
type File struct {
	Path string // relative to the top, with slashes
	Text string
	Go   *ast.File // nil unless a Go file
	Fset *token.FileSet
}

// Pkg is the folder of the file: the package relative to the module.
func (f File) Pkg() string { return path.Dir(f.Path) }

// IsTest reports whether it is a Go test file.
func (f File) IsTest() bool { return strings.HasSuffix(f.Path, "_test.go") }

// at names a place in the file.
func (f File) at(p token.Pos) string { return fmt.Sprintf("%s:%d", f.Path, f.Fset.Position(p).Line) }

// NewFile parses text under the given path.
func NewFile(name, text string) (File, error) {
	f := File{Path: name, Text: text}
	if !strings.HasSuffix(name, ".go") {
		return f, nil
	}
	f.Fset = token.NewFileSet()
	var err error
	f.Go, err = parser.ParseFile(f.Fset, name, text, parser.ParseComments|parser.SkipObjectResolution)
	return f, err
}

// Top finds the top of the module: the nearest folder with a go.mod, from dir upwards.
func Top(dir string) (string, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", fmt.Errorf("no go.mod above %s", dir)
		}
		dir = parent
	}
}

// textEndings are the files that the lint reads.
var textEndings = []string{".go", ".md", ".sh", ".txt", ".yaml", ".yml", ".mod", ".svg"}

// ReadTree reads the text files under top, except what is built or is version control's own, and modules nested in it.
func ReadTree(top string) ([]File, error) {
	var files []File
	err := filepath.WalkDir(top, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(top, p)
		if err != nil {
			return err
		}
		rel = filepath.ToSlash(rel)
		if d.IsDir() {
			return enter(top, rel, d)
		}
		if !d.Type().IsRegular() || !isText(rel) {
			return nil
		}
		text, err := os.ReadFile(p)
		if err != nil {
			return err
		}
		f, err := NewFile(rel, string(text))
		if err != nil {
			return err
		}
		files = append(files, f)
		return nil
	})
	return files, err
}

func enter(top, rel string, d fs.DirEntry) error {
	switch {
	case rel == ".":
		return nil
	case rel == ".git", rel == "bin", rel == "bench/report", d.Name() == "node_modules":
		return fs.SkipDir
	}
	if _, err := os.Stat(filepath.Join(top, rel, "go.mod")); err == nil {
		return fs.SkipDir
	}
	return nil
}

func isText(rel string) bool {
	if base := path.Base(rel); base == "Makefile" || base == "LICENSE" || base == "NOTICE" || strings.HasPrefix(rel, ".ci/") {
		return true
	}
	for _, e := range textEndings {
		if strings.HasSuffix(rel, e) {
			return true
		}
	}
	return false
}
