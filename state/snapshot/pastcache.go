package snapshot

import (
	"errors"
	"fmt"
	"io"
	"os"
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	// cachedBytes of a file that is written go through the kernel's cache of files: a small one is read again from there. What a large one has beyond
	// that is written past it, for the sake of those who execute meanwhile: copies and new pages of the cache take processor time and bandwidth of
	// memory, and push out what others have there.
	cachedBytes = 16 << 20
	// blockBytes is what position, length and memory of such a write are multiples of. Disks with larger blocks refuse, and are written as ever.
	blockBytes = 4 << 10
	// directLeast is from which length on a read goes past the cache: smaller ones are better off with what it reads ahead.
	directLeast = 128 << 10
)

// pastCache is a file that is written from its beginning to its end.
type pastCache struct {
	*os.File
	at     int64
	direct bool // O_DIRECT is set
	never  bool // the file system, or the disk, has refused
}

func newPastCache(f *os.File) *pastCache { return &pastCache{File: f} }

// Write implements io.Writer. Large pieces in aligned memory, as bufio makes them, go past the cache.
func (f *pastCache) Write(b []byte) (int, error) {
	if want := aligned(b, f.at) && f.at >= cachedBytes && !f.never; want != f.direct {
		if err := f.setDirect(want); err != nil {
			return 0, err
		}
	}
	n, err := f.File.Write(b)
	if err != nil && f.direct && n == 0 && refusesDirect(err) {
		f.never = true
		return f.Write(b)
	}
	f.at += int64(n)
	return n, err
}

// setDirect sets or clears O_DIRECT. A file system that has none is no failure.
func (f *pastCache) setDirect(on bool) error {
	flags := 0
	if on {
		flags = unix.O_DIRECT
	}
	if _, err := unix.FcntlInt(f.Fd(), unix.F_SETFL, flags); err != nil {
		if !on {
			return os.NewSyscallError("fcntl", err)
		}
		f.never = true
		return nil
	}
	f.direct = on
	return nil
}

func refusesDirect(err error) bool {
	return errors.Is(err, unix.EINVAL) || errors.Is(err, unix.EOPNOTSUPP)
}

// osObject is a file that is read.
type osObject struct {
	*os.File
	size int64
	past *os.File // the same with O_DIRECT; nil: there is no such thing
}

func newObject(f *os.File, size int64) *osObject {
	o := &osObject{File: f, size: size}
	if size > cachedBytes {
		// By its descriptor: the name may be gone.
		if past, err := os.OpenFile(fmt.Sprintf("/proc/self/fd/%d", f.Fd()), os.O_RDONLY|unix.O_DIRECT, 0); err == nil {
			o.past = past
		}
	}
	return o
}

// Size implements Object.
func (o *osObject) Size() int64 { return o.size }

// ReadAt implements io.ReaderAt. Large pieces at aligned places into aligned memory go past the cache, as they were written.
func (o *osObject) ReadAt(b []byte, at int64) (int, error) {
	if o.past != nil && at >= cachedBytes && len(b) >= directLeast && aligned(b, at) {
		n, err := o.past.ReadAt(b, at)
		if err == nil || err == io.EOF || !refusesDirect(err) {
			return n, err
		}
	}
	return o.File.ReadAt(b, at)
}

// Close implements io.Closer.
func (o *osObject) Close() error {
	err := o.File.Close()
	if o.past != nil {
		err = errors.Join(err, o.past.Close())
	}
	return err
}

// aligned reports whether memory and place are what the kernel asks for where its cache is passed by.
func aligned(b []byte, at int64) bool {
	return len(b) > 0 && (uintptr(unsafe.Pointer(unsafe.SliceData(b)))|uintptr(len(b))|uintptr(at))%blockBytes == 0
}
