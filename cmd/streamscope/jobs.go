package main

import (
	"github.com/streamscope/streamscope/bench/flights"
	"github.com/streamscope/streamscope/cmd/streamscope/engine"
	"github.com/streamscope/streamscope/control/job"
)

// jobInfo names a job that `run` knows.
type jobInfo struct{ name, short string }

var jobs = []jobInfo{{flights.Name, "knock-on delays: late departures per airport and hour, and the late arrivals they met"}}

// definitions are the same in every process of a run.
var definitions = engine.Definitions{
	flights.Name: func(j engine.Job) (*job.Graph, error) {
		return flights.Job(flights.Options{Inputs: j.Inputs, Airports: j.Airports, Out: j.Out, BadRows: j.BadRows, DivertTo: j.DivertTo, Token: j.Token, Stdin: j.Stdin})
	},
}
