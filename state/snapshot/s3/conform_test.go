package s3_test

import (
	"fmt"
	"testing"

	"github.com/streamscope/streamscope/state/snapshot"
	"github.com/streamscope/streamscope/state/snapshot/s3"
	"github.com/streamscope/streamscope/state/snapshot/s3/s3test"
	"github.com/streamscope/streamscope/state/snapshot/storetest"
)

func open(t *testing.T, cfg s3.Config) *s3.Store {
	t.Helper()
	s, err := s3.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func TestConformsOnARealServer(t *testing.T) {
	server := s3test.Start(t)
	n := 0
	storetest.Run(t, func(t *testing.T) (snapshot.Store, func() snapshot.Store) {
		n++
		cfg := server.Config(fmt.Sprintf("a/prefix-%d", n))
		return open(t, cfg), func() snapshot.Store { return open(t, cfg) }
	})
	if err := open(t, server.Config("")).Check(); err != nil {
		t.Error(err)
	}
}
