package connect

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/streamscope/streamscope/shuffle/batch"
)

// RowError tells what is wrong with one row of a source: where, in which column, what was found and what was wanted.
type RowError struct {
	Place  string // "bad.csv:3", "flights.parquet:row 17"
	Column string // "" if the row as a whole is at fault
	Got    string
	Want   string
}

func (e *RowError) Error() string {
	if e.Column == "" {
		return fmt.Sprintf("%s: got %s, want %s", e.Place, e.Got, e.Want)
	}
	return fmt.Sprintf("%s: %s: got %s, want %s", e.Place, e.Column, e.Got, e.Want)
}

const quoteMax = 60

// Quote quotes what was found in a file for a message: short and printable, whatever it is.
func Quote(b []byte) string {
	if len(b) <= quoteMax {
		return strconv.Quote(string(b))
	}
	cut := quoteMax
	for cut > quoteMax-utf8.UTFMax && !utf8.RuneStart(b[cut]) {
		cut--
	}
	return strconv.Quote(string(b[:cut])) + "… (" + strconv.Itoa(len(b)) + " bytes)"
}

// KindName is the word for a kind in messages about files.
func KindName(k batch.Kind) string {
	switch k {
	case batch.Bool:
		return "true or false"
	case batch.Int64:
		return "integer"
	case batch.Float64:
		return "number"
	case batch.Timestamp:
		return "time"
	case batch.String:
		return "text"
	case batch.Bytes:
		return "bytes"
	}
	return k.String()
}

// namesMax bounds the names listed in a message.
const namesMax = 12

// QuoteNames lists the names of columns for a message.
func QuoteNames(names []string) string {
	var quoted []string
	for i, n := range names {
		if i == namesMax {
			quoted = append(quoted, "…")
			break
		}
		quoted = append(quoted, Quote([]byte(n)))
	}
	return strings.Join(quoted, ", ")
}
