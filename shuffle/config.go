package shuffle

import (
	"errors"
	"fmt"
	"math/bits"
	"os"
	"time"

	"github.com/cespare/xxhash/v2"

	"github.com/streamscope/streamscope/netio/wire"
	"github.com/streamscope/streamscope/ringlog/frame"
	"github.com/streamscope/streamscope/shuffle/partition"
)

// Config says what a shuffle is. Zero values stand for the defaults. What all processes must agree on, and what they refuse each other
// for otherwise: Name, Token, the number of Peers, Schema, Keys, Partitions, Writers, Ordered, FrameBytes.
type Config struct {
	// Self is this process's place in Peers. Peers are the addresses, host:port, of all processes; with none, or one, the shuffle stays
	// within this process and opens no socket.
	Self  int
	Peers []string
	// Meet, if set, is called by Open once this process listens at addr (Peers[Self] may then end in port 0), and returns the addresses of
	// all processes: for those that cannot know them beforehand.
	Meet func(addr string) ([]string, error)
	// Token is what processes show each other to be let in; needed with more than one. It keeps strangers out, it encrypts nothing.
	Token string
	// Name tells shuffles of one token apart; "shuffle".
	Name string

	Schema     *Schema
	Keys       []string // columns whose hash chooses the partition; none: all rows go to partition 0
	Partitions int      // over all processes, at least one for each; default: one for each reader of this process, times the processes
	Writers    int      // of each process, each with a log of its own; 1
	Readers    int      // of this process, each with its own share of the partitions; 1
	// Ordered: writers end rounds, and readers see each round whole, in canonical order. Otherwise rows arrive as soon as they can.
	Ordered bool

	MemoryBytes  int64  // of the rings; at least what all logs must always have, which is also the default, or 64 MiB if that is more
	SegmentBytes int    // of which a log takes one at a time, a power of two from 64 KiB; 4 MiB, more between many processes
	FrameBytes   int    // the longest frame, and about what a writer collects for a process before it is sent; 256 KiB, less between many
	CreditBytes  int    // what a process may send to another beyond what that one reads at the moment; 1 MiB
	SpillDir     string // where rounds go that do not fit the memory; the system's directory for temporary files. Unordered shuffles never spill
	RoundsAhead  int    // rounds that a writer may be ahead of the slowest reader; 4

	FlushEvery  time.Duration // rows, and CTIs, wait at most about so long before they are sent; 5 ms
	JoinTimeout time.Duration // how long the other processes may take to come; 1 min
	PeerTimeout time.Duration // how long one may be silent, or gone, before it is lost; 10 s

	Events Events
}

// Events are called by the shuffle's goroutines when something happens. They must return soon and not call the Shuffle, save for its Stats.
// Nil ones are skipped.
type Events struct {
	PeerUp     func(node int)            // both links with a process are up
	PeerDown   func(node int, err error) // one went down; it is made again, until PeerTimeout
	Stats      func(Stats)               // every StatsEvery, and once at the end
	StatsEvery time.Duration             // 1 s
}

const mostNodes = 1024

func (c *Config) setDefaults() {
	def(&c.Name, "shuffle")
	def(&c.Writers, 1)
	def(&c.Readers, 1)
	nodes := c.nodes()
	def(&c.Partitions, nodes*c.Readers)
	if c.SegmentBytes == 0 {
		c.SegmentBytes = max(4<<20, 1<<bits.Len(uint(min(nodes, mostNodes)*stageShare*(64<<10)-1)))
	}
	def(&c.FrameBytes, min(256<<10, c.SegmentBytes/(stageShare*max(nodes, 1))))
	def(&c.CreditBytes, 1<<20)
	if c.Ordered {
		def(&c.SpillDir, os.TempDir())
	} else {
		c.SpillDir = ""
	}
	def(&c.RoundsAhead, 4)
	def(&c.MemoryBytes, max(64<<20, c.leastMemory()))
	def(&c.FlushEvery, 5*time.Millisecond)
	def(&c.JoinTimeout, time.Minute)
	def(&c.PeerTimeout, 10*time.Second)
	def(&c.Events.StatsEvery, time.Second)
}

func def[T comparable](v *T, d T) {
	var zero T
	if *v == zero {
		*v = d
	}
}

func (c *Config) nodes() int { return max(1, len(c.Peers)) }

// What a writer collects before it writes frames is a stageShare-th of a segment; when it has written a tickShare-th, it ends the tick. The rows of
// an open tick, with the tables of their frames, then always fit two segments, which every log can have: so a tick can be closed however full the
// memory is, and what was closed can be read and given back.
const (
	stageShare = 16
	tickShare  = 4
)

func (c *Config) tickBytes() int { return c.SegmentBytes / tickShare }

// receiveReserve is the segments that a tick of all writers of a process, and the credit beyond it, take in a receive log.
func (c *Config) receiveReserve() int {
	return 2 + c.Writers + (c.CreditBytes+c.SegmentBytes-1)/c.SegmentBytes
}

func (c *Config) leastMemory() int64 {
	segments := 2*(c.Writers+c.Readers) + (c.nodes()-1)*c.receiveReserve()
	return int64(segments+2) * int64(c.SegmentBytes)
}

// validate reports all complaints at once.
func (c *Config) validate() error {
	var errs []error
	complain := func(bad bool, format string, args ...any) {
		if bad {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	nodes := c.nodes()
	complain(c.Self < 0 || c.Self >= nodes, "Self %d, want a place in Peers, of which there are %d", c.Self, nodes)
	complain(nodes > mostNodes, "%d peers, want at most %d", nodes, mostNodes)
	complain(nodes > 1 && (c.Token == "" || len(c.Token) > wire.MaxNameLen), "a token of %d bytes, want 1 to %d between processes", len(c.Token), wire.MaxNameLen)
	complain(len(c.Name) > mostNameLen, "a name of %d bytes, want at most %d", len(c.Name), mostNameLen)
	complain(c.Readers < 1 || c.Readers > mostCores, "%d readers, want 1 to %d", c.Readers, mostCores)
	complain(c.Writers < 1 || c.Writers > mostCores, "%d writers, want 1 to %d", c.Writers, mostCores)
	complain(c.Partitions > partition.MaxTasks, "%d partitions, want at most %d", c.Partitions, partition.MaxTasks)
	complain(c.Partitions/nodes < c.Readers, "%d partitions for %d processes, %d readers in this one: want at least one for each reader", c.Partitions, nodes, c.Readers)
	if c.Schema == nil {
		errs = append(errs, errors.New("no schema"))
	} else if err := c.Schema.Valid(); err != nil {
		errs = append(errs, err)
	} else {
		_, err := c.keyColumns()
		errs = append(errs, err)
		least := frameOverhead(c.Schema) + frame.SubBatchLen + c.Schema.FixedRowBytes()
		complain(c.FrameBytes < max(least, 1024), "frames of %d bytes, want at least %d", c.FrameBytes, max(least, 1024))
	}
	complain(c.SegmentBytes < 64<<10 || c.SegmentBytes&(c.SegmentBytes-1) != 0, "segments of %d bytes, want a power of two from %d", c.SegmentBytes, 64<<10)
	complain(c.FrameBytes*nodes > c.SegmentBytes/stageShare, "frames of %d bytes to %d processes, segments of %d: want a frame for each in a %dth of a segment",
		c.FrameBytes, nodes, c.SegmentBytes, stageShare)
	complain(c.MemoryBytes < c.leastMemory(), "%d bytes of memory, want at least %d", c.MemoryBytes, c.leastMemory())
	complain(c.CreditBytes < 1, "%d bytes of credit, want at least 1", c.CreditBytes)
	complain(c.RoundsAhead < 1, "%d rounds ahead, want at least 1", c.RoundsAhead)
	for _, d := range []struct {
		name string
		d    time.Duration
	}{{"flush interval", c.FlushEvery}, {"join timeout", c.JoinTimeout}, {"peer timeout", c.PeerTimeout}, {"stats interval", c.Events.StatsEvery}} {
		complain(d.d <= 0, "%s %v, want above 0", d.name, d.d)
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("shuffle: bad configuration: %w", err)
	}
	return nil
}

const (
	mostCores   = 1024
	mostNameLen = wire.MaxNameLen - len(" 0123456789abcdef")
)

func (c *Config) keyColumns() ([]int, error) {
	var keys []int
	for _, k := range c.Keys {
		i := c.Schema.Index(k)
		if i < 0 {
			return nil, fmt.Errorf("key %q is not a column of %v", k, c.Schema)
		}
		keys = append(keys, i)
	}
	return keys, nil
}

// identity is the name under which processes meet: it holds a hash of what they must agree on.
func (c *Config) identity() string {
	h := xxhash.New()
	_, _ = fmt.Fprintf(h, "%d %q %d %d %v %d %x", c.nodes(), c.Keys, c.Partitions, c.Writers, c.Ordered, c.FrameBytes, c.Schema.AppendBinary(nil))
	return fmt.Sprintf("%s %016x", c.Name, h.Sum64())
}

// writers and partitions are the tasks of the shuffle's one edge.
func (c *Config) writers() TaskRange { return TaskRange{0, c.nodes() * c.Writers} }

func (c *Config) partitions() TaskRange {
	return TaskRange{frame.TaskID(c.writers().Count), c.Partitions}
}

// cluster places a writer on each of the first cores of a process, and nearly equal shares of its partitions on the others.
func (c *Config) cluster() Cluster {
	sources := frame.TaskID(c.writers().Count)
	return Cluster{Nodes: c.nodes(), Cores: c.Writers + c.Readers, OnCore: func(r TaskRange, core frame.CoreID) TaskRange {
		switch i := int(core); {
		case r.First < sources && i < c.Writers:
			return r.Part(i, c.Writers)
		case r.First >= sources && i >= c.Writers:
			return r.Part(i-c.Writers, c.Readers)
		}
		return TaskRange{First: r.First}
	}}
}
