package snapshot

import "sync"

const (
	// aheadLeast is from how many bytes on the pages of a part are read ahead.
	aheadLeast = 4 << 20
	// aheadPieces are read at a time, of aheadBytes at most: a disk is at its best with a few requests, and sums are made by other goroutines than
	// the one that restores.
	aheadPieces = 4
	aheadBytes  = 1 << 20
)

// ahead reads the pages of a part in the order of their numbers, before they are asked for.
type ahead struct {
	part   *loadedPart
	pieces chan *piece // in order
	free   chan []byte // memory of pieces that were read
	stop   chan struct{}
	ended  sync.WaitGroup
	now    *piece // what the reader is in
}

// piece is pages that lie one behind the other in a file.
type piece struct {
	first, last uint32 // numbers; those between them that there are not are passed over
	done        chan struct{}
	b           []byte
	from        int64 // of b
	err         error
}

// readAhead begins with a page.
func readAhead(p *loadedPart, first uint32) *ahead {
	a := &ahead{
		part: p, pieces: make(chan *piece, aheadPieces-1), // and the one that the reader waits for
		free: make(chan []byte, aheadPieces+1), stop: make(chan struct{}),
	}
	a.ended.Go(func() {
		defer close(a.pieces)
		for no := first; int(no) < len(p.at); {
			x := p.piece(no)
			no = x.last + 1
			if x.done == nil {
				continue
			}
			select {
			case a.pieces <- x:
			case <-a.stop:
				return
			}
			a.ended.Go(func() {
				defer close(x.done)
				select {
				case x.b = <-a.free:
				default:
				}
				x.err = p.fetch(x)
			})
		}
	})
	return a
}

// piece is the next pages from a number on that can be read at once; its done is nil if there is none.
func (p *loadedPart) piece(no uint32) *piece {
	for ; int(no) < len(p.at) && p.sums.pages[no].size == 0; no++ {
	}
	x := &piece{first: no, last: no}
	if int(no) >= len(p.at) {
		return x
	}
	x.done = make(chan struct{})
	from, to := p.at[no].at, p.at[no].at+int64(p.sums.pages[no].size)
	for n := no + 1; int(n) < len(p.at); n++ {
		size := int64(p.sums.pages[n].size)
		if size == 0 {
			continue
		}
		if p.at[n].file != p.at[no].file || p.at[n].at != to || to+size-from > aheadBytes {
			break
		}
		x.last, to = n, to+size
	}
	return x
}

// fetch reads a piece and checks its pages.
func (p *loadedPart) fetch(x *piece) (err error) {
	first, last := &p.at[x.first], &p.at[x.last]
	x.from = first.at &^ (blockBytes - 1)
	if x.b, err = readBlocks(first.file, x.b, x.from, last.at+int64(p.sums.pages[x.last].size)); err != nil {
		return p.failed(x.first, err)
	}
	for no := x.first; no <= x.last; no++ {
		if p.sums.pages[no].size > 0 {
			if err := p.check(no, p.within(x, no)); err != nil {
				return err
			}
		}
	}
	return nil
}

// within is the content of a page in a piece that was read.
func (p *loadedPart) within(x *piece, no uint32) []byte {
	at := p.at[no].at - x.from
	return x.b[at : at+int64(p.sums.pages[no].size)]
}

// read copies a page, if it is not before those that were read last.
func (a *ahead) read(no uint32, dst []byte) (ok bool, err error) {
	for a.now == nil || a.now.last < no {
		x, more := <-a.pieces
		if !more {
			return false, nil
		}
		<-x.done
		if a.now != nil {
			a.free <- a.now.b // there is room for all
		}
		a.now = x
	}
	if no < a.now.first {
		return false, nil
	}
	if a.now.err != nil {
		return true, a.now.err
	}
	copy(dst, a.part.within(a.now, no))
	return true, nil
}

// close ends it.
func (a *ahead) close() {
	close(a.stop)
	a.ended.Wait()
}
