package bench

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
)

// ReadOrNew reads a report to add to, or begins one where there is no such file.
func ReadOrNew(path string) (*Report, error) {
	r, err := ReadReport(path)
	if errors.Is(err, fs.ErrNotExist) {
		return &Report{Runs: []Run{}}, nil
	}
	return r, err
}

// SameMachine reports what keeps the results of now out of r, if anything: figures of two machines do not belong beside each other.
func (r *Report) SameMachine(now *Report) error {
	if len(r.Runs) == 0 {
		return nil
	}
	if why := otherMachine(r.Machine, now.Machine); why != "" {
		return fmt.Errorf("bench: the report to add to is of %s", why)
	}
	return nil
}

// Add puts the runs of another report of this machine into r: in the place of those of the same name, else at the end. The facts of the machine
// are the later ones, its noise that of both.
func (r *Report) Add(now *Report) error {
	if err := r.SameMachine(now); err != nil {
		return err
	}
	was := r.Machine
	r.Machine = now.Machine
	r.Machine.OtherCPU = max(was.OtherCPU, now.Machine.OtherCPU)
	r.Machine.Noisy = was.Noisy || now.Machine.Noisy
	for _, run := range now.Runs {
		if i := slices.IndexFunc(r.Runs, func(o Run) bool { return o.Name == run.Name }); i >= 0 {
			r.Runs[i] = run
		} else {
			r.Runs = append(r.Runs, run)
		}
	}
	return nil
}
