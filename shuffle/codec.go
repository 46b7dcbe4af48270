package shuffle

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"time"
	"unicode"
	"unsafe"

	"github.com/streamscope/streamscope/shuffle/batch"
)

// codec moves the fields of a Go struct to columns and back, by their places in memory.
type codec struct {
	schema *batch.Schema
	keys   []string
	cols   []slot
	time   slot // of Vs; goNone: rows have the time 0
}

// slot is a field of the struct.
type slot struct {
	kind   goKind
	offset uintptr
}

// goKind is how a field lies in memory.
type goKind uint8

const (
	goNone goKind = iota
	goBool
	goInt8
	goInt16
	goInt32
	goInt64
	goUint8
	goUint16
	goUint32
	goFloat32
	goFloat64
	goString
	goBytes
	goTime
)

var goKinds = map[reflect.Kind]struct {
	kind goKind
	col  batch.Kind
}{
	reflect.Bool: {goBool, batch.Bool}, reflect.Int8: {goInt8, batch.Int64}, reflect.Int16: {goInt16, batch.Int64},
	reflect.Int32: {goInt32, batch.Int64}, reflect.Int64: {goInt64, batch.Int64}, reflect.Int: {goInt64, batch.Int64},
	reflect.Uint8: {goUint8, batch.Int64}, reflect.Uint16: {goUint16, batch.Int64}, reflect.Uint32: {goUint32, batch.Int64},
	reflect.Float32: {goFloat32, batch.Float64}, reflect.Float64: {goFloat64, batch.Float64}, reflect.String: {goString, batch.String},
}

// goInt64 stands for int, too.
const _ = uint(unsafe.Sizeof(int(0)) - 8)

var (
	timeType  = reflect.TypeFor[time.Time]()
	bytesType = reflect.TypeFor[[]byte]()
)

// newCodec reads the fields and tags of a struct type. It reports all complaints.
func newCodec(t reflect.Type) (*codec, error) {
	if t.Kind() != reflect.Struct {
		return nil, fmt.Errorf("shuffle: rows of type %v, want a struct", t)
	}
	c := &codec{schema: &batch.Schema{}}
	var errs []error
	for i := range t.NumField() {
		if err := c.field(t.Field(i)); err != nil {
			errs = append(errs, fmt.Errorf("shuffle: field %s of %v: %w", t.Field(i).Name, t, err))
		}
	}
	if len(errs) == 0 {
		errs = append(errs, c.schema.Valid())
	}
	return c, errors.Join(errs...)
}

func (c *codec) field(f reflect.StructField) error {
	name, isKey, isTime := snake(f.Name), false, false
	for word := range strings.SplitSeq(f.Tag.Get("shuffle"), ",") {
		switch named, ok := strings.CutPrefix(word, "name="); {
		case word == "-":
			return nil
		case word == "key":
			isKey = true
		case word == "time":
			isTime = true
		case ok:
			name = named
		case word != "":
			return fmt.Errorf("tag %q, want key, time, name=… or -", word)
		}
	}
	if !f.IsExported() {
		return errors.New("is not exported; leave it out with the tag \"-\"")
	}
	kind, col, err := kindOf(f.Type)
	if err != nil {
		return err
	}
	s := slot{kind, f.Offset}
	if isTime {
		switch {
		case kind != goTime && kind != goInt64:
			return fmt.Errorf("a time of type %v, want time.Time or int64 microseconds", f.Type)
		case c.time.kind != goNone:
			return errors.New("is a second time")
		case isKey:
			return errors.New("is time and key, want one of them")
		}
		c.time = s
		return nil
	}
	c.schema.Fields = append(c.schema.Fields, batch.Field{Name: name, Kind: col})
	c.cols = append(c.cols, s)
	if isKey {
		c.keys = append(c.keys, name)
	}
	return nil
}

func kindOf(t reflect.Type) (goKind, batch.Kind, error) {
	switch {
	case t == timeType:
		return goTime, batch.Timestamp, nil
	case t.Kind() == reflect.Slice && t.Elem().Kind() == reflect.Uint8 && t.ConvertibleTo(bytesType):
		return goBytes, batch.Bytes, nil
	}
	k, ok := goKinds[t.Kind()]
	if !ok {
		return 0, 0, fmt.Errorf("type %v has no column: want bool, a signed integer, an unsigned one of at most 32 bits, a float, string, []byte or time.Time", t)
	}
	return k.kind, k.col, nil
}

// snake makes a column's name of a field's.
func snake(name string) string {
	var b strings.Builder
	rs := []rune(name)
	for i, r := range rs {
		if unicode.IsUpper(r) && i > 0 && (!unicode.IsUpper(rs[i-1]) || i+1 < len(rs) && unicode.IsLower(rs[i+1])) {
			b.WriteByte('_')
		}
		b.WriteRune(unicode.ToLower(r))
	}
	return b.String()
}

// integer reads a field that is a whole number, or a time.
func (s slot) integer(row unsafe.Pointer) int64 {
	p := unsafe.Add(row, s.offset)
	switch s.kind {
	case goInt64:
		return *(*int64)(p)
	case goInt32:
		return int64(*(*int32)(p))
	case goInt16:
		return int64(*(*int16)(p))
	case goInt8:
		return int64(*(*int8)(p))
	case goUint32:
		return int64(*(*uint32)(p))
	case goUint16:
		return int64(*(*uint16)(p))
	case goUint8:
		return int64(*(*uint8)(p))
	case goTime:
		return (*time.Time)(p).UnixMicro()
	}
	return 0
}

// setInteger is the reverse of integer.
func (s slot) setInteger(row unsafe.Pointer, v int64) {
	p := unsafe.Add(row, s.offset)
	switch s.kind {
	case goInt64:
		*(*int64)(p) = v
	case goInt32:
		*(*int32)(p) = int32(v)
	case goInt16:
		*(*int16)(p) = int16(v)
	case goInt8:
		*(*int8)(p) = int8(v)
	case goUint32:
		*(*uint32)(p) = uint32(v)
	case goUint16:
		*(*uint16)(p) = uint16(v)
	case goUint8:
		*(*uint8)(p) = uint8(v)
	case goTime:
		*(*time.Time)(p) = time.UnixMicro(v).UTC()
	}
}

// bytes is the variable bytes of a row.
func (c *codec) bytes(row unsafe.Pointer) (n int) {
	for _, s := range c.cols {
		p := unsafe.Add(row, s.offset)
		switch s.kind {
		case goString:
			n += len(*(*string)(p))
		case goBytes:
			n += len(*(*[]byte)(p))
		}
	}
	return n
}

// append appends the struct at row to b.
func (c *codec) append(b *batch.Builder, row unsafe.Pointer) {
	b.Vs = append(b.Vs, c.time.integer(row))
	for i, s := range c.cols {
		col, p := &b.Cols[i], unsafe.Add(row, s.offset)
		switch s.kind {
		case goInt64:
			col.I64 = append(col.I64, *(*int64)(p))
		case goFloat64:
			col.F64 = append(col.F64, *(*float64)(p))
		case goFloat32:
			col.F64 = append(col.F64, float64(*(*float32)(p)))
		case goString:
			col.AppendString(*(*string)(p))
		case goBytes:
			col.AppendBytes(*(*[]byte)(p))
		case goBool:
			col.AppendBool(*(*bool)(p))
		default:
			col.I64 = append(col.I64, s.integer(row))
		}
	}
}

// text holds, by column, the strings of a batch: one copy, of which rows take parts.
type text []string

func (c *codec) text(t text, b *batch.Batch) text {
	t = t[:0]
	for i, s := range c.cols {
		part := ""
		if s.kind == goString && b.N > 0 {
			offs, data := b.Cols[i].Var()
			part = string(data[offs[0]:offs[b.N]])
		}
		t = append(t, part)
	}
	return t
}

// read fills the struct at row, zeroed before, with row i of b.
func (c *codec) read(row unsafe.Pointer, b *batch.Batch, t text, i int) {
	c.time.setInteger(row, b.Vs[i])
	for k, s := range c.cols {
		col, p := &b.Cols[k], unsafe.Add(row, s.offset)
		switch s.kind {
		case goInt64:
			*(*int64)(p) = col.Int64s()[i]
		case goFloat64:
			*(*float64)(p) = col.Float64s()[i]
		case goFloat32:
			*(*float32)(p) = float32(col.Float64s()[i])
		case goString:
			offs, _ := col.Var()
			*(*string)(p) = t[k][offs[i]-offs[0] : offs[i+1]-offs[0]]
		case goBytes:
			*(*[]byte)(p) = append([]byte(nil), col.Bytes(i)...)
		case goBool:
			*(*bool)(p) = col.Bools().Get(i)
		default:
			s.setInteger(row, col.Int64s()[i])
		}
	}
}
