package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/streamscope/streamscope/shuffle"
)

// The license is the real text at hand.
const license = "../../../LICENSE"

// TestMain is also the second process: it tells where it listens, is told where all do, and counts.
func TestMain(m *testing.M) {
	file := os.Getenv("WORDCOUNT_FILE")
	if file == "" {
		os.Exit(m.Run())
	}
	meet := func(addr string) ([]string, error) {
		fmt.Println(addr)
		line, err := bufio.NewReader(os.Stdin).ReadString('\n')
		return strings.Split(strings.TrimSpace(line), ","), err
	}
	if err := run(context.Background(), config(1, meet), []string{file}, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func config(self int, meet func(string) ([]string, error)) shuffle.Config {
	peers := make([]string, 2)
	peers[self] = "127.0.0.1:0"
	return shuffle.Config{Self: self, Peers: peers, Token: "secret", Meet: meet}
}

func TestTwoProcesses(t *testing.T) {
	text, err := os.ReadFile(license)
	if err != nil {
		t.Fatal(err)
	}
	half := bytes.LastIndexByte(text[:len(text)/2], '\n') + 1
	files := []string{t.TempDir() + "/0", t.TempDir() + "/1"}
	for i, part := range [][]byte{text[:half], text[half:]} {
		if err := os.WriteFile(files[i], part, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	child := exec.CommandContext(t.Context(), os.Args[0])
	child.Env = append(os.Environ(), "WORDCOUNT_FILE="+files[1])
	child.Stderr = os.Stderr
	in, err := child.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	said := bufio.NewReader(out)
	meet := func(addr string) ([]string, error) {
		other, err := said.ReadString('\n')
		if err != nil {
			return nil, err
		}
		addrs := []string{addr, strings.TrimSpace(other)}
		_, err = fmt.Fprintln(in, strings.Join(addrs, ","))
		return addrs, err
	}
	var mine bytes.Buffer
	if err := run(t.Context(), config(0, meet), files[:1], &mine); err != nil {
		t.Fatal(err)
	}
	theirs, err := io.ReadAll(said)
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Wait(); err != nil {
		t.Fatal(err)
	}
	compare(t, mine.String(), string(theirs), string(text))
}

func compare(t *testing.T, mine, theirs, text string) {
	t.Helper()
	want := map[string]int{}
	for _, w := range words(text) {
		want[w]++
	}
	if mine == "" || theirs == "" {
		t.Fatalf("one process counted nothing: %d and %d bytes", len(mine), len(theirs))
	}
	for line := range strings.Lines(mine + theirs) {
		var n int
		var w string
		if _, err := fmt.Sscan(line, &n, &w); err != nil {
			t.Fatalf("line %q: %v", line, err)
		}
		if want[w] != n {
			t.Errorf("%q: counted %d, want %d", w, n, want[w])
		}
		delete(want, w)
	}
	for w, n := range want {
		t.Errorf("%q: not counted, want %d", w, n)
	}
}
