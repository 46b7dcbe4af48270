package ringlog

import "errors"

var (
	// ErrNoSegment means that no segment is free for this log now: yield, and retry after LogConfig.Wake. Nothing was claimed.
	ErrNoSegment = errors.New("no free segment")
	// ErrFrameTooLarge means that a frame of this length fits into no segment.
	ErrFrameTooLarge = errors.New("frame too large for a segment")
	// ErrTrimmed means that the frame was trimmed and its memory given back.
	ErrTrimmed = errors.New("frame was trimmed")
	// ErrNotCommitted means that the position lies at or beyond the committed position.
	ErrNotCommitted = errors.New("position is not committed")
	// ErrPoisoned means that a mapping of the log faulted: its content can no longer be trusted.
	ErrPoisoned = errors.New("log is poisoned")
	// ErrClosed means that the log or arena was closed.
	ErrClosed = errors.New("log is closed")
	// ErrExists means that segment files of the log's identity were left by a dead process: Recover or Discard them first.
	ErrExists = errors.New("segments of this log exist")
	// ErrCorrupt means that bytes which were committed, or acknowledged, are damaged.
	ErrCorrupt = errors.New("corrupt log")
	// ErrLeased means that leases outlive their arena; the memory goes when they are released.
	ErrLeased = errors.New("segments are still leased")
)
