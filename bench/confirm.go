package bench

import (
	"context"
	"fmt"

	"github.com/streamscope/streamscope/bench/measure"
)

// Confirm measures once more what c, the comparison with base, says has moved: what does not move the same way again is within noise. It
// changes c alone; the report keeps what was measured first.
func Confirm(ctx context.Context, o Options, base *Report, c *Comparison) error {
	var moved []string
	for _, ch := range c.Changes {
		if ch.Movement == Faster || ch.Movement == Slower {
			moved = append(moved, ch.Name)
		}
	}
	if len(moved) == 0 {
		return nil
	}
	fmt.Fprintf(o.Out, "\nonce more what moved:\n")
	o.Names = moved
	again, err := Measure(ctx, o)
	if err != nil {
		return err
	}
	c.confirm(base, again)
	return nil
}

// confirm compares what was measured again with base.
func (c *Comparison) confirm(base, again *Report) {
	for i := range c.Changes {
		ch := &c.Changes[i]
		was, now := base.Run(ch.Name), again.Run(ch.Name)
		if was == nil || now == nil {
			continue
		}
		ch.Again = now.Median
		if second := compareRuns(was, now); second.Movement != ch.Movement {
			ch.Why = fmt.Sprintf("%s at first, then %s: %s", ch.Movement, measuredAgain(second, ch.Unit), second.Why)
			ch.Movement = Same
		} else {
			ch.Why += fmt.Sprintf(", and again: %s", measuredAgain(second, ch.Unit))
		}
	}
}

func measuredAgain(c Change, u measure.Unit) string {
	return fmt.Sprintf("%s (%+.1f %%)", Value(c.Now, u), 100*c.Change)
}
