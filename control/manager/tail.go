package manager

import (
	"bufio"
	"io"
	"os"
	"strings"
	"sync"
)

// tail passes on what a child writes on standard error, line by line, up to the first line of a crash, of which it keeps that line.
type tail struct {
	from *os.File
	to   io.Writer

	mu    sync.Mutex
	crash string // the first line of a crash
}

const lineMaxBytes = 64 << 10

// copy returns when the child's end is closed.
func (t *tail) copy() {
	defer t.from.Close()
	lines := bufio.NewScanner(t.from)
	lines.Buffer(nil, lineMaxBytes)
	for lines.Scan() {
		t.line(lines.Text())
	}
	// A line that is too long ends the scan; the child must still be able to write.
	_, _ = io.Copy(io.Discard, t.from)
}

func (t *tail) line(text string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case t.crash != "":
		return // its stack trace
	case isCrash(text):
		t.crash = text
		return
	}
	if t.to != nil {
		// A log that nobody reads must not end the run.
		_, _ = io.WriteString(t.to, text+"\n")
	}
}

// isCrash recognises how the Go runtime begins to report its end.
func isCrash(line string) bool {
	for _, begin := range []string{"panic: ", "fatal error: ", "runtime: ", "SIG", "unexpected fault address"} {
		if strings.HasPrefix(line, begin) {
			return true
		}
	}
	return false
}

// lastWords is the first line of a crash, if there was one.
func (t *tail) lastWords() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.crash
}
