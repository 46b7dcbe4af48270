package events

import (
	"encoding/json"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/streamscope/streamscope/control"
	"github.com/streamscope/streamscope/ringlog/frame"
)

// TestLines: what is written is read again as it was, and no number is too long for a reader that takes them all for floats.
func TestLines(t *testing.T) {
	var out strings.Builder
	observe := Observer(&out, 3)
	from := control.From{Node: 1, Epoch: 7, Incarnation: 2}
	observe(control.Reported{From: from, Executed: []frame.Tick{5, frame.MaxTick, 0, 5}, Saved: []control.Saved{{Stage: 0, Tick: 4}, {Stage: 3, Tick: 4}}}, nil)
	observe(control.Failed{From: from, Reason: "no answer", StoreAway: true}, []control.Effect{control.Waits{Node: 1, PauseNs: 2e9, AwayNs: 1, Reason: "no answer"}})
	got := regexp.MustCompile(`"unix_ms":\d+,`).ReplaceAllString(out.String(), "")
	want := `{"kind":"report","node":1,"life":2,"executed":[5,null,0],"saved":[4,0,0]}
{"kind":"failed","node":1,"life":2,"reason":"no answer"}
{"kind":"waits","node":1,"pause_ms":2000,"reason":"no answer"}
`
	if got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
	var h Happening
	if err := json.Unmarshal([]byte(strings.SplitN(out.String(), "\n", 2)[0]), &h); err != nil || !reflect.DeepEqual(h.Executed, Ticks{5, frame.MaxTick, 0}) {
		t.Errorf("read %+v, %v", h, err)
	}
	if err := json.Unmarshal([]byte(`{"executed":["5"]}`), &h); err == nil {
		t.Error("a tick is no text")
	}
}
