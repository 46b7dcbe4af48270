// Command groupby is a parallel group-by within one process: two goroutines make rows, two others sum them by key, each its own share of the
// keys, so that nothing is locked and nothing merged.
package main

import (
	"context"
	"fmt"
	"io"
	"log"
	"os"
	"slices"
	"sync"

	"github.com/streamscope/streamscope/shuffle"
)

// Sale is a row: its shop chooses the reader.
type Sale struct {
	Shop  int64 `shuffle:"key"`
	Cents int64
}

const (
	parallel = 2
	shops    = 10
	sales    = 100_000 // of each writer
)

func main() {
	if err := run(context.Background(), os.Stdout); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, out io.Writer) error {
	s, err := shuffle.OpenOf[Sale](ctx, shuffle.Config{Writers: parallel, Readers: parallel})
	if err != nil {
		return err
	}
	defer s.Close()
	var all sync.WaitGroup
	errs := make(chan error, 2*parallel)
	sums := make([]map[int64]int64, parallel)
	for i := range parallel {
		all.Go(func() { errs <- sell(s.Writer(i)) })
		all.Go(func() {
			sums[i] = map[int64]int64{}
			r := s.Reader(i)
			for v := range r.All() {
				sums[i][v.Shop] += v.Cents
			}
			errs <- r.Err()
		})
	}
	all.Wait()
	close(errs)
	for err := range errs {
		if err != nil {
			return err
		}
	}
	return report(out, sums)
}

func sell(w *shuffle.WriterOf[Sale]) error {
	for n := range int64(sales) {
		if err := w.Write(Sale{Shop: n % shops, Cents: n}); err != nil {
			return err
		}
	}
	return w.Close()
}

func report(out io.Writer, sums []map[int64]int64) error {
	var lines []string
	for _, m := range sums {
		for shop, cents := range m {
			lines = append(lines, fmt.Sprintf("shop %d: %d", shop, cents))
		}
	}
	slices.Sort(lines)
	for _, l := range lines {
		if _, err := fmt.Fprintln(out, l); err != nil {
			return err
		}
	}
	return nil
}
