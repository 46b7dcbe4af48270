package archtest

import (
	"fmt"
	"go/ast"
	"regexp"
	"strings"
)

// MaxLines is the length at which a file wants to be two.
const MaxLines = 600

// promises are words for work that was left; spelled apart, so that this file may be linted too. The last one is also an airport.
var promises = regexp.MustCompile(`\b(TO` + `DO|FIX` + `ME)\b|(//|#|/\*)\s*XX` + `X\b`)

// machinePaths are home folders and workplaces, which mean nothing on another machine.
var machinePaths = regexp.MustCompile(`(^|[^A-Za-z0-9_.])/(ro` + `ot|wo` + `rk|ho` + `me/[a-z]+|Us` + `ers/[A-Za-z]+)/`)

// Lint finds what no reader wants to meet: waits and unexplained skips in tests, overlong files, promises, paths of one machine,
// and rules that are broken outside of tests and the simulator.
func Lint(files []File) []Violation {
	var out []Violation
	for _, f := range files {
		out = append(out, lintText(f)...)
		if f.Go != nil && f.IsTest() {
			out = append(out, lintTest(f)...)
		}
		if f.Go != nil && !f.IsTest() && !strings.HasPrefix(f.Path, "control/simtest/") {
			out = append(out, lintFlaws(f)...)
		}
	}
	return out
}

func lintText(f File) []Violation {
	var out []Violation
	lines := strings.Split(strings.TrimSuffix(f.Text, "\n"), "\n")
	if f.Go != nil && len(lines) > MaxLines {
		out = append(out, Violation{f.Path, fmt.Sprintf("%d lines, want at most %d", len(lines), MaxLines)})
	}
	for i, line := range lines {
		at := fmt.Sprintf("%s:%d", f.Path, i+1)
		if m := promises.FindString(line); m != "" {
			out = append(out, Violation{at, m + ": do it, or say in docs why not"})
		}
		if machinePaths.MatchString(line) {
			out = append(out, Violation{at, "a path of one machine"})
		}
	}
	return out
}

func lintTest(f File) []Violation {
	var out []Violation
	timeName := importName(f.Go, "time")
	ast.Inspect(f.Go, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok {
			return true
		}
		sel, ok := call.Fun.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		switch {
		case timeName != "" && isMember(sel, timeName, []string{"Sleep"}):
			out = append(out, Violation{f.at(n.Pos()), "time.Sleep in a test: inject time or wait for the event"})
		case sel.Sel.Name == "SkipNow" && len(call.Args) == 0, sel.Sel.Name == "Skip" && isTestValue(sel.X) && len(call.Args) == 0:
			out = append(out, Violation{f.at(n.Pos()), "a skipped test gives its reason"})
		}
		return true
	})
	return out
}

// lintFlaws finds who breaks rules of the engine: that is for tests and the simulator alone.
func lintFlaws(f File) []Violation {
	var out []Violation
	ast.Inspect(f.Go, func(n ast.Node) bool {
		if sel, ok := n.(*ast.SelectorExpr); ok && sel.Sel.Name == "Break" {
			out = append(out, Violation{f.at(n.Pos()), "only tests and control/simtest break rules"})
		}
		return true
	})
	return out
}

// isTestValue recognises the usual names of *testing.T, B and F.
func isTestValue(x ast.Expr) bool {
	id, ok := x.(*ast.Ident)
	return ok && (id.Name == "t" || id.Name == "b" || id.Name == "f" || id.Name == "tb")
}
