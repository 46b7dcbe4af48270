package archtest

import "testing"

// checks are all checks over the tree; canary_test.go proves of each that it can fail.
var checks = map[string]func([]File) []Violation{
	"imports": CheckImports,
	"pure":    CheckPure,
	"docs":    CheckDocs,
	"lint":    Lint,
	"links":   CheckLinks,
}

func TestTree(t *testing.T) {
	top, err := Top(".")
	if err != nil {
		t.Fatal(err)
	}
	files, err := ReadTree(top)
	if err != nil {
		t.Fatal(err)
	}
	if len(files) < 30 {
		t.Fatalf("read %d files under %s: that is not the tree", len(files), top)
	}
	for name, check := range checks {
		t.Run(name, func(t *testing.T) {
			for _, v := range check(files) {
				t.Error(v)
			}
		})
	}
}

// Every rule has a pattern that no earlier one hides, and what it may import has a rule too.
func TestRulesAreSound(t *testing.T) {
	for i, r := range Rules {
		for _, earlier := range Rules[:i] {
			if match(earlier.Pkg, r.Pkg) {
				t.Errorf("rule %s is hidden by %s", r.Pkg, earlier.Pkg)
			}
		}
		if r.Pure && r.Goroutines {
			t.Errorf("rule %s is pure and may start goroutines", r.Pkg)
		}
	}
}
