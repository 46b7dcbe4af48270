package vfs_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/streamscope/streamscope/ringlog/vfs"
)

// Whatever stands where a file is expected is refused by its name, without waiting for anybody.
func TestOnlyRegularFiles(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	for _, err := range []error{
		os.WriteFile(at("file"), []byte("text"), 0o600), os.WriteFile(at("empty"), nil, 0o600), os.Mkdir(at("folder"), 0o700),
		unix.Mkfifo(at("pipe"), 0o600), unix.Mknod(at("socket"), unix.S_IFSOCK|0o600, 0), os.Symlink("file", at("link")), os.Symlink("pipe", at("to pipe")), os.Symlink("nothing", at("dangling")),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	for path, want := range map[string]string{
		at("file"): "text", at("empty"): "", at("link"): "text",
		at("folder"): "directory", at("pipe"): "named pipe", at("to pipe"): "named pipe", at("socket"): "not a regular file, but a socket", "/dev/zero": "device",
		at("dangling"): "no such file", at("absent"): "no such file", at("file/in a file"): "not a directory",
	} {
		b, err := vfs.ReadFile(path, 4)
		var p *fs.PathError
		switch {
		case err == nil && string(b) == want:
		case err == nil || !strings.Contains(err.Error(), want) || !errors.As(err, &p) || p.Path != path:
			t.Errorf("%s: got %q, %v, want %q", path, b, err, want)
		}
	}
	if _, err := vfs.ReadFile(at("file"), 3); err == nil || !strings.Contains(err.Error(), "file: more than 3 bytes") {
		t.Errorf("a file that is too long: %v", err)
	}
}
