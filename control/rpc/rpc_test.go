package rpc

import (
	"context"
	"errors"
	"io"
	"net/http"
	"reflect"
	"testing"

	"github.com/streamscope/streamscope/control"
	"github.com/streamscope/streamscope/ringlog/frame"
)

// workerEvents is one of each event that an agent may send.
func workerEvents() []control.Event {
	f := control.From{Node: 2, Epoch: 3, Incarnation: 4}
	stats := control.WorkerStats{EventsIn: 4, Stages: []control.StageCount{{Name: "s", RowsIn: 1, BusyNs: 2}}}
	return []control.Event{
		control.Hello{From: f, PID: 17}, control.Ready{From: f, Addr: "127.0.0.1:99", Fingerprint: 1<<63 + 5}, control.Linked{From: f},
		control.Progress{From: f, Stats: stats},
		control.Reported{From: f, Executed: []frame.Tick{7, frame.MaxTick}, Opened: 9, Missed: 8, Saved: []control.Saved{{Stage: 1, Tick: 6}},
			Unsaved: []control.Unsaved{{Saved: control.Saved{Tick: 7}, Reason: "no space"}}},
		control.Activate{From: f, Stage: 1, Set: control.JournalSet{Version: 2, Life: 4, Members: []control.JournalMember{{Node: 1, Life: 6}}}},
		control.Finished{From: f, Stats: stats},
		control.Failed{From: f, Reason: "bad.csv:3: \"x\"", AboutPeer: true, Unreadable: &control.Saved{Stage: 2, Tick: 3}, Stats: stats}, control.Stopped{From: f},
	}
}

func TestRoundTrip(t *testing.T) {
	events := workerEvents()
	if n := reflect.TypeFor[Up]().NumField(); n != len(events) {
		t.Fatalf("%d events tried, Up has %d", len(events), n)
	}
	for _, want := range events {
		up, err := UpOf(want)
		if err != nil {
			t.Fatal(err)
		}
		b, err := codec{}.Marshal(up)
		if err != nil {
			t.Fatal(err)
		}
		var got Up
		if err := (codec{}).Unmarshal(b, &got); err != nil {
			t.Fatal(err)
		}
		if ev, err := got.Event(); err != nil || !reflect.DeepEqual(ev, want) {
			t.Errorf("got %#v, %v, want %#v", ev, err, want)
		}
	}
	if _, err := UpOf(control.Cancel{}); !errors.Is(err, ErrMessage) {
		t.Errorf("an event of the driver: got %v", err)
	}
}

func TestBadMessages(t *testing.T) {
	for _, text := range []string{``, `{`, `null`, `[]`, `{"Hello":{"Node":-1}}`, `{"Hello":{"Nodes":1}}`, `{"Other":{}}`, `{"Linked":{}} {}`} {
		var up Up
		err := codec{}.Unmarshal([]byte(text), &up)
		if err == nil {
			_, err = up.Event()
		}
		if !errors.Is(err, ErrMessage) {
			t.Errorf("%s: got %v", text, err)
		}
	}
	if _, err := (&Up{Linked: &control.Linked{}, Stopped: &control.Stopped{}}).Event(); !errors.Is(err, ErrMessage) {
		t.Errorf("two events in one: got %v", err)
	}
	if err := (&Down{}).Valid(); !errors.Is(err, ErrMessage) {
		t.Errorf("no command: got %v", err)
	}
	if err := (&Down{Run: &control.Run{}}).Valid(); err != nil {
		t.Error(err)
	}
}

// FuzzUp decodes what an agent may say: an event of a worker, or an error.
func FuzzUp(f *testing.F) {
	for _, ev := range workerEvents() {
		up, err := UpOf(ev)
		if err != nil {
			f.Fatal(err)
		}
		b, err := codec{}.Marshal(up)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Add([]byte(`{"Hello":null,"Linked":{"Node":4294967296}}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		var up Up
		if err := (codec{}).Unmarshal(b, &up); err != nil {
			return
		}
		ev, err := up.Event()
		if err != nil {
			return
		}
		if _, ok := control.Sender(ev); !ok {
			t.Fatalf("%#v is no event of a worker", ev)
		}
		again, err := UpOf(ev)
		if err != nil || !reflect.DeepEqual(again, &up) {
			t.Fatalf("got %#v, %v, want %#v", again, err, &up)
		}
	})
}

// FuzzDown decodes what a manager may say.
func FuzzDown(f *testing.F) {
	f.Add([]byte(`{"Start":{"Node":1,"Assignment":{"Epoch":1,"Nodes":2},"Job":{"Name":"flights","Options":{"Out":"x"}}}}`))
	f.Add([]byte(`{"Connect":{"Node":1,"Epoch":1,"Peers":[{"Node":0,"Addr":"a"}]}}`))
	f.Add([]byte(`{"Start":{"Node":1,"Assignment":{"Epoch":1,"Nodes":2,"Incarnation":3,"Restore":[4,0],"Needs":[[1,2],[3,18446744073709551615]],"Marks":[9]}}}`))
	f.Add([]byte(`{"Trim":{"Node":1,"Epoch":1,"Needs":[[1]]}}`))
	f.Add([]byte(`{"Mark":{"Node":1,"Epoch":1,"Tick":5}}`))
	f.Add([]byte(`{"Relink":{"Node":1,"Epoch":1,"Peer":{"Node":0,"Incarnation":2,"Addr":"a"}}}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		var d Down
		if err := (codec{}).Unmarshal(b, &d); err != nil {
			return
		}
		if d.Valid() == nil && d == (Down{}) {
			t.Fatal("a command that is none is valid")
		}
	})
}

func TestToken(t *testing.T) {
	h := http.Header{}
	if HasToken(h, "") || HasToken(h, "x") {
		t.Error("no token was accepted")
	}
	SetToken(h, "secret")
	if !HasToken(h, "secret") || HasToken(h, "secre") || HasToken(h, "secret2") {
		t.Error("tokens are compared wrongly")
	}
	h.Set("Authorization", "secret")
	if HasToken(h, "secret") {
		t.Error("a token that is no bearer was accepted")
	}
}

func TestPipe(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	a, m := Pipe(ctx)
	for range pipeMessages {
		if err := a.Send(&Up{}); err != nil {
			t.Fatal(err)
		}
	}
	cancel()
	if err := a.Send(&Up{}); err != io.ErrClosedPipe {
		t.Errorf("send after the end: got %v", err)
	}
	for i := range pipeMessages {
		if _, err := m.Receive(); err != nil {
			t.Fatalf("message %d that was sent before the end: %v", i, err)
		}
	}
	if _, err := m.Receive(); err != io.EOF {
		t.Errorf("receive after the end: got %v", err)
	}
}
