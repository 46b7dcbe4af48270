package flights

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/streamscope/streamscope/control/job"
	"github.com/streamscope/streamscope/shuffle/batch"
)

// tableMaxBytes bounds the table of airports, which is held in memory by every worker.
const tableMaxBytes = 256 << 20

// Airports reads the table of airports, from the embedded file if no path is given.
func Airports(path string) (*job.Table, error) {
	if path == "" {
		return readAirports("airports.csv", bytes.NewReader(airportsCSV))
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, pathError(path, err)
	}
	defer f.Close()
	st, err := f.Stat()
	switch {
	case err != nil:
		return nil, pathError(path, err)
	case st.IsDir():
		return nil, fmt.Errorf("%s: is a directory, want a CSV file with the columns iata and state", path)
	case st.Size() > tableMaxBytes:
		return nil, fmt.Errorf("%s: got %d bytes, want at most %d: the table is held in memory", path, st.Size(), int64(tableMaxBytes))
	}
	return readAirports(path, f)
}

func pathError(path string, err error) error {
	if errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("%s: no such file", path)
	}
	var pe *os.PathError
	if errors.As(err, &pe) {
		err = pe.Err
	}
	return fmt.Errorf("%s: %w", path, err)
}

// readAirports reads CSV with a header that has iata and state; other columns are ignored. An empty state is unknown.
func readAirports(name string, r io.Reader) (*job.Table, error) {
	in := csv.NewReader(io.LimitReader(r, tableMaxBytes+1))
	in.ReuseRecord = true
	header, err := in.Read()
	if err == io.EOF {
		return nil, fmt.Errorf("%s: empty file, want a header line with the columns iata and state", name)
	} else if err != nil {
		return nil, csvError(name, err)
	}
	header = slices.Clone(header)
	header[0] = trimMark(header[0])
	for _, column := range []string{"iata", "state"} {
		if !slices.Contains(header, column) {
			return nil, fmt.Errorf("%s:1: no column %q; have %s", name, column, strings.Join(header, ", "))
		}
	}
	iata, state := slices.Index(header, "iata"), slices.Index(header, "state")
	rows := batch.NewBuilder(&batch.Schema{Fields: []batch.Field{
		{Name: "iata", Kind: batch.String}, {Name: "state", Kind: batch.String, Nullable: true},
	}})
	first := map[string]int{} // line of each key
	for {
		rec, err := in.Read()
		if err == io.EOF {
			return job.NewTable(rows, "iata")
		} else if err != nil {
			return nil, csvError(name, err)
		}
		line, _ := in.FieldPos(0)
		if err := addAirport(rows, first, name, line, rec[iata], rec[state]); err != nil {
			return nil, err
		}
	}
}

func addAirport(rows *batch.Builder, first map[string]int, name string, line int, iata, state string) error {
	if iata == "" {
		return fmt.Errorf("%s:%d: iata is empty, want the code of an airport", name, line)
	}
	if at, again := first[iata]; again {
		return fmt.Errorf("%s:%d: iata %s again, first at line %d", name, line, strconv.Quote(iata), at)
	}
	first[iata] = line
	rows.AppendTime(0, 0, 0)
	rows.Cols[0].AppendString(iata)
	if state == "" {
		rows.Cols[1].AppendNull()
	} else {
		rows.Cols[1].AppendString(state)
		rows.Cols[1].SetValid(true)
	}
	return nil
}

// trimMark takes away the byte order mark that some programs write.
func trimMark(s string) string {
	if len(s) >= 3 && s[:3] == "\xef\xbb\xbf" {
		return s[3:]
	}
	return s
}

// csvError gives the place as other files' errors do.
func csvError(name string, err error) error {
	var pe *csv.ParseError
	if errors.As(err, &pe) {
		return fmt.Errorf("%s:%d: %w", name, pe.StartLine, pe.Err)
	}
	return pathError(name, err)
}
