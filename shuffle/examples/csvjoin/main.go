// Command csvjoin joins two CSV files by their first column, in several processes. The files have headers; the first process reads the
// one, the second the other, and each process joins the keys whose hash falls to it and prints its part of the result: key, left columns,
// right columns. Start one for each address, at least two:
//
//	csvjoin -self 0 -peers host1:7000,host2:7000,host3:7000 -token secret left.csv
//	csvjoin -self 1 -peers host1:7000,host2:7000,host3:7000 -token secret right.csv
//	csvjoin -self 2 -peers host1:7000,host2:7000,host3:7000 -token secret
package main

import (
	"context"
	"encoding/csv"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"os/signal"
	"strings"

	"github.com/streamscope/streamscope/shuffle"
)

// Row is a line of one of the files. Both go through one shuffle: so what has one key meets in one place.
type Row struct {
	Key   string `shuffle:"key"`
	Right bool
	Rest  string // the other columns, as CSV
}

func main() {
	self := flag.Int("self", 0, "place of this process in -peers, from 0")
	peers := flag.String("peers", "", "addresses of all processes, host:port, with commas between")
	token := flag.String("token", "", "what all processes know and strangers do not")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	cfg := shuffle.Config{Self: *self, Peers: strings.Split(*peers, ","), Token: *token}
	if err := run(ctx, cfg, flag.Arg(0), os.Stdout); err != nil {
		log.Fatal(err)
	}
}

// run joins with the other processes; file is the left one in process 0, the right one in process 1.
func run(ctx context.Context, cfg shuffle.Config, file string, out io.Writer) (err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	s, err := shuffle.OpenOf[Row](ctx, cfg)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	sent := make(chan error, 1)
	go func() {
		err := send(s.Writer(0), file, cfg.Self == 1)
		if err != nil {
			cancel() // who reads would wait for rows that never come
		}
		sent <- err
	}()
	left, right := map[string][]string{}, map[string][]string{}
	r := s.Reader(0)
	for v := range r.All() {
		if v.Right {
			right[v.Key] = append(right[v.Key], v.Rest)
		} else {
			left[v.Key] = append(left[v.Key], v.Rest)
		}
	}
	if err := r.Err(); err != nil {
		cancel()
		return errors.Join(<-sent, err)
	}
	if err := <-sent; err != nil {
		return err
	}
	return join(out, left, right)
}

// send writes the rows of a file, if this process has one.
func send(w *shuffle.WriterOf[Row], file string, right bool) error {
	if file == "" {
		return w.Close()
	}
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer f.Close()
	lines := csv.NewReader(f)
	if _, err := lines.Read(); err != nil {
		return fmt.Errorf("%s: header: %w", file, err)
	}
	for {
		fields, err := lines.Read()
		if err == io.EOF {
			return w.Close()
		}
		if err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
		rest, err := line(fields[1:])
		if err != nil {
			return err
		}
		if err := w.Write(Row{fields[0], right, rest}); err != nil {
			return err
		}
	}
}

// line writes fields as CSV, without the end of line.
func line(fields []string) (string, error) {
	var b strings.Builder
	w := csv.NewWriter(&b)
	err := w.Write(fields)
	w.Flush()
	return strings.TrimSuffix(b.String(), "\n"), errors.Join(err, w.Error())
}

func join(out io.Writer, left, right map[string][]string) error {
	for key, rows := range left {
		k, err := line([]string{key})
		if err != nil {
			return err
		}
		for _, l := range rows {
			for _, r := range right[key] {
				if _, err := fmt.Fprintf(out, "%s,%s,%s\n", k, l, r); err != nil {
					return err
				}
			}
		}
	}
	return nil
}
