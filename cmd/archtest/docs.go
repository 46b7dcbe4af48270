package archtest

import (
	"fmt"
	"go/ast"
	"path"
	"strings"
)

// smallPackage is the number of files up to which the package document may stand in any of them; larger ones have a doc.go.
const smallPackage = 3

// CheckDocs finds packages without a document in its place, and top-level folders that are none of TopFolders.
func CheckDocs(files []File) []Violation {
	var out []Violation
	for _, p := range packages(files) {
		top, _, _ := strings.Cut(p.path, "/")
		if !matchAny(TopFolders, top) {
			out = append(out, Violation{p.path, "code stands in " + strings.Join(TopFolders, ", ") + " only"})
		}
		switch {
		case p.document == "":
			out = append(out, Violation{p.path, "no document: a comment that begins with \"Package\" or \"Command\" and says what it is"})
		case p.document != "doc.go" && p.files > smallPackage:
			out = append(out, Violation{p.path, fmt.Sprintf("its document stands in %s; a package of %d files has a doc.go", p.document, p.files)})
		}
	}
	return out
}

// pkgDoc is a package with the file that documents it.
type pkgDoc struct {
	path     string
	files    int // tests apart
	document string
}

func packages(files []File) []*pkgDoc {
	var out []*pkgDoc
	byPath := map[string]*pkgDoc{}
	for _, f := range files {
		if f.Go == nil || f.IsTest() {
			continue
		}
		p := byPath[f.Pkg()]
		if p == nil {
			p = &pkgDoc{path: f.Pkg()}
			byPath[p.path] = p
			out = append(out, p)
		}
		p.files++
		if isPackageDoc(f.Go) {
			p.document = path.Base(f.Path)
		}
	}
	return out
}

// isPackageDoc wants a sentence about the package, not a bare heading.
func isPackageDoc(f *ast.File) bool {
	if f.Doc == nil {
		return false
	}
	doc, want := f.Doc.Text(), "Package "+f.Name.Name+" "
	if f.Name.Name == "main" {
		want = "Command "
	}
	return strings.HasPrefix(doc, want) && len(doc) > 60
}
