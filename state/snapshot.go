package state

import (
	"encoding/binary"
	"fmt"
)

// Writer and Reader are what snapshots go through; package vertex has the same under its own names.
type Writer interface {
	Uint64(v uint64)
	Bytes(b []byte) // length first
}

// Reader returns zero values after its first fault, which Err tells.
type Reader interface {
	Uint64() uint64
	Bytes() []byte // borrowed until the next call
	Err() error
}

// chunkBytes is the size from which a chunk of records is written.
const chunkBytes = 32 << 10

// chunks writes records together; an empty chunk is the end.
type chunks struct {
	w   Writer
	buf []byte
}

func (c *chunks) done() {
	if len(c.buf) >= chunkBytes {
		c.flush()
	}
}

func (c *chunks) flush() {
	if len(c.buf) > 0 {
		c.w.Bytes(c.buf)
		c.buf = c.buf[:0]
	}
}

func (c *chunks) end() {
	c.flush()
	c.w.Bytes(nil)
}

func (c *chunks) u64(v uint64) { c.buf = binary.LittleEndian.AppendUint64(c.buf, v) }

func (c *chunks) bytes(b []byte) {
	c.buf = binary.LittleEndian.AppendUint32(c.buf, uint32(len(b)))
	c.buf = append(c.buf, b...)
}

// records reads what chunks wrote. After the first fault it returns zero values.
type records struct {
	r    Reader
	rest []byte
	err  error
}

// more reports whether another record follows.
func (c *records) more() bool {
	if c.err != nil {
		return false
	}
	if len(c.rest) == 0 {
		c.rest = c.r.Bytes()
		c.err = c.r.Err()
	}
	return c.err == nil && len(c.rest) > 0
}

func (c *records) take(n uint64) []byte {
	if c.err == nil && uint64(len(c.rest)) < n {
		c.err = fmt.Errorf("%w: %d bytes of a record, want %d", ErrDamaged, len(c.rest), n)
	}
	if c.err != nil {
		return nil
	}
	b := c.rest[:n]
	c.rest = c.rest[n:]
	return b
}

func (c *records) u64() uint64 {
	if b := c.take(8); b != nil {
		return binary.LittleEndian.Uint64(b)
	}
	return 0
}

func (c *records) bytes() []byte {
	b := c.take(4)
	if b == nil {
		return nil
	}
	return c.take(uint64(binary.LittleEndian.Uint32(b)))
}

// want reads a value that must be as the reader's own.
func want(r Reader, what string, v uint64) error {
	got := r.Uint64()
	if err := r.Err(); err != nil {
		return err
	}
	if got != v {
		return fmt.Errorf("%w: %s %d, want %d", ErrDamaged, what, got, v)
	}
	return nil
}

// Snapshot writes the table: cells a key, then records {hash, key, cells} by (hash, key).
func (t *Table) Snapshot(w Writer) {
	w.Uint64(uint64(t.cells))
	c := chunks{w: w}
	t.byHash(func(e Entry) {
		c.u64(t.hashOf(e))
		c.bytes(t.Key(e))
		for _, v := range t.Cells(e) {
			c.u64(v)
		}
		c.done()
	})
	c.end()
}

// Restore replaces the table's content by what Snapshot wrote. Errors wrap ErrDamaged or ErrFull, or are the reader's.
func (t *Table) Restore(r Reader) error {
	t.Reset()
	if err := want(r, "cells a key", uint64(t.cells)); err != nil {
		return err
	}
	c := records{r: r}
	for c.more() {
		hash, key := c.u64(), c.bytes()
		values := c.take(uint64(8 * t.cells))
		if c.err != nil {
			break
		}
		cells, fresh, err := t.Put(hash, key)
		if err != nil {
			return err
		}
		if !fresh {
			return fmt.Errorf("%w: key %x twice", ErrDamaged, key)
		}
		for i := range cells {
			cells[i] = binary.LittleEndian.Uint64(values[8*i:])
		}
	}
	return c.err
}
