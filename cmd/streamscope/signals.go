package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

// interruptError is the cause of a context that a signal cancelled.
type interruptError struct{ sig syscall.Signal }

func (e interruptError) Error() string {
	if e.sig == syscall.SIGINT {
		return "interrupted"
	}
	return fmt.Sprintf("ended by signal %d (%v)", int(e.sig), e.sig)
}

func (e interruptError) status() int { return statusSignal + int(e.sig) }

// interrupts turns signals into the end of a context.
type interrupts struct {
	ch   chan os.Signal
	done chan struct{}
}

// catchSignals returns a context that the first SIGINT or SIGTERM cancels; the second one calls exit with the status.
// Notify installs the handler also where the process inherited SIGINT as ignored, as background jobs of a shell do.
func catchSignals(parent context.Context, exit func(status int)) (context.Context, *interrupts) {
	ctx, cancel := context.WithCancelCause(parent)
	i := &interrupts{ch: make(chan os.Signal, 2), done: make(chan struct{})}
	signal.Reset(syscall.SIGINT, syscall.SIGTERM)
	signal.Notify(i.ch, syscall.SIGINT, syscall.SIGTERM)
	go i.loop(cancel, exit)
	return ctx, i
}

func (i *interrupts) loop(cancel context.CancelCauseFunc, exit func(status int)) {
	defer close(i.done)
	defer cancel(nil)
	for n := 0; ; n++ {
		s, ok := <-i.ch
		if !ok {
			return
		}
		interrupt := interruptError{s.(syscall.Signal)}
		if n > 0 {
			exit(interrupt.status())
		}
		cancel(interrupt)
	}
}

// stop ends the watch; the context is cancelled.
func (i *interrupts) stop() {
	signal.Stop(i.ch)
	close(i.ch)
	<-i.done
}
