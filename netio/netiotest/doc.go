// Package netiotest is the conformance kit of links: what netio.Endpoint over real sockets and simnet.Net in one thread must both do.
//
// Run runs the kit over a Net. Its Sender and Sink are the smallest users of links that are complete: frames with ticks and closes, credit by
// netio.Queue and netio.Receiver, sessions, resuming after a cut. They are also the example to follow.
//
// # Concurrency
//
// Sender and Sink may be used from any goroutine; their hooks are called with nothing locked.
package netiotest
