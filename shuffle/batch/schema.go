package batch

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
)

// Kind is the type of a column.
type Kind uint8

// The column kinds. Values are stored in schemas and must never be renumbered.
const (
	Bool      Kind = 1 + iota // one bit a value
	Int64                     // 8 bytes
	Float64                   // 8 bytes
	Timestamp                 // 8 bytes, microseconds since 1970-01-01 UTC
	String                    // UTF-8 text, i32 offsets
	Bytes                     // any bytes, i32 offsets
	kindEnd
)

var kindNames = [...]string{"invalid", "bool", "int64", "float64", "timestamp", "string", "bytes"}

func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return fmt.Sprintf("kind %d", uint8(k))
}

// Fixed reports whether a value takes 8 bytes.
func (k Kind) Fixed() bool { return k == Int64 || k == Float64 || k == Timestamp }

// VarLen reports whether values have offsets.
func (k Kind) VarLen() bool { return k == String || k == Bytes }

// Field names and types one payload column.
type Field struct {
	Name     string
	Kind     Kind
	Nullable bool
}

func (f Field) String() string {
	if f.Nullable {
		return f.Name + " " + f.Kind.String() + " null"
	}
	return f.Name + " " + f.Kind.String()
}

// Schema is the fixed layout of the batches of an edge: Vs always, Ve and Diff only where the stream has them, then the fields.
// A schema is immutable once shared.
type Schema struct {
	// HasVe: events have lifetimes [Vs, Ve). Without it every event is a point [Vs, Vs + 1 µs).
	HasVe bool
	// HasDiff: a changelog; every row carries +1 or -1.
	HasDiff bool
	Fields  []Field
}

// MaxFields bounds a schema that came from outside.
const MaxFields = 4096

// maxNameLen is what the encoding's length of a name holds, in bytes.
const maxNameLen = 1<<16 - 1

// ErrSchema wraps every complaint about a schema.
var ErrSchema = errors.New("schema")

// Valid reports the first fault: no name, one too long, a name twice, an unknown kind, too many fields.
func (s *Schema) Valid() error {
	if len(s.Fields) > MaxFields {
		return fmt.Errorf("%w: %d fields, at most %d", ErrSchema, len(s.Fields), MaxFields)
	}
	seen := make(map[string]bool, len(s.Fields))
	for i, f := range s.Fields {
		switch {
		case f.Name == "":
			return fmt.Errorf("%w: field %d has no name", ErrSchema, i)
		case len(f.Name) > maxNameLen:
			return fmt.Errorf("%w: field %d has a name of %d bytes, at most %d", ErrSchema, i, len(f.Name), maxNameLen)
		case f.Kind == 0 || f.Kind >= kindEnd:
			return fmt.Errorf("%w: field %q: %v", ErrSchema, f.Name, f.Kind)
		case seen[f.Name]:
			return fmt.Errorf("%w: field %q twice", ErrSchema, f.Name)
		}
		seen[f.Name] = true
	}
	return nil
}

// Index returns the position of the named field, or -1.
func (s *Schema) Index(name string) int {
	for i := range s.Fields {
		if s.Fields[i].Name == name {
			return i
		}
	}
	return -1
}

// Equal compares layouts, names included.
func (s *Schema) Equal(t *Schema) bool {
	if s.HasVe != t.HasVe || s.HasDiff != t.HasDiff || len(s.Fields) != len(t.Fields) {
		return false
	}
	for i := range s.Fields {
		if s.Fields[i] != t.Fields[i] {
			return false
		}
	}
	return true
}

// Buffers is the number of buffers a batch of this schema has in a frame.
func (s *Schema) Buffers() int {
	n := 1
	if s.HasVe {
		n++
	}
	if s.HasDiff {
		n++
	}
	for _, f := range s.Fields {
		n++
		if f.Nullable {
			n++
		}
		if f.Kind.VarLen() {
			n++
		}
	}
	return n
}

// FixedRowBytes is the size of a row without its variable bytes, rounded up to whole bytes for bits.
func (s *Schema) FixedRowBytes() int {
	n := 8
	if s.HasVe {
		n += 8
	}
	if s.HasDiff {
		n += 8
	}
	for _, f := range s.Fields {
		switch {
		case f.Kind.Fixed():
			n += 8
		case f.Kind.VarLen():
			n += 4
		default:
			n++
		}
		if f.Nullable {
			n++
		}
	}
	return n
}

func (s *Schema) String() string {
	var b strings.Builder
	b.WriteString("(vs")
	if s.HasVe {
		b.WriteString(", ve")
	}
	if s.HasDiff {
		b.WriteString(", diff")
	}
	for _, f := range s.Fields {
		b.WriteString(", ")
		b.WriteString(f.String())
	}
	b.WriteByte(')')
	return b.String()
}

const schemaVersion = 1

// AppendBinary appends the schema's encoding: version u8, flags u8, fields u16, then per field kind u8, nullable u8, name length u16, name.
func (s *Schema) AppendBinary(b []byte) []byte {
	var flags byte
	if s.HasVe {
		flags |= 1
	}
	if s.HasDiff {
		flags |= 2
	}
	b = append(b, schemaVersion, flags)
	b = binary.LittleEndian.AppendUint16(b, uint16(len(s.Fields)))
	for _, f := range s.Fields {
		nullable := byte(0)
		if f.Nullable {
			nullable = 1
		}
		b = append(b, byte(f.Kind), nullable)
		b = binary.LittleEndian.AppendUint16(b, uint16(len(f.Name)))
		b = append(b, f.Name...)
	}
	return b
}

// DecodeSchema reads what AppendBinary wrote; all of b must be the schema. It checks Valid.
func DecodeSchema(b []byte) (*Schema, error) {
	if len(b) < 4 || b[0] != schemaVersion || b[1] > 3 {
		return nil, fmt.Errorf("%w: damaged head % x", ErrSchema, b[:min(len(b), 4)])
	}
	s := &Schema{HasVe: b[1]&1 != 0, HasDiff: b[1]&2 != 0}
	n := int(binary.LittleEndian.Uint16(b[2:]))
	b = b[4:]
	if n*4 > len(b) {
		return nil, fmt.Errorf("%w: %d fields in %d bytes", ErrSchema, n, len(b))
	}
	s.Fields = make([]Field, n)
	for i := range s.Fields {
		if len(b) < 4 {
			return nil, fmt.Errorf("%w: field %d is cut off", ErrSchema, i)
		}
		l := int(binary.LittleEndian.Uint16(b[2:]))
		if b[1] > 1 || len(b) < 4+l {
			return nil, fmt.Errorf("%w: field %d is damaged", ErrSchema, i)
		}
		s.Fields[i] = Field{Kind: Kind(b[0]), Nullable: b[1] == 1, Name: string(b[4 : 4+l])}
		b = b[4+l:]
	}
	if len(b) != 0 {
		return nil, fmt.Errorf("%w: %d bytes after the last field", ErrSchema, len(b))
	}
	if err := s.Valid(); err != nil {
		return nil, err
	}
	return s, nil
}
