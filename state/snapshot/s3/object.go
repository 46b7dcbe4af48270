package s3

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"

	"github.com/minio/minio-go/v7"

	"github.com/streamscope/streamscope/state/snapshot"
)

// object reads an object in blocks: readers of snapshots go forward.
type object struct {
	s    *Store
	name string
	etag string // of all that is read
	size int64
	mu   struct {
		sync.Mutex
		block  []byte
		from   int64 // where the block begins
		closed bool
	}
}

var (
	errObjectClosed = errors.New("object is closed")
	errNoRange      = errors.New("the server does not honour ranges of reads")
)

// open reads the first block.
func (o *object) open() error {
	b, err := o.fetch(0)
	o.mu.block = b
	return err
}

// fetch reads a block from a place on. Of the first one it takes size and entity tag.
func (o *object) fetch(from int64) (block []byte, err error) {
	err = o.s.try(func(ctx context.Context) error {
		var options minio.GetObjectOptions
		if err := options.SetRange(from, from+o.s.block-1); err != nil {
			return err
		}
		if o.etag != "" {
			if err := options.SetMatchETag(o.etag); err != nil {
				return err
			}
		}
		body, info, header, err := o.s.core.GetObject(ctx, o.s.cfg.Bucket, o.s.key(o.name), options)
		switch status, _ := statusOf(err); {
		case status == http.StatusRequestedRangeNotSatisfiable && from == 0:
			return o.openEmpty(ctx)
		case status == http.StatusPreconditionFailed:
			return fmt.Errorf("%w: it is another one since it was opened", snapshot.ErrDamaged)
		case err != nil:
			return missing(err)
		}
		defer body.Close()
		size, err := sizeOf(header, from)
		if err != nil {
			return err
		}
		if o.etag == "" {
			if err := wantTag(info.ETag); err != nil {
				return err
			}
			o.etag, o.size = info.ETag, size
		}
		if size != o.size || info.ETag != o.etag {
			return fmt.Errorf("%w: %d bytes with entity tag %q, want %d with %q", snapshot.ErrDamaged, size, info.ETag, o.size, o.etag)
		}
		block = make([]byte, min(o.s.block, o.size-from))
		_, err = io.ReadFull(body, block)
		return err
	})
	return block, err
}

// openEmpty is for an object of which no range can be had.
func (o *object) openEmpty(ctx context.Context) error {
	info, err := o.s.core.StatObject(ctx, o.s.cfg.Bucket, o.s.key(o.name), minio.StatObjectOptions{})
	if err == nil && info.Size > 0 {
		err = fmt.Errorf("%w: %d bytes of which none can be read", snapshot.ErrDamaged, info.Size)
	}
	return missing(err)
}

// sizeOf reads the size of the whole object from the answer to a ranged read, "Content-Range: bytes 0-99/100".
func sizeOf(h http.Header, from int64) (int64, error) {
	got := h.Get("Content-Range")
	place, total, _ := strings.Cut(got, "/")
	size, err := strconv.ParseInt(total, 10, 64)
	if err != nil || size <= from || !strings.HasPrefix(place, fmt.Sprintf("bytes %d-", from)) {
		return 0, fmt.Errorf("%w: answer to a read from byte %d has Content-Range %q", errNoRange, from, got)
	}
	return size, nil
}

// Size implements snapshot.Object.
func (o *object) Size() int64 { return o.size }

// ReadAt implements snapshot.Object.
func (o *object) ReadAt(p []byte, off int64) (n int, err error) {
	if off < 0 {
		return 0, fmt.Errorf("read at %d", off)
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.mu.closed {
		return 0, errObjectClosed
	}
	for n < len(p) {
		at := off + int64(n)
		if at >= o.size {
			return n, io.EOF
		}
		if at < o.mu.from || at >= o.mu.from+int64(len(o.mu.block)) {
			block, err := o.fetch(at)
			if err != nil {
				return n, o.s.fail("read", o.name, err)
			}
			o.mu.block, o.mu.from = block, at
		}
		n += copy(p[n:], o.mu.block[at-o.mu.from:])
	}
	return n, nil
}

// Close implements snapshot.Object.
func (o *object) Close() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.mu.block, o.mu.closed = nil, true
	return nil
}
