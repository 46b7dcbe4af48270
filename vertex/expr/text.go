package expr

import (
	"strconv"
	"strings"
	"time"

	"github.com/streamscope/streamscope/shuffle/batch"
)

// timeLayout is how timestamps are shown: UTC, a fraction only where it is not 0.
const timeLayout = "2006-01-02T15:04:05.999999Z07:00"

func appendTime(b []byte, us int64) []byte {
	return time.UnixMicro(us).UTC().AppendFormat(b, timeLayout)
}

// Binding strengths of PostgreSQL's operators, weakest first.
const (
	precOr = 1 + iota
	precAnd
	precNot
	precIs
	precCompare
	precAdd
	precMul
	precNeg
	precAtom
)

type infix struct {
	text string
	prec int
}

var infixes = map[op]infix{
	opOr: {" OR ", precOr}, opAnd: {" AND ", precAnd},
	opEq: {" = ", precCompare}, opNe: {" <> ", precCompare}, opLt: {" < ", precCompare},
	opLe: {" <= ", precCompare}, opGt: {" > ", precCompare}, opGe: {" >= ", precCompare},
	opAdd: {" + ", precAdd}, opSub: {" - ", precAdd},
	opMul: {" * ", precMul}, opDiv: {" / ", precMul}, opFloorDiv: {" // ", precMul}, opMod: {" % ", precMul},
}

// String is the expression as SQL-like text with no more parentheses than it needs; different expressions have different texts
// unless they mean the same.
func (e Expr) String() string {
	if e.n == nil {
		return "<none>"
	}
	s, _ := e.n.text()
	return s
}

func (n *node) text() (string, int) {
	if in, ok := infixes[n.op]; ok {
		left := in.prec
		if in.prec == precCompare {
			left++ // comparisons do not associate
		}
		return n.args[0].within(left) + in.text + n.args[1].within(in.prec+1), in.prec
	}
	switch n.op {
	case opCol:
		return quoteName(n.s), precAtom
	case opVs:
		return "vs", precAtom
	case opVe:
		return "ve", precAtom
	case opLit:
		return n.literal()
	case opNull:
		return "CAST(NULL AS " + n.kind.String() + ")", precAtom
	case opCast:
		return "CAST(" + n.args[0].String() + " AS " + n.kind.String() + ")", precAtom
	case opNeg:
		return "-" + n.args[0].within(precAtom), precNeg
	case opNot:
		return "NOT " + n.args[0].within(precNot), precNot
	case opIsNull:
		return n.args[0].within(precIs+1) + " IS NULL", precIs
	case opIf:
		return "CASE WHEN " + n.args[0].String() + " THEN " + n.args[1].String() + " ELSE " + n.args[2].String() + " END", precAtom
	case opLeast:
		return "LEAST" + n.list(), precAtom
	case opGreatest:
		return "GREATEST" + n.list(), precAtom
	default:
		return "COALESCE" + n.list(), precAtom
	}
}

// within is e as an operand that must bind at least as strongly as prec.
func (e Expr) within(prec int) string {
	if e.n == nil {
		return e.String()
	}
	s, p := e.n.text()
	if p < prec {
		return "(" + s + ")"
	}
	return s
}

func (n *node) list() string {
	parts := make([]string, len(n.args))
	for i, a := range n.args {
		parts[i] = a.String()
	}
	return "(" + strings.Join(parts, ", ") + ")"
}

func (n *node) literal() (string, int) {
	switch n.kind {
	case batch.Bool:
		if n.i != 0 {
			return "TRUE", precAtom
		}
		return "FALSE", precAtom
	case batch.Float64:
		return signed(floatText(n.f))
	case batch.Timestamp:
		return "TIMESTAMP '" + string(appendTime(nil, n.i)) + "'", precAtom
	case batch.String:
		return "'" + strings.ReplaceAll(n.s, "'", "''") + "'", precAtom
	default:
		return signed(strconv.FormatInt(n.i, 10))
	}
}

func signed(s string) (string, int) {
	if s[0] == '-' {
		return s, precNeg
	}
	return s, precAtom
}

// floatText never looks like an integer.
func floatText(f float64) string {
	s := strconv.FormatFloat(f, 'g', -1, 64)
	switch {
	case strings.ContainsAny(s, "IN"): // Inf, NaN
		return "CAST('" + s + "' AS float64)"
	case strings.ContainsAny(s, ".e"):
		return s
	}
	return s + ".0"
}

// quoteName quotes all but lower-case names, and those of the lifetime: a column may be called vs, too.
func quoteName(s string) string {
	plain := s != "" && s != "vs" && s != "ve"
	for i := range len(s) {
		c := s[i]
		plain = plain && (c == '_' || 'a' <= c && c <= 'z' || i > 0 && '0' <= c && c <= '9')
	}
	if plain {
		return s
	}
	return `"` + strings.ReplaceAll(s, `"`, `""`) + `"`
}
