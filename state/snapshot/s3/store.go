package s3

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/minio/minio-go/v7"

	"github.com/streamscope/streamscope/state/snapshot"
)

const (
	blockBytes = 4 << 20
	partBytes  = 16 << 20 // times partsMax is the largest object, 156 GiB
	partsMax   = 10_000
	listMax    = 1 << 20
)

// Store is a snapshot.Store in a bucket.
type Store struct {
	cfg       Config
	core      minio.Core
	transport *http.Transport
	ctx       context.Context // of all calls
	cancel    context.CancelCauseFunc
	// What an Object and an upload hold, in bytes, and the first pause before another try; tests have smaller ones.
	block int64
	part  int
	pause time.Duration
}

var _ snapshot.Store = (*Store)(nil)

var (
	errClosed = errors.New("store is closed")
	errNoTag  = errors.New("the server gave no entity tag (ETag); use one that does")
)

// New makes a store. It asks the server nothing.
func New(cfg Config) (*Store, error) {
	host, secure, err := cfg.host()
	if err != nil {
		return nil, err
	}
	if cfg.Timeout <= 0 {
		cfg.Timeout = timeoutDefault
	}
	if cfg.Patience <= 0 {
		cfg.Patience = patienceDefault
	}
	transport, err := minio.DefaultTransport(secure)
	if err != nil {
		return nil, fmt.Errorf("endpoint %s: %w", cfg.Endpoint, err)
	}
	// Repeating requests is ours: whoever repeats a conditional put must know what the answers mean.
	client, err := minio.New(host, &minio.Options{Creds: cfg.Creds, Secure: secure, Transport: transport, Region: cfg.Region, MaxRetries: 1})
	if err != nil {
		return nil, fmt.Errorf("endpoint %s: %w", cfg.Endpoint, err)
	}
	s := &Store{cfg: cfg, core: minio.Core{Client: client}, transport: transport, block: blockBytes, part: partBytes, pause: pauseFirst}
	s.ctx, s.cancel = context.WithCancelCause(context.Background())
	return s, nil
}

// Close ends calls that are under way, which fail, and lets go of connections. What they did is done or not, as after any error.
func (s *Store) Close() error {
	s.cancel(errClosed)
	s.transport.CloseIdleConnections()
	return nil
}

func (s *Store) key(name string) string {
	if s.cfg.Prefix == "" {
		return name
	}
	return s.cfg.Prefix + "/" + name
}

// fail names what failed, and where.
func (s *Store) fail(op, name string, err error) error {
	if status, code := statusOf(err); status != 0 {
		err = fmt.Errorf("%w (%s, status %d)", err, code, status)
	}
	return fmt.Errorf("%s %s%s/%s at %s: %w", op, Scheme, s.cfg.Bucket, s.key(name), s.cfg.Endpoint, err)
}

// Open implements snapshot.Store.
func (s *Store) Open(name string) (snapshot.Object, error) {
	if err := snapshot.ValidName(name); err != nil {
		return nil, err
	}
	o := &object{s: s, name: name}
	if err := o.open(); err != nil {
		return nil, s.fail("open", name, err)
	}
	return o, nil
}

// Load implements snapshot.Store.
func (s *Store) Load(name string) ([]byte, snapshot.Version, error) {
	if err := snapshot.ValidName(name); err != nil {
		return nil, "", err
	}
	var data []byte
	var etag string
	err := s.try(func(ctx context.Context) error {
		body, info, _, err := s.core.GetObject(ctx, s.cfg.Bucket, s.key(name), minio.GetObjectOptions{})
		if err != nil {
			return missing(err)
		}
		defer body.Close()
		if info.Size > snapshot.MaxSwapBytes {
			return fmt.Errorf("%w: %d bytes, want at most %d", snapshot.ErrDamaged, info.Size, snapshot.MaxSwapBytes)
		}
		data = make([]byte, info.Size)
		etag = info.ETag
		_, err = io.ReadFull(body, data)
		return errors.Join(err, wantTag(etag))
	})
	if err != nil {
		return nil, "", s.fail("load", name, err)
	}
	return data, snapshot.Version(etag), nil
}

// wantTag refuses an answer without an entity tag: nothing could be swapped.
func wantTag(etag string) error {
	if etag == "" {
		return errNoTag
	}
	return nil
}

// Delete implements snapshot.Store.
func (s *Store) Delete(name string) error {
	if err := snapshot.ValidName(name); err != nil {
		return err
	}
	err := s.try(func(ctx context.Context) error {
		return missing(s.core.RemoveObject(ctx, s.cfg.Bucket, s.key(name), minio.RemoveObjectOptions{}))
	})
	if err != nil && !errors.Is(err, snapshot.ErrNotFound) {
		return s.fail("delete", name, err)
	}
	return nil
}

// List implements snapshot.Store. What is in the bucket under names that are none of ours is left out.
func (s *Store) List(prefix string) ([]string, error) {
	base := s.key("")
	var names []string
	after := ""
	err := s.try(func(ctx context.Context) error {
		// A try goes on where the one before ended.
		options := minio.ListObjectsOptions{Prefix: base + prefix, Recursive: true, StartAfter: after}
		for o := range s.core.ListObjectsIter(ctx, s.cfg.Bucket, options) {
			if o.Err != nil {
				return o.Err
			}
			after = o.Key
			name, ok := strings.CutPrefix(o.Key, base)
			if !ok || snapshot.ValidName(name) != nil {
				continue
			}
			if len(names) == listMax {
				return fmt.Errorf("more than %d objects", listMax)
			}
			names = append(names, name)
		}
		return nil
	})
	if err != nil {
		return nil, s.fail("list", prefix, err)
	}
	slices.Sort(names)
	return names, nil
}
