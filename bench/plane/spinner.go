package plane

import (
	"runtime"

	"github.com/streamscope/streamscope/shuffle/hostlink"
)

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

// looksPerPoll is how often a spinner looks for a wake between two looks for mail, which cost more.
const looksPerPoll = 8

// wait returns after a wake since the last wait, or when there is mail for the core; mail may be nil.
func (s spinner) wait(mail *hostlink.Poller) {
	looks := spins
	if mail == nil && runtime.GOMAXPROCS(0) == 1 {
		looks = 0 // nobody can wake it while it looks
	}
	for i := range looks {
		select {
		case <-s.woken:
			return
		default:
		}
		if mail != nil && i%looksPerPoll == 0 && mail.Poll() {
			return
		}
	}
	if mail != nil && mail.Sleep() {
		return
	}
	<-s.woken
}
