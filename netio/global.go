package netio

import (
	"context"
	"fmt"
	"io"

	"github.com/cloudwego/netpoll"
)

// Global are settings of netpoll, which has them once per process. A program calls Configure before its first Endpoint; who embeds
// this package in a program that uses netpoll already may leave that to it.
type Global struct {
	Pollers int       // threads that poll; 0 leaves netpoll's default, one per 20 cores
	Log     io.Writer // where netpoll prints; nil leaves its default, standard error
	// Panic gets what a callback of netpoll panicked with; nil lets the process die, netpoll's default swallows it.
	Panic func(p any)
}

// Configure sets g.
func Configure(g Global) error {
	if g.Pollers < 0 {
		return fmt.Errorf("netio: %d pollers, want at least 0", g.Pollers)
	}
	return netpoll.Configure(netpoll.Config{
		PollerNum:    g.Pollers,
		LoggerOutput: g.Log,
		LoadBalance:  netpoll.RoundRobin,
		Runner: func(_ context.Context, f func()) {
			go func() {
				defer func() {
					if g.Panic == nil {
						return
					}
					if p := recover(); p != nil {
						g.Panic(p)
					}
				}()
				f()
			}()
		},
	})
}
