package ringlog

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/streamscope/streamscope/ringlog/frame"
)

// squeezed is an arena that shall meet a limit of the system long before its own.
type squeezed struct {
	*Arena
	log     *Log
	written []frame.Pos
	reports []error
}

func squeeze(cfg ArenaConfig) (*squeezed, error) {
	s := &squeezed{}
	cfg.OnError = func(err error) { s.reports = append(s.reports, err) }
	var err error
	if s.Arena, err = NewArena(cfg); err != nil {
		return nil, err
	}
	s.log, err = s.NewLog(LogConfig{Incarnation: 1, Sums: true})
	return s, err
}

// fill writes until there is no segment, twice.
func (s *squeezed) fill() error {
	for refused := 0; refused < 2; {
		pos, err := writeStepping(s.log, chainA, frame.Tick(len(s.written)+1), s.layout.MaxFrame())
		switch {
		case errors.Is(err, ErrNoSegment):
			refused++
		case err != nil:
			return err
		default:
			s.written = append(s.written, pos)
		}
	}
	if st := s.Stats(); st.Segments >= st.LimitSegments {
		return fmt.Errorf("the arena's own limit came first: %+v", st)
	}
	return nil
}

// intact reads everything.
func (s *squeezed) intact() error {
	got, err := readAll(s.log, 0, 10)
	if err == nil && !slices.Equal(got, s.written) {
		err = fmt.Errorf("read %v, want %v", got, s.written)
	}
	return err
}

// reported wants one report, of that kind.
func (s *squeezed) reported(want error) error {
	if len(s.reports) != 1 || !errors.Is(s.reports[0], want) {
		return fmt.Errorf("reported %v, want %v once", s.reports, want)
	}
	return nil
}

// goesOn trims half and writes on: what there is can be used again.
func (s *squeezed) goesOn() error {
	half := len(s.written) / 2
	s.log.Trim(chainA, frame.Tick(half))
	s.written = s.written[half:]
	for tick := frame.Tick(1000); tick < frame.Tick(1000+half); tick++ {
		pos, err := writeStepping(s.log, chainA, tick, s.layout.MaxFrame())
		if err != nil {
			return fmt.Errorf("frame of tick %d after a trim: %w", tick, err)
		}
		s.written = append(s.written, pos)
	}
	return s.intact()
}

// TestFullTmpfs: a tmpfs without room is an error of a growth, never a fault of a write; with room again the arena grows again. Where no file system can be
// mounted, not even in a namespace of one's own, TestFileLimit is what is left of it.
func TestFullTmpfs(t *testing.T) {
	if raceBuild {
		return // it has no files
	}
	dir := t.TempDir()
	for _, cred := range []*syscall.SysProcAttr{
		{Unshareflags: unix.CLONE_NEWNS},
		{Cloneflags: unix.CLONE_NEWNS | unix.CLONE_NEWUSER, UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}}},
	} {
		cmd := part("full tmpfs", dir, 0)
		cmd.SysProcAttr = cred
		out, err := cmd.CombinedOutput()
		var status *exec.ExitError
		if err == nil {
			return
		}
		if errors.As(err, &status) && !strings.Contains(string(out), "mount:") {
			t.Fatalf("%v: %s", err, out)
		}
		t.Logf("no mount with %+v: %v %s", cred, err, out)
	}
}

func fullTmpfs(dir string, _ int) error {
	if err := unix.Mount("none", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("mount: private: %w", err)
	}
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, fmt.Sprintf("size=%d", 10*testSegment)); err != nil {
		return fmt.Errorf("mount: %w", err)
	}
	foreign := filepath.Join(dir, "foreign")
	if err := os.WriteFile(foreign, make([]byte, 4*testSegment), 0o600); err != nil {
		return err
	}
	s, err := squeeze(ArenaConfig{SegmentBytes: testSegment, LimitBytes: 64 * testSegment, Backing: Tmpfs, Dir: dir})
	if err != nil {
		return err
	}
	if err := errors.Join(s.fill(), s.reported(unix.ENOSPC), s.intact(), s.goesOn(), os.Remove(foreign)); err != nil {
		return err
	}
	before := len(s.written)
	if err := s.fill(); err != nil {
		return err
	}
	if len(s.written) < before+2 {
		return fmt.Errorf("%d frames after there was room again, %d before", len(s.written), before)
	}
	if err := errors.Join(s.intact(), s.Close()); err != nil {
		return err
	}
	return fullSpill(dir)
}

// fullSpill: the spill file has no room: nothing is lost, and with room again it is used.
func fullSpill(dir string) error {
	s, err := squeeze(ArenaConfig{SegmentBytes: testSegment, LimitBytes: 4 * testSegment, SpillDir: dir})
	if err != nil {
		return err
	}
	for len(s.reports) == 0 {
		pos, err := writeStepping(s.log, chainA, frame.Tick(len(s.written)+1), s.layout.MaxFrame())
		if err != nil && !errors.Is(err, ErrNoSegment) {
			return err
		}
		if err == nil {
			s.written = append(s.written, pos)
		}
	}
	return errors.Join(s.reported(unix.ENOSPC), s.intact(), s.goesOn(), s.Close())
}

// TestFileLimit: files may not be as long as a segment: an error in words, not a signal.
func TestFileLimit(t *testing.T) {
	if !raceBuild {
		finish(t, part("file limit", t.TempDir(), 0))
	}
}

func fileLimit(dir string, _ int) error {
	signal.Ignore(syscall.SIGXFSZ) // as shells that set this limit do
	if err := unix.Setrlimit(unix.RLIMIT_FSIZE, &unix.Rlimit{Cur: testSegment - 1, Max: testSegment - 1}); err != nil {
		return err
	}
	_, err := NewArena(ArenaConfig{SegmentBytes: testSegment, LimitBytes: 4 * testSegment, Backing: Tmpfs, Dir: dir})
	if !errors.Is(err, unix.EFBIG) || !strings.Contains(err.Error(), "fallocate") {
		return fmt.Errorf("new arena: %w, want %w", err, unix.EFBIG)
	}
	left, err := filepath.Glob(filepath.Join(dir, "*"+segmentSuffix))
	if err == nil && len(left) > 0 {
		err = fmt.Errorf("left behind: %v", left)
	}
	return err
}

// TestDescriptorLimit: an arena that may have no more descriptors goes on with the segments it has.
func TestDescriptorLimit(t *testing.T) {
	if !raceBuild {
		finish(t, part("descriptor limit", t.TempDir(), 0))
	}
}

func descriptorLimit(string, int) error {
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: 24, Max: 24}); err != nil {
		return err
	}
	s, err := squeeze(ArenaConfig{SegmentBytes: testSegment, LimitBytes: 64 * testSegment})
	if err != nil {
		return err
	}
	return errors.Join(s.fill(), s.reported(unix.EMFILE), s.goesOn(), s.Close())
}
