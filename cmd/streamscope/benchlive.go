package main

import (
	"fmt"
	"io"
	"time"

	"github.com/streamscope/streamscope/bench"
)

// eraseLine goes to the start of a terminal's line and empties it.
const eraseLine = "\r\x1b[K"

// liveLine is the last line of a terminal, which says what is measured and how long it will take. Results go above it, to standard output,
// which is why this is no bar of mpb: that writes to one file only. Without a terminal it writes nothing. All of it is used by one goroutine.
type liveLine struct {
	terminal bool
	out      io.Writer // the terminal
}

// show replaces the line.
func (l *liveLine) show(p bench.Progress) {
	if !l.terminal {
		return
	}
	fmt.Fprintf(l.out, "%s%s", eraseLine, liveText(p))
}

// liveText fits into 80 columns, but for absurd numbers.
func liveText(p bench.Progress) string {
	what := "the machine's limits"
	if p.Name != "" {
		what = fmt.Sprintf("%.30s", p.Name)
		if p.Repetition == 0 {
			what += ", warm-up"
		} else {
			what += fmt.Sprintf(", repetition %d of %d", p.Repetition, p.Runs)
		}
	}
	return fmt.Sprintf("[%d/%d] %s, about %v left", p.Index, p.Of, what, p.Left.Round(time.Second))
}

// say writes a line that stays.
func (l *liveLine) say(format string, args ...any) {
	if l.terminal {
		fmt.Fprintf(l.out, eraseLine+format+"\n", args...)
	}
}

func (l *liveLine) clear() {
	if l.terminal {
		fmt.Fprint(l.out, eraseLine)
	}
}

// above returns a writer to w that empties the line before each write.
func (l *liveLine) above(w io.Writer) io.Writer { return aboveLine{l, w} }

type aboveLine struct {
	line *liveLine
	w    io.Writer
}

func (a aboveLine) Write(p []byte) (int, error) {
	a.line.clear()
	return a.w.Write(p)
}
