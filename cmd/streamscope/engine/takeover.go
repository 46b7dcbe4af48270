package engine

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"syscall"

	"github.com/streamscope/streamscope/control"
	"github.com/streamscope/streamscope/control/manager"
	"github.com/streamscope/streamscope/control/rpc"
	"github.com/streamscope/streamscope/ringlog/frame"
	"github.com/streamscope/streamscope/vertex/connect"
)

// office is where workers that have lost their manager find this one.
type office struct {
	path    string
	address rpc.Address
	listen  net.Listener
}

// openOffice listens, and then says where.
func openOffice(dir, token, host string, epoch control.Epoch) (*office, error) {
	l, err := manager.Listen(host)
	if err != nil {
		return nil, err
	}
	o := &office{filepath.Join(dir, addressName), rpc.Address{
		URL: manager.URL(l), Token: token, Epoch: epoch, PID: os.Getpid(), Group: syscall.Getpgrp(),
	}, l}
	if err := o.address.Write(o.path); err != nil {
		return nil, errors.Join(fmt.Errorf("--data-dir: %w", err), l.Close())
	}
	return o, nil
}

// close removes the address. Whoever serves the listener closes it too.
func (o *office) close() error {
	_ = o.listen.Close()
	return o.address.Remove(o.path)
}

// outlive tells whether workers may outlive this process: standard output is no file that another manager could make visible, and standard input
// goes with the process that reads it.
func (cfg *Config) outlive() bool {
	return cfg.feeder == nil && cfg.Workers > 0 && cfg.Recovery.ManagerPatience > 0 && cfg.Job.Out != "" && cfg.Job.Out != connect.Stdout
}

// meetWorkers finds the workers that an earlier manager has left, ends those that cannot go on and has the others awaited.
func (cfg *Config) meetWorkers(run *manager.Config, d *data, o *office) error {
	living, err := whoLives(d.dir)
	if cfg.Recovery.AcceptGap && err == nil && len(living) > 0 {
		// Whoever gives journals up has lost those who kept them; one that was killed may not be gone yet, and would pass for one that lives on.
		awaitEnds(living, lockPatience)
		living, err = whoLives(d.dir)
	}
	if err != nil {
		return fmt.Errorf("--data-dir %s: %w", d.dir, err)
	}
	r := run.Control.Recovery
	r.Living = make([]frame.Incarnation, run.Control.Workers)
	var goOn, unwanted []manager.Survivor
	for _, s := range living {
		if cfg.outlive() && r.Stored.Outcome == control.OutputOpen && int(s.Node) < len(r.Living) && r.Stored.Incarnations[s.Node] == s.Incarnation {
			r.Living[s.Node] = s.Incarnation
			goOn = append(goOn, s)
		} else {
			unwanted = append(unwanted, s)
		}
	}
	if err := endWorkers(unwanted); err != nil {
		return fmt.Errorf("--data-dir %s: %w", d.dir, err)
	}
	if cfg.outlive() {
		run.NewHost = manager.Processes(manager.Spawn{Command: cfg.Command, Stderr: cfg.Stderr, Token: cfg.Job.Token, Outlive: &manager.Outlive{
			Listener: o.listen, Address: o.path, Patience: cfg.Recovery.ManagerPatience, LogDir: filepath.Join(d.dir, "log"), Survivors: goOn,
		}})
	}
	return nil
}

func liveOn(workers int) string {
	if workers == 1 {
		return "1 worker lives on"
	}
	return fmt.Sprintf("%d workers live on", workers)
}
