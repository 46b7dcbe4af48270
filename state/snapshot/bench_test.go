package snapshot

import (
	"fmt"
	"testing"

	"github.com/cespare/xxhash/v2"

	"github.com/streamscope/streamscope/ringlog/frame"
	"github.com/streamscope/streamscope/state"
)

const benchBytes = 64 << 20

func benchTable(b *testing.B) *state.Table {
	b.Helper()
	tab, err := state.NewTable(state.NewHeapPages(0), 6)
	if err != nil {
		b.Fatal(err)
	}
	var k []byte
	for i := 0; tab.Bytes() < benchBytes; i++ {
		k = fmt.Append(k[:0], i)
		if _, _, err := tab.Put(xxhash.Sum64(k), k); err != nil {
			b.Fatal(err)
		}
	}
	return tab
}

// BenchmarkFullSnapshot writes 64 MiB, reads them back and commits.
func BenchmarkFullSnapshot(b *testing.B) {
	tab := benchTable(b)
	s, err := OpenDir(b.TempDir())
	if err != nil {
		b.Fatal(err)
	}
	c := openTask(b, s, 1)
	b.SetBytes(int64(tab.Bytes()))
	for tick := frame.Tick(1); b.Loop(); tick++ {
		f, err := tab.Freeze()
		if err != nil {
			b.Fatal(err)
		}
		if _, err = c.Write(tick, &Image{Parts: []state.Part{{ID: 1, Frozen: f}}}); err == nil {
			err = c.Trim(tick)
		}
		f.Release()
		if err != nil {
			b.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		b.Fatal(err)
	}
}

// BenchmarkRestore loads 64 MiB and checks every reference.
func BenchmarkRestore(b *testing.B) {
	tab := benchTable(b)
	s, err := OpenDir(b.TempDir())
	if err != nil {
		b.Fatal(err)
	}
	f, err := tab.Freeze()
	if err == nil {
		_, err = openTask(b, s, 1).Write(1, &Image{Parts: []state.Part{{ID: 1, Frozen: f}}})
	}
	if err != nil {
		b.Fatal(err)
	}
	got, _ := state.NewTable(state.NewHeapPages(0), 6)
	b.SetBytes(int64(tab.Bytes()))
	for b.Loop() {
		l, err := Load(s, 9, 3, 1)
		if err == nil {
			err = got.ThawPages(l.Parts[0].Head, l.Parts[0].Read)
		}
		if err == nil {
			err = l.Close()
		}
		if err != nil {
			b.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		b.Fatal(err)
	}
}
