package engine

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/cespare/xxhash/v2"
	"golang.org/x/sys/unix"

	"github.com/streamscope/streamscope/control"
	"github.com/streamscope/streamscope/control/meta"
	"github.com/streamscope/streamscope/control/plan"
	"github.com/streamscope/streamscope/ringlog/vfs"
	"github.com/streamscope/streamscope/shuffle/batch"
	"github.com/streamscope/streamscope/vertex/connect"
)

// Recovery asks for a run that survives the loss of its workers and of itself.
type Recovery struct {
	// Dir is the data directory: journals, images, and what the manager knows.
	Dir string
	// SnapshotStore takes the images instead, as s3://BUCKET/PREFIX; empty: the directory does.
	SnapshotStore string
	// ImagePeers is how many other workers keep the images instead, in memory; 0: none.
	ImagePeers int
	// SnapshotInterval is the time between two images of every stage.
	SnapshotInterval time.Duration
	// ManagerPatience is how long workers go on without a manager; 0: they end with theirs.
	ManagerPatience time.Duration
	// JournalPeers is how many other workers keep the journal of each source, in memory; 0: it lies in Dir.
	JournalPeers int
	// AcceptGap gives up the journals that peers kept for an earlier run, of which nobody lives any more: see control.Stored.GiveUpJournals.
	AcceptGap bool
	// InputAgain says that standard input is all of what an earlier run of the directory was given, not what follows that.
	InputAgain bool
	// Reliability says what is kept of each edge.
	Reliability plan.Reliability
	// Objective, if set, has what its user has not settled of Reliability and SnapshotInterval chosen.
	Objective Objective
}

// data is the manager's part of a data directory. Besides what package datadir describes there are
//
//	DIR/meta.db      the metadata store; it is locked as long as a manager lives
//	DIR/token        what names the run's temporary files, and its links show each other
//	DIR/status.json  what is kept, and why, about a second old; not synced
//	DIR/spill        where logs go that do not fit the arena, unless --spill-dir says otherwise; files without names
//	DIR/alive/N.I    locked by the worker of node N in incarnation I as long as it lives; its pid and start time
//	DIR/manager      where workers find the manager, as long as there is one
//	DIR/log          what workers write on standard error
type data struct {
	dir   string
	token string
	store *meta.Bolt
}

// StoreName is the metadata store's file in a data directory, tokenName that of its token.
const (
	StoreName = "meta.db"
	tokenName = "token"
)

// tokenBytesMax bounds the file of the token.
const tokenBytesMax = 1024

// lockPatience is how long a run waits for the manager of an earlier one to be gone, and for workers that it has killed.
const lockPatience = 5 * time.Second

// openData opens a data directory, which is made if it is not there, for the run with the token that tokenOf gave.
func openData(dir, token string) (*data, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("--data-dir: %w", err)
	}
	store, err := meta.OpenBolt(filepath.Join(dir, StoreName), lockPatience)
	if err != nil {
		return nil, ofDir(dir, err)
	}
	d := &data{dir: dir, token: token, store: store}
	if err = d.complete(); err == nil {
		err = d.keepToken()
	}
	if err != nil {
		return nil, errors.Join(ofDir(dir, err), store.Close())
	}
	return d, nil
}

// ofDir says which directory an error is about, and what to do where its store is damaged.
func ofDir(dir string, err error) error {
	if errors.Is(err, meta.ErrDamaged) {
		return fmt.Errorf("--data-dir %s: %w; put back what was there, or remove the directory to begin anew", dir, err)
	}
	return fmt.Errorf("--data-dir %s: %w", dir, err)
}

// complete refuses a directory of which a part was removed: the store is there before journals and images, the token before the store has anything in it.
func (d *data) complete() error {
	pairs, err := d.store.Load()
	if err != nil {
		return err
	}
	if len(pairs) > 0 {
		_, err := os.Stat(filepath.Join(d.dir, tokenName))
		if errors.Is(err, fs.ErrNotExist) {
			err = fmt.Errorf("%s is missing, which names the journals and images of the run that was begun here; put it back, or remove the directory to begin anew", tokenName)
		}
		return err
	}
	for _, part := range []string{"journal/*/*.journal", "snapshots/job-*"} {
		left, err := fs.Glob(os.DirFS(d.dir), part)
		if err != nil {
			return err
		}
		if len(left) > 0 {
			return fmt.Errorf("%s was not there, or empty, but %s is: nobody knows how far that run was; put the store back, or remove the directory to begin anew", StoreName, left[0])
		}
	}
	return nil
}

func (d *data) close() error { return d.store.Close() }

// tokenOf returns the token of a data directory, or makes one for a directory that has none. Nothing is written: a run may still be refused.
func tokenOf(dir string) (string, error) {
	token, err := readToken(filepath.Join(dir, tokenName))
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ENOTDIR) { // openData says what is wrong with the directory, if anything is
		return connect.NewToken(), nil
	}
	if err != nil {
		return "", fmt.Errorf("--data-dir %s: %w", dir, err)
	}
	return token, nil
}

func readToken(path string) (string, error) {
	b, err := vfs.ReadFile(path, tokenBytesMax)
	if err != nil {
		return "", err
	}
	token := strings.TrimSuffix(string(b), "\n")
	if raw, err := hex.DecodeString(token); err != nil || len(raw) == 0 || len(token) != len(connect.NewToken()) {
		return "", fmt.Errorf("%s: got %.40q, want a token as a run makes it", path, token)
	}
	return token, nil
}

// keepToken writes the token of a directory that is begun.
func (d *data) keepToken() error {
	path := filepath.Join(d.dir, tokenName)
	switch now, err := readToken(path); {
	case errors.Is(err, fs.ErrNotExist):
		return writeSynced(path, d.token+"\n")
	case err != nil:
		return err
	case now != d.token:
		return fmt.Errorf("%s: another run has begun here meanwhile; repeat the command", path)
	}
	return nil
}

// writeSynced writes a small file so that it is there whole, or not at all.
func writeSynced(path, text string) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".tmp-*")
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	if err == nil {
		err = f.Sync()
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		_ = os.Remove(f.Name())
		return err
	}
	return syncFolder(filepath.Dir(path))
}

// syncFolder makes the names in a folder durable.
func syncFolder(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// takeOver makes this process the job's manager, and refuses the directory of another job.
func (d *data) takeOver(cfg *Config, p *plan.Plan) (control.Stored, error) {
	stored, err := meta.TakeOver(d.store, identity(cfg, p))
	if errors.Is(err, meta.ErrOther) {
		err = fmt.Errorf("%w (a run goes on with the job, inputs, outputs, --workers, --tasks, --tick, --lateness, --on-bad-row, --source-durability and --snapshot-store that it began with; --rate without --tick is --tick 5ms)", err)
	}
	if err != nil {
		return stored, ofDir(d.dir, err)
	}
	return stored, nil
}

// identity is what must be the same when a run goes on: everything that shapes rows and ticks.
func identity(cfg *Config, p *plan.Plan) meta.Identity {
	schemas := xxhash.New()
	for _, e := range p.Runtime.Edges {
		fingerprint(schemas, e.Schema)
	}
	for i := range p.Runtime.Stages {
		for _, op := range p.Runtime.Stages[i].Ops {
			fingerprint(schemas, op.Schema)
		}
	}
	return meta.Identity{
		Job: cfg.Name, Settings: settings(cfg), Plan: plan.Shape(p), Schema: schemas.Sum64(), Nodes: max(1, cfg.Workers), Stages: len(p.Runtime.Stages),
	}
}

// settings names what the user has given and cannot change, one a line.
func settings(cfg *Config) string {
	journal := "on disk" // those at peers are not to be found there
	if cfg.Limits.JournalPeers > 0 {
		journal = "at peers"
	}
	images := fmt.Sprintf("%q", cfg.Limits.SnapshotStore)
	if cfg.Limits.ImagePeers > 0 {
		images = "at peers"
	}
	var b strings.Builder
	for _, s := range []struct {
		name  string
		value any
	}{
		{"--input", fmt.Sprintf("%q", cfg.Job.Inputs)},
		{"--airports", fmt.Sprintf("%q", cfg.Job.Airports)},
		{"--out", fmt.Sprintf("%q", cfg.Job.Out)},
		{"--on-bad-row", fmt.Sprintf("%v %q", cfg.Job.BadRows, cfg.Job.DivertTo)},
		{"--tasks", cfg.Tasks},
		{"--tick", tickText(cfg.Tick)},
		{"--lateness", time.Duration(cfg.Limits.LatenessUs) * time.Microsecond},
		{"--snapshot-store", images},
		{"--source-durability", journal},
	} {
		fmt.Fprintf(&b, "%s %v\n", s.name, s.value)
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// tickText is a rule as --tick takes it.
func tickText(r control.TickRule) string {
	if r.LengthNs > 0 {
		return time.Duration(r.LengthNs).String()
	}
	return fmt.Sprintf("bytes:%d", r.LimitByte)
}

func fingerprint(h *xxhash.Digest, s *batch.Schema) {
	for _, f := range s.Fields {
		fmt.Fprintf(h, "%q %v %v,", f.Name, f.Kind, f.Nullable)
	}
	_, _ = h.WriteString(";")
}

// persist carries out a transaction.
func (d *data) persist(t control.Txn) control.Persisted {
	return meta.Persisted(meta.Commit(d.store, t))
}
