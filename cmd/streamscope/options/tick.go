package options

import (
	"fmt"
	"strings"
	"time"
)

// Tick is how a job's input is cut into ticks: by time, or by bytes of each source. Exactly one field is set.
type Tick struct {
	Length time.Duration
	Bytes  Size
}

// The lengths that a tick of time may have. Shorter ones cost more than they carry; longer ones are better cut by bytes.
const (
	tickMin = 100 * time.Microsecond
	tickMax = time.Minute
)

// ParseTick reads `5ms` or `bytes:1MiB`.
func ParseTick(text string) (Tick, error) {
	if bytes, ok := strings.CutPrefix(text, "bytes:"); ok {
		size, err := ParseSize(bytes)
		if err != nil {
			return Tick{}, fmt.Errorf("after \"bytes:\" %w", err)
		}
		return Tick{Bytes: size}, nil
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		return Tick{}, fmt.Errorf("got %q, want a time such as 5ms, or bytes and a size such as bytes:1MiB", text)
	}
	if d < tickMin || d > tickMax {
		return Tick{}, fmt.Errorf("got %q, want a time from %v to %v", text, tickMin, tickMax)
	}
	return Tick{Length: d}, nil
}

func (t Tick) String() string {
	if t.Bytes > 0 {
		return "bytes:" + t.Bytes.String()
	}
	return t.Length.String()
}
