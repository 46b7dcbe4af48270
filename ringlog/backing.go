package ringlog

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"unsafe"

	"golang.org/x/sys/unix"
)

// mapping is the memory of one segment and the file behind it.
type mapping struct {
	mem    []byte
	mapped bool   // mem is to be unmapped: it is not on the heap
	fd     int    // -1 without a file
	path   string // of a tmpfs file
}

// newMapping allocates, maps and populates memory: what it returns can be touched without a fault.
func newMapping(b Backing, dir string, serial uint64, size int) (mapping, error) {
	switch b {
	case Heap:
		return heapMapping(size), nil
	case Anonymous:
		return anonymousMapping(size)
	case Memfd:
		fd, err := unix.MemfdCreate("streamscope-segment", unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
		if err != nil {
			return mapping{}, fmt.Errorf("segment of %d bytes: memfd_create: %w", size, err)
		}
		return fillMapping(mapping{fd: fd}, size)
	default:
		name := filepath.Join(dir, fmt.Sprintf("%08d%s", serial, segmentSuffix))
		fd, err := unix.Open(name, unix.O_RDWR|unix.O_CREAT|unix.O_EXCL|unix.O_CLOEXEC, 0o600)
		if err != nil {
			return mapping{}, &os.PathError{Op: "create", Path: name, Err: err}
		}
		return fillMapping(mapping{fd: fd, path: name}, size)
	}
}

// heapMapping aligns to the header size as a mapping would be.
func heapMapping(size int) mapping {
	b := make([]byte, size+SegmentHeaderLen)
	skip := -int(uintptr(unsafe.Pointer(&b[0]))) & (SegmentHeaderLen - 1)
	return mapping{mem: b[skip : skip+size : skip+size], fd: -1}
}

// anonymousMapping has no file to fill first: that takes a third less time, and going a third of it.
func anonymousMapping(size int) (mapping, error) {
	mem, err := unix.Mmap(-1, 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS)
	if err != nil {
		return mapping{}, fmt.Errorf("segment of %d bytes: mmap: %w", size, err)
	}
	m := mapping{mem: mem, mapped: true, fd: -1}
	if err := populate(mem); err != nil {
		return mapping{}, errors.Join(err, m.destroy())
	}
	return m, nil
}

// fillMapping reserves the file's room before it maps it: a shortage is this call's error, not a SIGBUS later.
func fillMapping(m mapping, size int) (mapping, error) {
	if err := ignoringEINTR(func() error { return unix.Fallocate(m.fd, 0, 0, int64(size)) }); err != nil {
		return mapping{}, errors.Join(fmt.Errorf("segment of %d bytes: fallocate %s: %w", size, m.path, err), m.destroy())
	}
	m, err := m.mapFile(size)
	if err != nil {
		return mapping{}, errors.Join(err, m.destroy())
	}
	m.seal()
	if err := populate(m.mem); err != nil {
		return mapping{}, errors.Join(err, m.destroy())
	}
	return m, nil
}

func (m mapping) mapFile(size int) (mapping, error) {
	mem, err := unix.Mmap(m.fd, 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return m, fmt.Errorf("segment of %d bytes: mmap %s: %w", size, m.path, err)
	}
	m.mem, m.mapped = mem, true
	return m, nil
}

// seal keeps everybody, us included, from changing the size of a memfd and from mapping it writable again. Files on
// tmpfs cannot be sealed; kernels before 5.1 do not know the last seal.
func (m mapping) seal() {
	const sizes = unix.F_SEAL_SHRINK | unix.F_SEAL_GROW
	if _, err := unix.FcntlInt(uintptr(m.fd), unix.F_ADD_SEALS, sizes|unix.F_SEAL_FUTURE_WRITE); err != nil {
		_, _ = unix.FcntlInt(uintptr(m.fd), unix.F_ADD_SEALS, sizes)
	}
}

// populate makes the page tables, so that the writer takes no fault; the pages themselves, if they are a file's, are reserved already. Kernels
// before 5.14 fault on first touch instead.
func populate(mem []byte) error {
	err := ignoringEINTR(func() error { return unix.Madvise(mem, unix.MADV_POPULATE_WRITE) })
	if err != nil && !errors.Is(err, unix.EINVAL) {
		return fmt.Errorf("segment of %d bytes: populate: %w", len(mem), err)
	}
	return nil
}

// destroy gives everything back, a tmpfs file included. Nobody may touch the memory afterwards.
func (m mapping) destroy() error {
	errs := []error{m.detach()}
	if m.path != "" {
		errs = append(errs, os.Remove(m.path))
	}
	return errors.Join(errs...)
}

// detach unmaps and closes, and leaves the file.
func (m mapping) detach() error {
	var errs []error
	if m.mapped {
		errs = append(errs, unix.Munmap(m.mem))
	}
	if m.fd >= 0 {
		errs = append(errs, unix.Close(m.fd))
	}
	return errors.Join(errs...)
}

func ignoringEINTR(f func() error) error {
	for {
		if err := f(); !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}
