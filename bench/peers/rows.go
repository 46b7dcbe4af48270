package main

import (
	"encoding/binary"
	"fmt"
	"time"
	"unsafe"

	"github.com/streamscope/streamscope/bench/rows"
	"github.com/streamscope/streamscope/shuffle/partition"
)

// The destinations of every measurement: as many as shuffle-local and shuffle-tcp have.
const (
	taskBits = 6
	tasks    = 1 << taskBits
)

// makeRows is how many rows a producer makes at a time, if they leave in batches of a task.
const makeRows = 2048

// taskOf is the destination of a key, by the engine's hash.
func taskOf(key int64) uint64 { return partition.MixV1(uint64(key)) >> (64 - taskBits) }

// Row is a row as a Go program holds it, and as it stands in messages: 32 bytes, little-endian on the machines that this runs on.
type Row struct{ Key, Vs, Ve, Value int64 }

// bytesOf is the memory of the rows, not a copy.
func bytesOf(r []Row) []byte {
	if len(r) == 0 {
		return nil
	}
	return unsafe.Slice((*byte)(unsafe.Pointer(&r[0])), len(r)*rows.Bytes)
}

// addRows reads every field.
func addRows(s *rows.Sums, r []Row) {
	var key, vs, ve, value int64
	for i := range r {
		key += r[i].Key
		vs += r[i].Vs
		ve += r[i].Ve
		value += r[i].Value
	}
	*s = s.Plus(rows.Sums{Rows: uint64(len(r)), Key: uint64(key), Vs: uint64(vs), Ve: uint64(ve), Value: uint64(value)})
}

// addBytes reads rows from a message, at any alignment.
func addBytes(s *rows.Sums, b []byte) error {
	if len(b)%rows.Bytes != 0 {
		return fmt.Errorf("message of rows: got %d bytes, want a multiple of %d", len(b), rows.Bytes)
	}
	t := rows.Sums{Rows: uint64(len(b) / rows.Bytes)}
	for ; len(b) >= rows.Bytes; b = b[rows.Bytes:] {
		t.Key += binary.LittleEndian.Uint64(b)
		t.Vs += binary.LittleEndian.Uint64(b[8:])
		t.Ve += binary.LittleEndian.Uint64(b[16:])
		t.Value += binary.LittleEndian.Uint64(b[24:])
	}
	*s = s.Plus(t)
	return nil
}

// columns are rows column by column.
type columns struct{ key, vs, ve, value []int64 }

// columnsIn cuts memory of 4*n words into columns.
func columnsIn(words []int64, n int) columns {
	return columns{words[:n:n], words[n : 2*n : 2*n], words[2*n : 3*n : 3*n], words[3*n : 4*n : 4*n]}
}

func (c columns) fill(s rows.Stream, first uint64) { s.Fill(c.key, c.vs, c.ve, c.value, first) }

// packet is rows for one task.
type packet struct{ rows []Row }

// spread makes rows and deals them out to packets by task.
type spread struct {
	stream rows.Stream
	size   int // rows of a full packet
	// send takes a packet, full or the last of its task, and returns an empty one to go on with.
	send func(task int, p *packet) (*packet, error)
	open [tasks]*packet
	made uint64
}

func newSpread(stream rows.Stream, size int) *spread {
	s := &spread{stream: stream, size: size}
	for t := range s.open {
		s.open[t] = newPacket(size)
	}
	return s
}

func newPacket(size int) *packet { return &packet{rows: make([]Row, 0, size)} }

// run makes and sends rows until then, at least one block.
func (s *spread) run(until time.Time) error {
	c := columnsIn(make([]int64, 4*makeRows), makeRows)
	for s.made == 0 || time.Now().Before(until) {
		c.fill(s.stream, s.made)
		if err := s.deal(c); err != nil {
			return err
		}
		s.made += makeRows
	}
	for t, p := range s.open {
		if len(p.rows) > 0 {
			if _, err := s.send(t, p); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *spread) deal(c columns) (err error) {
	n := len(c.key)
	vs, ve, value := c.vs[:n], c.ve[:n], c.value[:n]
	for i, k := range c.key {
		t := taskOf(k)
		p := s.open[t]
		p.rows = append(p.rows, Row{k, vs[i], ve[i], value[i]})
		if len(p.rows) == s.size {
			if s.open[t], err = s.send(int(t), p); err != nil {
				return err
			}
		}
	}
	return nil
}
