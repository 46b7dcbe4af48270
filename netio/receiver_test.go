package netio

import (
	"errors"
	"testing"

	"pgregory.net/rapid"

	"github.com/streamscope/streamscope/netio/wire"
	"github.com/streamscope/streamscope/ringlog/frame"
)

// said decodes what Messages appended.
func said(t interface{ Fatal(...any) }, b []byte) (attaches, credits []wire.Grant) {
	for len(b) > 0 {
		h, err := wire.ParseHead(b, 0)
		if err != nil {
			t.Fatal(err)
		}
		m, err := wire.Decode(b[:h.Len])
		if err != nil {
			t.Fatal(err)
		}
		for i := range m.Len() {
			if m.Type == wire.TypeAttach {
				attaches = append(attaches, m.Grant(i))
			} else {
				credits = append(credits, m.Grant(i))
			}
		}
		b = b[h.Padded():]
	}
	return attaches, credits
}

// A correct Queue never overruns a Receiver, and what is held beyond the open tick stays within the window, over any number of sessions.
func TestCreditEndToEnd(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		windowBytes := rapid.IntRange(1, 40).Draw(t, "window")
		r := NewReceiver(windowBytes, []frame.EdgeID{1})
		var q Queue
		var fwd []Ref         // on the way; Type 0 is a BEGIN of session Pos
		var back []wire.Grant // on the way
		var kind []bool       // of back: ATTACH
		var held []Ref        // at the receiver
		open := frame.Tick(1) // oldest tick of the receiver
		told := frame.Tick(1) // the greatest it has ever granted
		attached := false
		tick := rapid.Uint64Range(1, 6)
		cut := func() {
			fwd, back, kind = nil, nil, nil
			q.Detach()
			r.Attach()
			attached = true
		}
		t.Repeat(map[string]func(*rapid.T){
			"push": func(t *rapid.T) {
				q.Push(Ref{Tick: open + frame.Tick(tick.Draw(t, "tick")) - 1, Len: rapid.Int32Range(1, 20).Draw(t, "len"), Type: frame.Data})
			},
			"send": func(t *rapid.T) {
				if b, ok := q.Begin(); ok {
					fwd = append(fwd, Ref{Pos: frame.Pos(b.Session)})
				}
				if ref, ok := q.Next(); ok {
					fwd = append(fwd, ref)
				}
			},
			"arrive": func(t *rapid.T) {
				if len(fwd) == 0 {
					return
				}
				ref := fwd[0]
				fwd = fwd[1:]
				if ref.Type == 0 {
					if err := r.OnBegin(wire.Begin{Edge: 1, Session: wire.Session(ref.Pos)}); err != nil {
						t.Fatal(err)
					}
					return
				}
				switch err := r.OnFrame(1, ref.Tick, int(ref.Len)); {
				case err == nil:
					held = append(held, ref)
				case !errors.Is(err, ErrOldSession):
					t.Fatal(err)
				}
			},
			"release": func(t *rapid.T) {
				if len(held) == 0 {
					return
				}
				i := rapid.IntRange(0, len(held)-1).Draw(t, "which")
				r.Released(1, int(held[i].Len))
				held = append(held[:i], held[i+1:]...)
			},
			"open": func(t *rapid.T) {
				open++
				r.SetOpen(1, open)
			},
			"grant": func(t *rapid.T) {
				if !attached {
					return
				}
				a, c := said(t, r.Messages(nil))
				for _, g := range append(a, c...) {
					back, kind = append(back, g), append(kind, len(a) > 0)
					told = max(told, g.Open)
				}
			},
			"told": func(t *rapid.T) {
				if len(back) == 0 {
					return
				}
				g, attach := back[0], kind[0]
				back, kind = back[1:], kind[1:]
				err := error(nil)
				if attach {
					err = q.Attach(g)
				} else {
					err = q.Credit(g)
				}
				if err != nil {
					t.Fatal(err)
				}
			},
			"cut": func(t *rapid.T) { cut() },
			"edge": func(t *rapid.T) {
				if attached {
					r.AttachEdge(1)
				}
			},
			"": func(t *rapid.T) {
				ahead, all := 0, 0
				for _, ref := range held {
					all += int(ref.Len)
					if ref.Tick > told {
						ahead += int(ref.Len)
					}
				}
				if ahead > windowBytes {
					t.Fatalf("%d bytes held beyond tick %d, want at most %d", ahead, told, windowBytes)
				}
				if got := r.HeldBytes(1); got != all {
					t.Fatalf("%d bytes held, want %d", got, all)
				}
			},
		})
	})
}

func attachedReceiver(t *testing.T, windowBytes int) *Receiver {
	t.Helper()
	r := NewReceiver(windowBytes, []frame.EdgeID{4, 7})
	r.SetOpen(4, 1)
	r.Attach()
	a, c := said(t, r.Messages(nil))
	if len(a) != 2 || len(c) != 0 || a[0] != (wire.Grant{Edge: 4, Session: 1, Open: 1, AllowedBytes: uint64(windowBytes)}) {
		t.Fatalf("attached with %+v, %+v", a, c)
	}
	if err := r.OnBegin(wire.Begin{Edge: 4, Session: 1}); err != nil {
		t.Fatal(err)
	}
	return r
}

func TestReceiverJudges(t *testing.T) {
	r := attachedReceiver(t, 100)
	for _, c := range []struct {
		name string
		edge frame.EdgeID
		tick frame.Tick
		len  int
		want error
	}{
		{"entitled", 4, 1, 90, nil},
		{"entitled beyond the window", 4, 1, 90, nil},
		{"ahead without credit", 4, 2, 1, ErrOverrun},
		{"not begun", 7, 1, 1, ErrOldSession},
		{"unknown", 5, 1, 1, ErrUnknownEdge},
	} {
		if err := r.OnFrame(c.edge, c.tick, c.len); !errors.Is(err, c.want) {
			t.Errorf("%s: got %v, want %v", c.name, err, c.want)
		}
	}
	r.SetOpen(4, 2)
	if err := r.OnFrame(4, 2, 1); !errors.Is(err, ErrOverrun) {
		t.Errorf("open here but not granted yet: got %v, want %v", err, ErrOverrun)
	}
	r.Messages(nil)
	if err := r.OnFrame(4, 2, 1); err != nil {
		t.Errorf("granted: %v", err)
	}
	for _, b := range []wire.Begin{{Edge: 4, Session: 1}, {Edge: 7, Session: 2}} {
		if err := r.OnBegin(b); !errors.Is(err, wire.ErrGarbage) {
			t.Errorf("%+v: got %v, want %v", b, err, wire.ErrGarbage)
		}
	}
	if err := r.OnBegin(wire.Begin{Edge: 5, Session: 1}); !errors.Is(err, ErrUnknownEdge) {
		t.Errorf("unknown edge: %v", err)
	}
}

func TestReceiverStartsAnEdgeAgain(t *testing.T) {
	r := attachedReceiver(t, 100)
	if err := r.OnFrame(4, 1, 60); err != nil {
		t.Fatal(err)
	}
	r.AttachEdge(4)
	if err := r.OnFrame(4, 1, 1); !errors.Is(err, ErrOldSession) {
		t.Errorf("a frame of the old session: %v", err)
	}
	if err := r.OnBegin(wire.Begin{Edge: 4, Session: 2}); !errors.Is(err, wire.ErrGarbage) {
		t.Errorf("a session begun before it was asked for: %v", err)
	}
	a, c := said(t, r.Messages(nil))
	if len(a) != 1 || len(c) != 0 || a[0].Session != 2 || a[0].AllowedBytes != 40 {
		t.Errorf("attached again with %+v, %+v, want session 2 with the 40 bytes left", a, c)
	}
	r.Released(4, 60)
	if _, c := said(t, r.Messages(nil)); len(c) != 1 || c[0].AllowedBytes != 100 {
		t.Errorf("credit %+v, want 100 bytes", c)
	}
	if err := r.OnBegin(wire.Begin{Edge: 4, Session: 1}); err != nil {
		t.Errorf("a mark that crossed the ATTACH: %v", err)
	}
	if err := r.OnBegin(wire.Begin{Edge: 4, Session: 2}); err != nil {
		t.Errorf("the mark of the session: %v", err)
	}
}

func TestReceiverSpeaksWhenItMatters(t *testing.T) {
	r := attachedReceiver(t, 100)
	if r.Pending() || len(r.Messages(nil)) != 0 {
		t.Error("something to say without news")
	}
	for range 10 {
		if err := r.OnFrame(4, 1, 10); err != nil {
			t.Fatal(err)
		}
	}
	for i, want := range []bool{false, false, true} {
		if got := r.Released(4, 10); got != want {
			t.Errorf("after %d bytes of 100: %v, want %v", 10*(i+1), got, want)
		}
	}
	r.Messages(nil)
	for _, f := range []func(frame.EdgeID, frame.Tick){r.SetOpen, r.SetClosed, r.SetDrained} {
		f(4, 3)
		if !r.Pending() {
			t.Error("nothing to say after a tick moved")
		}
		r.Messages(nil)
		f(4, 3)
		f(4, 2)
		if r.Pending() {
			t.Error("something to say after a tick did not move")
		}
	}
	if got := testing.AllocsPerRun(100, func() { r.Messages(nil) }); got != 0 {
		t.Errorf("%v allocations to say nothing", got)
	}
}

func TestReceiverPanicsOnMisuse(t *testing.T) {
	for name, f := range map[string]func(r *Receiver){
		"an edge that is not its": func(r *Receiver) { r.SetOpen(99, 1) },
		"released twice":          func(r *Receiver) { r.Released(4, 1) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: no panic", name)
				}
			}()
			f(attachedReceiver(t, 100))
		}()
	}
}
