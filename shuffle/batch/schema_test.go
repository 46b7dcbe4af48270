package batch

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/cespare/xxhash/v2"
	"pgregory.net/rapid"
)

func TestSchemasSurviveEncoding(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := drawSchema(t)
		got, err := DecodeSchema(s.AppendBinary(nil))
		if err != nil || !got.Equal(s) {
			t.Fatalf("got %v %v, want %v", got, err, s)
		}
		for i, f := range s.Fields {
			if s.Index(f.Name) != i {
				t.Fatalf("index of %q is %d, want %d", f.Name, s.Index(f.Name), i)
			}
		}
	})
}

// TestEncodingIsStable holds the sum of what schemas are written as in files on disk.
func TestEncodingIsStable(t *testing.T) {
	const want = 0x5bfdf7077898e7e7
	if got := xxhash.Sum64(mixed.AppendBinary(nil)); got != want {
		t.Fatalf("got %#x, want %#x", got, uint64(want))
	}
}

func TestSchemasThatAreRefused(t *testing.T) {
	for want, fields := range map[string][]Field{
		"field 0 has no name":               {{"", Int64, false}},
		`field "a" twice`:                   {{"a", Int64, false}, {"a", String, true}},
		`field "a": invalid`:                {{"a", 0, false}},
		`field "a": kind 7`:                 {{"a", kindEnd, false}},
		"field 0 has a name of 65536 bytes": {{strings.Repeat("x", 65536), Int64, false}},
		"4097 fields, at most 4096":         make([]Field, MaxFields+1),
	} {
		if err := (&Schema{Fields: fields}).Valid(); !errors.Is(err, ErrSchema) || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}

func TestEqualSeesEveryDifference(t *testing.T) {
	a := Schema{HasVe: true, Fields: []Field{{"a", Int64, false}}}
	for _, b := range []Schema{
		{Fields: a.Fields}, {HasVe: true, HasDiff: true, Fields: a.Fields}, {HasVe: true},
		{HasVe: true, Fields: []Field{{"b", Int64, false}}}, {HasVe: true, Fields: []Field{{"a", Timestamp, false}}},
		{HasVe: true, Fields: []Field{{"a", Int64, true}}},
	} {
		if a.Equal(&b) || bytes.Equal(a.AppendBinary(nil), b.AppendBinary(nil)) {
			t.Errorf("%v equals %v", &a, &b)
		}
	}
	if !a.Equal(&a) {
		t.Error("a schema differs from itself")
	}
}
