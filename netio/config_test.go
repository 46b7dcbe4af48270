package netio_test

import (
	"errors"
	"strings"
	"testing"
	"time"
	"unsafe"

	"github.com/streamscope/streamscope/netio"
	"github.com/streamscope/streamscope/netio/wire"
	"github.com/streamscope/streamscope/ringlog/frame"
)

func TestConfigComplainsOfAll(t *testing.T) {
	_, err := netio.Listen(netio.Config{
		MaxFrameBytes: 1, FlushBytes: -1, MaxBufferedBytes: 2, SocketBytes: -1, MaxHandshakes: -1, HelloTimeout: -1,
		PingEvery: time.Minute, Silence: time.Second, WriteTimeout: -1, BackoffMin: time.Minute, BackoffMax: time.Second,
	})
	if err == nil {
		t.Fatal("no complaint")
	}
	for _, want := range []string{"job name", "token", "incarnation", "frames of at most 1", "flushes", "input buffer", "handshakes",
		"socket buffers", "hello timeout -1ns", "write timeout", "silence of 1s with pings every 1m0s", "backoff from 1m0s up to 1s"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("no complaint about %q in %v", want, err)
		}
	}
}

func TestAddressInUse(t *testing.T) {
	cfg := rawConfig()
	cfg.Listen = "127.0.0.1:0"
	e, err := netio.Listen(cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	cfg.Listen = e.Addr()
	if _, err := netio.Listen(cfg); err == nil || !strings.Contains(err.Error(), e.Addr()) {
		t.Errorf("listened twice at one address: %v", err)
	}
}

func TestConfigureRejects(t *testing.T) {
	if err := netio.Configure(netio.Global{Pollers: -1}); err == nil {
		t.Error("-1 pollers taken")
	}
}

func TestCauses(t *testing.T) {
	for err, want := range map[error]netio.Cause{
		netio.ErrBye: netio.CauseBye, netio.ErrOverrun: netio.CauseOverrun, wire.ErrOversized: netio.CauseOversized,
		frame.ErrCorrupt: netio.CauseGarbage, errors.New("x"): netio.CauseOther, errors.Join(netio.ErrLost, netio.ErrSilent): netio.CauseSilent,
	} {
		if got := netio.CauseOf(err); got != want {
			t.Errorf("%v: %v, want %v", err, got, want)
		}
	}
	for c := range netio.Cause(netio.Causes) {
		if strings.HasPrefix(c.String(), "cause") {
			t.Errorf("cause %d has no name", c)
		}
	}
}

func TestAligned(t *testing.T) {
	buf := make([]byte, 64)
	var scratch []byte
	for off := range 16 {
		b := buf[off : off+17]
		b[0], b[16] = 1, 2
		var got []byte
		got, scratch = netio.Aligned(b, scratch)
		if at := uintptr(unsafe.Pointer(&got[0])); at%8 != 0 || len(got) != 17 || got[0] != 1 || got[16] != 2 {
			t.Errorf("offset %d: %d bytes at %#x", off, len(got), at)
		}
		if inPlace := &got[0] == &b[0]; inPlace != (uintptr(unsafe.Pointer(&b[0]))%8 == 0) {
			t.Errorf("offset %d: in place %v", off, inPlace)
		}
	}
}
