package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/streamscope/streamscope/cmd/streamscope/report"
	"github.com/streamscope/streamscope/ringlog/frame"
	"github.com/streamscope/streamscope/shuffle/persist"
	"github.com/streamscope/streamscope/state/snapshot"
	"github.com/streamscope/streamscope/state/snapshot/s3"
	"github.com/streamscope/streamscope/vertex/connect/csv"
)

// streamQuery is what is to be shown of the streams of a place.
type streamQuery struct {
	json     bool
	rows     string // edge whose rows are wanted; empty: a check of everything
	from, to uint64 // ticks; to 0: the last
}

const streamsWanted = "a data directory, its folder snapshots, or s3://BUCKET/PREFIX"

func (a *app) inspectStream() *cobra.Command {
	var q streamQuery
	cmd := &cobra.Command{
		Use:   "stream PATH",
		Short: "Print and check what edges with the policy persist have carried, or print rows of it",
		Long: `Print and check what edges with the policy persist have carried: edges, ticks, rows, bytes, gaps, damage. Every sum is checked. With --rows the rows of an edge
are printed instead, as CSV: tick, source task, destination task, index in the channel and tick, lifetime, columns.

PATH is ` + streamsWanted + `, of a run that has ended or goes on. Nothing is changed. The status is 1 if anything is damaged or missing.`,
		Example: "  streamscope inspect stream /var/lib/streamscope\n  streamscope inspect stream s3://backups/runs --rows 'flights->sink' --from 100 --to 120",
		Args:    onePath("stream"),
		RunE: func(_ *cobra.Command, args []string) error {
			if err := q.valid(); err != nil {
				return usageError{err}
			}
			a.started = true
			return inspectError("stream", streamsWanted, args[0], q.run(args[0], a.stdout))
		},
	}
	cmd.Flags().BoolVar(&q.json, "json", false, "write what was found as JSON")
	cmd.Flags().StringVar(&q.rows, "rows", "", "print the rows of this edge, by name (STAGE->STAGE) or number, as CSV")
	cmd.Flags().Uint64Var(&q.from, "from", 1, "first tick of --rows")
	cmd.Flags().Uint64Var(&q.to, "to", 0, "last tick of --rows (default: the last that is persisted)")
	return cmd
}

func (q *streamQuery) valid() error {
	switch {
	case q.rows == "" && (q.from != 1 || q.to != 0):
		return errors.New("inspect stream: --from and --to go with --rows EDGE")
	case q.rows != "" && q.json:
		return errors.New("inspect stream: --rows writes CSV, leave out --json")
	case q.from == 0 || q.to != 0 && q.to < q.from:
		return fmt.Errorf("inspect stream: --from %d --to %d, want ticks from 1 on, in order", q.from, q.to)
	}
	return nil
}

func (q *streamQuery) run(path string, w io.Writer) error {
	store, end, err := openStreams(path)
	if err != nil {
		return err
	}
	defer end()
	var all []*persist.Stream
	jobs, err := persist.Jobs(store)
	if err != nil {
		return err
	}
	for _, j := range jobs {
		of, err := persist.Open(store, j)
		if err != nil {
			return err
		}
		all = append(all, of...)
	}
	if q.rows != "" {
		return q.printRows(all, w)
	}
	return q.check(all, w)
}

// openStreams opens the store of a path, without a change to it.
func openStreams(path string) (s snapshot.Reader, end func(), err error) {
	if strings.HasPrefix(path, s3.Scheme) {
		b, err := openBucket(path)
		if err != nil {
			return nil, nil, err
		}
		return b, func() { _ = b.Close() }, nil
	}
	if inside := filepath.Join(path, "snapshots"); isFolder(inside) {
		path = inside
	}
	s, err = snapshot.ReadDir(path)
	return s, func() {}, err
}

func isFolder(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

// found is a stream as --json writes it.
type found struct {
	Job     string           `json:"job"`
	Edge    frame.EdgeID     `json:"edge"`
	Name    string           `json:"name"`
	Through frame.Tick       `json:"through"`
	Ended   bool             `json:"ended"`
	Nodes   []persist.Report `json:"nodes"`
	Error   string           `json:"error,omitempty"`
}

// check reads all streams and says what is in them.
func (q *streamQuery) check(all []*persist.Stream, w io.Writer) error {
	results := []found{}
	var errs []error
	for _, s := range all {
		reports, err := s.Check()
		if err != nil && reports == nil {
			return err // the store's
		}
		f := found{Job: fmt.Sprintf("%016x", s.Job), Edge: s.Edge, Name: s.Name, Through: s.Through(), Ended: s.Ended(), Nodes: reports}
		if err != nil {
			f.Error = err.Error()
		}
		results, errs = append(results, f), append(errs, err)
	}
	var err error
	if q.json {
		var text []byte
		if text, err = json.MarshalIndent(results, "", "  "); err == nil {
			_, err = fmt.Fprintln(w, escaped(string(text)))
		}
	} else {
		var b strings.Builder
		for i := range results {
			results[i].print(&b)
		}
		fmt.Fprintf(&b, "%d streams\n", len(results))
		_, err = io.WriteString(w, printable(b.String()))
	}
	return errors.Join(append(errs, err)...)
}

func (f *found) print(w io.Writer) {
	state := "it goes on, or its run has been stopped"
	if f.Ended {
		state = "it has ended"
	}
	fmt.Fprintf(w, "job %s, %s (edge %d): persisted up to %s; %s\n", f.Job, f.Name, f.Edge, tickWord(f.Through), state)
	for i := range f.Nodes {
		r := &f.Nodes[i]
		fmt.Fprintf(w, "  node %d: ticks %s..%s, %s with rows; %s rows, %s in %d objects\n",
			r.Node, tick(r.Ticks.First), tick(r.Ticks.Last), report.Count(r.Full), report.Count(r.Rows), report.Bytes(r.Bytes), r.Objects)
		if r.Removed != nil {
			fmt.Fprintf(w, "    removed, being older than it is kept: ticks %s..%s\n", tick(r.Removed.First), tick(r.Removed.Last))
		}
		for _, g := range r.Gaps {
			fmt.Fprintf(w, "    not persisted: ticks %s..%s; the edge had another policy\n", tick(g.First), tick(g.Last))
		}
		for _, m := range r.Missing {
			fmt.Fprintf(w, "    missing: ticks %s..%s\n", tick(m.First), tick(m.Last))
		}
		for _, d := range r.Damage {
			fmt.Fprintf(w, "    %s\n", d)
		}
	}
}

// printRows writes the rows of an edge as CSV.
func (q *streamQuery) printRows(all []*persist.Stream, w io.Writer) error {
	s, err := q.stream(all)
	if err != nil {
		return err
	}
	to := s.Through()
	if q.to != 0 {
		to = frame.Tick(q.to)
	}
	out := bufio.NewWriter(w)
	schema, err := s.RowSchema()
	if err != nil {
		return err
	}
	line := []byte("tick,source,destination,index,vs")
	if schema.HasVe {
		line = append(line, ",ve"...)
	}
	if schema.HasDiff {
		line = append(line, ",diff"...)
	}
	for _, f := range schema.Fields {
		line = csv.AppendText(append(line, ','), []byte(f.Name))
	}
	if _, err := out.Write(append(line, '\n')); err != nil {
		return err
	}
	err = s.Read(frame.Tick(q.from), to, func(r *persist.Rows) error {
		for i := range r.Batch.N {
			line = appendRow(line[:0], r, i)
			if _, err := out.Write(line); err != nil {
				return err
			}
		}
		return nil
	})
	return errors.Join(err, out.Flush())
}

func appendRow(line []byte, r *persist.Rows, i int) []byte {
	for _, v := range [...]uint64{uint64(r.Tick), uint64(r.Source), uint64(r.Destination), r.First + uint64(i)} {
		line = append(strconv.AppendUint(line, v, 10), ',')
	}
	line = strconv.AppendInt(line, r.Batch.Vs[i], 10)
	if r.Batch.Ve != nil {
		line = strconv.AppendInt(append(line, ','), r.Batch.Ve[i], 10)
	}
	if r.Batch.Diff != nil {
		line = strconv.AppendInt(append(line, ','), int64(r.Batch.Diff[i]), 10)
	}
	for c := range r.Batch.Cols {
		line = csv.AppendCell(append(line, ','), &r.Batch.Cols[c], i)
	}
	return append(line, '\n')
}

// stream finds the stream that --rows names.
func (q *streamQuery) stream(all []*persist.Stream) (*persist.Stream, error) {
	var is []*persist.Stream
	var names []string
	for _, s := range all {
		if s.Name == q.rows || fmt.Sprint(s.Edge) == q.rows {
			is = append(is, s)
		}
		names = append(names, fmt.Sprintf("%s (edge %d)", s.Name, s.Edge))
	}
	switch {
	case len(all) == 0:
		return nil, fmt.Errorf("--rows %s: there are no streams; want %s of a run with edges that are persisted", q.rows, streamsWanted)
	case len(is) == 0:
		return nil, fmt.Errorf("--rows %s: there is no such stream, want one of: %s", q.rows, strings.Join(names, ", "))
	case len(is) > 1:
		return nil, fmt.Errorf("--rows %s: there are %d such streams; give the number of the edge, and a place with one job", q.rows, len(is))
	}
	return is[0], nil
}
