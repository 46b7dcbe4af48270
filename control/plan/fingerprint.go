package plan

import (
	"encoding/binary"
	"fmt"

	"github.com/cespare/xxhash/v2"
)

// Fingerprint is a hash of everything in a plan that must be equal for two workers to run it together: its Shape, the policies of
// edges and the strategies of stages. It is stable over processes, machines and builds of one release.
func Fingerprint(p *Plan) uint64 {
	h := xxhash.New()
	var shape [8]byte
	binary.LittleEndian.PutUint64(shape[:], Shape(p))
	_, _ = h.Write(shape[:])
	for _, e := range p.Runtime.Edges {
		fmt.Fprintf(h, " %v", e.Policy)
	}
	for i := range p.Runtime.Stages {
		fmt.Fprintf(h, " %v", p.Runtime.Stages[i].Strategy)
	}
	return h.Sum64()
}

// Shape is a hash of everything in a plan that shapes rows and states: the stages, their tasks and operators with all options, schemas,
// edges and keys. A run goes on from what another of equal shape left, whatever the policies and strategies of either. It is as stable as Fingerprint.
func Shape(p *Plan) uint64 {
	h := xxhash.New()
	text := func(format string, args ...any) {
		s := fmt.Sprintf(format, args...)
		var n [4]byte
		binary.LittleEndian.PutUint32(n[:], uint32(len(s)))
		h.Write(n[:])
		h.WriteString(s)
	}
	text("plan 1 %q", p.Runtime.Job)
	for i, s := range p.Runtime.Stages {
		text("stage %d %q tasks %d from %d source %q sink %t", i, s.Name, s.Tasks, s.FirstTask, s.SourceName, s.Sink != nil)
		for _, op := range s.Ops {
			text("op %q inputs %v", op.Name, op.Inputs)
		}
	}
	for _, e := range p.Runtime.Edges {
		text("edge %d from %d.%d to %d keys %v unordered %t", e.ID, e.From, e.FromOp, e.To, e.Keys, e.Unordered)
	}
	for i, n := range p.Nodes {
		text("node %q in %v stage %d op %d splits %d", n.Name, n.Inputs, p.stageOf[i], p.opOf[i], p.splits[i])
		text("schema %x", n.Schema.AppendBinary(nil))
		if n.Spec != nil {
			text("%s %s", n.Spec.Kind(), n.Spec.Text())
		}
	}
	return h.Sum64()
}
