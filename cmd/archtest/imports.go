package archtest

import (
	"fmt"
	"go/ast"
	"strconv"
	"strings"
)

// Violation is a place and what is wrong there.
type Violation struct {
	At, What string
}

func (v Violation) String() string { return v.At + ": " + v.What }

// CheckImports applies the direction of imports and the fences to all files that are not tests; fences hold for tests too.
func CheckImports(files []File) []Violation {
	var out []Violation
	for _, f := range files {
		if f.Go == nil {
			continue
		}
		rule := RuleFor(f.Pkg())
		if rule == nil {
			out = append(out, Violation{f.Path, fmt.Sprintf("package %s has no rule: add one to cmd/archtest/rules.go", f.Pkg())})
			continue
		}
		for _, im := range f.Go.Imports {
			p, err := strconv.Unquote(im.Path.Value)
			if err != nil {
				out = append(out, Violation{f.at(im.Pos()), err.Error()})
				continue
			}
			if what := checkImport(f, rule, p); what != "" {
				out = append(out, Violation{f.at(im.Pos()), what})
			}
		}
	}
	return out
}

func checkImport(f File, rule *Rule, p string) string {
	if own, ok := strings.CutPrefix(p, Module+"/"); ok {
		if !f.IsTest() && own != f.Pkg() && !matchAny(rule.May, own) {
			return fmt.Sprintf("%s must not import %s (it may import: %s)", f.Pkg(), own, strings.Join(rule.May, ", "))
		}
		return ""
	}
	for _, fence := range Fences {
		if strings.HasPrefix(p, fence.Prefix) && !matchAny(fence.Only, f.Pkg()) {
			return fmt.Sprintf("%s must not import %s: only %s may (%s)", f.Pkg(), p, strings.Join(fence.Only, ", "), fence.Why)
		}
	}
	if rule.Pure && !f.IsTest() && matchAny(ImpureImports, p) {
		return fmt.Sprintf("%s is pure and must not import %s", f.Pkg(), p)
	}
	return ""
}

// CheckPure finds clocks and go statements in packages that must not have them.
func CheckPure(files []File) []Violation {
	var out []Violation
	for _, f := range files {
		if f.Go == nil || f.IsTest() {
			continue
		}
		rule := RuleFor(f.Pkg())
		if rule == nil {
			continue // CheckImports says so
		}
		timeName := importName(f.Go, "time")
		ast.Inspect(f.Go, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.GoStmt:
				if rule.Pure || !rule.Goroutines {
					out = append(out, Violation{f.at(n.Pos()), f.Pkg() + " must not start goroutines"})
				}
			case *ast.SelectorExpr:
				if rule.Pure && timeName != "" && isMember(n, timeName, ClockNames) {
					out = append(out, Violation{f.at(n.Pos()), fmt.Sprintf("%s is pure and must not use time.%s", f.Pkg(), n.Sel.Name)})
				}
			}
			return true
		})
	}
	return out
}

// importName returns the name under which a file uses an imported package, or "".
func importName(f *ast.File, p string) string {
	for _, im := range f.Imports {
		if im.Path.Value != strconv.Quote(p) {
			continue
		}
		if im.Name != nil {
			return im.Name.Name
		}
		return p[strings.LastIndexByte(p, '/')+1:]
	}
	return ""
}

func isMember(sel *ast.SelectorExpr, pkg string, names []string) bool {
	id, ok := sel.X.(*ast.Ident)
	if !ok || id.Name != pkg {
		return false
	}
	for _, n := range names {
		if sel.Sel.Name == n {
			return true
		}
	}
	return false
}
