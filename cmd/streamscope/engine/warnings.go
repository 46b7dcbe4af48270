package engine

import (
	"fmt"
	"log/slog"
	"sync"

	"github.com/streamscope/streamscope/control"
)

// warnings are what a worker with recovery has to say and its manager has not heard yet. They travel with its reports rather than through its log,
// which lies in the data directory: a disk that is full could not be told of there. Without a manager they wait for the next one.
type warnings struct {
	mu      sync.Mutex
	texts   []string
	dropped int
}

// warningsMax bounds what waits to be told; of more, the oldest count.
const warningsMax = 16

// add may be called from any goroutine.
func (w *warnings) add(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.texts) == warningsMax {
		w.dropped++
		return
	}
	w.texts = append(w.texts, err.Error())
}

// take returns what is to be told, and forgets it.
func (w *warnings) take() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	texts := w.texts
	if w.dropped > 0 {
		texts = append(texts, fmt.Sprintf("and %d more warnings", w.dropped))
	}
	w.texts, w.dropped = nil, 0
	return texts
}

// warned passes on what workers warn of, to whoever watches the run, and then what happens to observe, which may be nil.
func warned(log *slog.Logger, observe func(control.Event, []control.Effect)) func(control.Event, []control.Effect) {
	return func(ev control.Event, effects []control.Effect) {
		var texts []string
		switch e := ev.(type) {
		case control.Reported:
			texts = e.Warnings
		case control.Hello:
			if e.Living != nil {
				texts = e.Living.Reported.Warnings
			}
		}
		for _, text := range texts {
			log.Warn(text)
		}
		if observe != nil {
			observe(ev, effects)
		}
	}
}
