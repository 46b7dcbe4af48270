package shuffle

import (
	"context"
	"fmt"

	"github.com/streamscope/streamscope/ringlog/frame"
)

// Advance promises that no later row of this writer has Vs below cti; unordered shuffles only. Readers are told the minimum over all writers
// that are neither closed nor idle. A cti below what the writer has promised is ErrLate. On an idle writer it is the end of its idleness,
// as Write is; the promise then is what Idle says, if that is more.
func (w *Writer) Advance(cti CTI) error {
	_, err := w.advance(cti)
	return err
}

// advance is Advance; false means that rows which came one by one, and which the promise must follow, found no room.
func (w *Writer) advance(cti CTI) (bool, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.mayPromise(cti, !w.s.cfg.Ordered); err != nil {
		return false, err
	}
	if ok, err := w.pushTyped(); !ok {
		return false, err
	}
	if w.mu.idle {
		w.resume()
	}
	if cti > w.mu.cti {
		w.mu.cti = cti
		w.touch()
	}
	return true, nil
}

func (w *Writer) mayPromise(cti CTI, mode bool) error {
	switch {
	case !mode:
		return ErrMode
	case w.s.hasFailed():
		return w.s.Err()
	case w.mu.ended:
		return ErrWriterClosed
	case cti < w.mu.cti:
		return fmt.Errorf("shuffle: CTI %d: %w: %d", cti, ErrLate, w.mu.cti)
	case cti >= -NoCTI:
		return fmt.Errorf("shuffle: CTI %d, want below %d", cti, -NoCTI)
	}
	return nil
}

// Idle takes the writer out of the minimum that readers are told: it has nothing to write for a while. It promises one microsecond more
// than the writer's CTI. The next Write or Advance brings it back, and may have to wait for the other processes to be heard: from then on,
// the writer has promised whatever readers have been promised without it, and a row below that is ErrLate. Unordered shuffles only.
func (w *Writer) Idle() error {
	_, err := w.tryIdle()
	return err
}

// tryIdle is Idle; false means what it means for advance.
func (w *Writer) tryIdle() (bool, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.mayPromise(w.mu.cti, !w.s.cfg.Ordered); err != nil {
		return false, err
	}
	if ok, err := w.pushTyped(); !ok {
		return false, err
	}
	if !w.mu.idle || w.mu.resumes {
		w.mu.idle, w.mu.resumes = true, false
		w.touch()
	}
	return true, nil
}

// resume brings an idle writer back into the minimum, as soon as it is known what was promised without it. The writer's tick stands still
// until then, so that nothing more is. The lock is held.
func (w *Writer) resume() bool {
	if w.mu.said&1 == 0 || w.mu.said == frame.MaxCTI {
		w.mu.idle, w.mu.resumes = false, false // nobody has heard of it
		return true
	}
	promise, known := w.s.pace.promised(w.mu.tick - 1)
	if !known {
		w.mu.resumes = true
		return false
	}
	w.mu.idle, w.mu.resumes = false, false
	w.mu.cti = max(w.mu.cti, w.mu.said>>1+1, promise)
	w.touch()
	w.gate.open()
	return true
}

// EndRound ends the writer's round, of an ordered shuffle, and promises that no later row has Vs below cti. It waits while the writer is too
// many rounds ahead of the readers: until ctx ends, or the shuffle fails. A cti below the last is ErrLate.
func (w *Writer) EndRound(ctx context.Context, cti CTI) error {
	return w.wait(ctx, func() (bool, error) { return w.TryEndRound(cti) })
}

// TryEndRound is EndRound that does not wait: false means that the shuffle is full, and the round is still open.
func (w *Writer) TryEndRound(cti CTI) (bool, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.mayPromise(cti, w.s.cfg.Ordered); err != nil {
		return false, err
	}
	if ready, err := w.ready(); !ready {
		return false, err
	}
	if ok, err := w.pushTyped(); !ok {
		return false, err
	}
	w.mu.cti = cti
	w.close(w.mu.tick, w.mu.tick, cti)
	w.opened(w.mu.tick + 1)
	w.flush()
	return true, nil
}
