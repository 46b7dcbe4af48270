package s3

import (
	"bytes"
	"context"
	"fmt"

	"github.com/minio/minio-go/v7"
)

// upload is an object that is being written: whole if it fits a part, else in parts that nobody sees before finish.
type upload struct {
	*put
	buf    []byte
	upload string // of the parts; "": none was sent
	parts  []minio.CompletePart
	err    error // that ended it
}

// Write takes bytes of the object.
func (u *upload) Write(b []byte) (n int, err error) {
	for n < len(b) && u.err == nil {
		if len(u.buf) == u.s.part {
			u.err = u.flush()
			continue
		}
		take := min(len(b)-n, u.s.part-len(u.buf))
		u.buf = append(u.buf, b[n:n+take]...)
		n += take
	}
	return n, u.err
}

// flush sends what is buffered as the next part.
func (u *upload) flush() error {
	number := len(u.parts) + 1
	if number > partsMax {
		return fmt.Errorf("object of more than %d parts of %d bytes", partsMax, u.s.part)
	}
	if u.upload == "" {
		if err := u.begin(); err != nil {
			return err
		}
	}
	options := minio.PutObjectPartOptions{Sha256Hex: sumOf(u.buf), DisableContentSha256: true} // true: the sum is given
	err := u.s.try(func(ctx context.Context) error {
		part, err := u.s.core.PutObjectPart(ctx, u.s.cfg.Bucket, u.s.key(u.name), u.upload, number, bytes.NewReader(u.buf), int64(len(u.buf)), options)
		if err == nil {
			u.parts = append(u.parts, minio.CompletePart{PartNumber: number, ETag: part.ETag})
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("part %d: %w", number, err)
	}
	u.buf = u.buf[:0]
	return nil
}

func (u *upload) begin() error {
	return u.s.try(func(ctx context.Context) (err error) {
		u.upload, err = u.s.core.NewMultipartUpload(ctx, u.s.cfg.Bucket, u.s.key(u.name),
			minio.PutObjectOptions{UserMetadata: map[string]string{putField: u.id}})
		return err
	})
}

// finish makes the object visible.
func (u *upload) finish() error {
	if u.err != nil {
		return u.err
	}
	if u.upload == "" {
		_, err := u.whole(u.buf)
		return err
	}
	if err := u.flush(); err != nil {
		return err
	}
	_, err := u.commit(func(ctx context.Context) (minio.UploadInfo, error) {
		return u.s.core.CompleteMultipartUpload(ctx, u.s.cfg.Bucket, u.s.key(u.name), u.upload, u.parts, u.condition())
	})
	return err
}

// abort drops the parts that were sent.
func (u *upload) abort() error {
	if u.upload == "" {
		return nil
	}
	return u.s.try(func(ctx context.Context) error {
		return u.s.core.AbortMultipartUpload(ctx, u.s.cfg.Bucket, u.s.key(u.name), u.upload)
	})
}
