package s3

import (
	"time"

	"github.com/minio/minio-go/v7"
)

// The client pauses once after each request that failed, although it does not repeat it.
func init() { minio.DefaultRetryUnit = time.Millisecond }

// Tune gives a store small blocks and parts, and short pauses.
func (s *Store) Tune(block int64, part int, pause time.Duration) *Store {
	s.block, s.part, s.pause = block, part, pause
	return s
}

// ErrNoRange is for tests.
var ErrNoRange = errNoRange
