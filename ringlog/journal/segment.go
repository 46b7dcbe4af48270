package journal

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/cespare/xxhash/v2"

	"github.com/streamscope/streamscope/ringlog/frame"
)

// ErrDamaged wraps complaints about what lies in a journal.
var ErrDamaged = errors.New("damaged journal")

const (
	magic     = "SSJRNL1\n"
	version   = 2
	headerLen = 64
	recordLen = 20 // before the body
	bodyLen   = 32 // before the runs
	runLen    = 8

	// maxRuns bounds a record: a tick is cut long before it has so many.
	maxRuns = 1 << 20

	// inputRuns, in the place of a number of runs, says that the record is one of input.
	inputRuns = 1<<32 - 1
	inputLen  = 16 // before the bytes

	bodyMax = bodyLen + max(maxRuns*runLen, inputLen+InputMaxBytes)
)

// What flags of input mean.
const (
	flagMore = 1 << iota
	flagEnd
)

var le = binary.LittleEndian

// owner says whose a journal is.
type owner struct {
	job   uint64
	stage uint32
	node  frame.NodeID
}

// header is the beginning of a segment.
type header struct {
	owner
	incarnation frame.Incarnation
	sealed      uint64 // bytes of the segment before that count
	first       uint64 // number of the first record
}

func (h *header) append(b []byte) []byte {
	at := len(b)
	b = append(b, magic...)
	b = le.AppendUint32(b, version)
	b = le.AppendUint32(b, h.stage)
	b = le.AppendUint64(b, h.job)
	b = le.AppendUint32(b, uint32(h.node))
	b = le.AppendUint32(b, uint32(h.incarnation))
	b = le.AppendUint64(b, h.sealed)
	b = le.AppendUint64(b, h.first)
	b = le.AppendUint64(b, 0)
	return le.AppendUint64(b, xxhash.Sum64(b[at:]))
}

func parseHeader(b []byte) (h header, err error) {
	switch {
	case len(b) < headerLen || string(b[:8]) != magic:
		return h, fmt.Errorf("%w: it does not begin like one", ErrDamaged)
	case le.Uint64(b[56:]) != xxhash.Sum64(b[:56]):
		return h, fmt.Errorf("%w: the header's sum is wrong", ErrDamaged)
	case le.Uint32(b[8:]) != version:
		return h, fmt.Errorf("journal of version %d, want %d", le.Uint32(b[8:]), version)
	}
	h.stage, h.job = le.Uint32(b[12:]), le.Uint64(b[16:])
	h.node, h.incarnation = frame.NodeID(le.Uint32(b[24:])), frame.Incarnation(le.Uint32(b[28:]))
	h.sealed, h.first = le.Uint64(b[32:]), le.Uint64(b[40:])
	return h, nil
}

// appendRecord encodes a record under its number.
func appendRecord(b []byte, number uint64, r *Record) []byte {
	at := len(b)
	b = append(b, make([]byte, recordLen)...)
	runs := uint32(len(r.Runs))
	if r.Input != nil {
		runs = inputRuns
	}
	b = le.AppendUint32(b, uint32(r.Task))
	b = le.AppendUint32(b, runs)
	b = le.AppendUint64(b, uint64(r.First))
	b = le.AppendUint64(b, uint64(r.Last))
	b = le.AppendUint64(b, uint64(r.CTI))
	if r.Input != nil {
		b = r.Input.append(b)
	} else {
		for _, run := range r.Runs {
			b = le.AppendUint32(b, run.Split)
			b = le.AppendUint32(b, run.Rows)
		}
	}
	le.PutUint32(b[at:], uint32(len(b)-at-recordLen))
	le.PutUint64(b[at+4:], number)
	le.PutUint64(b[at+12:], recordSum(b[at:]))
	return b
}

// recordSum is the sum of an encoded record.
func recordSum(b []byte) uint64 {
	var d xxhash.Digest
	d.ResetWithSeed(uint64(le.Uint32(b)) ^ le.Uint64(b[4:])*0x9e3779b97f4a7c15)
	_, _ = d.Write(b[recordLen:])
	return d.Sum64()
}

// parseRecord reads the record at the beginning of b, which must have the number wanted. Input lies in b.
func parseRecord(b []byte, want uint64) (r Record, n int, err error) {
	if len(b) < recordLen {
		return r, 0, fmt.Errorf("%w: %d bytes where a record begins, want at least %d", ErrDamaged, len(b), recordLen)
	}
	body := uint64(le.Uint32(b))
	if body < bodyLen || body > bodyMax || body > uint64(len(b)-recordLen) {
		return r, 0, fmt.Errorf("%w: a record of %d bytes, %d are left", ErrDamaged, body, len(b)-recordLen)
	}
	n = recordLen + int(body)
	b = b[:n]
	if got := le.Uint64(b[12:]); got != recordSum(b) {
		return r, 0, fmt.Errorf("%w: the sum of record %d is wrong", ErrDamaged, want)
	}
	if got := le.Uint64(b[4:]); got != want {
		return r, 0, fmt.Errorf("%w: record %d, want %d", ErrDamaged, got, want)
	}
	b = b[recordLen:]
	r = Record{
		Number: want, Task: frame.TaskID(le.Uint32(b)), First: frame.Tick(le.Uint64(b[8:])), Last: frame.Tick(le.Uint64(b[16:])), CTI: frame.CTI(le.Uint64(b[24:])),
	}
	switch runs := le.Uint32(b[4:]); {
	case runs == inputRuns && body >= bodyLen+inputLen:
		if r.Input, err = parseInput(b[bodyLen:]); err != nil {
			return r, 0, fmt.Errorf("%w: record %d: %w", ErrDamaged, want, err)
		}
	case uint64(runs)*runLen+bodyLen == body:
		r.Runs = make([]Run, runs)
	default:
		return r, 0, fmt.Errorf("%w: record %d of %d bytes with %d runs", ErrDamaged, want, body, runs)
	}
	for i := range r.Runs {
		at := b[bodyLen+i*runLen:]
		r.Runs[i] = Run{le.Uint32(at), le.Uint32(at[4:])}
	}
	if r.First == 0 || r.Last < r.First {
		return r, 0, fmt.Errorf("%w: record %d of ticks %d to %d", ErrDamaged, want, r.First, r.Last)
	}
	return r, n, nil
}
