package flights

import (
	_ "embed" // the data
	"fmt"
	"os"
	"sync"

	"golang.org/x/sys/unix"
)

//go:embed data/flights-2001-w1.parquet
var weekParquet []byte

//go:embed data/airports.csv
var airportsCSV []byte

//go:embed data/knock-on-2001-w1.csv
var expectedCSV []byte

// weekFile is the embedded week as a file, since columnar files are read at random places. It has no name but that of its descriptor.
var weekFile = sync.OnceValues(func() (string, error) {
	fd, err := unix.MemfdCreate("flights-2001-w1.parquet", unix.MFD_CLOEXEC)
	if err != nil {
		return "", err
	}
	f := os.NewFile(uintptr(fd), "flights-2001-w1.parquet")
	if _, err := f.Write(weekParquet); err != nil {
		f.Close()
		return "", err
	}
	keep(f)
	return fmt.Sprintf("/proc/self/fd/%d", fd), nil
})

// keep holds a memory file until the process ends, since its descriptor would be closed with it.
func keep(f *os.File) { kept = append(kept, f) }

var kept []*os.File
