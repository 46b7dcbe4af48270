package engine

import (
	"encoding/json"
	"fmt"
	"sort"

	"github.com/streamscope/streamscope/control/job"
	"github.com/streamscope/streamscope/control/rpc"
	"github.com/streamscope/streamscope/vertex/connect"
)

// Job is what a job's definition needs to know: where its rows come from and go to. Every process of a run gets the same one.
type Job struct {
	Inputs   []string // files, patterns or "-"; none: the embedded input
	Airports string   // "": the embedded table
	Out      string   // "": standard output
	BadRows  connect.Policy
	DivertTo string
	// Token makes the temporary names of the run, and is the secret of its links.
	Token string
	// Stdin is connect.Files.Stdin: each process has its own.
	Stdin func() (connect.Feed, error) `json:"-"`
}

// Definition builds the graph of a job.
type Definition func(Job) (*job.Graph, error)

// Definitions are the jobs that processes of this binary know, by name.
type Definitions map[string]Definition

// Names lists the jobs in order.
func (d Definitions) Names() []string {
	names := make([]string, 0, len(d))
	for n := range d {
		names = append(names, n)
	}
	sort.Strings(names)
	return names
}

// graph builds the graph of a job.
func (d Definitions) graph(name string, j Job) (*job.Graph, error) {
	define := d[name]
	if define == nil {
		return nil, fmt.Errorf("unknown job %q, want one of %v", name, d.Names())
	}
	return define(j)
}

// decode gives back what encode put into a message to a worker.
func decode(m rpc.Job) (Job, error) {
	var j Job
	if err := json.Unmarshal(m.Options, &j); err != nil {
		return j, fmt.Errorf("options of job %s: %w", m.Name, err)
	}
	return j, nil
}

func encode(j Job) (json.RawMessage, error) { return json.Marshal(j) }
