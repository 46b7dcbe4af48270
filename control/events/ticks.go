package events

import (
	"encoding/json"

	"github.com/streamscope/streamscope/ringlog/frame"
)

// Ticks are written as numbers, but for frame.MaxTick: null. As a number it would lose digits in most readers of JSON.
type Ticks []frame.Tick

// MarshalJSON implements json.Marshaler.
func (t Ticks) MarshalJSON() ([]byte, error) {
	numbers := make([]*frame.Tick, len(t))
	for i := range t {
		if t[i] != frame.MaxTick {
			numbers[i] = &t[i]
		}
	}
	return json.Marshal(numbers)
}

// UnmarshalJSON implements json.Unmarshaler.
func (t *Ticks) UnmarshalJSON(b []byte) error {
	var numbers []*frame.Tick
	if err := json.Unmarshal(b, &numbers); err != nil {
		return err
	}
	*t = make(Ticks, len(numbers))
	for i, n := range numbers {
		if (*t)[i] = frame.MaxTick; n != nil {
			(*t)[i] = *n
		}
	}
	return nil
}
