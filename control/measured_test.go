package control

import (
	"math"
	"reflect"
	"testing"

	"github.com/streamscope/streamscope/control/objective"
	"github.com/streamscope/streamscope/ringlog/frame"
)

func TestMeasuredOfAStatus(t *testing.T) {
	s := &Status{
		TickNs: 5e6, Observed: Recovered{StartNs: 3e8, Replayed: 100, ReplayNs: 2e8},
		Workers: []WorkerStatus{{Writing: Transfer{Bytes: 1 << 20, Ns: 1e7}}, {Writing: Transfer{Bytes: 1 << 20, Ns: 3e7}}},
		Stages:  []StageStatus{{Name: "a", Strategy: "checkpoint", ImageBytes: 700}, {Name: "w", Strategy: "replay", ImageBytes: 90}},
		Units:   []UnitStatus{{UnitName: UnitName{Stage: "w"}, Base: 500, Ask: 300}},
		Logs: []LogStatus{
			{UnitName: UnitName{Stage: "a"}, ToStage: "w", Bytes: 1e6, First: 1, Last: 100},
			{UnitName: UnitName{Stage: "a", Node: 1}, ToStage: "w", Bytes: 3e6, Spilled: 1, First: 101, Last: 200},
			{UnitName: UnitName{Stage: "w"}, ToStage: "z", Bytes: 9, First: 7, Last: 8}, // too short to say anything
		},
	}
	want := objective.Measured{
		StartNs: 3e8, BytesPerS: 2 << 20 / 0.04, Again: 0.4,
		Stages: []objective.StageMeasured{{Stage: "a", ImageBytes: 700}, {Stage: "w", WarmNs: 1e9}},
		Edges:  []objective.EdgeMeasured{{From: "a", To: "w", BytesPerS: 8e6, Spilled: true}},
	}
	got := MeasuredOf(s)
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	// What a life has not measured is that of lives before.
	if again := MeasuredOf(&Status{Choice: &objective.Choice{Measured: got}}); !reflect.DeepEqual(again, want) {
		t.Errorf("after a life that measured nothing: %+v", again)
	}
	if none := MeasuredOf(nil); !reflect.DeepEqual(none, objective.Measured{}) {
		t.Errorf("of nothing: %+v", none)
	}
}

// A file that anybody wrote leads to a choice that can be run, too.
func TestMeasuredOfNonsense(t *testing.T) {
	s := &Status{
		TickNs: math.MaxInt64, Observed: Recovered{StartNs: -5, Replayed: math.MaxUint64, ReplayNs: math.MinInt64},
		Workers: []WorkerStatus{{Writing: Transfer{Bytes: math.MaxUint64, Ns: 1}}},
		Stages:  []StageStatus{{Name: "count", Strategy: "checkpoint", ImageBytes: math.MaxUint64}},
		Units:   []UnitStatus{{UnitName: UnitName{Stage: "count"}, Base: frame.MaxTick}, {UnitName: UnitName{Stage: "count"}, Base: 1 << 39}},
		Logs:    []LogStatus{{UnitName: UnitName{Stage: "read"}, ToStage: "count", Bytes: math.MaxUint64, Last: frame.MaxTick}},
		Choice:  &objective.Choice{Measured: objective.Measured{StartNs: math.MinInt64, BytesPerS: -1, Again: math.Inf(1), Stages: []objective.StageMeasured{{Stage: "count", ImageBytes: math.Inf(1), WarmNs: -1}}, Edges: []objective.EdgeMeasured{{From: "read", To: "count", BytesPerS: math.Inf(-1), Spilled: true}}}},
	}
	m := MeasuredOf(s)
	want := objective.Measured{Stages: []objective.StageMeasured{{Stage: "count"}}, Edges: []objective.EdgeMeasured{{From: "read", To: "count", Spilled: true}}}
	if !reflect.DeepEqual(m, want) {
		t.Errorf("taken for figures: %+v", m)
	}
	stages := []objective.Stage{{Name: "read", Nodes: []frame.NodeID{0, 1}, Edges: []objective.Edge{{To: "count", Links: true}}}, {Name: "count", Nodes: []frame.NodeID{0, 1}}}
	if ch := objective.Choose(objective.Objective{Ns: 2e9}, stages, 2, m); !ch.Possible(2) || ch.Estimate.GapNs <= 0 {
		t.Errorf("%+v", ch)
	}
}
