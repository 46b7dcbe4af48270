package shuffle

import (
	"context"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"
)

func newCodecOf[T any]() (*codec, error) { return newCodec(reflect.TypeFor[T]()) }

// everything has a field of every kind.
type everything struct {
	At     time.Time `shuffle:"time"`
	UserID string    `shuffle:"key"`
	B      bool
	I8     int8
	I16    int16
	I32    int32
	I64    int64
	I      int `shuffle:"name=whole,key"`
	U8     uint8
	U16    uint16
	U32    uint32
	F32    float32
	F64    float64
	Raw    []byte
	When   time.Time
	hidden int `shuffle:"-"`
}

func TestStructsThereAndBack(t *testing.T) {
	checkLeaks(t)
	ctx := context.Background()
	s, err := OpenOf[everything](ctx, Config{Partitions: 5})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if got, want := strings.Join(s.cfg.Keys, " "), "user_id whole"; got != want {
		t.Errorf("keys %q, want %q", got, want)
	}
	at := time.Date(2026, 11, 22, 10, 30, 0, 123000, time.UTC)
	row := func(i int) everything {
		return everything{
			At: at.Add(time.Duration(i) * time.Second), UserID: strings.Repeat("ä", i%5), B: i%3 == 0, I8: int8(-i), I16: int16(-i), I32: -int32(i),
			I64: math.MinInt64 + int64(i), I: i, U8: uint8(255 - i), U16: uint16(65535 - i), U32: math.MaxUint32 - uint32(i), F32: float32(i) / 2, F64: float64(i) / 3,
			Raw: []byte{byte(i)}, When: at.Add(-time.Duration(i) * time.Minute),
		}
	}
	w := s.Writer(0)
	const n = 100
	for i := range n {
		if err := w.Write(row(i)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	seen := map[int]bool{}
	r := s.Reader(0)
	for got := range r.All() {
		want := row(got.I)
		if string(got.Raw) != string(want.Raw) || !got.At.Equal(want.At) || !got.When.Equal(want.When) {
			t.Errorf("got %+v, want %+v", got, want)
		}
		got.Raw, want.Raw, got.At, got.When, want.At, want.When = nil, nil, at, at, at, at
		if !sameRow(got, want) {
			t.Errorf("got %+v, want %+v", got, want)
		}
		seen[got.I] = true
	}
	if r.Err() != nil || len(seen) != n {
		t.Errorf("read %d different rows, %v; want %d", len(seen), r.Err(), n)
	}
}

func sameRow(a, b everything) bool {
	return a.UserID == b.UserID && a.B == b.B && a.I8 == b.I8 && a.I16 == b.I16 && a.I32 == b.I32 && a.I64 == b.I64 && a.I == b.I && a.U8 == b.U8 &&
		a.U16 == b.U16 && a.U32 == b.U32 && a.F32 == b.F32 && a.F64 == b.F64 && a.hidden == b.hidden
}

func TestStructsThatCannotBe(t *testing.T) {
	for want, err := range map[string]error{
		"want a struct":   second(newCodecOf[int]()),
		"has no column":   second(newCodecOf[struct{ M map[string]int }]()),
		"is not exported": second(newCodecOf[struct{ m int }]()),
		"want key, time": second(newCodecOf[struct {
			A int `shuffle:"kee"`
		}]()),
		"a second time": second(newCodecOf[struct {
			A int64 `shuffle:"time"`
			B int64 `shuffle:"time"`
		}]()),
		"a time of type string": second(newCodecOf[struct {
			A string `shuffle:"time"`
		}]()),
		"twice": second(newCodecOf[struct {
			A int `shuffle:"name=x"`
			B int `shuffle:"name=x"`
		}]()),
	} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}

func second(_ *codec, err error) error { return err }

func TestColumnNames(t *testing.T) {
	for in, want := range map[string]string{"ID": "id", "UserID": "user_id", "HTTPCode": "http_code", "a": "a", "OneTwo3": "one_two3"} {
		if got := snake(in); got != want {
			t.Errorf("%s: got %s, want %s", in, got, want)
		}
	}
}
