package options

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/streamscope/streamscope/control/plan"
	"github.com/streamscope/streamscope/shuffle"
	"github.com/streamscope/streamscope/vertex/runtime"
)

var machine = Machine{Cores: 2, TempDir: "/tmp"}

// rawOf sets flags by name, as `--name=value`.
func rawOf(t testing.TB, flags ...string) Raw {
	var r Raw
	for _, f := range flags {
		name, v, ok := strings.Cut(strings.TrimPrefix(f, "--"), "=")
		if !ok {
			t.Fatalf("flag %q has no value", f)
		}
		switch name {
		case "input":
			r.Input = append(r.Input, v)
			continue
		case "stage-strategy":
			r.StageStrategies = append(r.StageStrategies, v)
			continue
		case "edge-policy":
			r.EdgePolicies = append(r.EdgePolicies, v)
			continue
		}
		set := false
		for _, flag := range Flags() {
			if flag.Name == name {
				*flag.Target(&r) = &v
				set = true
			}
		}
		if !set {
			t.Fatalf("no flag --%s", name)
		}
	}
	return r
}

func TestDefaults(t *testing.T) {
	got, errs := Parse(Raw{}, machine)
	want := Run{
		Tasks: 4, Tick: Tick{Bytes: MiB}, SegmentBytes: 4 * MiB, FrameBytes: 256 * KiB, CreditBytes: 4 * MiB, ArenaBytes: GiB,
		SpillDir: "/tmp", LogFormat: "text", SnapshotInterval: 10 * time.Second, ManagerPatience: 30 * time.Second, ReportInterval: DefaultReportInterval,
	}
	if len(errs) > 0 || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, %v\nwant %+v", got, errs, want)
	}
}

// Every worker gets as many tasks as the others.
func TestTasksByDefault(t *testing.T) {
	for _, c := range []struct{ cores, workers, want int }{{2, 0, 4}, {2, 1, 4}, {2, 2, 4}, {2, 3, 6}, {8, 3, 18}, {1, 0, 2}, {0, 0, 2}, {4, 128, 256}} {
		if got := tasksDefault(c.cores, c.workers); got != c.want {
			t.Errorf("%d cores, %d workers: got %d tasks, want %d", c.cores, c.workers, got, c.want)
		}
	}
}

func TestEveryFlagIsRead(t *testing.T) {
	got, errs := Parse(rawOf(t, "--input=a.csv", "--input=b*.parquet", "--airports=x.csv", "--out=r.parquet", "--workers=3", "--tasks=16", "--tick=7ms",
		"--segment-bytes=1MiB", "--frame-bytes=32KiB", "--credit-bytes=2MiB", "--links=auto", "--arena=64MiB", "--spill-dir=/var/spill", "--lateness=90s", "--rate=200k",
		"--events=e.jsonl", "--data-dir=d", "--snapshot-store=s3://b/p", "--snapshot-interval=2s", "--manager-patience=5s", "--recovery-objective=3s", "--reliability=recompute", "--edge-policy=a->b=retain", "--edge-policy=b->c=replicate=2", "--stage-strategy=b=replay",
		"--stats=s.json", "--log-format=json", "--pprof=localhost:6060", "--on-bad-row=divert=bad.csv", "--listen-host=0:0::a", "--worker-launcher=./launch"), machine)
	want := Run{
		Inputs: []string{"a.csv", "b*.parquet"}, Airports: "x.csv", Out: "r.parquet", Workers: 3, Tasks: 16, Tick: Tick{Length: 7 * time.Millisecond},
		SegmentBytes: MiB, FrameBytes: 32 * KiB, CreditBytes: 2 * MiB, Links: runtime.LinksAuto, ArenaBytes: 64 * MiB, ArenaGiven: true, SpillDir: "/var/spill", Lateness: 90 * time.Second, Rate: 2e5,
		Events: "e.jsonl", DataDir: "d", SnapshotStore: "s3://b/p", SnapshotInterval: 2 * time.Second, ManagerPatience: 5 * time.Second, ReportInterval: DefaultReportInterval,
		Reliability: plan.Reliability{Policy: shuffle.Policy{Keep: shuffle.Recompute}, Edges: []plan.EdgePolicy{
			{From: "a", To: "b"}, {From: "b", To: "c", Policy: shuffle.Policy{Keep: shuffle.Replicate, Copies: 2}},
		}, Stages: []plan.StageStrategy{{Stage: "b", Strategy: runtime.Replay}}},
		Objective: Objective{Gap: 3 * time.Second, IntervalGiven: true, PolicyGiven: true},
		Stats:     "s.json", LogFormat: "json", Pprof: "localhost:6060", BadRow: BadRow{DivertBadRow, "bad.csv"},
		ListenHost: "::a", WorkerLauncher: "./launch",
	}
	if len(errs) > 0 || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, %v\nwant %+v", got, errs, want)
	}
}

func TestDefaultsGiveWay(t *testing.T) {
	for _, c := range []struct {
		flags                         string
		segment, frame, credit, arena Size
	}{
		{"--segment-bytes=65536", 64 * KiB, 14 * KiB, 4 * MiB, GiB},
		{"--segment-bytes=65536 --credit-bytes=65536 --arena=4MiB", 64 * KiB, 14 * KiB, 64 * KiB, 4 * MiB},
		{"--arena=4MiB", 512 * KiB, 126 * KiB, 2 * MiB, 4 * MiB},
		{"--arena=512KiB", 64 * KiB, 14 * KiB, 256 * KiB, 512 * KiB},
		{"--frame-bytes=8MiB", 16 * MiB, 8 * MiB, 8 * MiB, GiB},
		{"--frame-bytes=200MiB", 256 * MiB, 200 * MiB, 200 * MiB, 2 * GiB},
		{"--segment-bytes=1GiB", GiB, 256 * KiB, 4 * MiB, 8 * GiB},
		{"--credit-bytes=8KiB", 4 * MiB, 8 * KiB, 8 * KiB, GiB},
	} {
		got, errs := Parse(rawOf(t, strings.Fields(c.flags)...), machine)
		if len(errs) > 0 {
			t.Errorf("%s: %v", c.flags, errs)
			continue
		}
		if got.SegmentBytes != c.segment || got.FrameBytes != c.frame || got.CreditBytes != c.credit || got.ArenaBytes != c.arena {
			t.Errorf("%s: got segment %v frame %v credit %v arena %v, want %v %v %v %v", c.flags,
				got.SegmentBytes, got.FrameBytes, got.CreditBytes, got.ArenaBytes, c.segment, c.frame, c.credit, c.arena)
		}
	}
	if got, _ := Parse(rawOf(t, "--rate=10"), machine); got.Tick != (Tick{Length: 5 * time.Millisecond}) {
		t.Errorf("a paced run has ticks of %v, want 5ms", got.Tick)
	}
	if got, errs := Parse(rawOf(t, "--data-dir=d"), machine); got.SpillDir != "d/spill" || len(errs) > 0 {
		t.Errorf("--data-dir d: spills to %q, %v, want d/spill", got.SpillDir, errs)
	}
	if got, _ := Parse(rawOf(t, "--spill-dir=none"), machine); got.SpillDir != "" {
		t.Errorf("--spill-dir none: got %q, want nothing", got.SpillDir)
	}
}

func TestComplaints(t *testing.T) {
	for _, c := range []struct {
		flags string
		want  []string // words that one complaint each has, in order
	}{
		{"--frame-bytes=1MiB --segment-bytes=64KiB", []string{"--frame-bytes 1MiB does not fit --segment-bytes 64KiB"}},
		{"--segment-bytes=1MiB --arena=4MiB", []string{"--arena 4MiB does not hold 8 segments of --segment-bytes 1MiB"}},
		{"--frame-bytes=1MiB --arena=4MiB", []string{"--arena 4MiB is too small for --frame-bytes 1MiB"}},
		{"--credit-bytes=8KiB --frame-bytes=64KiB", []string{"--credit-bytes 8KiB is less than one frame of --frame-bytes 64KiB"}},
		{"--credit-bytes=8MiB --arena=4MiB", []string{"--credit-bytes 8MiB is more than --arena 4MiB"}},
		{"--segment-bytes=100000", []string{"power of two"}},
		{"--segment-bytes=4KiB", []string{"power of two from 64KiB"}},
		{"--workers=2 --listen-host=localhost --worker-launcher=", []string{`--listen-host: got "localhost", want an IP address`, "--worker-launcher: got \"\", want a program"}},
		{"--workers=2 --listen-host=0.0.0.0", []string{"--listen-host: got \"0.0.0.0\", want an IP address"}},
		{"--listen-host=10.0.0.5 --worker-launcher=x", []string{"--listen-host 10.0.0.5: without --workers there is nobody", "--worker-launcher x: without --workers"}},
		{"--frame-bytes=1", []string{"--frame-bytes: got 1B, want at least 4KiB"}},
		{"--frame-bytes=4GiB", []string{"--frame-bytes: got 4GiB, want at most"}},
		{"--credit-bytes=1", []string{"--credit-bytes: got 1B"}},
		{"--arena=1KiB", []string{"--arena: got 1KiB, want at least 512KiB"}},
		{"--workers=-1 --tasks=0 --tick=fast --segment-bytes=big --rate=0 --log-format=xml --on-bad-row=ignore --out=r.xls --pprof=6060 --lateness=-1s",
			[]string{"--workers", "--tasks", "--lateness", "--rate", "--on-bad-row", "--tick", "--segment-bytes", "--out", "--log-format", "--pprof"}},
		{"--links=udp", []string{"--links: got \"udp\", want one of [tcp auto shm]"}},
		{"--links=shm --data-dir=d", []string{"--links shm and --data-dir d"}},
		{"--tasks=1000000", []string{"whole number from 1 to 65535"}},
		{"--input=- --input=-", []string{"named 2 times"}},
		{"--input=", []string{"--input"}},
		{"--reliability=often --data-dir=d", []string{"--reliability: got \"often\", want off, recompute, retain, replicate=K, persist or persist=TIME"}},
		{"--reliability=replicate=0 --data-dir=d", []string{"--reliability: got \"replicate=0\""}},
		{"--reliability=replicate=2 --data-dir=d --workers=2", []string{"--reliability replicate=2 and --workers 2: copies lie on other workers; want at least 3"}},
		{"--edge-policy=a->b=replicate=1 --data-dir=d", []string{"--edge-policy a->b=replicate=1 and --workers 0"}},
		{"--reliability=retain", []string{"--reliability retain: give a --data-dir"}},
		{"--recovery-objective=2s", []string{"--recovery-objective 2s: give a --data-dir"}},
		{"--data-dir=d --recovery-objective=0s", []string{"--recovery-objective: got \"0s\", want a time from 1ms to 24h0m0s"}},
		{"--data-dir=d --recovery-objective=soon", []string{"--recovery-objective: got \"soon\""}},
		{"--stage-strategy=a=replay", []string{"--stage-strategy a=replay: give a --data-dir"}},
		{"--stage-strategy=a=replica --data-dir=d --workers=1", []string{"--stage-strategy a=replica and --workers 1: a second instance needs another worker"}},
		{"--data-dir=d --stage-strategy=a --stage-strategy==replay --stage-strategy=a=never", []string{"--stage-strategy: got \"a\"", "got \"=replay\"", "a: got \"never\", want checkpoint, replay or replica"}},
		{"--edge-policy=a->b=retain", []string{"--edge-policy a->b=retain: give a --data-dir"}},
		{"--data-dir=d --edge-policy=a->b --edge-policy=a=retain --edge-policy=->b=retain --edge-policy=a->b=x", []string{"--edge-policy: got \"a->b\"", "got \"a=retain\"", "got \"->b=retain\"", "a->b: got \"x\""}},
		{"--reliability=off --data-dir=d", []string{"nothing would be written there"}},
		{"--spill-dir=none --data-dir=d", []string{"--spill-dir none and --data-dir d: what logs keep"}},
		{"--report-interval=5ms", []string{"--report-interval 5ms: give a --data-dir"}},
		{"--report-interval=2s --data-dir=d", []string{"--report-interval: got \"2s\", want a time from 1ms to 1s"}},
		{"--snapshot-interval=1s", []string{"--snapshot-interval 1s: give a --data-dir"}},
		{"--snapshot-store=s3://b", []string{"--snapshot-store s3://b: give a --data-dir"}},
		{"--snapshot-store=peers(1) --data-dir=d --workers=2", nil},
		{"--snapshot-store=peers(2) --data-dir=d --workers=2", []string{"--snapshot-store peers(2) and --workers 2: a worker and its peers are 3"}},
		{"--snapshot-store=peers(0) --data-dir=d", []string{"--snapshot-store: got \"peers(0)\", want peers(K) with K from 1"}},
		{"--snapshot-store=peers(1) --workers=2", []string{"--snapshot-store peers(1): give a --data-dir"}},
		{"--snapshot-store=peers(1) --data-dir=d --workers=2 --reliability=persist --edge-policy=a->b=persist --stage-strategy=a=replica", []string{
			"peers(1) and --reliability persist", "peers(1) and --edge-policy a->b=persist", "peers(1) and --stage-strategy a=replica"}},
		{"--snapshot-store=/mnt/b --data-dir=d", []string{"--snapshot-store: got \"/mnt/b\", want s3://BUCKET"}},
		{"--snapshot-store=s3://b/../c --data-dir=d", []string{"--snapshot-store: got \"s3://b/../c\": prefix"}},
		{"--snapshot-interval=1ns --data-dir=", []string{"--snapshot-interval: got \"1ns\"", "--data-dir: got \"\"", "give a --data-dir"}},
		{"--data-dir=d --workers=2 --source-durability=peers(1)", nil},
		{"--data-dir=d --workers=2 --source-durability=peers(2)", []string{"--source-durability peers(2) and --workers 2: a worker and its peers are 3"}},
		{"--data-dir=d --source-durability=peers(0)", []string{"got \"peers(0)\", want disk, peers(K)"}},
		{"--data-dir=d --source-durability=peers(1", []string{"got \"peers(1\", want disk, peers(K)"}},
		{"--data-dir=d --source-durability=memory", []string{"--source-durability memory and --data-dir d"}},
		{"--source-durability=disk", []string{"give a --data-dir"}},
		{"--source-durability=memory", nil},
		{"--stats= --airports= --spill-dir=", []string{"--airports", "--stats", "--spill-dir"}},
		{"--out=x.csv --stats=./x.csv", []string{"--out and --stats name one file"}},
		{"--out=x.csv --input=x.csv", []string{"--out would overwrite what --input reads"}},
		{"--on-bad-row=divert=y.csv --airports=y.csv", []string{"--on-bad-row divert would overwrite what --airports reads"}},
	} {
		_, errs := Parse(rawOf(t, strings.Fields(c.flags)...), machine)
		if len(errs) != len(c.want) {
			t.Errorf("%s: got complaints %q, want %d", c.flags, errs, len(c.want))
			continue
		}
		for i, err := range errs {
			if !strings.Contains(err.Error(), c.want[i]) || strings.Contains(err.Error(), "\n") {
				t.Errorf("%s: got %q, want one line with %q", c.flags, err, c.want[i])
			}
		}
	}
}

// One size alone, within its bounds, never conflicts with a default; and what is accepted keeps the relations.
func TestSizesProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var flags []string
		draw := func(name string, low Size) {
			if rapid.Bool().Draw(t, name+" given") {
				flags = append(flags, fmt.Sprintf("--%s=%d", name, low<<rapid.IntRange(0, 14).Draw(t, name)))
			}
		}
		draw("segment-bytes", SegmentMin)
		draw("frame-bytes", FrameMin)
		draw("credit-bytes", CreditMin)
		draw("arena", ArenaSegments*SegmentMin)
		raw := Raw{}
		for _, f := range flags {
			name, v, _ := strings.Cut(f[2:], "=")
			for _, flag := range Flags() {
				if flag.Name == name {
					*flag.Target(&raw) = &v
				}
			}
		}
		run, errs := Parse(raw, machine)
		if len(flags) <= 1 && len(errs) > 0 {
			t.Fatalf("%v alone: %v", flags, errs)
		}
		for _, err := range errs {
			if n := strings.Count(err.Error(), "--"); n != 2 {
				t.Fatalf("%v: %v names %d flags, want 2", flags, err, n)
			}
		}
		if len(errs) > 0 {
			return
		}
		if run.FrameBytes < FrameMin || run.FrameBytes > run.SegmentBytes-SegmentOverhead || run.CreditBytes < run.FrameBytes ||
			run.ArenaBytes < ArenaSegments*run.SegmentBytes || run.CreditBytes > run.ArenaBytes {
			t.Fatalf("%v: accepted segment %v frame %v credit %v arena %v", flags, run.SegmentBytes, run.FrameBytes, run.CreditBytes, run.ArenaBytes)
		}
	})
}
