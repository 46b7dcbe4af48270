package parquet

import (
	"bytes"
	"encoding/binary"
	"testing"

	"github.com/streamscope/streamscope/shuffle/batch"
	"github.com/streamscope/streamscope/vertex/connect"
	"github.com/streamscope/streamscope/vertex/connect/internal/connecttest"
)

// stateOf writes rows with small row groups into a file and returns the writer's state and the bytes of the file.
func stateOf(t testing.TB, rows *batch.Builder) (state []byte, fileBytes uint64) {
	t.Helper()
	out, err := connect.CreateOutput(t.TempDir()+"/out.parquet", "k")
	if err != nil {
		t.Fatal(err)
	}
	defer out.Remove()
	w, err := newWriter(limits{rows: 100, bytes: 1 << 20}, out, rows.Schema.Fields, nil)
	if err == nil {
		err = w.add(rows.View())
	}
	if err == nil {
		state, err = w.state()
	}
	if err != nil {
		t.Fatal(err)
	}
	return state, w.at
}

// restored is a writer set to a state, without a file.
func restored(s *batch.Schema, state []byte, fileBytes uint64) (*writer, error) {
	w := &writer{limit: limits{rows: 100, bytes: 1 << 20}, schema: s, group: batch.NewBuilder(s)}
	return w, w.restore(state, fileBytes)
}

func TestStateGivesBackTheRows(t *testing.T) {
	for _, n := range []int{0, 1, 99, 100, 101, 250} {
		rows := everyKind(t, uint64(n))
		state, size := stateOf(t, rows)
		w, err := restored(rows.Schema, state, size)
		if err != nil {
			t.Fatal(err)
		}
		if got := len(w.before.RowGroups); got != n/100 {
			t.Errorf("%d rows: %d row groups, want %d", n, got, n/100)
		}
		tail := rows.View().Slice(n/100*100, n)
		if diff := connecttest.Diff(w.group.View(), &tail); diff != "" {
			t.Errorf("%d rows: %s", n, diff)
		}
		if _, err := restored(rows.Schema, state, size-1); err == nil {
			t.Errorf("%d rows: with a byte of the file missing: no error", n)
		}
	}
}

func TestStateCutOff(t *testing.T) {
	rows := everyKind(t, 250)
	state, size := stateOf(t, rows)
	tables := 4 + int(binary.LittleEndian.Uint32(state))
	for n := range state {
		if _, err := restored(rows.Schema, state[:n], size); (err == nil) != (n == tables) {
			t.Fatalf("%d of %d bytes: %v", n, len(state), err)
		}
	}
}

// Damage is found, or leaves a state of rows that can be written.
func FuzzState(f *testing.F) {
	rows := everyKind(f, 150)
	state, size := stateOf(f, rows)
	f.Add(state)
	f.Add(state[:len(state)/2])
	f.Add(bytes.Repeat([]byte{0xff}, 100))
	f.Add([]byte{0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff})
	f.Fuzz(func(t *testing.T, state []byte) {
		w, err := restored(rows.Schema, state, size)
		if err != nil {
			return
		}
		if err := w.group.Check(); err != nil {
			t.Fatal(err)
		}
		if w.group.Len() >= w.limit.rows {
			t.Fatalf("%d rows in a row group begun, want less than %d", w.group.Len(), w.limit.rows)
		}
	})
}
