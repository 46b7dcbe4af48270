package ringlog

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/streamscope/streamscope/ringlog/ringlogtest"
)

// Some tests need a process of their own: to be killed, or to live within limits that the tests' process must not have. The test binary plays
// the part that the environment names, in a directory, with a number.
const (
	partEnv   = "RINGLOG_TEST_PART"
	dirEnv    = "RINGLOG_TEST_DIR"
	numberEnv = "RINGLOG_TEST_NUMBER"
)

var parts = map[string]func(dir string, number int) error{
	"victim": writeUntilKilled, "full tmpfs": fullTmpfs, "file limit": fileLimit, "descriptor limit": descriptorLimit, "small group": smallGroup,
}

func TestMain(m *testing.M) {
	if play := parts[os.Getenv(partEnv)]; play != nil {
		number, _ := strconv.Atoi(os.Getenv(numberEnv))
		if err := play(os.Getenv(dirEnv), number); err != nil {
			fmt.Println("error", err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	goleak.VerifyTestMain(m, goleak.Cleanup(ringlogtest.Exit))
}

// part prepares a child.
func part(name, dir string, number int) *exec.Cmd {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), partEnv+"="+name, dirEnv+"="+dir, fmt.Sprintf("%s=%d", numberEnv, number))
	return cmd
}

// finish runs a child to its end and returns what it said; it must have gone well.
func finish(t *testing.T, cmd *exec.Cmd) string {
	t.Helper()
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Run(); err != nil {
		t.Errorf("child: %v: %s", err, out.String())
	}
	return out.String()
}

// crashTimes is how often a crash test does what it does: n times, or a multiple of it for `make crash`.
func crashTimes(n int) int {
	if factor, err := strconv.Atoi(os.Getenv("STREAMSCOPE_CRASH")); err == nil && factor > 0 {
		return n * factor
	}
	return n
}

// seeded returns a random source; its seed is printed, and can be given by STREAMSCOPE_SEED.
func seeded(t testing.TB) *rand.Rand {
	seed, err := strconv.ParseUint(os.Getenv("STREAMSCOPE_SEED"), 10, 64)
	if err != nil {
		seed = uint64(time.Now().UnixNano())
	}
	t.Logf("seed: STREAMSCOPE_SEED=%d", seed)
	return rand.New(rand.NewPCG(seed, 1))
}

// inspectAlive looks at files that another process writes to. What it says is of the moment; that it ends is what counts.
func inspectAlive(dir string) { _ = Inspect(dir, io.Discard) }
