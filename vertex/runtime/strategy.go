package runtime

import "fmt"

// Strategy is how the tasks of a stage have their state again after a loss.
type Strategy uint8

// The strategies.
const (
	// Checkpoint: images have the state.
	Checkpoint Strategy = iota
	// Replay: images say only how far the tasks were. The state is made again from the inputs of a recent window of ticks, in which nothing
	// is emitted. Only for stages whose operators have no state, but for one that is a vertex.Horizon; not for those with a source or a sink.
	Replay
	// Replica: images have the state, and the stage is executed twice, so that others go on with what the other instance makes of a task, see
	// Plan.Twin. Not for stages with a source or a sink.
	Replica
)

var strategyNames = [...]string{Checkpoint: "checkpoint", Replay: "replay", Replica: "replica"}

func (s Strategy) String() string { return strategyNames[s] }

// ParseStrategy reads what String writes.
func ParseStrategy(text string) (Strategy, error) {
	for s, name := range strategyNames {
		if text == name {
			return Strategy(s), nil
		}
	}
	return 0, fmt.Errorf("got %q, want checkpoint, replay or replica", text)
}

// MarshalText is String.
func (s Strategy) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText is ParseStrategy.
func (s *Strategy) UnmarshalText(text []byte) (err error) {
	*s, err = ParseStrategy(string(text))
	return err
}
