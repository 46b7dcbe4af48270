package job

import (
	"fmt"
	"path"
	"runtime"
	"strings"
)

// Place is a line of the user's source.
type Place struct {
	File string // as the compiler recorded it
	Line int
}

// String gives the file with its directory, and the line: "flights/job.go:31".
func (p Place) String() string {
	if p.File == "" {
		return "unknown place"
	}
	return fmt.Sprintf("%s/%s:%d", path.Base(path.Dir(p.File)), path.Base(p.File), p.Line)
}

// self is the prefix of the names of this package's functions.
var self = func() string {
	pc, _, _, _ := runtime.Caller(0)
	name := runtime.FuncForPC(pc).Name() // ".../control/job.init" or ".../control/job.init.func1"
	slash := strings.LastIndexByte(name, '/')
	return name[:slash+1+strings.IndexByte(name[slash+1:], '.')+1]
}()

// caller is the innermost line outside this package; its own tests count as users.
func caller() Place {
	var pcs [32]uintptr
	frames := runtime.CallersFrames(pcs[:runtime.Callers(2, pcs[:])])
	for {
		f, more := frames.Next()
		if !strings.HasPrefix(f.Function, self) || strings.HasSuffix(f.File, "_test.go") {
			return Place{f.File, f.Line}
		}
		if !more {
			return Place{}
		}
	}
}

// Error is one mistake in a job, at the line where it was made.
type Error struct {
	At   Place
	Job  string
	Name string // of the operator; empty for the job itself
	Err  error
}

func (e *Error) Error() string {
	name := e.Job
	if e.Name != "" {
		name += "." + e.Name
	}
	return fmt.Sprintf("%v: %s: %v", e.At, name, e.Err)
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Errors are all mistakes of a job, in the order in which they were made; one line each.
type Errors []*Error

func (es Errors) Error() string {
	lines := make([]string, len(es))
	for i, e := range es {
		lines[i] = e.Error()
	}
	return strings.Join(lines, "\n")
}

// Unwrap lets errors.Is and errors.As look at each.
func (es Errors) Unwrap() []error {
	out := make([]error, len(es))
	for i, e := range es {
		out[i] = e
	}
	return out
}
