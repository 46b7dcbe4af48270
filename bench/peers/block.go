package main

import (
	"fmt"

	"github.com/streamscope/streamscope/bench/rows"
)

// counts are the rows of each task in a block.
type counts [tasks]uint32

// sorter makes blocks of rows sorted by task: a counting sort, as a flush of the shuffle does it.
type sorter struct {
	stream rows.Stream
	made   uint64
	in     columns
	task   []uint8
	perm   []int32
}

func newSorter(stream rows.Stream, size int) *sorter {
	return &sorter{
		stream: stream, in: columnsIn(make([]int64, 4*size), size),
		task: make([]uint8, size), perm: make([]int32, size),
	}
}

// next makes as many rows as a block has, sorts them into out and returns how many each task got.
func (s *sorter) next(out columns) (n counts) {
	s.in.fill(s.stream, s.made)
	s.made += uint64(len(s.in.key))
	task := s.task[:len(s.in.key)]
	for i, k := range s.in.key {
		t := uint8(taskOf(k))
		task[i] = t
		n[t&(tasks-1)]++
	}
	var place [tasks]uint32
	for t := 1; t < tasks; t++ {
		place[t] = place[t-1] + n[t-1]
	}
	for i, t := range task {
		p := &place[t&(tasks-1)]
		s.perm[*p] = int32(i)
		*p++
	}
	gather(out.key, s.in.key, s.perm)
	gather(out.vs, s.in.vs, s.perm)
	gather(out.ve, s.in.ve, s.perm)
	gather(out.value, s.in.value, s.perm)
	return n
}

func gather(out, in []int64, perm []int32) {
	out = out[:len(perm)]
	for i, r := range perm {
		out[i] = in[r]
	}
}

// addBlock reads every column of a sorted block, task by task.
func addBlock(s *rows.Sums, c columns, n *counts) error {
	at := uint64(0)
	for _, of := range n {
		end := at + uint64(of)
		if end > uint64(len(c.key)) {
			return fmt.Errorf("block of %d rows: its tasks have more", len(c.key))
		}
		s.AddColumns(c.key[at:end], c.vs[at:end], c.ve[at:end], c.value[at:end])
		at = end
	}
	if at != uint64(len(c.key)) {
		return fmt.Errorf("block of %d rows: its tasks have %d", len(c.key), at)
	}
	return nil
}
