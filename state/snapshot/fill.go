package snapshot

import (
	"fmt"
	"sync"
)

const (
	// fillers read at a time: a disk is at its best with a few requests, and all of them make sums, copies, and the first touch of new memory.
	fillers = 4
	// fillersLeast is from how many bytes of pages on there is more than one.
	fillersLeast = 4 << 20
	// pieceBytes is the most that one of them reads at a time: two that touch a new huge page at once both clear it.
	pieceBytes = 2 << 20
)

// filling is the pages of a part that are being read.
type filling struct {
	part  *loadedPart
	pages [][]byte // by number; nil: none
	mu    struct {
		sync.Mutex
		next   int // pages before it are taken
		failed int // the lowest page of a piece that failed, if err is set
		err    error
	}
}

// read fills the pages of a part, and checks them.
func (p *loadedPart) read(pages [][]byte) error {
	f := filling{part: p, pages: pages}
	all := 0
	for no, dst := range pages {
		if dst != nil && (no >= len(p.at) || int(p.sums.pages[no].size) != len(dst)) {
			return damaged("part %d has no page %d of %d bytes", p.sums.id, no, len(dst))
		}
		all += len(dst)
	}
	if all < fillersLeast {
		f.run()
		return f.mu.err
	}
	var running sync.WaitGroup
	for range fillers {
		running.Go(f.run)
	}
	running.Wait()
	return f.mu.err
}

func (f *filling) run() {
	var b []byte
	for {
		first, last := f.take()
		if first == len(f.pages) {
			return
		}
		var err error
		if b, err = f.fill(b, first, last); err != nil {
			f.fail(first, err)
		}
	}
}

// take is the next pages that lie one behind the other in a file, and are to be read at once. There are none if the first is beyond all pages.
func (f *filling) take() (first, last int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.mu.err != nil {
		f.mu.next = len(f.pages)
	}
	for f.mu.next < len(f.pages) && f.pages[f.mu.next] == nil {
		f.mu.next++
	}
	first = f.mu.next
	if first == len(f.pages) {
		return first, first
	}
	from := f.part.at[first]
	to := from.at
	for no := first; no < len(f.pages); no++ {
		n := int64(len(f.pages[no]))
		if n == 0 {
			continue
		}
		if at := f.part.at[no]; no > first && (at.file != from.file || at.at != to || to+n-from.at > pieceBytes) {
			break
		}
		last, to = no, to+n
	}
	f.mu.next = last + 1
	return first, last
}

// fail keeps the error of the lowest page.
func (f *filling) fail(first int, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.mu.err == nil || first < f.mu.failed {
		f.mu.failed, f.mu.err = first, err
	}
}

// fill reads pages that take took, through b, which it returns for the next time.
func (f *filling) fill(b []byte, first, last int) ([]byte, error) {
	at := f.part.at[first]
	from := at.at &^ (blockBytes - 1)
	b, err := readBlocks(at.file, b, from, f.part.at[last].at+int64(len(f.pages[last])))
	if err != nil {
		return b, f.part.failed(first, err)
	}
	for no := first; no <= last; no++ {
		dst := f.pages[no]
		if dst == nil {
			continue
		}
		content := b[f.part.at[no].at-from:][:len(dst)]
		if err := f.part.check(no, content); err != nil {
			return b, err
		}
		copy(dst, content)
	}
	return b, nil
}

// failed says which page could not be read.
func (p *loadedPart) failed(no int, err error) error {
	return fmt.Errorf("%s: page %d: %w", p.at[no].name, no, err)
}

// check compares the content of a page with its sum.
func (p *loadedPart) check(no int, content []byte) error {
	if got, want := sumPage(uint32(no), content), p.sums.pages[no].sum; got != want {
		return fmt.Errorf("%s: %w", p.at[no].name, damaged("page %d: sum %#x, want %#x", no, got, want))
	}
	return nil
}
