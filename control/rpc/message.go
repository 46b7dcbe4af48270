package rpc

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"

	"github.com/streamscope/streamscope/control"
	"github.com/streamscope/streamscope/control/plan"
)

// Procedure is the path of the one call.
const Procedure = "/streamscope.control.v1.Manager/Attach"

// MaxMessageBytes bounds a message in either direction.
const MaxMessageBytes = 4 << 20

// Up is a message from an agent: one of the events of workers.
type Up struct {
	Hello    *control.Hello    `json:",omitempty"`
	Ready    *control.Ready    `json:",omitempty"`
	Linked   *control.Linked   `json:",omitempty"`
	Progress *control.Progress `json:",omitempty"`
	Reported *control.Reported `json:",omitempty"`
	Activate *control.Activate `json:",omitempty"`
	Finished *control.Finished `json:",omitempty"`
	Failed   *control.Failed   `json:",omitempty"`
	Stopped  *control.Stopped  `json:",omitempty"`
}

// Down is a message to an agent: one of the commands to workers.
type Down struct {
	Start     *Start             `json:",omitempty"`
	Connect   *control.Connect   `json:",omitempty"`
	Run       *control.Run       `json:",omitempty"`
	Stop      *control.Stop      `json:",omitempty"`
	Mark      *control.Mark      `json:",omitempty"`
	Trim      *control.Trim      `json:",omitempty"`
	Relink    *control.Relink    `json:",omitempty"`
	Admit     *control.Admit     `json:",omitempty"`
	Activated *control.Activated `json:",omitempty"`
	Adopt     *control.Adopt     `json:",omitempty"`
}

// Start is the command to start, with the job.
type Start struct {
	control.Start
	Job Job
}

// Job names a job definition that both ends know, and says everything that shapes its run.
type Job struct {
	Name    string
	Options json.RawMessage // of the job definition
	Limits  Limits
	Tasks   int
	Fuse    bool
	// Reliability is for workers that recover.
	Reliability plan.Reliability `json:",omitzero"`
}

// ErrMessage wraps complaints about messages.
var ErrMessage = errors.New("message")

// Event returns the one event of the message.
func (u *Up) Event() (control.Event, error) {
	field, err := only(reflect.ValueOf(u).Elem())
	if err != nil {
		return nil, err
	}
	return field.Elem().Interface().(control.Event), nil
}

// UpOf wraps an event of a worker. Any other event is a mistake of the program.
func UpOf(ev control.Event) (*Up, error) {
	up := &Up{}
	v := reflect.ValueOf(up).Elem()
	for i := range v.NumField() {
		if f := v.Field(i); f.Type().Elem() == reflect.TypeOf(ev) {
			p := reflect.New(f.Type().Elem())
			p.Elem().Set(reflect.ValueOf(ev))
			f.Set(p)
			return up, nil
		}
	}
	return nil, fmt.Errorf("%w: %T is no event of a worker", ErrMessage, ev)
}

// Valid reports a message to an agent that is none.
func (d *Down) Valid() error {
	_, err := only(reflect.ValueOf(d).Elem())
	return err
}

// only returns the one field that is set.
func only(v reflect.Value) (reflect.Value, error) {
	var found reflect.Value
	n := 0
	for i := range v.NumField() {
		if f := v.Field(i); !f.IsNil() {
			found = f
			n++
		}
	}
	if n != 1 {
		return reflect.Value{}, fmt.Errorf("%w: %s with %d parts, want 1", ErrMessage, v.Type().Name(), n)
	}
	return found, nil
}
