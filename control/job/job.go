package job

import (
	"errors"
	"fmt"
	"slices"

	"github.com/streamscope/streamscope/shuffle/batch"
	"github.com/streamscope/streamscope/vertex"
)

// Job is a job under construction. Make one with New, give it sources, operators and sinks, and Build it.
type Job struct {
	name   string
	at     Place
	nodes  []*Node
	bad    []bool // by node: it or an input of it is wrong, so nothing more is said about what follows
	used   []bool // by node: something reads it
	byName map[string]*Node
	errs   Errors
}

// New begins a job. The name appears in messages, plans and statistics.
func New(name string) *Job {
	j := &Job{name: name, at: caller(), byName: map[string]*Node{}}
	if err := checkName(name); err != nil {
		j.fail(j.at, "", err)
	}
	return j
}

// Stream is the output of a source or an operator: a handle, cheap to copy, to be read by any number of operators.
// The zero Stream belongs to no job; using it is a mistake that Build reports where it can, and a panic where there is no job.
type Stream struct {
	job  *Job
	node int
}

// Source adds an input.
func (j *Job) Source(name string, src vertex.Source) Stream {
	n := &Node{Name: name, At: caller(), Source: src}
	if src == nil {
		return j.add(n, errors.New("the source is nil"))
	}
	n.Schema = src.Schema()
	if n.Schema == nil {
		return j.add(n, errors.New("the source has no schema"))
	}
	return j.add(n, n.Schema.Valid())
}

// Build checks the job as a whole and returns its graph, or Errors with every mistake.
func (j *Job) Build() (*Graph, error) {
	errs := slices.Clone(j.errs)
	complain := func(at Place, name, format string, args ...any) {
		errs = append(errs, &Error{at, j.name, name, fmt.Errorf(format, args...)})
	}
	g := &Graph{Name: j.name, Nodes: slices.Clone(j.nodes)}
	for i, n := range g.Nodes {
		if n.Sink == nil && !j.used[i] && !j.bad[i] {
			complain(n.At, n.Name, "nothing reads this stream; give it a sink or remove it")
		}
	}
	if len(g.Sinks()) == 0 {
		complain(j.at, "", "the job has no sink")
	}
	if len(errs) > 0 {
		return nil, errs
	}
	return g, nil
}

// op adds an operator that reads the streams.
func (j *Job) op(name string, spec Spec, in ...Stream) Stream {
	return j.opAt(caller(), name, spec, nil, in...)
}

func (j *Job) opAt(at Place, name string, spec Spec, sink Sink, in ...Stream) Stream {
	n := &Node{Name: name, At: at, Spec: spec, Sink: sink}
	schemas := make([]*batch.Schema, len(in))
	for port, s := range in {
		if s.job != j {
			return j.add(n, fmt.Errorf("input %d is a stream of another job", port))
		}
		j.used[s.node] = true
		n.Inputs = append(n.Inputs, s.node)
		if j.bad[s.node] {
			return j.addBad(n)
		}
		schemas[port] = j.nodes[s.node].Schema
	}
	var err error
	n.Schema, err = spec.Output(schemas)
	if err == nil && sink != nil {
		err = sink.Check(n.Schema)
	}
	return j.add(n, err)
}

// add appends the node and notes what is wrong with it.
func (j *Job) add(n *Node, err error) Stream {
	bad := err != nil
	if bad {
		j.fail(n.At, n.Name, err)
	}
	if err := j.claimName(n); err != nil {
		j.fail(n.At, n.Name, err)
	}
	return j.push(n, bad)
}

// addBad appends a node that follows from a mistake already noted; only its name is still checked.
func (j *Job) addBad(n *Node) Stream {
	if err := j.claimName(n); err != nil {
		j.fail(n.At, n.Name, err)
	}
	return j.push(n, true)
}

func (j *Job) push(n *Node, bad bool) Stream {
	n.ID = len(j.nodes)
	j.nodes = append(j.nodes, n)
	j.bad = append(j.bad, bad)
	j.used = append(j.used, false)
	return Stream{j, n.ID}
}

func (j *Job) fail(at Place, name string, err error) {
	j.errs = append(j.errs, &Error{at, j.name, name, err})
}

// claimName checks that the name is free, or that of the node's only input.
func (j *Job) claimName(n *Node) error {
	if err := checkName(n.Name); err != nil {
		return err
	}
	if old := j.byName[n.Name]; old != nil {
		if len(n.Inputs) != 1 || n.Inputs[0] != old.ID || old.Source != nil {
			return fmt.Errorf("the name is taken by the operator at %v", old.At)
		}
	}
	j.byName[n.Name] = n
	return nil
}

const nameMaxBytes = 64

// checkName accepts ASCII letters, digits, '_', '-' and '.'.
func checkName(name string) error {
	if name == "" {
		return errors.New("a name is missing")
	}
	if len(name) > nameMaxBytes {
		return fmt.Errorf("name %.20q... has %d bytes, at most %d", name, len(name), nameMaxBytes)
	}
	for _, c := range []byte(name) {
		letter := 'a' <= c|0x20 && c|0x20 <= 'z'
		if !letter && !('0' <= c && c <= '9') && c != '_' && c != '-' && c != '.' {
			return fmt.Errorf("name %q: want letters, digits, '_', '-' and '.'", name)
		}
	}
	return nil
}
