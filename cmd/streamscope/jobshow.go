package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/streamscope/streamscope/cmd/streamscope/report"
	"github.com/streamscope/streamscope/control"
	"github.com/streamscope/streamscope/ringlog/frame"
	"github.com/streamscope/streamscope/shuffle"
)

// stale is the age from which what a run said last is told as such.
const stale = 5 * time.Second

// finished tells whether the run has ended with its output visible.
func (s seen) finished() bool { return s.Outcome == control.OutputVisible.String() }

// persists tells whether the run has written what some edge carried.
func (s seen) persists() bool {
	return slices.ContainsFunc(s.Stages, func(st control.StageStatus) bool {
		return slices.ContainsFunc(st.Edges, func(e control.EdgeStatus) bool { return e.Policy.Keep == shuffle.Persist })
	})
}

// sizesEvery is how often workers tell what they keep; bases and ticks come with every report.
const sizesEvery = time.Second

// head says whose status it is, and how old.
func head(w io.Writer, s seen) {
	age := time.Duration(s.nowNs - int64(s.UnixNs))
	fmt.Fprintf(w, "job %s, manager %d (pid %d): ", s.Job, s.Epoch, s.PID)
	switch {
	case s.finished():
		but := ""
		if s.persists() {
			but = ", but for what edges have carried, if it lies there (inspect stream)"
		}
		fmt.Fprintf(w, "finished %s ago; its output is there, and the directory may be removed%s\n", report.Elapsed(age), but)
	case !s.alive:
		fmt.Fprintf(w, "not running; last heard of %s ago (%s). Repeat its command to go on; its logs went with its workers, and are made again\n", report.Elapsed(age), s.Phase)
	case age > stale:
		fmt.Fprintf(w, "%s, but it has said nothing for %s: it stands, or its disk does\n", s.Phase, report.Elapsed(age))
	default:
		at := time.Unix(0, int64(s.UnixNs)).UTC().Format("15:04:05.000")
		fmt.Fprintf(w, "%s, as of %s UTC, %s ago; sizes were told up to %v before\n", s.Phase, at, report.Elapsed(age), sizesEvery)
	}
}

func showRetention(w io.Writer, s seen) {
	head(w, s)
	if s.finished() {
		fmt.Fprintln(w, "nothing is held any more; what is left:")
		for i := range s.Units {
			leftBehind(w, &s.Units[i])
		}
		return
	}
	o := &s.Oldest
	fmt.Fprintf(w, "oldest base: tick %s, %s ticks before the newest image of any unit; it waits for %v: %s\n", tick(o.Base), report.Count(o.Behind), o.Unit, o.Why)
	if s.alive {
		logsRetention(w, s)
	}
	fmt.Fprintln(w, "\njournals and images:")
	for i := range s.Units {
		unitRetention(w, &s.Units[i])
	}
	if !s.alive {
		return
	}
	fmt.Fprintln(w, "\nworkers:")
	for i := range s.Workers {
		k := &s.Workers[i]
		fmt.Fprintf(w, "  node %d (pid %d, life %d): %s; logs take %s of memory, %s of disk\n",
			k.Node, k.PID, k.Incarnation, k.State, report.Bytes(k.RingBytes), report.Bytes(k.SpillBytes))
		if k.CopyBytes > 0 || k.ServedBytes > 0 {
			fmt.Fprintf(w, "    copies for others take %s of memory; when it began, it had %s of %s ticks back from others\n",
				report.Bytes(k.CopyBytes), report.Bytes(k.ServedBytes), report.Count(k.ServedTicks))
		}
		for _, r := range k.Shadows {
			fmt.Fprintf(w, "    %s shadow runs made ticks %s to %s of edge %d again for node %d%s\n", report.Count(r.Runs), tick(r.First), tick(r.Last), r.Edge, r.Node, forShadows(r.Lanes))
		}
		for j := range k.Streams {
			fmt.Fprintf(w, "    edge %d: %s\n", k.Streams[j].Edge, streamLag(&k.Streams[j]))
		}
		if k.StreamsFailing != "" {
			fmt.Fprintf(w, "    the store fails, and is tried again: %s\n", k.StreamsFailing)
		}
	}
}

// forShadows says how many shadow runs others have read from.
func forShadows(n uint64) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprintf(", %s of them for shadow runs there", report.Count(n))
}

func logsRetention(w io.Writer, s seen) {
	fmt.Fprintf(w, "\nlogs, for other nodes")
	if s.LeftOut > 0 {
		fmt.Fprintf(w, " (and %d smaller ones)", s.LeftOut)
	}
	fmt.Fprintln(w, ":")
	for i := range s.Logs {
		l := &s.Logs[i]
		fmt.Fprintf(w, "  %v to stage %s on node %d (edge %d): %s (%s on disk), %s frames, ticks %s..%s\n    %s\n", l.UnitName, l.ToStage, l.ToNode,
			l.Edge, report.Bytes(l.Bytes), report.Bytes(l.Spilled), report.Count(l.Frames), tick(l.First), tick(l.Last), l.Why)
		for j := range l.Copies {
			fmt.Fprintf(w, "    %s\n", copyLag(&l.Copies[j]))
		}
		if l.Dropped > 0 {
			fmt.Fprintf(w, "    memory was short: what there was up to tick %s is dropped, and executed again if it is asked for\n", tick(l.Dropped))
		}
	}
	if len(s.Logs) == 0 {
		fmt.Fprintln(w, "  none")
	}
}

// streamLag says how far a stream is persisted.
func streamLag(s *control.HeldStream) string {
	if s.Bytes == 0 && s.Through == s.Whole {
		return fmt.Sprintf("persisted up to %s: everything", tickWord(s.Through))
	}
	return fmt.Sprintf("persisted up to %s, closed up to %s; %s in %s frames wait in the logs", tickWord(s.Through), tick(s.Whole), report.Bytes(s.Bytes), report.Count(s.Frames))
}

// copyLag says how far a peer is with its copies.
func copyLag(c *control.HeldCopy) string {
	lag := "has everything"
	if c.LagBytes > 0 {
		lag = fmt.Sprintf("is %s behind, of %s ticks", report.Bytes(c.LagBytes), report.Count(c.LagTicks))
	}
	if !c.Linked {
		lag = "is not reached"
	}
	s := fmt.Sprintf("copies at node %d, which %s", c.Peer, lag)
	if c.Gaps > 0 {
		s += fmt.Sprintf("; it fell behind %s times, and holds what came after that", report.Count(c.Gaps))
	}
	return s
}

// leftBehind tells what a unit has left on disk when its run had ended.
func leftBehind(w io.Writer, u *control.UnitStatus) {
	var left []string
	if j := u.Journal; j != nil && !j.AtPeers {
		left = append(left, fmt.Sprintf("a journal of %s", report.Bytes(j.Bytes)))
	}
	if i := &u.Images; i.Count > 0 {
		left = append(left, fmt.Sprintf("%d images of %s", i.Count, report.Bytes(i.Bytes)))
	}
	if len(left) == 0 {
		left = []string{"nothing"}
	}
	fmt.Fprintf(w, "  %v: %s\n", u.UnitName, strings.Join(left, ", "))
}

// journalPlace says where the journal of a unit is.
func journalPlace(u *control.UnitStatus) string {
	at := "on disk"
	if u.Journal.AtPeers {
		at = "at peers, of which none has it yet"
	}
	for i, m := range u.JournalAt {
		at = fmt.Sprintf("%s node %d", []string{"in the memory of", at + " and"}[min(i, 1)], m.Node)
	}
	return at
}

// journalFull says what a source waits for.
func journalFull(j *control.HeldJournal) string {
	if j.AtPeers {
		return "it is full: the source takes no rows until images let what is kept be trimmed"
	}
	return fmt.Sprintf("it is full: the source takes no rows until the disk has taken more of the %s that wait", report.Bytes(j.Waiting))
}

func unitRetention(w io.Writer, u *control.UnitStatus) {
	fmt.Fprintf(w, "  %v: restarts at tick %s, has executed %s\n", u.UnitName, tick(u.Base), tick(u.Executed))
	if j := u.Journal; j != nil {
		fmt.Fprintf(w, "    journal %s: %s, %s records, ticks %s..%s; held for the stage itself, which reads again from tick %s\n",
			journalPlace(u), report.Bytes(j.Bytes), report.Count(j.Records), tick(j.First), tick(j.Last), tick(u.Prev))
		switch {
		case j.Full:
			fmt.Fprintf(w, "    %s\n", journalFull(j))
		case j.Waiting > 0:
			fmt.Fprintf(w, "    %s more wait to be written\n", report.Bytes(j.Waiting))
		}
	}
	if i := &u.Images; i.Count > 0 {
		fmt.Fprintf(w, "    images: %d, %s, ticks %s..%s; those from tick %s on are kept: its base and the one before\n",
			i.Count, report.Bytes(i.Bytes), tick(i.First), tick(i.Last), tick(u.Prev))
	}
	if u.Failed != "" {
		fmt.Fprintf(w, "    its newest image could not be saved: %s\n", u.Failed)
	}
	if u.Ask < u.Base {
		fmt.Fprintf(w, "    it would execute ticks %s..%s again without emitting, to have its state\n", tick(u.Ask+1), tick(u.Base))
	}
	fmt.Fprintf(w, "    base: %s\n", u.Why)
}

func tick(t frame.Tick) string {
	if t == frame.MaxTick {
		return "the last"
	}
	return fmt.Sprint(uint64(t))
}

// tickWord is tick after a preposition: "the last" is no name of a tick.
func tickWord(t frame.Tick) string {
	if t == frame.MaxTick {
		return "the end"
	}
	return "tick " + tick(t)
}

func showExplain(w io.Writer, s seen) {
	head(w, s)
	cut := fmt.Sprintf("of %s", report.Bytes(uint64(max(s.TickBytes, 0))))
	if s.TickNs > 0 {
		cut = fmt.Sprintf("of %v", time.Duration(s.TickNs))
	}
	fmt.Fprintf(w, "ticks %s; images every %v; a worker that is silent is replaced after %v, one that dies at once\n",
		cut, time.Duration(s.SnapshotIntervalNs), time.Duration(s.LeaseNs))
	choiceExplain(w, s)
	var total struct{ images, logs, journals uint64 }
	for i := range s.Stages {
		st := &s.Stages[i]
		stageExplain(w, s, st)
		total.images += st.ImageBytes
		total.logs += st.LogBytes
		total.journals += st.JournalBytes
	}
	fmt.Fprintf(w, "\ncosts: %s of images per %v (%s), %s of logs and %s of journals kept now\n",
		report.Bytes(total.images), time.Duration(s.SnapshotIntervalNs), perSecond(total.images, s.SnapshotIntervalNs), report.Bytes(total.logs), report.Bytes(total.journals))
	explainRates(w, s)
	explainAway(w, s)
	fmt.Fprint(w, `
Everything lies on this machine: its loss is not survived.
`)
}

// explainAway names the workers that wait for their snapshot store.
func explainAway(w io.Writer, s seen) {
	for i := range s.Workers {
		if k := &s.Workers[i]; k.StoreAwayNs > 0 && s.alive {
			fmt.Fprintf(w, "\nworker %d cannot start: its snapshot store has not answered for %s; starts are repeated, and count as failures after %v\n",
				k.Node, report.Elapsed(time.Duration(k.StoreAwayNs)), time.Duration(control.DefaultStoreAwayNs))
		}
	}
}

// journalsExplain says where the journals of a source stage are.
func journalsExplain(w io.Writer, s seen, stage string) {
	for i := range s.Units {
		u := &s.Units[i]
		if u.Journal == nil || u.Stage != stage {
			continue
		}
		fmt.Fprintf(w, "  journal of node %d %s, %s: a tick is closed when its record is durable\n", u.Node, journalPlace(u), report.Bytes(u.Journal.Bytes))
		if u.Journal.AtPeers {
			fmt.Fprintln(w, "    it is lost only together with the worker and all of them, or with this machine")
		}
		if u.Journal.Full && !s.finished() {
			fmt.Fprintf(w, "    %s\n", journalFull(u.Journal))
		}
	}
}

// imagesExplain says where the images of a stage are, if peers keep them.
func imagesExplain(w io.Writer, s seen, stage string) {
	for i := range s.Units {
		u := &s.Units[i]
		if u.Stage != stage || len(u.ImagesAt) == 0 {
			continue
		}
		var at []string
		for _, m := range u.ImagesAt {
			at = append(at, fmt.Sprintf("node %d", m.Node))
		}
		fmt.Fprintf(w, "  images of node %d in its memory and that of %s: lost only together with the worker and all of them, or with this machine, as in a power cut\n",
			u.Node, strings.Join(at, " and "))
	}
}

func stageExplain(w io.Writer, s seen, st *control.StageStatus) {
	what := "stage"
	if st.Source {
		what = "source stage"
	}
	fmt.Fprintf(w, "\n%s %s, on %s: strategy %s (%s)\n", what, st.Name, nodes(st.Nodes), st.Strategy, strategyWords[st.Strategy])
	for i := range st.Edges {
		e := &st.Edges[i]
		fmt.Fprintf(w, "  %s->%s (edge %d): ", st.Name, e.To, e.ID)
		if e.Links {
			fmt.Fprintf(w, "%v: %s; ", e.Policy, keepText(e.Policy))
		}
		fmt.Fprintln(w, "within a node nothing is kept, since both ends are lost together")
		if e.Lag != nil {
			fmt.Fprintf(w, "    furthest behind: %s\n", copyLag(e.Lag))
		}
		if e.Stream != nil {
			fmt.Fprintf(w, "    %s on the node where it is furthest behind; what goes to its own node is persisted, too\n", streamLag(e.Stream))
		}
	}
	journalsExplain(w, s, st.Name)
	imagesExplain(w, s, st.Name)
	fmt.Fprintf(w, "  newest images %s, logs for other nodes %s\n", report.Bytes(st.ImageBytes), report.Bytes(st.LogBytes))
	if s.finished() {
		return
	}
	e := &st.Expected
	basis := "as losses in this run took"
	if !e.Measured {
		basis = "no loss was measured yet: as fast as it executes now, which may be slower than it can"
	}
	fmt.Fprintf(w, "  if lost now: about %s to come back (%s to start, %s to read images, %s to execute %s ticks again); %s\n",
		report.Elapsed(time.Duration(e.StartNs+e.ReadNs+e.ReplayNs)), report.Elapsed(time.Duration(e.StartNs)), report.Elapsed(time.Duration(e.ReadNs)),
		report.Elapsed(time.Duration(e.ReplayNs)), report.Count(e.Ticks), basis)
}

var strategyWords = map[string]string{
	"checkpoint": "an image at marked ticks, and the logs since",
	"replica":    "images, and two instances on two nodes, of which others read the one that is first",
	"replay":     "no image of its state, which is made again from the logs of the windows that were open",
}

// keepText says what a policy means.
func keepText(p shuffle.Policy) string {
	if p.For > 0 {
		return fmt.Sprintf("as retain, and written to the snapshot store, where it stays for %v at least", p.For)
	}
	return keepWords[p.Keep]
}

// keepWords say what the policies mean.
var keepWords = map[shuffle.Keep]string{
	shuffle.Recompute: "kept while memory lasts, then dropped, and executed again if it is asked for",
	shuffle.Retain:    "kept until nobody can ask for it, on disk if memory is short",
	shuffle.Replicate: "as retain, with copies at other nodes that serve at once",
	shuffle.Persist:   "as retain, and written to the snapshot store for good",
}

// explainRates says what was measured.
func explainRates(w io.Writer, s seen) {
	o := &s.Observed
	var bytes uint64
	var ns int64
	for i := range s.Workers {
		bytes, ns = bytes+s.Workers[i].Writing.Bytes, ns+s.Workers[i].Writing.Ns
	}
	fmt.Fprintf(w, "measured: images are written and read back at %s per worker; ", perSecond(bytes, ns))
	if o.Count == 0 {
		fmt.Fprintf(w, "no worker was lost\n")
		return
	}
	fmt.Fprintf(w, "%d of %d losses survived so far, the last in %s, the worst in %s",
		o.Count, s.Recoveries, report.Elapsed(time.Duration(o.LastNs)), report.Elapsed(time.Duration(o.WorstNs)))
	if s.Regenerated > 0 {
		fmt.Fprintf(w, "; %d of them to execute again what had been dropped", s.Regenerated)
	}
	if o.ReplayNs > 0 {
		fmt.Fprintf(w, "; ticks executed again at %s", report.Rate(float64(o.Replayed)/(float64(o.ReplayNs)/1e9)))
	}
	fmt.Fprintln(w)
}

// perSecond is a rate of bytes.
func perSecond(bytes uint64, ns int64) string {
	if ns <= 0 {
		return "an unknown rate"
	}
	return report.Bytes(uint64(float64(bytes)/(float64(ns)/1e9))) + "/s"
}

func nodes(list []frame.NodeID) string {
	var names []string
	for _, n := range slices.Sorted(slices.Values(list)) {
		names = append(names, fmt.Sprint(n))
	}
	if len(names) == 1 {
		return "node " + names[0]
	}
	return "nodes " + strings.Join(names, ", ")
}
