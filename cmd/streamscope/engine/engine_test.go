package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"testing"

	"github.com/streamscope/streamscope/control/job"
	"github.com/streamscope/streamscope/control/rpc"
	"github.com/streamscope/streamscope/netio"
	"github.com/streamscope/streamscope/netio/wire"
	"github.com/streamscope/streamscope/vertex/connect"
)

// committer notes what is asked of it, and fails where told to.
type committer struct {
	name string
	fail bool
	log  *[]string
}

func (c committer) Commit() error {
	*c.log = append(*c.log, "commit "+c.name)
	if c.fail {
		return errors.New(c.name + " failed")
	}
	return nil
}

func (c committer) Abort() error {
	*c.log = append(*c.log, "abort "+c.name)
	return nil
}

// What was made visible stays; what could not be is removed with all that follows.
func TestOutputCommitsInOrder(t *testing.T) {
	for _, c := range []struct {
		fails int
		want  []string
	}{
		{-1, []string{"commit 0", "commit 1", "commit 2"}},
		{0, []string{"commit 0", "abort 0", "abort 1", "abort 2"}},
		{1, []string{"commit 0", "commit 1", "abort 1", "abort 2"}},
	} {
		var log []string
		var o output
		for i := range 3 {
			o = append(o, committer{fmt.Sprint(i), i == c.fails, &log})
		}
		if err := o.commit(); (err != nil) != (c.fails >= 0) || !slices.Equal(log, c.want) {
			t.Errorf("failing %d: got %v, %v, want %v", c.fails, log, err, c.want)
		}
	}
}

// gone is an output whose temporary file is not there.
type gone struct{ committer }

func (g gone) Commit() error { return errors.Join(g.committer.Commit(), fs.ErrNotExist) }

// A run that others go on with removes nothing; one that goes on with another's makes visible what is left.
func TestOutputCommitsAgain(t *testing.T) {
	var log []string
	o := output{gone{committer{"0", false, &log}}, committer{"1", false, &log}, committer{"2", true, &log}, committer{"3", false, &log}}
	if err := o.commitAgain(true); err == nil || err.Error() != "2 failed" || !slices.Equal(log, []string{"commit 0", "commit 1", "commit 2"}) {
		t.Errorf("again: got %v, %v", log, err)
	}
	log = nil
	if err := o.commitAgain(false); !errors.Is(err, fs.ErrNotExist) || !slices.Equal(log, []string{"commit 0"}) {
		t.Errorf("for the first time: got %v, %v", log, err)
	}
}

func TestRunRefusesWhatItDoesNotKnow(t *testing.T) {
	jobs := Definitions{"b": nil, "a": nil, "bad": func(Job) (*job.Graph, error) { return nil, errors.New("x.csv:1: y") }}
	if _, err := Run(context.Background(), Config{Jobs: jobs, Name: "c"}); err == nil || !strings.Contains(err.Error(), `unknown job "c", want one of [a b bad]`) {
		t.Errorf("got %v", err)
	}
	if _, err := Run(context.Background(), Config{Jobs: jobs, Name: "bad"}); err == nil || err.Error() != "x.csv:1: y" {
		t.Errorf("got %v", err)
	}
}

// A job says the same to every process.
func TestJobTravels(t *testing.T) {
	want := Job{Inputs: []string{"a b", "-"}, Airports: "c", Out: "d", BadRows: connect.Divert, DivertTo: "e", Token: "f"}
	text, err := encode(want)
	if err != nil {
		t.Fatal(err)
	}
	got, err := decode(rpc.Job{Options: text})
	if err != nil || fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got %+v, %v, want %+v", got, err, want)
	}
	if _, err := decode(rpc.Job{Name: "x", Options: json.RawMessage("{")}); err == nil {
		t.Error("half an object is taken")
	}
}

func TestCoresAreShared(t *testing.T) {
	for _, c := range []struct{ cores, workers, want int }{{2, 0, 2}, {2, 1, 2}, {2, 3, 2}, {8, 3, 2}, {9, 3, 3}, {1, 0, 1}, {1, 3, 1}} {
		if got := coresPerWorker(c.cores, c.workers); got != c.want {
			t.Errorf("%d cores, %d workers: got %d each, want %d", c.cores, c.workers, got, c.want)
		}
	}
}

// State has a budget even where rings take all there is.
func TestStateBudget(t *testing.T) {
	of := func(arena int64) rpc.Limits { return rpc.Limits{ArenaBytes: arena} }
	alone, _, err := budgets(1, of(0))
	if err != nil {
		t.Fatal(err)
	}
	if shared, images, err := budgets(4, of(1<<20)); images != 0 || err != nil || shared > alone || shared < stateMin {
		t.Errorf("a quarter: got %d, %v, of %d", shared, err, alone)
	}
	if got, _, err := budgets(1, of(1<<60)); err != nil || got != stateMin {
		t.Errorf("huge rings: got %d, %v, want %d", got, err, stateMin)
	}
	if state, images, err := budgets(1, rpc.Limits{ImagePeers: 2}); err != nil || state != images || state > alone/3 || state < alone/5 {
		t.Errorf("with images at two peers: got %d and %d, %v, of %d", state, images, err, alone)
	}
}

func TestOrdinaryEndsOfLinks(t *testing.T) {
	for err, want := range map[error]bool{
		netio.ErrLost: true, netio.ErrBye: true, netio.ErrClosed: true, netio.ErrReplaced: true,
		netio.ErrOverrun: false, netio.ErrFlood: false, wire.ErrGarbage: false, netio.ErrSilent: false, errors.New("x"): false,
	} {
		if got := ordinary(fmt.Errorf("somewhere: %w", err)); got != want {
			t.Errorf("%v: got %v, want %v", err, got, want)
		}
	}
}
