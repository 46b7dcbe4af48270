package shuffle

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// What a program that embeds this package takes on besides it: netpoll and what it needs, hashing, the cache of spilled blocks.
var allowedModules = []string{
	"github.com/bytedance/gopkg", "github.com/cespare/xxhash/v2", "github.com/cloudwego/gopkg", "github.com/cloudwego/netpoll",
	"github.com/dgraph-io/ristretto/v2", "github.com/dustin/go-humanize", "github.com/klauspost/cpuid/v2", "github.com/zeebo/xxh3", "golang.org/x/sys",
}

var allowedFolders = []string{"netio", "ringlog", "shuffle"}

func TestImportWeight(t *testing.T) {
	out, err := exec.Command("go", "list", "-deps", "-f", "{{with .Module}}{{.Path}} {{end}}{{.ImportPath}}", ".").Output()
	if err != nil {
		t.Fatal(err)
	}
	const module = "github.com/streamscope/streamscope"
	seen := 0
	for line := range strings.Lines(string(out)) {
		owner, pkg, ok := strings.Cut(strings.TrimSpace(line), " ")
		if !ok {
			continue // the standard library
		}
		seen++
		folder, _, _ := strings.Cut(strings.TrimPrefix(pkg, module+"/"), "/")
		switch {
		case owner == module && slices.Contains(allowedFolders, folder):
		case owner != module && slices.Contains(allowedModules, owner):
		default:
			t.Errorf("package shuffle imports %s of %s: embedders must not pay for it", pkg, owner)
		}
	}
	if seen < 10 {
		t.Errorf("%d packages: that is not the import graph", seen)
	}
}
