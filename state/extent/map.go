package extent

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

func mapAnonymous(size uintptr) (unsafe.Pointer, error) {
	return unix.MmapPtr(-1, 0, nil, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
}

// mapAligned maps an extent: twice its size, less what lies beside the aligned half.
func mapAligned() ([]byte, error) {
	mem, err := mapAnonymous(2 * extentBytes)
	if err != nil {
		return nil, err
	}
	before := -uintptr(mem) & (extentBytes - 1)
	e := unsafe.Add(mem, before)
	if before > 0 {
		err = unix.MunmapPtr(mem, before)
	}
	if after := extentBytes - before; err == nil && after > 0 {
		err = unix.MunmapPtr(unsafe.Add(e, extentBytes), after)
	}
	if err != nil {
		return nil, err
	}
	b := unsafe.Slice((*byte)(e), extentBytes)
	_ = unix.Madvise(b, unix.MADV_HUGEPAGE) // a wish: kernels without huge pages refuse it
	return b, nil
}
