package netio

import (
	"errors"
	"fmt"

	"github.com/streamscope/streamscope/netio/wire"
)

// flush hands the pieces to the kernel and returns when it has them all.
func (c *conn) flush() error {
	if len(c.pieces) > MaxPieces {
		return fmt.Errorf("netio: %d pieces gathered, want at most %d", len(c.pieces), MaxPieces)
	}
	now := c.link.ep.now.Load()
	c.writingSince.Store(now)
	total, err := c.write()
	c.writingSince.Store(0)
	c.lastSent.Store(now)
	clear(c.pieces)
	if err != nil {
		return err
	}
	c.link.stats.bytesOut.Add(uint64(total))
	c.link.stats.flushes.Add(1)
	return nil
}

// write writes the pieces, padded, and returns their bytes. Kept ones go by themselves, after what netpoll was given before them.
func (c *conn) write() (total int, err error) {
	for i, p := range c.pieces {
		pad := -len(p) & (wire.Align - 1)
		total += len(p) + pad
		if c.lent && pad == 0 && len(p) >= SpliceBytes && !c.copies && c.link.side.keep(i) {
			if gone, err := c.spliced(p, i+1 < len(c.pieces)); err != nil {
				return 0, err
			} else if gone {
				continue
			}
		}
		if _, err := c.w.WriteBinary(p); err != nil {
			return 0, lost(err)
		}
		if pad != 0 {
			if _, err := c.w.WriteBinary(zeros[:pad]); err != nil {
				return 0, lost(err)
			}
		}
	}
	if err := c.w.Flush(); err != nil {
		return 0, lost(err)
	}
	return total, nil
}

// spliced sends a kept piece from where it lies. false: that cannot be done here, nor will be.
func (c *conn) spliced(p []byte, more bool) (bool, error) {
	if c.splice == nil {
		c.mu.Lock()
		fd := c.mu.fd
		c.mu.Unlock()
		var err error
		if c.splice, err = newSplicer(fd); err != nil { // out of descriptors, or of memory for pipes
			c.copies = true
			return false, nil
		}
	}
	if err := c.w.Flush(); err != nil {
		return false, lost(err)
	}
	err := c.splice.send(p, more)
	if errors.Is(err, errNoSplice) {
		c.copies = true
		return false, nil
	}
	return err == nil, err
}

var zeros [wire.Align]byte
