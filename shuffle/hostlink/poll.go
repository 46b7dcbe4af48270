package hostlink

// Poller is a core that looks for mail itself: what other processes of the host write, it takes in, and what its node has for them, it
// writes, without a system call and without waking any goroutine. It belongs to one goroutine.
//
// While any core polls, links that share memory need not be woken (Host.Wake knows). Before a core waits for anything else, it calls Sleep.
type Poller struct {
	host  *Host
	awake bool
}

// Poller returns a poller for one core.
func (h *Host) Poller() *Poller { return &Poller{host: h} }

// Poll takes and gives what there is, and reports whether there was anything. An error ends the connection that it is of.
func (p *Poller) Poll() (worked bool) {
	h := p.host
	if !p.awake {
		p.awake = true
		h.awake.Add(1)
	}
	for _, m := range h.polling() {
		worked = m.poll() || worked
	}
	return worked
}

// Sleep says that this core looks no more until its next Poll: from now on, links are woken. true: there is something to look at already.
func (p *Poller) Sleep() (more bool) {
	if !p.awake {
		return false
	}
	p.awake = false
	if p.host.awake.Add(-1) > 0 {
		return false // another core looks
	}
	for _, m := range p.host.polling() {
		more = m.sleep() || more
	}
	return more
}

// pollable is one end of a link whose ends share memory.
type pollable interface {
	poll() (worked bool)
	sleep() (more bool)
}

// polled reports whether some core looks for mail.
func (h *Host) polled() bool { return h.awake.Load() > 0 }

func (h *Host) polling() []pollable {
	if all := h.mailed.Load(); all != nil {
		return *all
	}
	return nil
}

// enlist makes pollers look at m; strike ends that. Those that look already may look once more.
func (h *Host) enlist(m pollable) {
	h.mu.Lock()
	defer h.mu.Unlock()
	all := append(append([]pollable(nil), h.polling()...), m)
	h.mailed.Store(&all)
}

func (h *Host) strike(m pollable) {
	h.mu.Lock()
	defer h.mu.Unlock()
	var rest []pollable
	for _, o := range h.polling() {
		if o != m {
			rest = append(rest, o)
		}
	}
	h.mailed.Store(&rest)
}
