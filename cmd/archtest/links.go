package archtest

import (
	"fmt"
	"path"
	"regexp"
	"strings"
)

// link is a link of a document to another file of the repository.
var link = regexp.MustCompile(`\]\(([^)#\s]+)(#[^)]*)?\)`)

// CheckLinks finds links of documents to files that are not there. Links to other sites are not followed.
func CheckLinks(files []File) []Violation {
	there := map[string]bool{}
	for _, f := range files {
		there[f.Path] = true
		for dir := path.Dir(f.Path); dir != "."; dir = path.Dir(dir) {
			there[dir] = true
		}
	}
	var out []Violation
	for _, f := range files {
		if !strings.HasSuffix(f.Path, ".md") {
			continue
		}
		for i, line := range strings.Split(f.Text, "\n") {
			for _, m := range link.FindAllStringSubmatch(line, -1) {
				if to := path.Join(path.Dir(f.Path), m[1]); !strings.Contains(m[1], "://") && !there[to] {
					out = append(out, Violation{fmt.Sprintf("%s:%d", f.Path, i+1), "link to " + m[1] + ", which is not there"})
				}
			}
		}
	}
	return out
}
