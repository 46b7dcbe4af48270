package jsonl

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// valid is what the parser accepts as one JSON text.
func valid(b []byte) bool {
	p := parser{b: b}
	ok := p.skip(0)
	p.space()
	return ok && p.at == len(b)
}

func checkAgainstOracle(t interface{ Fatalf(string, ...any) }, b []byte) {
	if got, want := valid(b), json.Valid(b); got != want && !deep(b) {
		t.Fatalf("%q: accepted %v, encoding/json %v", b, got, want)
	}
	p := parser{b: b}
	raw, _, ok := p.string()
	if !ok || p.at != len(b) || !bytes.HasPrefix(b, []byte{'"'}) {
		return
	}
	var want string
	if err := json.Unmarshal(b, &want); err != nil {
		t.Fatalf("%q: accepted, but encoding/json says %v", b, err)
	}
	// encoding/json puts U+FFFD where we refuse.
	if got, whole := unescape(nil, raw); whole && strings.ToValidUTF8(string(got), "\ufffd") != strings.ToValidUTF8(want, "\ufffd") && !strings.Contains(want, "\ufffd") {
		t.Fatalf("%q: got %q, want %q", b, got, want)
	}
}

// deep texts are refused by us alone.
func deep(b []byte) bool { return bytes.Count(b, []byte("["))+bytes.Count(b, []byte("{")) > depthMax }

func TestParserAgainstOracle(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		pieces := rapid.SliceOfN(rapid.SampledFrom([]string{
			"{", "}", "[", "]", ",", ":", `"`, `"a"`, `\`, `\n`, `\u00e9`, `\ud83d`, `\ude00`, "0", "1", "-", ".", "e", "E", "+", "true", "false", "null", " ", "\t", "\x01", "é", `"k":1`,
		}), 0, 14).Draw(t, "pieces")
		checkAgainstOracle(t, []byte(strings.Join(pieces, "")))
	})
}

func FuzzParser(f *testing.F) {
	for _, s := range []string{`{"a":[1,2.5e-3,null,true,false,"x\u00e9\ud83d\ude00"]}`, `"\ud83d"`, `-0`, `01`, `[1,]`, `{"a":}`, ` `, "\"\x1f\""} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) { checkAgainstOracle(t, b) })
}

// What the encoder writes, encoding/json reads as the same text.
func TestStringsAgainstOracle(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.String().Draw(t, "s")
		var back string
		if err := json.Unmarshal(appendString(nil, []byte(s)), &back); err != nil || back != s {
			t.Fatalf("%q: got %q, %v", s, back, err)
		}
		b := rapid.SliceOf(rapid.Byte()).Draw(t, "b")
		if !json.Valid(appendString(nil, b)) {
			t.Fatalf("%q: not JSON: %s", b, appendString(nil, b))
		}
	})
}
