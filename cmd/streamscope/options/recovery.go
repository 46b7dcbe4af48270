package options

import (
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/streamscope/streamscope/control/plan"
	"github.com/streamscope/streamscope/shuffle"
	"github.com/streamscope/streamscope/state/snapshot/s3"
	"github.com/streamscope/streamscope/vertex/runtime"
)

// DefaultSnapshotInterval is the time between two images.
const DefaultSnapshotInterval = 10 * time.Second

// DefaultReportInterval is the time between two reports of a worker.
const DefaultReportInterval = 50 * time.Millisecond

// DefaultManagerPatience is how long workers go on without a manager.
const DefaultManagerPatience = 30 * time.Second

// Bounds of the time between two images, and of the patience with a manager that is gone.
const (
	snapshotIntervalMin = 10 * time.Millisecond
	snapshotIntervalMax = 24 * time.Hour
	managerPatienceMax  = 24 * time.Hour
	reportIntervalMin   = time.Millisecond
	reportIntervalMax   = time.Second
)

// reliabilityOff stands beside the policies of package shuffle.
const reliabilityOff = "off"

// recovery reads what belongs to --data-dir.
func (p *parser) recovery(raw Raw, run *Run) {
	run.SnapshotInterval = value(p, "--snapshot-interval", raw.SnapshotInterval, DefaultSnapshotInterval, parseSnapshotInterval)
	run.ManagerPatience = value(p, "--manager-patience", raw.ManagerPatience, DefaultManagerPatience, parseManagerPatience)
	run.ReportInterval = value(p, "--report-interval", raw.ReportInterval, DefaultReportInterval, parseReportInterval)
	if raw.DataDir != nil && *raw.DataDir == "" {
		p.complain("--data-dir: got \"\", want a name")
	}
	run.DataDir = text(raw.DataDir, "")
	p.snapshotStore(raw, run)
	if run.DataDir != "" && run.Links == runtime.LinksShm {
		p.complain("--links shm and --data-dir %s: memory of a process that may be replaced is not shared; use --links auto or tcp", run.DataDir)
	}
	if run.DataDir != "" && raw.Spill == nil {
		run.SpillDir = filepath.Join(run.DataDir, "spill")
	}
	if run.DataDir != "" && run.SpillDir == "none" {
		p.complain("--spill-dir none and --data-dir %s: what logs keep for lost workers must have somewhere to go; name a folder, or leave out --spill-dir", run.DataDir)
	}
	if raw.ManagerPatience != nil && run.DataDir == "" {
		p.complain("--manager-patience %s: give a --data-dir; without one workers end with this process", *raw.ManagerPatience)
	}
	if raw.ReportInterval != nil && run.DataDir == "" {
		p.complain("--report-interval %s: give a --data-dir; without one a run knows no more of its workers than their counts", *raw.ReportInterval)
	}
	if raw.SnapshotInterval != nil && run.DataDir == "" {
		p.complain("--snapshot-interval %s: give a --data-dir for the images", *raw.SnapshotInterval)
	}
	p.reliability(raw, run)
	p.imagesAtPeers(run)
	p.objective(raw, run)
	p.durability(raw, run)
}

// durability reads where sources write down what they read.
func (p *parser) durability(raw Raw, run *Run) {
	where := text(raw.SourceDurability, "")
	k, err := parseDurability(where)
	switch {
	case err != nil:
		p.complain("--source-durability: %v", err)
	case where == durabilityMemory && run.DataDir != "":
		p.complain("--source-durability memory and --data-dir %s: after the loss of a worker nobody would know what it had read; use disk or peers(1), or leave out --data-dir", run.DataDir)
	case where != "" && where != durabilityMemory && run.DataDir == "":
		p.complain("--source-durability %s: give a --data-dir for images", where)
	case k > 0 && run.Workers <= k:
		p.complain("--source-durability peers(%d) and --workers %d: a worker and its peers are %d, want at least as many --workers", k, run.Workers, k+1)
	}
	run.JournalPeers = k
	if run.AcceptGap = raw.AcceptGap; run.AcceptGap && k == 0 {
		p.complain("--accept-gap: only journals at peers can be lost while the --data-dir is there; give the --source-durability that the run began with, or leave it out")
	}
}

const (
	durabilityMemory = "memory"
	durabilityDisk   = "disk"
)

// parseDurability reads `memory`, `disk` or `peers(K)`; k is 0 for the others.
func parseDurability(s string) (k int, err error) {
	if s == "" || s == durabilityMemory || s == durabilityDisk {
		return 0, nil
	}
	if k, ok, err := parsePeers(s); ok && err == nil {
		return k, nil
	}
	return 0, fmt.Errorf("got %q, want disk, peers(K) with K from 1 to %d, or memory", s, workersMax-1)
}

// parsePeers reads `peers(K)`; ok tells whether it begins like that.
func parsePeers(s string) (k int, ok bool, err error) {
	number, ok := strings.CutPrefix(s, "peers(")
	if !ok {
		return 0, false, nil
	}
	if number, closed := strings.CutSuffix(number, ")"); closed {
		if k, err = parseCount(number, 1, workersMax-1); err == nil {
			return k, true, nil
		}
	}
	return 0, true, fmt.Errorf("got %q, want peers(K) with K from 1 to %d", s, workersMax-1)
}

// reliability reads what logs keep.
func (p *parser) reliability(raw Raw, run *Run) {
	off := text(raw.Reliability, "") == reliabilityOff
	switch {
	case off && run.DataDir != "":
		p.complain("--reliability off and --data-dir %s: nothing would be written there; leave out one of them", run.DataDir)
	case raw.Reliability != nil && !off && run.DataDir == "":
		p.complain("--reliability %s: give a --data-dir for journals and images", *raw.Reliability)
	case !off:
		run.Reliability.Policy = value(p, "--reliability", raw.Reliability, shuffle.Policy{}, parsePolicy)
	}
	for _, given := range raw.EdgePolicies {
		if run.DataDir == "" {
			p.complain("--edge-policy %s: give a --data-dir for journals and images", given)
			continue
		}
		e, err := plan.ParseEdgePolicy(given)
		if err != nil {
			p.complain("--edge-policy: %v", err)
			continue
		}
		run.Reliability.Edges = append(run.Reliability.Edges, e)
		p.copies("--edge-policy "+given, e.Policy, run)
	}
	p.copies("--reliability "+run.Reliability.Policy.String(), run.Reliability.Policy, run)
	p.strategies(raw, run)
}

func (p *parser) strategies(raw Raw, run *Run) {
	for _, given := range raw.StageStrategies {
		if run.DataDir == "" {
			p.complain("--stage-strategy %s: give a --data-dir for journals and images", given)
			continue
		}
		s, err := plan.ParseStageStrategy(given)
		if err != nil {
			p.complain("--stage-strategy: %v", err)
			continue
		}
		if s.Strategy == runtime.Replica && run.Workers < 2 {
			p.complain("--stage-strategy %v and --workers %d: a second instance needs another worker; want at least 2 workers", s, run.Workers)
		}
		run.Reliability.Stages = append(run.Reliability.Stages, s)
	}
}

// copies complains where there are fewer other workers than there are to be copies.
func (p *parser) copies(given string, policy shuffle.Policy, run *Run) {
	if policy.Copies > 0 && run.Workers <= policy.Copies {
		p.complain("%s and --workers %d: copies lie on other workers; want at least %d workers", given, run.Workers, policy.Copies+1)
	}
}

func parsePolicy(s string) (shuffle.Policy, error) {
	policy, err := shuffle.ParsePolicy(s)
	if err != nil {
		err = fmt.Errorf("got %q, want %s, recompute, retain, replicate=K, persist or persist=TIME", s, reliabilityOff)
	}
	return policy, err
}

func (p *parser) snapshotStore(raw Raw, run *Run) {
	if raw.SnapshotStore == nil {
		return
	}
	given := *raw.SnapshotStore
	if run.DataDir == "" {
		p.complain("--snapshot-store %s: give a --data-dir for the journals", given)
	}
	k, atPeers, err := parsePeers(given)
	switch {
	case !atPeers:
		run.SnapshotStore = given
		if _, _, err := s3.ParseURL(given); err != nil {
			p.complain("--snapshot-store: %v, or peers(K) with K from 1 to %d", err, workersMax-1)
		}
	case err != nil:
		p.complain("--snapshot-store: %v, or s3://BUCKET", err)
	case run.Workers <= k:
		p.complain("--snapshot-store %s and --workers %d: a worker and its peers are %d, want at least as many --workers", given, run.Workers, k+1)
	}
	run.ImagePeers = k
}

// imagesAtPeers complains about what needs images, or a store, that all workers reach.
func (p *parser) imagesAtPeers(run *Run) {
	if run.ImagePeers == 0 {
		return
	}
	persists := func(given string, policy shuffle.Policy) {
		if policy.Keep == shuffle.Persist {
			p.complain("--snapshot-store peers(%d) and %s: what is persisted is to outlive the workers; leave out one of them", run.ImagePeers, given)
		}
	}
	persists("--reliability "+run.Reliability.Policy.String(), run.Reliability.Policy)
	for _, e := range run.Reliability.Edges {
		persists("--edge-policy "+e.String(), e.Policy)
	}
	for _, s := range run.Reliability.Stages {
		if s.Strategy == runtime.Replica {
			p.complain("--snapshot-store peers(%d) and --stage-strategy %v: either instance goes on from the images of the other, which its peers do not keep; leave out one of them", run.ImagePeers, s)
		}
	}
}

func parseSnapshotInterval(s string) (time.Duration, error) {
	d, err := time.ParseDuration(s)
	if err != nil || d < snapshotIntervalMin || d > snapshotIntervalMax {
		return 0, fmt.Errorf("got %q, want a time from %v to %v, such as 10s", s, snapshotIntervalMin, snapshotIntervalMax)
	}
	return d, nil
}

func parseReportInterval(s string) (time.Duration, error) {
	d, err := time.ParseDuration(s)
	if err != nil || d < reportIntervalMin || d > reportIntervalMax {
		return 0, fmt.Errorf("got %q, want a time from %v to %v, such as 50ms", s, reportIntervalMin, reportIntervalMax)
	}
	return d, nil
}

func parseManagerPatience(s string) (time.Duration, error) {
	d, err := time.ParseDuration(s)
	if err != nil || d < 0 || d > managerPatienceMax {
		return 0, fmt.Errorf("got %q, want a time up to %v, such as 30s, or 0s", s, managerPatienceMax)
	}
	return d, nil
}
