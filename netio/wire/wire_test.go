package wire

import (
	"bytes"
	"encoding/hex"
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/streamscope/streamscope/ringlog/frame"
)

// units cuts b, as sent, into its units, unpadded.
func units(t interface{ Fatal(...any) }, b []byte) [][]byte {
	var out [][]byte
	for len(b) > 0 {
		h, err := ParseHead(b, 1<<20)
		if err != nil {
			t.Fatal(err)
		}
		if h.Padded() > len(b) || h.Padded()%Align != 0 {
			t.Fatal("unit of", h.Padded(), "bytes in", len(b))
		}
		if bytes.ContainsFunc(b[h.Len:h.Padded()], func(r rune) bool { return r != 0 }) {
			t.Fatal("padding is not zero")
		}
		out = append(out, b[:h.Len])
		b = b[h.Padded():]
	}
	return out
}

// The bytes are a contract between versions: change Version when these change. What has a sum ends with it.
func TestGolden(t *testing.T) {
	for _, c := range []struct {
		name string
		b    []byte
		want string
	}{
		{"ping", AppendPing(nil), "10000000 86000000 f240fde381045ec2"},
		{"bye", AppendBye(nil), "10000000 87000000 287a335cf6e0c829"},
		{"credit", AppendCredit(nil, []Grant{{Edge: 1, Session: 2, Open: 3, AllowedBytes: 4, Closed: 5, Drained: 6}}),
			"38000000 84000100 01000000 02000000 0300000000000000 0400000000000000 0500000000000000 0600000000000000 0a1f0e3525465db1"},
		{"attach", AppendAttach(nil, []Grant{{Edge: 7}}), "38000000 83000100 07000000" + strings.Repeat("00", 36) + " 41d12b25d3cfd128"},
		{"begin", AppendBegin(nil, []Begin{{Edge: 1, Session: 2}, {Edge: 3, Session: 4}}),
			"20000000 85000200 01000000 02000000 03000000 04000000 fdc61461c78c7d53"},
		{"offer", AppendOffer(nil, Key{1, 2, 15: 3}), "20000000 8c000100 0102000000000000 0000000000000003 3078efd3b7170ab0"},
		{"share", AppendShare(nil), "10000000 88000000 d3db2c8d44d15503"},
		{"bell", AppendBell(nil), "10000000 8d000000 4585c8091012023f"},
		{"aside", AppendAside(nil, 3), "14000000 8e000100 03000000 bec07e974bbb98d1"},
		{"refs", AppendRefs(nil, []Ref{{Slot: 1, Offset: 4096, Len: 200}}), "1c000000 89000100 01000000 00100000 c8000000 fb0980d3f06268b4"},
		{"released", AppendReleased(nil, []Released{{Slot: 1, Frames: 2}}), "18000000 8a000100 01000000 02000000 68bd8b4661fc9b26"},
		{"forget", AppendForget(nil, []Slot{1, 2}), "18000000 8b000200 01000000 02000000 63ece0f4592dd86e"},
		{"copy", AppendEntry(nil, TypeCopy, &Entry{Stream{1, 2, 3, 4, 5}, 6, FlagGap, 8, 9, 10, 11}, []byte{0xab}),
			"41000000 8f000000 01000200 03000000 04000000 05000000 06000000 01000000 0800000000000000 0900000000000000 0a00000000000000 0b00000000000000 ab"},
		{"fetched", AppendEntry(nil, TypeFetched, &Entry{Stream{1, 2, 3, 4, 5}, 6, FlagEnd, 8, 9, 10, 11}, nil),
			"40000000 95000000 01000200 03000000 04000000 05000000 06000000 02000000 0800000000000000 0900000000000000 0a00000000000000 0b00000000000000"},
		{"promise", AppendPromise(nil, Promise{Stream{1, 2, 3, 4, 5}, 6, 7}), "28000000 90000100 01000200 03000000 04000000 05000000 06000000 07000000 0d6446f0cd6e30bf"},
		{"drop", AppendDrop(nil, Drop{Stream{1, 2, 3, 4, 5}, 6, 7, 0}), "30000000 91000100 01000200 03000000 04000000 05000000 06000000 00000000 0700000000000000 b0b3dcdf04907c62"},
		{"fetch", AppendFetch(nil, Fetch{Stream{1, 2, 3, 4, 5}, 6, 7, 8, 9}),
			"38000000 92000100 01000200 03000000 04000000 05000000 06000000 07000000 0800000000000000 0900000000000000 e9a125d14c241b9b"},
		{"held", AppendHeld(nil, Held{Stream{1, 2, 3, 4, 5}, 6, 7, 8, 9}),
			"38000000 93000100 01000200 03000000 04000000 05000000 06000000 07000000 0800000000000000 0900000000000000 60d9326b73836e88"},
		{"copied", AppendCopied(nil, Copied{Stream{1, 2, 3, 4, 5}, 6, 7}), "30000000 94000100 01000200 03000000 04000000 05000000 06000000 00000000 0700000000000000 987993c55a7da4d8"},
		{"refuse", AppendRefuse(nil, Refuse{Stale, "old"}), "13000000 82000000 07000000 03000000 6f6c64"},
		{"hello", AppendHello(nil, TypeHello, &Hello{Version: 1, Job: "j", Node: 2, Incarnation: 3, ToNode: 4, ToIncarnation: 5, Connection: 6, Lane: 7, Token: []byte("tk")}),
			"33000000 80000000 53534c4b 0100 0100 02000000 03000000 04000000 05000000 0600000000000000 0200 070000000000 6a 746b"},
	} {
		want, err := hex.DecodeString(strings.ReplaceAll(c.want, " ", ""))
		if err != nil {
			t.Fatal(err)
		}
		if got := units(t, c.b); len(got) != 1 || !bytes.Equal(got[0], want) {
			t.Errorf("%s: got %x, want %x", c.name, got, want)
		}
	}
}

func TestGrantsRoundTrip(t *testing.T) {
	grant := rapid.Custom(func(t *rapid.T) Grant {
		return Grant{
			Edge: frame.EdgeID(rapid.Uint32().Draw(t, "edge")), Session: Session(rapid.Uint32().Draw(t, "session")),
			Open: frame.Tick(rapid.Uint64().Draw(t, "open")), AllowedBytes: rapid.Uint64().Draw(t, "allowed"),
			Closed: frame.Tick(rapid.Uint64().Draw(t, "closed")), Drained: frame.Tick(rapid.Uint64().Draw(t, "drained")),
		}
	})
	rapid.Check(t, func(t *rapid.T) {
		want := rapid.SliceOfN(grant, 0, 20).Draw(t, "grants")
		if rapid.Bool().Draw(t, "many") {
			want = append(want, make([]Grant, 2*(entryBytes/grantLen))...)
		}
		typ, encode := TypeAttach, AppendAttach
		if rapid.Bool().Draw(t, "credit") {
			typ, encode = TypeCredit, AppendCredit
		}
		var got []Grant
		for _, u := range units(t, encode(nil, want)) {
			m, err := Decode(u)
			if err != nil || m.Type != typ {
				t.Fatalf("%v, %v", m.Type, err)
			}
			for i := range m.Len() {
				got = append(got, m.Grant(i))
			}
		}
		if !slices.Equal(got, want) {
			t.Fatalf("got %v, want %v", got, want)
		}
	})
}

func TestBeginsRoundTrip(t *testing.T) {
	for _, n := range []int{0, 1, 5, entryBytes / beginLen, entryBytes/beginLen + 1} {
		var want, got []Begin
		for i := range n {
			want = append(want, Begin{frame.EdgeID(i), Session(i * i)})
		}
		for _, u := range units(t, AppendBegin(nil, want)) {
			m, err := Decode(u)
			if err != nil {
				t.Fatal(err)
			}
			for i := range m.Len() {
				got = append(got, m.Begin(i))
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("%d marks: got %d", n, len(got))
		}
	}
}

func TestHelloRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := Hello{
			Version: Version, Job: rapid.StringN(0, -1, MaxNameLen).Draw(t, "job"),
			Node: frame.NodeID(rapid.Uint32().Draw(t, "node")), Incarnation: frame.Incarnation(rapid.Uint32().Draw(t, "incarnation")),
			ToNode: frame.NodeID(rapid.Uint32().Draw(t, "to")), ToIncarnation: frame.Incarnation(rapid.Uint32().Draw(t, "to incarnation")),
			Connection: rapid.Uint64().Draw(t, "connection"), Lane: rapid.Uint8().Draw(t, "lane"), Token: rapid.SliceOfN(rapid.Byte(), 1, MaxNameLen).Draw(t, "token"),
		}
		u := units(t, AppendHello(nil, TypeHelloAck, &want))[0]
		if len(u) > MaxHelloLen {
			t.Fatalf("hello of %d bytes, want at most %d", len(u), MaxHelloLen)
		}
		m, err := Decode(u)
		if err != nil {
			t.Fatal(err)
		}
		got, err := ParseHello(m)
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Fatalf("got %+v (%v), want %+v", got, err, want)
		}
	})
}

// A hello of another version may mean anything beyond that number.
func TestHelloOfAnotherVersion(t *testing.T) {
	b := AppendHello(nil, TypeHello, &Hello{Version: 9, Job: "j", Token: []byte("t")})
	m, err := Decode(b[:HeadLen+helloFixed+2])
	if err != nil {
		t.Fatal(err)
	}
	h, err := ParseHello(m)
	if err != nil || h.Version != 9 || h.Job != "" {
		t.Errorf("got %+v, %v", h, err)
	}
	id := Identity{Job: "j", Token: []byte("t")}
	if got := id.Judge(&h); got != WrongVersion {
		t.Errorf("judged %v, want %v", got, WrongVersion)
	}
}

func TestRefuseCutsItsText(t *testing.T) {
	m, err := Decode(units(t, AppendRefuse(nil, Refuse{Busy, strings.Repeat("x", 1000)}))[0])
	if err != nil {
		t.Fatal(err)
	}
	r, err := ParseRefuse(m)
	if err != nil || r.Reason != Busy || r.Text != strings.Repeat("x", maxTextLen) {
		t.Errorf("got %v with %d bytes, %v", r.Reason, len(r.Text), err)
	}
}

func TestRejects(t *testing.T) {
	hello := func(spoil func(b []byte)) []byte {
		b := AppendHello(nil, TypeHello, &Hello{Version: Version, Job: "job", Token: []byte("t")})
		spoil(b)
		return b[:HeadLen+helloFixed+4]
	}
	refuse := func(spoil func(b []byte)) []byte {
		b := AppendRefuse(nil, Refuse{Stale, "old"})
		spoil(b)
		return b[:HeadLen+11]
	}
	for name, b := range map[string][]byte{
		"empty":             {},
		"short head":        {8, 0, 0, 0, 0x86, 0, 0},
		"a frame":           append([]byte{64, 0, 0, 0, 1, 0, 0, 0}, make([]byte, 56)...),
		"cut":               AppendCredit(nil, []Grant{{}})[:40],
		"longer than said":  AppendPing(nil)[:9],
		"count too high":    {8, 0, 0, 0, 0x84, 0, 1, 0},
		"ping with entries": {8, 0, 0, 0, 0x86, 0, 1, 0},
		"flags":             {8, 0, 0, 0, 0x86, 1, 0, 0},
		"hello magic":       hello(func(b []byte) { b[HeadLen]++ }),
		"hello job":         hello(func(b []byte) { b[HeadLen+6]++ }),
		"hello token":       hello(func(b []byte) { b[HeadLen+32] = 0xff; b[HeadLen+33] = 0xff }),
		"refuse reason":     refuse(func(b []byte) { b[HeadLen] = byte(reasonEnd) }),
		"refuse welcome":    refuse(func(b []byte) { b[HeadLen] = byte(Welcome) }),
		"refuse text":       refuse(func(b []byte) { b[HeadLen+4] = 2 }),
		"refuse long text":  refuse(func(b []byte) { b[HeadLen+7] = 0x80 }),
	} {
		m, err := Decode(b)
		if err == nil && m.Type == TypeHello {
			_, err = ParseHello(m)
		} else if err == nil && m.Type == TypeRefuse {
			_, err = ParseRefuse(m)
		}
		if !errors.Is(err, ErrGarbage) {
			t.Errorf("%s: got %v, want %v", name, err, ErrGarbage)
		}
	}
	if _, err := ParseRefuse(Message{Type: TypePing}); !errors.Is(err, ErrGarbage) {
		t.Errorf("a ping as refusal: %v", err)
	}
	if _, err := ParseHello(Message{Type: TypePing}); !errors.Is(err, ErrGarbage) {
		t.Errorf("a ping as hello: %v", err)
	}
}

func TestJudge(t *testing.T) {
	id := Identity{Job: "job", Node: 1, Incarnation: 5, Token: []byte("secret")}
	other := Identity{Job: "job", Node: 2, Incarnation: 7, Token: []byte("secret")}
	for _, c := range []struct {
		name  string
		spoil func(h *Hello)
		want  Reason
	}{
		{"right", func(*Hello) {}, Welcome},
		{"version before token", func(h *Hello) { h.Version, h.Token = Version+1, nil }, WrongVersion},
		{"token before job", func(h *Hello) { h.Token, h.Job = []byte("secreT"), "x" }, WrongToken},
		{"longer token", func(h *Hello) { h.Token = []byte("secretive") }, WrongToken},
		{"no token", func(h *Hello) { h.Token = nil }, WrongToken},
		{"job", func(h *Hello) { h.Job = "jo" }, WrongJob},
		{"for another node", func(h *Hello) { h.ToNode = 3 }, WrongNode},
		{"for an earlier life", func(h *Hello) { h.ToIncarnation = 4 }, WrongNode},
	} {
		h := other.Greet(1, 5, 1)
		c.spoil(&h)
		if got := id.Judge(&h); got != c.want {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
	known := Known{Incarnation: 7, LastConnection: 10}
	for _, c := range []struct {
		inc        frame.Incarnation
		connection uint64
		want       Reason
	}{{7, 11, Welcome}, {7, 10, OldConnection}, {7, 0, OldConnection}, {6, 11, Stale}, {8, 1, NotYet}} {
		if got := known.Judge(&Hello{Incarnation: c.inc, Connection: c.connection}); got != c.want {
			t.Errorf("incarnation %d, connection %d: %v, want %v", c.inc, c.connection, got, c.want)
		}
	}
}

func TestNames(t *testing.T) {
	for typ, want := range map[Type]string{1: "DATA", TypeHello: "HELLO", TypeBye: "BYE", typeEnd: "message type 0x96"} {
		if got := typ.String(); got != want {
			t.Errorf("%d is %q, want %q", uint8(typ), got, want)
		}
	}
	for r := range reasonEnd {
		if strings.HasPrefix(r.String(), "reason") {
			t.Errorf("%v has no name", r)
		}
	}
	if got := Reason(99).String(); got != "reason 99" {
		t.Errorf("reason 99 is %q", got)
	}
}

func TestAllocations(t *testing.T) {
	grants := make([]Grant, 8)
	buf := make([]byte, 0, 4096)
	var sum uint64
	got := testing.AllocsPerRun(100, func() {
		b := AppendPing(AppendCredit(buf, grants))
		m, err := Decode(b[:HeadLen+8*grantLen+SumLen])
		if err != nil {
			t.Fatal(err)
		}
		for i := range m.Len() {
			sum += m.Grant(i).AllowedBytes
		}
	})
	if got != 0 {
		t.Errorf("%v allocations for a credit message, want none", got)
	}
}

// A message with a flipped bit is refused, or has another length than the unit that it came as; so has one whose sum was cut off.
func TestFlippedBitsAreFound(t *testing.T) {
	for _, b := range [][]byte{
		AppendPing(nil), AppendCredit(nil, []Grant{{Edge: 1, Session: 2, Open: 3, AllowedBytes: 4, Closed: 5, Drained: 6}}), AppendBegin(nil, []Begin{{1, 2}}),
		AppendRefs(nil, []Ref{{1, 4096, 64}}), AppendCopied(nil, Copied{Stream{1, 2, 3, 4, 5}, 6, 7}), AppendHeld(nil, Held{Stream{1, 2, 3, 4, 5}, 6, 7, 8, 9}),
	} {
		u := units(t, b)[0]
		if _, err := Decode(u); err != nil {
			t.Fatal(err)
		}
		for bit := range len(u) * 8 {
			u[bit/8] ^= 1 << (bit % 8)
			if m, err := Decode(u); err == nil && m.Type.summed() {
				t.Errorf("%v: bit %d", m.Type, bit)
			}
			u[bit/8] ^= 1 << (bit % 8)
		}
		if _, err := Decode(u[:HeadLen]); err == nil {
			t.Errorf("%v without its sum is taken", Type(u[4]))
		}
	}
}
