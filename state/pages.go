package state

// Pages hands out memory that the garbage collector does not scan. Sizes are the page sizes 1, 4 and 16 KiB or multiples of 16 KiB.
// Memory is 64-byte aligned and zeroed. One goroutine at a time uses a Pages.
type Pages interface {
	Alloc(size int) []byte
	Free(page []byte)
}
