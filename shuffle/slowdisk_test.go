package shuffle

import (
	"math/rand/v2"
	"os"
	"testing"

	"github.com/streamscope/streamscope/netio/wire"
	"github.com/streamscope/streamscope/ringlog"
	"github.com/streamscope/streamscope/ringlog/frame"
	"github.com/streamscope/streamscope/shuffle/batch"
)

// standingDisk is a spill file of which the first read stands until it is told to go on.
type standingDisk struct {
	*os.File
	standing, goOn chan struct{} // one message each
}

func (d *standingDisk) ReadAt(b []byte, off int64) (int, error) {
	select {
	case d.standing <- struct{}{}:
		<-d.goOn
	default:
	}
	return d.File.ReadAt(b, off)
}

// TestStandingDiskHoldsUpNobodyElse: while a link waits for a frame that was spilled, cores push and the peer is heard; then every frame goes once.
func TestStandingDiskHoldsUpNobodyElse(t *testing.T) {
	file, err := os.CreateTemp(t.TempDir(), "spill")
	if err != nil {
		t.Fatal(err)
	}
	disk := &standingDisk{file, make(chan struct{}, 1), make(chan struct{})}
	edges := []Edge{{Schema: testSchema, Source: TaskRange{0, 1}, Destination: TaskRange{1, 1}, Keys: []int{0}}}
	l := newTestLifeIn(t, ringlog.ArenaConfig{SegmentBytes: 64 << 10, LimitBytes: 512 << 10, OpenSpill: func() (ringlog.SpillFile, error) { return disk, nil }},
		Cluster{Nodes: 2, Cores: 1, Placed: func(r TaskRange, n frame.NodeID) TaskRange {
			if int(n) == int(r.First) {
				return r
			}
			return TaskRange{First: r.First}
		}}, edges, 0, 1, Start{}, 16<<10)
	rng, out, tick := rand.New(rand.NewPCG(1, 7)), l.peers[1], frame.Tick(0)
	emit := func() {
		tick++
		b := batch.NewBuilder(testSchema)
		for range 200 {
			appendTestRow(b, rng.Int64(), rng.Int64()>>1)
		}
		l.must(t, 0, tick, b.View())
	}
	for kept := l.Kept(nil); len(kept) == 0 || kept[0].Spilled == 0; kept = l.Kept(nil) {
		emit()
	}
	grant := wire.Grant{Session: 1, Open: 1, AllowedBytes: 1 << 30}
	out.mustGrant(t, wire.TypeAttach, grant)
	var sent []frame.Pos
	gather := func() (n int) {
		for _, b := range out.Gather(nil, 1<<20) {
			if b[4] < 0x80 { // else it is BEGIN
				sent = append(sent, frame.DecodeHeader(b).Pos)
				n++
			}
		}
		out.Sent(nil)
		return n
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for gather() > 0 {
		}
	}()
	<-disk.standing
	emit()
	grant.AllowedBytes++
	out.mustGrant(t, wire.TypeCredit, grant)
	disk.standing = nil
	close(disk.goOn)
	<-done
	for gather() > 0 {
	}
	out.mu.Lock()
	defer out.mu.Unlock()
	kept := out.mu.kept[0].refs
	if len(sent) != len(kept) {
		t.Fatalf("%d frames were sent, want %d", len(sent), len(kept))
	}
	for i, r := range kept {
		if sent[i] != r.Pos {
			t.Fatalf("frame %d that was sent is that at %d, want %d", i, sent[i], r.Pos)
		}
	}
}

// must emits all rows of a task in a tick.
func (l *testLife) must(t *testing.T, task frame.TaskID, tick frame.Tick, rows *batch.Batch) {
	t.Helper()
	p := l.Port(0)
	for done := false; !done; l.step() {
		var err error
		if done, err = p.Append(0, task, tick, rows); err != nil {
			t.Fatal(err)
		}
	}
	p.Close(0, task, tick, tick, 0, frame.CTI(tick))
	for done := false; !done; l.step() {
		var err error
		if done, err = p.FlushAll(); err != nil {
			t.Fatal(err)
		}
	}
}
