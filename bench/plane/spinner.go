package plane

// spinner lets one goroutine wait for others: it looks for a wake a number of times before it sleeps, since a thread that sleeps costs
// more than what it waits for here.
type spinner struct{ woken chan struct{} }

const spins = 20_000 // with 2,000 the threads of `ringlog` slept, and it took three times as long

func newSpinner() spinner { return spinner{make(chan struct{}, 1)} }

// wake ends the wait at hand or the next one. It never blocks.
func (s spinner) wake() {
	select {
	case s.woken <- struct{}{}:
	default:
	}
}

// wait returns after a wake since the last wait.
func (s spinner) wait() {
	for range spins {
		select {
		case <-s.woken:
			return
		default:
		}
	}
	<-s.woken
}
