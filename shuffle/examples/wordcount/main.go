// Command wordcount counts the words of text files in several processes. Start one for each address, each with files of its own:
//
//	wordcount -self 0 -peers host1:7000,host2:7000 -token secret a.txt b.txt
//	wordcount -self 1 -peers host1:7000,host2:7000 -token secret c.txt
//
// Each prints the counts of the words whose hash falls to it: together, each word once.
package main

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"os/signal"
	"slices"
	"strings"
	"unicode"

	"github.com/streamscope/streamscope/shuffle"
)

// Word is a row.
type Word struct {
	Text string `shuffle:"key"`
}

func main() {
	self := flag.Int("self", 0, "place of this process in -peers, from 0")
	peers := flag.String("peers", "", "addresses of all processes, host:port, with commas between")
	token := flag.String("token", "", "what all processes know and strangers do not")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	cfg := shuffle.Config{Self: *self, Peers: strings.Split(*peers, ","), Token: *token}
	if err := run(ctx, cfg, flag.Args(), os.Stdout); err != nil {
		log.Fatal(err)
	}
}

// run counts the words of files with the other processes.
func run(ctx context.Context, cfg shuffle.Config, files []string, out io.Writer) (err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	s, err := shuffle.OpenOf[Word](ctx, cfg)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	read := make(chan error, 1)
	go func() {
		err := readAll(s.Writer(0), files)
		if err != nil {
			cancel() // who reads would wait for words that never come
		}
		read <- err
	}()
	counts := map[string]int{}
	r := s.Reader(0)
	for v := range r.All() {
		counts[v.Text]++
	}
	if err := r.Err(); err != nil {
		cancel()
		return errors.Join(<-read, err)
	}
	if err := <-read; err != nil {
		return err
	}
	words := make([]string, 0, len(counts))
	for w := range counts {
		words = append(words, w)
	}
	slices.Sort(words)
	for _, w := range words {
		if _, err := fmt.Fprintln(out, counts[w], w); err != nil {
			return err
		}
	}
	return nil
}

// readAll writes the words of all files. Where it fails, it closes nothing: a count without them would look right.
func readAll(w *shuffle.WriterOf[Word], files []string) error {
	for _, name := range files {
		if err := readFile(w, name); err != nil {
			return err
		}
	}
	return w.Close()
}

func readFile(w *shuffle.WriterOf[Word], name string) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		for _, word := range words(lines.Text()) {
			if err := w.Write(Word{word}); err != nil {
				return err
			}
		}
	}
	return lines.Err()
}

// words are the runs of letters of a line, in lower case.
func words(line string) []string {
	return strings.FieldsFunc(strings.ToLower(line), func(r rune) bool { return !unicode.IsLetter(r) })
}
