package engine

import (
	"errors"
	"fmt"
	"time"

	"github.com/streamscope/streamscope/control"
	"github.com/streamscope/streamscope/state/snapshot/s3"
	"github.com/streamscope/streamscope/vertex/runtime/datadir"
)

// openStore opens the store of a name; nil without one.
func openStore(name string) (datadir.Store, error) {
	if name == "" {
		return nil, nil
	}
	s, err := openS3(name, 0)
	if err != nil {
		return nil, err
	}
	return s, nil
}

// checkPatience is how long a run waits for its store before it begins.
const checkPatience = 5 * time.Second

// openS3 opens a bucket that may be silent for so long; 0: for the default.
func openS3(name string, patience time.Duration) (*s3.Store, error) {
	cfg, err := s3.FromEnv(name)
	if err != nil {
		return nil, fmt.Errorf("--snapshot-store %w", err)
	}
	cfg.Patience = patience
	s, err := s3.New(cfg)
	if err != nil {
		return nil, fmt.Errorf("--snapshot-store %s: %w", name, err)
	}
	return s, nil
}

// checkStore finds out before a run begins whether images can be kept there.
func checkStore(name string) error {
	if name == "" {
		return nil
	}
	s, err := openS3(name, checkPatience)
	if err != nil {
		return err
	}
	if err = errors.Join(s.Check(), s.Close()); err != nil {
		return fmt.Errorf("--snapshot-store: %w", err)
	}
	return nil
}

// waitsWords says that a worker waits for the store.
func waitsWords(w control.Waits) string {
	what := fmt.Sprintf("for %d minutes that is no failure", int64(control.DefaultStoreAwayNs/60e9))
	if w.Counts {
		what = fmt.Sprintf("the run ends after %d failures", control.DefaultGiveUp)
	}
	return fmt.Sprintf("worker %d cannot start, since its snapshot store has not answered for %v; it is started again in %v; %s: %s",
		w.Node, time.Duration(w.AwayNs).Round(time.Second), time.Duration(w.PauseNs).Round(time.Millisecond), what, w.Reason)
}
