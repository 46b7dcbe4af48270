package archtest

import "strings"

// Module is the path of the module that the rules are about.
const Module = "github.com/streamscope/streamscope"

// TopFolders are the only folders of the repository's top level that hold code.
var TopFolders = []string{"netio", "ringlog", "shuffle", "state", "vertex", "control", "cmd", "bench"}

// Rule says what one package of the module may do. The first rule whose pattern matches counts.
type Rule struct {
	// Pkg is a package relative to the module, or a prefix of packages that ends in "/...".
	Pkg string
	// May lists what it may import of the module: packages, or prefixes that end in "/..." and include the prefix itself.
	May []string
	// Pure packages have no os, net, clock or go statement: they are stepped by drivers.
	Pure bool
	// Goroutines may be started here.
	Goroutines bool
}

// Rules is the one direction of imports, from the bottom up.
var Rules = []Rule{
	{Pkg: "ringlog/frame", Pure: true},
	{Pkg: "ringlog/vfs"},
	{Pkg: "ringlog/replica", May: []string{"ringlog/...", "netio/..."}, Goroutines: true},
	{Pkg: "ringlog/journal", May: []string{"ringlog/...", "netio/..."}, Goroutines: true},
	{Pkg: "ringlog/...", May: []string{"ringlog/..."}, Goroutines: true},

	{Pkg: "netio/wire", May: []string{"ringlog/frame"}, Pure: true},
	{Pkg: "netio/...", May: []string{"netio/...", "ringlog/frame"}, Goroutines: true},

	{Pkg: "shuffle/batch", May: []string{"ringlog/frame"}, Pure: true},
	{Pkg: "shuffle/partition", May: []string{"ringlog/frame", "shuffle/batch"}, Pure: true},
	{Pkg: "shuffle/copies", May: []string{"shuffle", "ringlog/..."}},
	{Pkg: "shuffle/persist", May: []string{"shuffle", "shuffle/batch", "ringlog/...", "state/snapshot"}},
	{Pkg: "shuffle/...", May: []string{"shuffle/...", "ringlog/...", "netio/..."}, Goroutines: true},

	{Pkg: "state/extent", May: []string{"state"}},
	{Pkg: "state/snapshot", May: []string{"state/...", "ringlog/..."}, Goroutines: true},
	{Pkg: "state/snapshot/s3/...", May: []string{"state/snapshot/...", "ringlog/frame"}},
	{Pkg: "state/snapshot/peers", May: []string{"state/snapshot/...", "ringlog/..."}},
	{Pkg: "state/...", May: []string{"state/...", "ringlog/frame", "shuffle/batch", "shuffle/partition"}, Pure: true},

	{Pkg: "vertex", May: []string{"state", "ringlog/frame", "shuffle/batch"}, Pure: true},
	{Pkg: "vertex/expr", May: []string{"vertex", "ringlog/frame", "shuffle/batch"}, Pure: true},
	{Pkg: "vertex/ops", May: []string{"vertex", "vertex/expr", "state", "ringlog/frame", "shuffle/batch", "shuffle/partition"}, Pure: true},
	{Pkg: "vertex/vertextest", May: []string{"vertex/...", "state/...", "ringlog/frame", "shuffle/batch", "shuffle/partition"}},
	{Pkg: "vertex/connect", May: []string{"vertex", "vertex/expr", "ringlog/frame", "ringlog/vfs", "shuffle/batch"}, Goroutines: true},
	{Pkg: "vertex/connect/...", May: []string{"vertex", "vertex/expr", "vertex/connect/...", "ringlog/frame", "shuffle/batch"}, Goroutines: true},
	{Pkg: "vertex/runtime/datadir", May: []string{"vertex/...", "state/...", "ringlog/..."}},
	{Pkg: "vertex/runtime", May: []string{"vertex/...", "state/...", "shuffle/...", "ringlog/...", "netio/..."}, Goroutines: true},

	{Pkg: "control", May: []string{"control/job", "control/objective", "control/plan", "vertex/...", "shuffle/...", "ringlog/frame", "state"}, Pure: true},
	{Pkg: "control/job", May: []string{"vertex/...", "state", "shuffle/...", "ringlog/frame"}, Pure: true},
	{Pkg: "control/plan", May: []string{"control/job", "vertex/...", "state", "shuffle/...", "ringlog/frame"}, Pure: true},
	{Pkg: "control/objective", May: []string{"control/plan", "vertex/runtime", "shuffle", "ringlog/frame"}, Pure: true},
	{Pkg: "control/simtest", May: []string{"control/...", "vertex/...", "state/...", "shuffle/...", "ringlog/...", "netio/..."}, Pure: true},
	{Pkg: "control/simtest/bases", May: []string{"control", "control/meta", "ringlog/frame"}, Pure: true},
	{Pkg: "control/meta", May: []string{"control", "ringlog/frame"}},
	{Pkg: "control/meta/metatest", May: []string{"control", "control/meta", "ringlog/frame"}, Goroutines: true},
	{Pkg: "control/...", May: []string{"control/...", "vertex/...", "state/...", "shuffle/...", "ringlog/...", "netio/..."}, Goroutines: true},

	{Pkg: "bench/...", May: []string{"bench/...", "control/...", "vertex/...", "state/...", "shuffle/...", "ringlog/...", "netio/..."}, Goroutines: true},
	{Pkg: "cmd/...", May: []string{"cmd/...", "bench/...", "control/...", "vertex/...", "state/...", "shuffle/...", "ringlog/...", "netio/..."}, Goroutines: true},
}

// Fences name outside modules that only some packages may import, by prefix of the import path.
var Fences = []Fence{
	{Prefix: "github.com/cloudwego/netpoll", Only: []string{"netio"}, Why: "links hide the transport"},
	{Prefix: "github.com/apache/arrow-go", Only: []string{"vertex/connect/..."}, Why: "embedders do not pay for columnar files"},
	{Prefix: "connectrpc.com/", Only: []string{"control/manager", "control/agent", "control/web", "control/rpc/..."}, Why: "RPC is for control, never for events"},
	{Prefix: "go.etcd.io/", Only: []string{"control/meta"}, Why: "one package knows where metadata lie"},
	{Prefix: "github.com/minio/", Only: []string{"state/snapshot/s3/..."}, Why: "one package knows a protocol of object stores"},
	{Prefix: "github.com/spf13/", Only: []string{"cmd/..."}, Why: "the command line ends at cmd"},
	{Prefix: "github.com/vbauerster/mpb", Only: []string{"cmd/...", "bench/..."}, Why: "a terminal is the binary's business"},
}

// Fence keeps an outside import in its place.
type Fence struct {
	Prefix string
	Only   []string // packages or prefixes, as in Rule.May
	Why    string
}

// ImpureImports are what pure packages may not import: exact paths, or prefixes that end in "/...".
var ImpureImports = []string{
	"os", "os/...", "net", "net/...", "syscall", "io/ioutil", "golang.org/x/sys/...", "github.com/cloudwego/netpoll/...",
	"math/rand", "runtime/debug", "log", "log/...",
}

// ClockNames are the members of package time that read a clock or wait.
var ClockNames = []string{"Now", "Since", "Until", "Sleep", "After", "AfterFunc", "Tick", "NewTimer", "NewTicker"}

// RuleFor returns the rule of a package relative to the module, or nil.
func RuleFor(pkg string) *Rule {
	for i := range Rules {
		if match(Rules[i].Pkg, pkg) {
			return &Rules[i]
		}
	}
	return nil
}

// match reports whether pattern, a path or a prefix that ends in "/..." (and includes the prefix itself), covers path.
func match(pattern, path string) bool {
	prefix, isPrefix := strings.CutSuffix(pattern, "/...")
	if !isPrefix {
		return pattern == path
	}
	return path == prefix || strings.HasPrefix(path, prefix+"/")
}

func matchAny(patterns []string, path string) bool {
	for _, p := range patterns {
		if match(p, path) {
			return true
		}
	}
	return false
}
