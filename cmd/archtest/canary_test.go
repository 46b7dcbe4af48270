package archtest

import (
	"fmt"
	"strings"
	"testing"
)

// Each canary is a small tree that one check must reject with the given words.
var canaries = []struct {
	name, check, path, text, want string
}{
	{"upwards", "imports", "ringlog/log.go", "package ringlog\nimport _ \"" + Module + "/netio\"\n", "ringlog must not import netio"},
	{"sideways", "imports", "netio/link.go", "package netio\nimport _ \"" + Module + "/ringlog\"\n", "netio must not import ringlog"},
	{"into cmd", "imports", "bench/b.go", "package bench\nimport _ \"" + Module + "/cmd/demo\"\n", "bench must not import cmd/demo"},
	{"no rule", "imports", "vertex/magic/m.go", "package magic\n", "has no rule"},
	{"netpoll elsewhere", "imports", "shuffle/s.go", "package shuffle\nimport _ \"github.com/cloudwego/netpoll\"\n", "only netio may"},
	{"arrow in the core", "imports", "shuffle/s_test.go", "package shuffle\nimport _ \"github.com/apache/arrow-go/v18/arrow\"\n", "must not import github.com/apache"},
	{"files in pure", "imports", "vertex/ops/o.go", "package ops\nimport _ \"os\"\n", "pure and must not import os"},
	{"sockets in pure", "imports", "control/c.go", "package control\nimport _ \"net/http\"\n", "pure and must not import net/http"},
	{"clock", "pure", "state/s.go", "package state\nimport \"time\"\nvar x = time.Now()\n", "must not use time.Now"},
	{"renamed clock", "pure", "state/s.go", "package state\nimport clock \"time\"\nfunc f() { clock.Sleep(1) }\n", "must not use time.Sleep"},
	{"goroutine in pure", "pure", "control/c.go", "package control\nfunc f() { go f() }\n", "must not start goroutines"},
	{"goroutine in kit", "pure", "vertex/vertextest/k.go", "package vertextest\nfunc f() { func() { go f() }() }\n", "must not start goroutines"},
	{"no document", "docs", "netio/link.go", "package netio\n", "no document"},
	{"empty document", "docs", "netio/doc.go", "// Package netio\npackage netio\n", "no document"},
	{"strange folder", "docs", "utils/doc.go", "// Package utils is what nobody could name; it stands where no code may stand.\npackage utils\n", "code stands in"},
	{"sleep", "lint", "netio/l_test.go", "package netio\nimport \"time\"\nfunc f() { time.Sleep(1) }\n", "time.Sleep in a test"},
	{"broken rule", "lint", "vertex/runtime/w.go", "package runtime\nfunc f(x X) { x.Break(1) }\n", "only tests and control/simtest"},
	{"bare skip", "lint", "netio/l_test.go", "package netio\nfunc f(t T) { t.Skip() }\n", "gives its reason"},
	{"skip now", "lint", "netio/l_test.go", "package netio\nfunc f(t T) { t.SkipNow() }\n", "gives its reason"},
	{"long", "lint", "netio/l.go", "package netio\n" + strings.Repeat("\n", MaxLines), "601 lines"},
	{"promise", "lint", "docs/x.md", "text\nTO" + "DO: more\n", "docs/x.md:2"},
	{"old promise", "lint", "netio/l.go", "package netio\n\n// XX" + "X: this is slow\n", "netio/l.go:3"},
	{"dead link", "links", "docs/x.md", "see [this](y.md#part)\n", "link to y.md"},
	{"path", "lint", ".ci/run", "cd /ho" + "me/me/src\n", "path of one machine"},
}

func TestCanaries(t *testing.T) {
	seen := map[string]bool{}
	for _, c := range canaries {
		seen[c.check] = true
		t.Run(c.name, func(t *testing.T) {
			f, err := NewFile(c.path, c.text)
			if err != nil {
				t.Fatal(err)
			}
			for _, v := range checks[c.check]([]File{f}) {
				if strings.Contains(v.String(), c.want) {
					return
				}
			}
			t.Errorf("check %q does not reject\n%s", c.check, c.text)
		})
	}
	for name := range checks {
		if !seen[name] {
			t.Errorf("check %q has no canary", name)
		}
	}
}

// A package of many files has its document in doc.go.
func TestCanaryDocumentOutOfPlace(t *testing.T) {
	texts := []string{"// Package netio links nodes, and this sentence stands where nobody looks for it.\npackage netio\n", "package netio\n", "package netio\n", "package netio\n"}
	var files []File
	for i, text := range texts {
		f, err := NewFile(fmt.Sprintf("netio/f%d.go", i), text)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, f)
	}
	if v := CheckDocs(files); len(v) != 1 || !strings.Contains(v[0].What, "has a doc.go") {
		t.Errorf("got %v, want one complaint", v)
	}
	if v := CheckDocs(files[:3]); len(v) > 0 {
		t.Errorf("a small package: %v", v)
	}
}

// What is allowed stays allowed.
func TestAccepts(t *testing.T) {
	good := map[string]string{
		"netio/doc.go":          "// Package netio carries frames between nodes over links with credits and nothing else.\npackage netio\n",
		"netio/link.go":         "package netio\nimport _ \"github.com/cloudwego/netpoll\"\nimport _ \"" + Module + "/ringlog/frame\"\nfunc f() { go f() }\n",
		"netio/l_test.go":       "package netio\nfunc f(t T) { t.Skip(\"no kernel support\"); r.Skip() }\n",
		"ringlog/frame/doc.go":  "// Package frame is the byte tables and coordinates that log, wire, replica and disk share.\npackage frame\n",
		"docs/x.md":             "[a](../netio/link.go) [b](https://example.org/z) [c](#here) [d](../netio)\n",
		"ringlog/frame/time.go": "package frame\nimport \"time\"\nconst d = time.Second\n",
	}
	var files []File
	for name, text := range good {
		f, err := NewFile(name, text)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, f)
	}
	for name, check := range checks {
		for _, v := range check(files) {
			t.Errorf("%s: %v", name, v)
		}
	}
}
