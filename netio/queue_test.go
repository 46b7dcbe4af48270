package netio

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/streamscope/streamscope/netio/wire"
	"github.com/streamscope/streamscope/ringlog/frame"
)

// naiveQueue is what Queue must be, by looking at everything each time.
type naiveQueue struct {
	refs    []naiveRef // in the order of Push
	grant   wire.Grant
	closed  frame.Tick
	sent    uint64
	session bool
}

type naiveRef struct {
	Ref
	sent bool
}

func (q *naiveQueue) push(r Ref) bool {
	if r.Last <= q.closed {
		return false
	}
	q.refs = append(q.refs, naiveRef{r, false})
	return true
}

// candidates are the indexes of what may be sent now: any unsent frame of a closed tick, else the first of the lowest tick.
func (q *naiveQueue) candidates() []int {
	if !q.session {
		return nil
	}
	var late []int
	best := -1
	for i, r := range q.refs {
		switch {
		case r.sent:
		case r.Tick <= q.closed:
			late = append(late, i)
		case best < 0 || r.Tick < q.refs[best].Tick:
			best = i
		}
	}
	if late != nil || best < 0 {
		return late
	}
	if r := q.refs[best]; r.Type == frame.Data && r.Tick > q.grant.Open && q.sent+uint64(r.Len) > q.grant.AllowedBytes {
		return nil
	}
	return []int{best}
}

func (q *naiveQueue) take(r Ref) error {
	for _, i := range q.candidates() {
		if q.refs[i].Ref == r && !q.refs[i].sent {
			q.refs[i].sent = true
			if r.Type == frame.Data {
				q.sent += uint64(r.Len)
			}
			return nil
		}
	}
	return fmt.Errorf("sent %+v, want one of %v of %+v", r, q.candidates(), q.refs)
}

func (q *naiveQueue) trim(tick frame.Tick) {
	q.closed = max(q.closed, tick)
	q.refs = slices.DeleteFunc(q.refs, func(r naiveRef) bool { return r.Last <= q.closed })
}

// mayClose tells whether nothing is unsent that a peer needs before it closes tick.
func (q *naiveQueue) mayClose(tick frame.Tick) bool {
	for _, r := range q.refs {
		if !r.sent && (r.Tick > q.closed && r.Tick <= tick || r.Last <= tick) {
			return false
		}
	}
	return true
}

func TestQueueAgainstNaive(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var q Queue
		var n naiveQueue
		pos := frame.Pos(0)
		tick := rapid.Uint64Range(1, 8)
		session := wire.Session(0)
		grant := wire.Grant{Edge: 3}
		t.Repeat(map[string]func(*rapid.T){
			"push": func(t *rapid.T) {
				pos += 64
				r := Ref{Pos: pos, Tick: frame.Tick(tick.Draw(t, "tick")), Len: rapid.Int32Range(1, 5).Draw(t, "len"), Type: frame.Data, Log: LogID(pos)}
				r.Last = r.Tick
				if rapid.Bool().Draw(t, "close") {
					r.Type = frame.Close
					r.Last = r.Tick + frame.Tick(rapid.Uint64Range(0, 4).Draw(t, "more"))
				}
				if got, want := q.Push(r), n.push(r); got != want {
					t.Fatalf("push %+v: got %v, want %v", r, got, want)
				}
			},
			"send": func(t *rapid.T) {
				peeked, ok := q.Peek()
				r, ok2 := q.Next()
				if ok != ok2 || peeked != r {
					t.Fatalf("peeked %+v %v, got %+v %v", peeked, ok, r, ok2)
				}
				if !ok {
					if c := n.candidates(); len(c) != 0 {
						t.Fatalf("nothing sent, want one of %v of %+v", c, n.refs)
					}
					return
				}
				if err := n.take(r); err != nil {
					t.Fatal(err)
				}
			},
			"credit": func(t *rapid.T) {
				grant.Open += frame.Tick(rapid.Uint64Range(0, 1).Draw(t, "open"))
				grant.AllowedBytes += rapid.Uint64Range(0, 6).Draw(t, "allowed")
				old := grant
				grant.Closed += frame.Tick(rapid.Uint64Range(0, 2).Draw(t, "closed"))
				want := n.session && n.mayClose(grant.Closed)
				err := q.Credit(grant)
				if (err == nil) != want {
					t.Fatalf("credit %+v: %v, want it taken: %v", grant, err, want)
				}
				if err != nil {
					if !errors.Is(err, wire.ErrGarbage) {
						t.Fatal(err)
					}
					grant = old
					if q.Grant().Session != 0 {
						n.grant = grant
						if err := q.Credit(grant); err != nil {
							t.Fatal(err)
						}
					}
					return
				}
				n.grant = grant
				n.trim(grant.Closed)
			},
			"attach": func(t *rapid.T) {
				session++
				grant = wire.Grant{Edge: 3, Session: session, Open: frame.Tick(tick.Draw(t, "open")) / 2, AllowedBytes: rapid.Uint64Range(0, 9).Draw(t, "allowed"), Closed: n.closed}
				if rapid.Bool().Draw(t, "further") {
					grant.Closed++ // the peer has it from an earlier life of ours
				}
				if err := q.Attach(grant); err != nil {
					t.Fatal(err)
				}
				if b, ok := q.Begin(); !ok || b != (wire.Begin{Edge: 3, Session: session}) {
					t.Fatalf("begin %v %v", b, ok)
				}
				n.session, n.sent, n.grant = true, 0, grant
				for i := range n.refs {
					n.refs[i].sent = false
				}
				n.trim(grant.Closed)
			},
			"detach": func(t *rapid.T) {
				q.Detach()
				n.session = false
				grant.Session = 0
			},
			"": func(t *rapid.T) {
				if q.Len() != len(n.refs) || q.Closed() != n.closed {
					t.Fatalf("%d frames kept above tick %d, want %d above %d", q.Len(), q.Closed(), len(n.refs), n.closed)
				}
			},
		})
	})
}

func TestQueueWaitsForBegin(t *testing.T) {
	var q Queue
	q.Push(Ref{Tick: 1, Len: 10, Type: frame.Data})
	if _, ok := q.Begin(); ok {
		t.Error("a mark without a session")
	}
	if err := q.Attach(wire.Grant{Session: 1, Open: 1}); err != nil {
		t.Fatal(err)
	}
	if r, ok := q.Next(); ok {
		t.Errorf("sent %+v ahead of the mark", r)
	}
	if _, ok := q.Begin(); !ok {
		t.Error("no mark")
	}
	if _, ok := q.Begin(); ok {
		t.Error("a second mark")
	}
	if _, ok := q.Next(); !ok {
		t.Error("nothing sent behind the mark")
	}
}

func TestQueueRejects(t *testing.T) {
	full := wire.Grant{Edge: 1, Session: 2, Open: 5, AllowedBytes: 5, Closed: 3, Drained: 5}
	with := func(f func(g *wire.Grant)) wire.Grant { g := full; f(&g); return g }
	for _, c := range []struct {
		name   string
		attach bool
		g      wire.Grant
	}{
		{"no session", true, with(func(g *wire.Grant) { g.Session = 0 })},
		{"session again", true, full},
		{"other session", false, with(func(g *wire.Grant) { g.Session = 1 })},
		{"other edge", false, with(func(g *wire.Grant) { g.Edge = 2 })},
		{"open falls", false, with(func(g *wire.Grant) { g.Open-- })},
		{"credit falls", false, with(func(g *wire.Grant) { g.AllowedBytes-- })},
		{"closed falls", false, with(func(g *wire.Grant) { g.Closed-- })},
		{"drained falls", false, with(func(g *wire.Grant) { g.Drained-- })},
		{"closed what was not sent", false, with(func(g *wire.Grant) { g.Closed = 7 })},
	} {
		var q Queue
		q.Push(Ref{Tick: 7, Len: 6, Type: frame.Data})
		if err := q.Attach(full); err != nil {
			t.Fatal(err)
		}
		f := q.Credit
		if c.attach {
			f = q.Attach
		}
		if err := f(c.g); !errors.Is(err, wire.ErrGarbage) {
			t.Errorf("%s: got %v, want %v", c.name, err, wire.ErrGarbage)
		}
		if q.Len() != 1 || q.Grant() != full {
			t.Errorf("%s: %d frames kept, grant %+v", c.name, q.Len(), q.Grant())
		}
	}
}

// With 100,000 frames held, a frame of the open tick costs what it costs with none.
func TestQueueDoesNotScanWhatItHolds(t *testing.T) {
	var q Queue
	for i := range 100_000 {
		q.Push(Ref{Tick: frame.Tick(1000 + i%300), Len: 100, Type: frame.Data})
	}
	if err := q.Attach(wire.Grant{Session: 1, Open: 5}); err != nil {
		t.Fatal(err)
	}
	q.Begin()
	// 30 million frames looked at per round would not end in a test's time; 1,000 rounds do at once.
	for range 1000 {
		q.Push(Ref{Tick: 5, Len: 100, Type: frame.Data})
		for {
			r, ok := q.Next()
			if !ok {
				break
			}
			if r.Tick != 5 {
				t.Fatalf("sent %+v without credit", r)
			}
		}
	}
	if got := testing.AllocsPerRun(100, func() { q.Push(Ref{Tick: 5, Len: 1, Type: frame.Close}); q.Next() }); got >= 1 {
		t.Errorf("%v allocations per frame, want none", got)
	}
}

// A peer that is far behind closes tick after tick: each costs the same, however many wait behind it, and memory is used again.
func TestQueueOfOneFarBehind(t *testing.T) {
	const behind = 200_000
	var q Queue
	g := wire.Grant{Session: 1, Open: 1 << 40}
	if err := q.Attach(g); err != nil {
		t.Fatal(err)
	}
	q.Begin()
	last := frame.Tick(0)
	push := func() {
		last++
		q.Push(Ref{Tick: last, Len: 100, Type: frame.Data})
	}
	for range behind {
		push()
	}
	// To move all that wait, 200,000 times, would not end in a test's time.
	next := func() {
		g.Closed++
		if r, ok := q.Next(); !ok || r.Tick != g.Closed {
			t.Fatalf("got %+v, want tick %d", r, g.Closed)
		}
		if err := q.Credit(g); err != nil {
			t.Fatal(err)
		}
	}
	for range behind / 2 {
		next()
	}
	if got := testing.AllocsPerRun(2*behind, func() { push(); next() }); got >= 1 {
		t.Errorf("%v allocations per tick, want none", got)
	}
	if q.Len() != behind/2 {
		t.Errorf("%d are left, want %d", q.Len(), behind/2)
	}
}
