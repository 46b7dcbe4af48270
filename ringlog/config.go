package ringlog

import (
	"errors"
	"fmt"

	"github.com/streamscope/streamscope/ringlog/frame"
)

// Backing says what memory segments are made of.
type Backing uint8

// The backings.
const (
	Memfd     Backing = iota // sealed files without a name, which other processes can map: the default
	Tmpfs                    // files in ArenaConfig.Dir, which survive the death of the process
	Heap                     // ordinary memory, for tests; forced in race builds, since the race detector does not see mappings
	Anonymous                // mapped memory of this process alone: costs less to get and to give back than a file's
)

var backingNames = [...]string{"memfd", "tmpfs", "heap", "anonymous"}

func (b Backing) String() string {
	if int(b) < len(backingNames) {
		return backingNames[b]
	}
	return fmt.Sprintf("backing %d", uint8(b))
}

// ArenaConfig configures an arena. The zero value is usable.
type ArenaConfig struct {
	SegmentBytes int     // power of two, 64 KiB or more; default 4 MiB
	LimitBytes   int64   // of all segments together; default: the lesser of 1 GiB and half of the available memory
	Backing      Backing // default Memfd
	Dir          string  // of segment files; for Tmpfs only
	SpillDir     string  // for the unlinked spill file; "": no spilling
	CacheBytes   int64   // of spilled blocks read back; default 16 segments' worth, at most 64 MiB
	// OnError is told of failures that no caller sees: growth refused by the system, errors of the spill file. It may be
	// called from the goroutine of Step only. Optional.
	OnError func(error)
	// Available is the memory that the machine could still give; default AvailableMemory. Simulators have machines of their own.
	Available func() (Memory, error)
	// OpenSpill opens the spill file; default a file without a name in SpillDir. Simulators have disks of their own.
	OpenSpill func() (SpillFile, error)
}

// Populated free segments that Step keeps ready: two, and more where segments are small and an arena has many, since a tick that is late by a few
// milliseconds must not meet a writer that waits for memory to be populated, a millisecond per MiB.
const (
	aheadSegments = 2
	aheadMost     = 8
	aheadBytes    = 8 << 20
	aheadShare    = 16 // of the arena's segments
)

func (c *ArenaConfig) ahead() int {
	limit := c.LimitBytes / int64(c.SegmentBytes)
	return int(max(aheadSegments, min(aheadMost, aheadBytes/int64(c.SegmentBytes), limit/aheadShare)))
}

// headroomBytes of available memory are never taken for segments: a control group kills the process that asks for memory when the last of
// it is gone, and the heap asks at any time.
const headroomBytes = 16 << 20

// uncheckedShare is the part of the memory found available that may be taken before the next look: so little that neither other arenas, which do the
// same, nor other programs use up the rest meanwhile.
const uncheckedShare = 256

// minReserve is the least number of segments that every log can always have: one open, one being waited for.
const minReserve = 2

func (c *ArenaConfig) setDefaults() error {
	if c.SegmentBytes == 0 {
		c.SegmentBytes = DefaultSegmentBytes
	}
	if raceBuild {
		c.Backing = Heap
	}
	if c.Available == nil {
		c.Available = AvailableMemory
	}
	if c.OpenSpill == nil && c.SpillDir != "" {
		dir := c.SpillDir
		c.OpenSpill = func() (SpillFile, error) { return createUnlinked(dir) }
	}
	if c.OnError == nil {
		c.OnError = func(error) {}
	}
	if c.CacheBytes == 0 {
		c.CacheBytes = min(16*int64(c.SegmentBytes), 64<<20)
	}
	m, err := c.Available()
	if err != nil {
		return err
	}
	if c.LimitBytes == 0 {
		c.LimitBytes = max(min(1<<30, m.Bytes/2), minReserve*int64(c.SegmentBytes))
	}
	if c.LimitBytes > m.Bytes-headroomBytes {
		return fmt.Errorf("arena limit: got %d bytes, want at most %d: %d bytes are available (%s), and %d of them are left to the rest of the process",
			c.LimitBytes, max(0, m.Bytes-headroomBytes), m.Bytes, m.Source, headroomBytes)
	}
	return nil
}

func (c *ArenaConfig) validate() error {
	_, err := NewLayout(c.SegmentBytes)
	errs := []error{err}
	if c.LimitBytes < minReserve*int64(c.SegmentBytes) {
		errs = append(errs, fmt.Errorf("arena limit: got %d bytes, want at least %d segments of %d bytes", c.LimitBytes, minReserve, c.SegmentBytes))
	}
	if c.Backing > Anonymous {
		errs = append(errs, fmt.Errorf("arena: unknown %v", c.Backing))
	}
	if c.Backing == Tmpfs && c.Dir == "" {
		errs = append(errs, errors.New("arena: the tmpfs backing needs a directory"))
	}
	if c.CacheBytes < 0 {
		errs = append(errs, fmt.Errorf("arena: cache of %d bytes", c.CacheBytes))
	}
	return errors.Join(errs...)
}

// LogConfig configures a log.
type LogConfig struct {
	Job         uint64
	Node        frame.NodeID
	Core        frame.CoreID
	Incarnation frame.Incarnation // greater than that of any earlier log of this identity
	Relay       bool              // a receive log: frames are appended verbatim; never recovered
	Sums        bool              // Commit sets the frames' sums
	Reserve     int               // segments that the log can always have; default and least 2
	// Wake is called when a writer that got ErrNoSegment may try again: from any goroutine, holding no lock. It must not
	// block. Optional.
	Wake func()
}

func (c *LogConfig) identity() Identity { return Identity{c.Job, c.Node, c.Core} }
