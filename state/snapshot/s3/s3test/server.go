package s3test

import (
	"bytes"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/minio/minio-go/v7/pkg/credentials"

	"github.com/streamscope/streamscope/state/snapshot/s3"
)

// Bucket is the one that every server has.
const Bucket = "snapshots"

const (
	binaryEnv     = "STREAMSCOPE_S3_SERVER"
	access        = "tester"
	secret        = "not a secret"
	startPatience = 20 * time.Second
)

// Server is an S3 server with an empty bucket.
type Server struct {
	t    testing.TB
	dir  string
	addr string
	cmd  *exec.Cmd
	out  bytes.Buffer
}

var binary = sync.OnceValues(func() (string, error) {
	if path := os.Getenv(binaryEnv); path != "" {
		return path, nil
	}
	dir, err := filepath.Abs(".")
	for ; err == nil; dir = filepath.Dir(dir) {
		if _, err = os.Stat(filepath.Join(dir, ".ci", "s3", "go.mod")); err == nil || dir == filepath.Dir(dir) {
			break
		}
		err = nil
	}
	if err != nil {
		return "", err
	}
	// Built into Go's own cache if it is not there.
	cmd := exec.Command("go", "tool", "-n", "versitygw")
	cmd.Dir, cmd.Env, cmd.Stderr = filepath.Join(dir, ".ci", "s3"), append(os.Environ(), "CGO_ENABLED=0"), os.Stderr
	out, err := cmd.Output()
	return strings.TrimSpace(string(out)), err
})

// Start starts a server that ends with the test.
func Start(t testing.TB) *Server {
	t.Helper()
	s := &Server{t: t, dir: t.TempDir()}
	// A folder is a bucket.
	if err := os.Mkdir(filepath.Join(s.dir, Bucket), 0o755); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.addr = l.Addr().String()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		s.Kill()
		if t.Failed() {
			t.Logf("the S3 server said:\n%s", &s.out)
		}
	})
	s.Restart()
	return s
}

// Restart starts the server, which does not run, and waits until it answers.
func (s *Server) Restart() {
	s.t.Helper()
	path, err := binary()
	if err != nil {
		s.t.Fatalf("S3 server for tests: %v; see package s3test", err)
	}
	s.cmd = exec.Command(path, "--port", s.addr, "--quiet", "posix", s.dir)
	s.cmd.Env = append(os.Environ(), "ROOT_ACCESS_KEY="+access, "ROOT_SECRET_KEY="+secret)
	s.cmd.Stdout, s.cmd.Stderr = &s.out, &s.out
	if err := s.cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	for until := time.Now().Add(startPatience); ; time.Sleep(5 * time.Millisecond) {
		c, err := net.Dial("tcp", s.addr)
		if err == nil {
			_ = c.Close()
			return
		}
		if time.Now().After(until) {
			s.t.Fatalf("the S3 server does not listen after %v: %v", startPatience, err)
		}
	}
}

// Kill ends the server as a crash does.
func (s *Server) Kill() {
	if s.cmd == nil {
		return
	}
	_ = s.cmd.Process.Signal(syscall.SIGKILL)
	_ = s.cmd.Wait()
	s.cmd = nil
}

// Endpoint is the server's URL.
func (s *Server) Endpoint() string { return "http://" + s.addr }

// Config is that of a store under a prefix of the bucket.
func (s *Server) Config(prefix string) s3.Config {
	return s3.Config{Bucket: Bucket, Prefix: prefix, Endpoint: s.Endpoint(), Region: "us-east-1", Creds: credentials.NewStaticV4(access, secret, "")}
}

// Env are the variables with which another process finds the server.
func (s *Server) Env() []string {
	return []string{
		"AWS_ENDPOINT_URL=" + s.Endpoint(), "AWS_REGION=us-east-1", "AWS_ACCESS_KEY_ID=" + access, "AWS_SECRET_ACCESS_KEY=" + secret,
	}
}
