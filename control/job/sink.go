package job

import (
	"errors"
	"strings"

	"github.com/streamscope/streamscope/shuffle/batch"
	"github.com/streamscope/streamscope/vertex"
	"github.com/streamscope/streamscope/vertex/ops"
)

// Order is the order of rows of equal time in an ordered sink. Make one with OrderBy.
type Order struct{ by []orderColumn }

type orderColumn struct {
	name       string
	descending bool
}

// OrderBy orders by columns, ascending, nulls first, text by bytes. Further columns may follow with Asc and Desc.
func OrderBy(columns ...string) Order { return Order{}.Asc(columns...) }

// Asc orders by further columns, ascending.
func (o Order) Asc(columns ...string) Order { return o.add(false, columns) }

// Desc orders by further columns, descending, nulls last.
func (o Order) Desc(columns ...string) Order { return o.add(true, columns) }

func (o Order) add(descending bool, columns []string) Order {
	by := o.by[:len(o.by):len(o.by)]
	for _, c := range columns {
		by = append(by, orderColumn{c, descending})
	}
	return Order{by}
}

// OrderedSink ends the stream in a sink, in an order that depends on nothing but the rows: by their time, then by the columns given, then by
// all columns.
func (j *Job) OrderedSink(name string, s Stream, order Order, sink Sink) {
	spec := orderSpec{order: order}
	if sink == nil {
		spec.err = errors.New("the sink is nil")
	}
	j.opAt(caller(), name, spec, sink, s)
}

type orderSpec struct {
	order Order
	err   error
}

func (o orderSpec) Kind() string                     { return "ordered-sink" }
func (o orderSpec) Need(int) Need                    { return Need{AllInOne, nil} }
func (o orderSpec) Unordered(int) bool               { return true }
func (o orderSpec) Copies(in []*batch.Schema) []Copy { return sameColumns(in) }

func (o orderSpec) config(in *batch.Schema) (ops.OrderConfig, error) {
	cfg := ops.OrderConfig{Input: in}
	var names []string
	for _, c := range o.order.by {
		names = append(names, c.name)
		cfg.By = append(cfg.By, ops.OrderColumn{Column: in.Index(c.name), Descending: c.descending})
	}
	return cfg, errors.Join(o.err, checkColumns(in, names))
}

func (o orderSpec) Output(in []*batch.Schema) (*batch.Schema, error) {
	cfg, err := o.config(in[0])
	if err != nil {
		return nil, err
	}
	return cfg.Output()
}

func (o orderSpec) New(in []*batch.Schema, env Env) (vertex.Vertex, error) {
	cfg, err := o.config(in[0])
	if err != nil {
		return nil, err
	}
	return ops.NewOrder(cfg, env.Pages)
}

func (o orderSpec) Text() string {
	by := []string{"time"}
	for _, c := range o.order.by {
		if c.descending {
			c.name += " desc"
		}
		by = append(by, c.name)
	}
	return "by " + strings.Join(by, ", ")
}
