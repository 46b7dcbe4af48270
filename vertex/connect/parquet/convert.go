package parquet

import (
	"encoding/binary"
	"math"
	"strconv"
	"unicode/utf8"

	"github.com/apache/arrow-go/v18/parquet/file"
	"github.com/streamscope/streamscope/shuffle/batch"
	"github.com/streamscope/streamscope/vertex/connect"
)

// convert brings the values just read to the kind that is wanted, each to its row, and notes the rows that are bad.
func (w *window) convert() {
	switch w.rdr.(type) {
	case *file.Int32ColumnChunkReader:
		w.widen()
	case *file.Int96ColumnChunkReader:
		w.fromInt96()
	case *file.Float32ColumnChunkReader:
		w.f64 = sized(w.f64, w.size)
		for i, v := range w.f32[:w.n-w.nulls] {
			w.f64[i] = float64(v)
		}
	}
	switch w.leaf.Kind {
	case batch.Int64:
		spread(w.i64, w)
		w.checkUnsigned()
	case batch.Timestamp:
		spread(w.i64, w)
		w.toMicros()
	case batch.Float64:
		spread(w.f64, w)
	case batch.Bool:
		spread(w.bools, w)
	default:
		spread(w.bin, w)
	}
	w.check()
}

func (w *window) widen() {
	values := w.i32[:w.n-w.nulls]
	if w.leaf.Kind == batch.Float64 {
		w.f64 = sized(w.f64, w.size)
		for i, v := range values {
			w.f64[i] = float64(v)
		}
		return
	}
	w.i64 = sized(w.i64, w.size)
	if w.leaf.unsigned == 32 {
		for i, v := range values {
			w.i64[i] = int64(uint32(v))
		}
		return
	}
	for i, v := range values {
		w.i64[i] = int64(v)
	}
}

// fromInt96 reads the timestamps of old writers: nanoseconds of the day, then the Julian day.
func (w *window) fromInt96() {
	const julianEpoch = 2440588 // of 1970-01-01
	w.i64 = sized(w.i64, w.size)
	for i, v := range w.i96[:w.n-w.nulls] {
		inDay := int64(binary.LittleEndian.Uint64(v[:8])) / 1000
		day := int64(binary.LittleEndian.Uint32(v[8:])) - julianEpoch
		if inDay < 0 || inDay >= microsPerDay || day > maxDays || day < -maxDays {
			w.i64[i] = math.MaxInt64 // no time, refused below
			continue
		}
		w.i64[i] = day*microsPerDay + inDay
	}
}

const (
	microsPerDay = 86_400_000_000
	maxDays      = 4_000_000 // beyond year 9999
)

// toMicros scales times to microseconds, downwards; what leaves the range becomes no time, which check refuses.
func (w *window) toMicros() {
	switch w.leaf.unit {
	case millis:
		w.scale(1000)
	case days:
		w.scale(microsPerDay)
	case nanos:
		for i, v := range w.i64[:w.n] {
			q := v / 1000
			if v%1000 < 0 {
				q--
			}
			w.i64[i] = q
		}
	}
}

func (w *window) scale(by int64) {
	for i, v := range w.i64[:w.n] {
		if v > connect.MaxTime/by || v < connect.MinTime/by {
			w.i64[i] = math.MaxInt64
			continue
		}
		w.i64[i] = v * by
	}
}

func (w *window) checkUnsigned() {
	if w.leaf.unsigned != 64 {
		return
	}
	for i, v := range w.i64[:w.n] {
		if v < 0 {
			w.bad = append(w.bad, badRow{i, strconv.FormatUint(uint64(v), 10), "integer of 64 bits with a sign"})
		}
	}
}

// check notes nulls that the schema does not allow, times out of range, and text that is not UTF-8.
func (w *window) check() {
	if w.nulls > 0 && !w.leaf.Nullable {
		for i, d := range w.defs[:w.n] {
			if d == 0 {
				w.bad = append(w.bad, badRow{i, "null", connect.KindName(w.leaf.Kind)})
			}
		}
	}
	had := len(w.bad)
	switch w.leaf.Kind {
	case batch.Timestamp:
		for i, v := range w.i64[:w.n] {
			if v < connect.MinTime || v > connect.MaxTime {
				w.bad = append(w.bad, badRow{i, "a time out of range", "a time in the years 1 to 9999"})
			}
		}
	case batch.String:
		for i, v := range w.bin[:w.n] {
			if !utf8.Valid(v) {
				w.bad = append(w.bad, badRow{i, connect.Quote(v), "text in UTF-8"})
			}
		}
	}
	if had > 0 && len(w.bad) > had {
		sortBad(w.bad)
	}
}
