package snapshot

import (
	"bufio"
	"bytes"
)

// Encode returns the image as a full file of no job and no tick, for who keeps images in memory. It does not release the image. Errors are those
// of state.Frozen.AppendPage.
func (im *Image) Encode() ([]byte, error) {
	if err := im.valid(); err != nil {
		return nil, err
	}
	var b bytes.Buffer
	_, _, err := encodeFile(bufio.NewWriter(&b), header{}, im, nil)
	return b.Bytes(), err
}

// Decode reads what Encode wrote; everything in it is checked. The snapshot lies in b. Errors wrap ErrDamaged.
func Decode(b []byte) (*Loaded, error) {
	o := memory{bytes.NewReader(b)}
	f, err := scan(o)
	if err != nil {
		return nil, err
	}
	if f.Increment {
		return nil, damaged("an increment, want a full file")
	}
	var l loader
	if err := l.merge(f, o, inMemory); err != nil {
		return nil, err
	}
	l.names = []string{inMemory}
	return &l.Loaded, l.finish()
}

const inMemory = "image in memory"

// memory is an Object that nobody else has.
type memory struct{ *bytes.Reader }

func (memory) Close() error { return nil }
