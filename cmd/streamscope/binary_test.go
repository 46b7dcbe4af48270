package main

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"go.uber.org/goleak"
)

// testFolder is for files that several tests share; binary is the program as users have it, built from this tree.
var testFolder, binary string

func TestMain(m *testing.M) {
	flag.Parse()
	os.Exit(testMain(m))
}

func testMain(m *testing.M) int {
	var err error
	if testFolder, err = os.MkdirTemp("", "streamscope-test-"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(testFolder)
	binary = filepath.Join(testFolder, "streamscope")
	build := exec.Command("go", append(append([]string{"build"}, buildFlags...), "-o", binary, ".")...)
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "%v: %v\n%s", build.Args, err, out)
		return 1
	}
	status := m.Run()
	if status == 0 {
		if err := goleak.Find(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
	}
	return status
}

// result is what a run of the binary left.
type result struct {
	status         int
	stdout, stderr []byte
}

// runBinary runs the program in a folder and waits for its end.
func runBinary(t testing.TB, dir string, args ...string) result {
	t.Helper()
	cmd := newCommand(args...)
	cmd.Dir = dir
	return finish(t, cmd)
}

func newCommand(args ...string) *exec.Cmd { return exec.Command(binary, args...) }

func finish(t testing.TB, cmd *exec.Cmd) result {
	t.Helper()
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return result{cmd.ProcessState.ExitCode(), stdout.Bytes(), stderr.Bytes()}
}
