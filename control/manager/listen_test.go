package manager

import (
	"errors"
	"net"
	"testing"
)

// TestBoundedListener checks that a connection too many is accepted only when another has ended, and that Close ends the wait.
func TestBoundedListener(t *testing.T) {
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := boundedListener(inner, 2)
	for range 3 {
		c, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
	}
	var accepted []net.Conn
	for range 2 {
		c, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		accepted = append(accepted, c)
	}
	if n := len(l.free); n != 0 {
		t.Errorf("%d more could be accepted", n)
	}
	third := make(chan net.Conn)
	go func() {
		c, err := l.Accept()
		if err != nil {
			t.Error(err)
		}
		third <- c
	}()
	accepted[0].Close()
	accepted[0].Close() // counts once
	c := <-third
	if n := len(l.free); n != 0 {
		t.Errorf("%d more could be accepted", n)
	}
	ended := make(chan error)
	go func() {
		_, err := l.Accept()
		ended <- err
	}()
	l.Close()
	if err := <-ended; !errors.Is(err, net.ErrClosed) {
		t.Errorf("accept after close: %v", err)
	}
	c.Close()
	accepted[1].Close()
}
