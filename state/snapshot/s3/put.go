package s3

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/minio/minio-go/v7"

	"github.com/streamscope/streamscope/state/snapshot"
)

// The metadata that says whose put an object is.
const (
	putField  = "streamscope-put"
	putHeader = "X-Amz-Meta-Streamscope-Put"
)

// put is one conditional put, which may take several tries.
type put struct {
	s    *Store
	name string
	id   string           // in the metadata
	old  snapshot.Version // that must be there; "": nothing must
	// taken is what it means that the condition does not hold.
	taken error
}

func (s *Store) newPut(name string, old snapshot.Version, taken error) *put {
	var random [16]byte
	_, _ = rand.Read(random[:]) // never fails
	return &put{s: s, name: name, id: hex.EncodeToString(random[:]), old: old, taken: taken}
}

// condition are the options of the request that makes the object visible.
func (p *put) condition() minio.PutObjectOptions {
	var o minio.PutObjectOptions
	if p.old == "" {
		o.SetMatchETagExcept("*")
	} else {
		o.SetMatchETag(string(p.old))
	}
	return o
}

// commit sends the request that makes the object visible until its outcome is known, or patience is over.
func (p *put) commit(send func(ctx context.Context) (minio.UploadInfo, error)) (snapshot.Version, error) {
	var etag string
	err := p.s.try(func(ctx context.Context) error {
		info, err := send(ctx)
		etag = info.ETag
		switch status, code := statusOf(err); {
		case err == nil:
			return wantTag(etag)
		case status == http.StatusPreconditionFailed || status == http.StatusNotFound && code != minio.NoSuchBucket:
			etag, err = p.whose(ctx, err)
		}
		return err
	})
	return snapshot.Version(etag), err
}

// whose finds out what it means that the condition does not hold: an earlier try may have been done although its answer was lost.
func (p *put) whose(ctx context.Context, refusal error) (etag string, err error) {
	info, err := p.s.core.StatObject(ctx, p.s.cfg.Bucket, p.s.key(p.name), minio.StatObjectOptions{})
	switch {
	case errors.Is(missing(err), snapshot.ErrNotFound) && errors.Is(p.taken, snapshot.ErrConflict):
		return "", fmt.Errorf("%w: it is not there, want version %q", p.taken, p.old)
	case errors.Is(missing(err), snapshot.ErrNotFound):
		return "", refusal // of an upload that is gone
	case err != nil:
		return "", err
	case info.Metadata.Get(putHeader) == p.id:
		return info.ETag, wantTag(info.ETag)
	}
	return "", fmt.Errorf("%w: version %q, want %q", p.taken, info.ETag, p.old)
}

// whole puts an object in one request.
func (p *put) whole(data []byte) (snapshot.Version, error) {
	options, sum := p.condition(), sumOf(data)
	options.UserMetadata, options.DisableContentSha256 = map[string]string{putField: p.id}, true // true: the sum is given
	return p.commit(func(ctx context.Context) (minio.UploadInfo, error) {
		return p.s.core.PutObject(ctx, p.s.cfg.Bucket, p.s.key(p.name), bytes.NewReader(data), int64(len(data)), "", sum, options)
	})
}

// sumOf is what the server checks a body against.
func sumOf(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// Swap implements snapshot.Store.
func (s *Store) Swap(name string, old snapshot.Version, data []byte) (snapshot.Version, error) {
	if err := snapshot.ValidName(name); err != nil {
		return "", err
	}
	if len(data) > snapshot.MaxSwapBytes {
		return "", s.fail("swap", name, fmt.Errorf("%d bytes, want at most %d", len(data), snapshot.MaxSwapBytes))
	}
	version, err := s.newPut(name, old, snapshot.ErrConflict).whole(data)
	if err != nil {
		return "", s.fail("swap", name, err)
	}
	return version, nil
}

// Create implements snapshot.Store. What write writes goes out in parts as it comes.
func (s *Store) Create(name string, write func(w io.Writer) error) error {
	if err := snapshot.ValidName(name); err != nil {
		return err
	}
	u := &upload{put: s.newPut(name, "", snapshot.ErrExists)}
	err := write(u)
	if err == nil {
		err = u.finish()
	}
	if err != nil {
		return s.fail("create", name, errors.Join(err, u.abort()))
	}
	return nil
}

// Check stores and removes an object, and refuses a server that does not honour the conditions of puts: there, two runs could overwrite
// each other's snapshots without a word.
func (s *Store) Check() (err error) {
	name := "check-" + s.newPut("", "", nil).id
	if _, err := s.Swap(name, "", []byte("one")); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Delete(name)) }()
	for condition, old := range map[string]snapshot.Version{"If-None-Match": "", "If-Match": "00000000000000000000000000000000"} {
		switch _, err := s.Swap(name, old, []byte("two")); {
		case err == nil:
			return s.fail("check", name, fmt.Errorf("%w: %s; use a server that does", errUnconditional, condition))
		case !errors.Is(err, snapshot.ErrConflict):
			return err
		}
	}
	return nil
}

// errUnconditional is what Check says of a server that cannot be used.
var errUnconditional = errors.New("the server does not honour a condition of puts")
