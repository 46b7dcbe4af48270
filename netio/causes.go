package netio

import (
	"errors"
	"fmt"
	"runtime/debug"

	"github.com/streamscope/streamscope/netio/wire"
	"github.com/streamscope/streamscope/ringlog/frame"
)

var (
	// ErrBye: the peer ended the link in an orderly way; all it had to send has arrived.
	ErrBye = errors.New("peer said bye")
	// ErrLost: the connection was closed or reset, or the peer vanished.
	ErrLost = errors.New("connection lost")
	// ErrSilent: no whole unit arrived in time.
	ErrSilent = errors.New("peer is silent")
	// ErrStalled: a write made no progress in time.
	ErrStalled = errors.New("write stalled")
	// ErrFlood: more unread input piled up than Config.MaxBufferedBytes.
	ErrFlood = errors.New("flood of input")
	// ErrReplaced: the peer made a newer connection.
	ErrReplaced = errors.New("replaced by a newer connection")
	// ErrClosed: this end closed the link or its endpoint.
	ErrClosed = errors.New("link closed")
	// ErrPanic: an Outgoing or Incoming panicked.
	ErrPanic = errors.New("panic")
	// ErrRefused: the peer refuses this node for good.
	ErrRefused = errors.New("refused")
)

// Cause classifies why a connection ended, for counting.
type Cause uint8

// The causes.
const (
	CauseOther Cause = iota // an error of an Outgoing or Incoming
	CauseBye
	CauseLost
	CauseSilent
	CauseStalled
	CauseFlood
	CauseReplaced
	CauseClosed
	CausePanic
	CauseGarbage
	CauseOversized
	CauseOverrun
	causeEnd
)

// Causes is the number of causes, for arrays of counters.
const Causes = int(causeEnd)

var causeNames = [...]string{"other", "bye", "lost", "silent", "stalled", "flood", "replaced", "closed", "panic", "garbage", "oversized", "overrun"}

func (c Cause) String() string {
	if c < causeEnd {
		return causeNames[c]
	}
	return fmt.Sprintf("cause %d", uint8(c))
}

var causeOf = []struct {
	err   error
	cause Cause
}{
	{ErrBye, CauseBye},
	{ErrSilent, CauseSilent},
	{ErrStalled, CauseStalled},
	{ErrFlood, CauseFlood},
	{ErrReplaced, CauseReplaced},
	{ErrClosed, CauseClosed},
	{ErrPanic, CausePanic},
	{ErrOverrun, CauseOverrun},
	{wire.ErrOversized, CauseOversized},
	{wire.ErrGarbage, CauseGarbage},
	{ErrUnknownEdge, CauseGarbage},
	{frame.ErrCorrupt, CauseGarbage},
	{ErrLost, CauseLost},
}

// CauseOf classifies the error that a connection ended with.
func CauseOf(err error) Cause {
	for _, c := range causeOf {
		if errors.Is(err, c.err) {
			return c.cause
		}
	}
	return CauseOther
}

// guard calls f and makes an error of its panic, so that a fault in one link's user ends that connection and not the process.
func guard(f func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%w: %v\n%s", ErrPanic, p, debug.Stack())
		}
	}()
	return f()
}
