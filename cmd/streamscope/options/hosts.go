package options

import (
	"fmt"
	"net/netip"
)

// hosts reads where processes listen, and by what workers are started.
func (p *parser) hosts(raw Raw, run *Run) {
	run.ListenHost = value(p, "--listen-host", raw.ListenHost, "", parseHost)
	run.WorkerLauncher = text(raw.WorkerLauncher, "")
	if raw.WorkerLauncher != nil && run.WorkerLauncher == "" {
		p.complain("--worker-launcher: got \"\", want a program")
	}
	for _, f := range []struct {
		name  string
		given *string
	}{{"--listen-host", raw.ListenHost}, {"--worker-launcher", raw.WorkerLauncher}} {
		if f.given != nil && run.Workers == 0 {
			p.complain("%s %s: without --workers there is nobody to reach; give their number, or leave it out", f.name, *f.given)
		}
	}
}

// parseHost takes an address that others can be told: neither a name, which may have several, nor all addresses at once.
func parseHost(s string) (string, error) {
	a, err := netip.ParseAddr(s)
	if err != nil || a.IsUnspecified() || a.IsMulticast() {
		return "", fmt.Errorf("got %q, want an IP address of this machine, such as 10.0.0.5", s)
	}
	return a.String(), nil
}
