package snapshot_test

import (
	"testing"

	"github.com/streamscope/streamscope/state/snapshot"
	"github.com/streamscope/streamscope/state/snapshot/storetest"
)

func TestDirConforms(t *testing.T) {
	storetest.Run(t, func(t *testing.T) (snapshot.Store, func() snapshot.Store) {
		dir := t.TempDir()
		open := func() snapshot.Store {
			s, err := snapshot.OpenDir(dir)
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
		return open(), open
	})
}
