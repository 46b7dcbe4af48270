package s3

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"time"

	"github.com/minio/minio-go/v7"

	"github.com/streamscope/streamscope/state/snapshot"
)

// The pauses between tries double from the first to the longest; each is cut by up to a half at random.
const (
	pauseFirst   = 50 * time.Millisecond
	pauseLongest = 2 * time.Second
)

// try calls do, each time with a deadline, until it succeeds, fails for good, or patience is over.
func (s *Store) try(do func(ctx context.Context) error) error {
	until := time.Now().Add(s.cfg.Patience)
	for tries, pause := 1, s.pause; ; tries, pause = tries+1, min(2*pause, pauseLongest) {
		err := s.once(do)
		if err == nil || !transient(err) {
			return err
		}
		if time.Now().Add(pause).After(until) {
			return fmt.Errorf("%w: after %d tries in %v: %w", snapshot.ErrUnavailable, tries, s.cfg.Patience, err)
		}
		timer := time.NewTimer(pause - rand.N(pause/2))
		select {
		case <-timer.C:
		case <-s.ctx.Done():
			timer.Stop()
			return context.Cause(s.ctx)
		}
	}
}

func (s *Store) once(do func(ctx context.Context) error) error {
	if s.ctx.Err() != nil {
		return context.Cause(s.ctx)
	}
	ctx, cancel := context.WithTimeoutCause(s.ctx, s.cfg.Timeout, fmt.Errorf("no answer in %v", s.cfg.Timeout))
	defer cancel()
	err := do(ctx)
	switch {
	case err == nil || ctx.Err() == nil:
		return err
	case s.ctx.Err() != nil:
		return context.Cause(s.ctx)
	}
	return &transientError{context.Cause(ctx)}
}

// transientError is one that may pass although it looks like another kind.
type transientError struct{ error }

func (e *transientError) Unwrap() error { return e.error }

// final are errors of ours: the server has answered, and will not answer otherwise.
var final = []error{snapshot.ErrExists, snapshot.ErrNotFound, snapshot.ErrConflict, snapshot.ErrDamaged, errClosed, errNoTag, errNoRange}

// transient tells errors that may pass.
func transient(err error) bool {
	if t := (*transientError)(nil); errors.As(err, &t) {
		return true
	}
	if slices.ContainsFunc(final, func(f error) bool { return errors.Is(err, f) }) {
		return false
	}
	var answer minio.ErrorResponse
	if !errors.As(err, &answer) {
		return !untrusted(err) // the connection, or the body of an answer, broke
	}
	switch answer.Code {
	case "RequestTimeout", "SlowDown", "InternalError", "ServiceUnavailable", "OperationAborted", "ConditionalRequestConflict":
		return true
	}
	code := answer.StatusCode
	return code == http.StatusRequestTimeout || code == http.StatusTooManyRequests || code >= 500 && code != http.StatusNotImplemented
}

// untrusted tells errors of a connection that come again however often it is made.
func untrusted(err error) bool {
	var authority x509.UnknownAuthorityError
	var host x509.HostnameError
	var certificate x509.CertificateInvalidError
	return errors.As(err, &authority) || errors.As(err, &host) || errors.As(err, &certificate)
}

func statusOf(err error) (int, string) {
	var answer minio.ErrorResponse
	if errors.As(err, &answer) {
		return answer.StatusCode, answer.Code
	}
	return 0, ""
}

// missing makes the answer that there is no such object ErrNotFound; that there is no such bucket is another error.
func missing(err error) error {
	if status, code := statusOf(err); status == http.StatusNotFound && code != minio.NoSuchBucket {
		return snapshot.ErrNotFound
	}
	return err
}
