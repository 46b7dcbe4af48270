package shuffle

import "time"

// start begins the one goroutine of the package, and that of the arena. Links have their own.
func (s *Shuffle) start() {
	s.arena.Start()
	s.running.Add(1)
	go s.drive()
}

// wakeDriver says that a writer may have something to send, or to follow. It never blocks.
func (s *Shuffle) wakeDriver() {
	select {
	case s.kick <- struct{}{}:
	default:
	}
}

// drive tends the writers on behalf of their callers, and watches the peers, until the shuffle ends.
func (s *Shuffle) drive() {
	defer s.running.Done()
	flush := time.NewTimer(time.Hour)
	watch := time.NewTicker(s.interval())
	defer flush.Stop()
	defer watch.Stop()
	armed, reported := false, time.Now()
	for {
		due := false
		select {
		case <-s.failed:
			s.report()
			return
		case now := <-watch.C:
			s.watchPeers(now)
			if now.Sub(reported) >= s.cfg.Events.StatsEvery {
				reported = now
				s.report()
			}
			continue
		case <-flush.C:
			due, armed = true, false
		case <-s.kick:
		}
		again := false
		for _, w := range s.writers {
			again = w.tend(due) || again
		}
		if again && !armed {
			armed = true
			flush.Reset(s.cfg.FlushEvery)
		}
	}
}

func (s *Shuffle) report() {
	if f := s.cfg.Events.Stats; f != nil {
		f(s.Stats())
	}
}
