package snapshot

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// TestFilesPastTheCache: whatever the sizes of pieces, and wherever they lie, what is read is what was written.
func TestFilesPastTheCache(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	want := make([]byte, cachedBytes+(3<<20)+r.IntN(1<<20))
	for i := range want {
		want[i] = byte(r.Uint32())
	}
	path := filepath.Join(t.TempDir(), "file")
	f, err := (osDisk{}).CreateTemp(path)
	if err != nil {
		t.Fatal(err)
	}
	direct := 0
	for at := 0; at < len(want); {
		n := fileBufferBytes // as a bufio.Writer does it
		if r.IntN(8) == 0 {
			n = 1 + r.IntN(fileBufferBytes)
		}
		if r.IntN(2) == 0 && at%blockBytes > 0 {
			n = blockBytes - at%blockBytes // back to whole blocks
		}
		n = min(n, len(want)-at)
		if got, err := f.Write(want[at : at+n]); err != nil || got != n {
			t.Fatalf("%d of %d bytes at %d: %v", got, n, at, err)
		}
		if f.(*pastCache).direct {
			direct++
		}
		at += n
	}
	if direct == 0 && !f.(*pastCache).never {
		t.Error("nothing went past the cache")
	}
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		t.Fatal(err)
	}
	checkReads(t, r, path, want)
}

func checkReads(t *testing.T, r *rand.Rand, path string, want []byte) {
	t.Helper()
	o, err := (osDisk{}).Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer o.Close()
	if err := os.Remove(path); err != nil || o.Size() != int64(len(want)) {
		t.Fatalf("%d bytes, want %d: %v", o.Size(), len(want), err)
	}
	buf := make([]byte, 2*fileBufferBytes)
	for range 100 {
		at, n := r.IntN(len(want)), 1+r.IntN(len(buf))
		if r.IntN(2) == 0 {
			at, n = at&^(blockBytes-1), (n+blockBytes-1)&^(blockBytes-1)
		}
		got, err := o.ReadAt(buf[:n], int64(at))
		short := at+n > len(want)
		if n = min(n, len(want)-at); got != n || (err == io.EOF) != short || err != nil && err != io.EOF || !bytes.Equal(buf[:got], want[at:at+n]) {
			t.Fatalf("%d of %d bytes at %d of %d: %v", got, n, at, len(want), err)
		}
	}
}
