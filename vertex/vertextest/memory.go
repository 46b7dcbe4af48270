package vertextest

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/streamscope/streamscope/shuffle/batch"
	"github.com/streamscope/streamscope/vertex"
)

// MemoryOutput is what MemorySinks write to. It survives them, as a file survives the process that writes it, so that a test can drop a
// sink at any moment and open the output again.
type MemoryOutput struct {
	Rows    *batch.Builder // everything written, also behind the last checkpoint
	Stutter int            // every Stutter-th Write finds the sink busy; 0: never
	// Later, if set, is given the answer to each Checkpoint and calls it when it likes, in order; without it a Checkpoint is answered
	// within the call. It need not call the answers of a sink that was dropped.
	Later    func(answer func())
	Finished bool
	Aborted  bool
	writer   *MemorySink // the sink opened last: earlier ones are dead
}

// NewMemoryOutput returns an empty output for rows of a schema.
func NewMemoryOutput(s *batch.Schema) *MemoryOutput { return &MemoryOutput{Rows: batch.NewBuilder(s)} }

// Open begins the output anew, or cuts it back to a position, the number of its rows as 8 bytes. Sinks opened earlier fail from then on.
func (o *MemoryOutput) Open(resume []byte, wake func()) (*MemorySink, error) {
	rows := uint64(0)
	if resume != nil {
		if len(resume) != 8 {
			return nil, fmt.Errorf("memory: got a position of %d bytes, want 8", len(resume))
		}
		if rows = binary.LittleEndian.Uint64(resume); rows > uint64(o.Rows.Len()) {
			return nil, fmt.Errorf("memory: the position is behind row %d, but the output has %d", rows, o.Rows.Len())
		}
	}
	o.Rows.Truncate(int(rows))
	o.Finished, o.Aborted = false, false
	o.writer = &MemorySink{MemoryOutput: o, wake: wake}
	return o.writer, nil
}

// MemorySink is a vertex.Sink that keeps its rows in a MemoryOutput.
type MemorySink struct {
	*MemoryOutput
	writes int
	left   bool
	wake   func()
}

var _ vertex.Sink = (*MemorySink)(nil)

// NewMemorySink returns a sink over a new output.
func NewMemorySink(s *batch.Schema, stutter int, wake func()) *MemorySink {
	o := NewMemoryOutput(s)
	o.Stutter = stutter
	o.writer = &MemorySink{MemoryOutput: o, wake: wake}
	return o.writer
}

var errFenced = errors.New("memory: the output was opened again, or let go")

func (m *MemorySink) fenced() bool { return m.writer != m || m.left }

// Write copies the rows.
func (m *MemorySink) Write(b *batch.Batch) (bool, error) {
	if m.fenced() {
		return false, errFenced
	}
	m.writes++
	if m.Stutter > 0 && m.writes%m.Stutter == 0 {
		m.wake()
		return false, nil
	}
	m.Rows.AppendBatch(b, 0, b.N)
	return true, nil
}

// Checkpoint answers with the number of rows.
func (m *MemorySink) Checkpoint(done func(position []byte, err error)) {
	rows := uint64(m.Rows.Len())
	answer := func() {
		if m.fenced() {
			done(nil, errFenced)
			return
		}
		done(binary.LittleEndian.AppendUint64(nil, rows), nil)
	}
	if m.Later != nil {
		m.Later(answer)
		return
	}
	answer()
}

// Finish marks the output as finished.
func (m *MemorySink) Finish() (bool, error) {
	if m.fenced() {
		return false, errFenced
	}
	m.Finished = true
	return true, nil
}

// Abort marks the output as aborted.
func (m *MemorySink) Abort() {
	if !m.fenced() {
		m.Aborted = true
	}
}

// Leave lets go of the output.
func (m *MemorySink) Leave() { m.left = true }
