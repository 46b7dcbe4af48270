package peers

import (
	"fmt"
	"io"
	"sort"

	"github.com/cespare/xxhash/v2"

	"github.com/streamscope/streamscope/ringlog/frame"
	"github.com/streamscope/streamscope/state/snapshot"
)

// object is what a name stands for. It is not changed once it is complete.
type object struct {
	name    string
	tick    frame.Tick // its number
	swapped bool
	number  uint64   // of its last entry, in the stream of this life; 0: it is not complete
	held    int64    // room that its entries take, bytes
	entries [][]byte // until they are in the stream
	pieces  [][]byte
	ends    []int64 // of pieces, in the object
}

func (o *object) size() int64 {
	if len(o.ends) == 0 {
		return 0
	}
	return o.ends[len(o.ends)-1]
}

// add adds a piece.
func (o *object) add(piece []byte) {
	o.ends = append(o.ends, o.size()+int64(len(piece)))
	o.pieces = append(o.pieces, piece)
}

// version names its content.
func (o *object) version() snapshot.Version {
	d := xxhash.New()
	for _, p := range o.pieces {
		_, _ = d.Write(p) // never fails
	}
	return snapshot.Version(fmt.Sprintf("%d-%d-%016x", o.tick, o.size(), d.Sum64()))
}

// opened is an object for a reader.
type opened struct{ *object }

// Size implements snapshot.Object.
func (o opened) Size() int64 { return o.size() }

// Close implements snapshot.Object.
func (o opened) Close() error { return nil }

// ReadAt implements snapshot.Object.
func (o opened) ReadAt(b []byte, at int64) (n int, err error) {
	if at < 0 {
		return 0, fmt.Errorf("read of %s at %d", o.name, at)
	}
	i := sort.Search(len(o.ends), func(i int) bool { return o.ends[i] > at })
	for ; i < len(o.pieces) && n < len(b); i++ {
		from := at + int64(n) - (o.ends[i] - int64(len(o.pieces[i])))
		n += copy(b[n:], o.pieces[i][from:])
	}
	if n < len(b) {
		return n, io.EOF
	}
	return n, nil
}
