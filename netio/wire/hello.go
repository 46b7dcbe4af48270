package wire

import (
	"encoding/binary"
	"fmt"

	"github.com/streamscope/streamscope/ringlog/frame"
)

const (
	magic = 0x4b4c5353 // "SSLK"

	// Version of the link protocol. Peers of different versions refuse each other.
	Version = 4

	// MaxNameLen bounds job names and tokens, in bytes.
	MaxNameLen = 255
	// MaxHelloLen bounds what is read from a peer that has not shown its token yet, in bytes, padding included.
	MaxHelloLen = (HeadLen + helloFixed + 2*MaxNameLen + Align - 1) / Align * Align
	// maxTextLen bounds the text of a REFUSE, in bytes.
	maxTextLen = 200

	helloFixed = 40
)

// Hello introduces one end of a link to the other.
type Hello struct {
	Version       uint16
	Job           string
	Node          frame.NodeID // who speaks
	Incarnation   frame.Incarnation
	ToNode        frame.NodeID // whom it believes to speak to
	ToIncarnation frame.Incarnation
	// Connection numbers the connections that the dialling node made on this link, over its incarnation; never used twice.
	Connection uint64
	// Lane is 0 for the ordinary link between two nodes, and tells further ones beside it apart.
	Lane  uint8
	Token []byte
}

// AppendHello appends h as a HELLO or HELLO-ACK. Job and Token must not be longer than MaxNameLen.
func AppendHello(b []byte, t Type, h *Hello) []byte {
	le := binary.LittleEndian
	b, at := begin(b, t)
	b = le.AppendUint32(b, magic)
	b = le.AppendUint16(b, h.Version)
	b = le.AppendUint16(b, uint16(len(h.Job)))
	b = le.AppendUint32(b, uint32(h.Node))
	b = le.AppendUint32(b, uint32(h.Incarnation))
	b = le.AppendUint32(b, uint32(h.ToNode))
	b = le.AppendUint32(b, uint32(h.ToIncarnation))
	b = le.AppendUint64(b, h.Connection)
	b = le.AppendUint16(b, uint16(len(h.Token)))
	b = append(b, h.Lane, 0, 0, 0, 0, 0)
	b = append(b, h.Job...)
	b = append(b, h.Token...)
	return finish(b, at, 0)
}

// ParseHello reads the hello in m, a HELLO or HELLO-ACK. Of a hello of another version only Version is set.
// The error wraps ErrGarbage.
func ParseHello(m Message) (Hello, error) {
	le := binary.LittleEndian
	b := m.body
	if m.Type != TypeHello && m.Type != TypeHelloAck {
		return Hello{}, fmt.Errorf("%w: %v, want a hello", ErrGarbage, m.Type)
	}
	if len(b) < helloFixed {
		return Hello{}, fmt.Errorf("%w: hello of %d bytes, want at least %d", ErrGarbage, len(b), helloFixed)
	}
	if got := le.Uint32(b); got != magic {
		return Hello{}, fmt.Errorf("%w: hello begins with %#x, want %#x", ErrGarbage, got, uint32(magic))
	}
	h := Hello{Version: le.Uint16(b[4:])}
	if h.Version != Version {
		return h, nil
	}
	job, token := int(le.Uint16(b[6:])), int(le.Uint16(b[32:]))
	if job > MaxNameLen || token > MaxNameLen || helloFixed+job+token != len(b) {
		return Hello{}, fmt.Errorf("%w: hello of %d bytes with a job name of %d and a token of %d", ErrGarbage, len(b), job, token)
	}
	h.Node = frame.NodeID(le.Uint32(b[8:]))
	h.Incarnation = frame.Incarnation(le.Uint32(b[12:]))
	h.ToNode = frame.NodeID(le.Uint32(b[16:]))
	h.ToIncarnation = frame.Incarnation(le.Uint32(b[20:]))
	h.Connection = le.Uint64(b[24:])
	h.Lane = b[34]
	h.Job = string(b[helloFixed : helloFixed+job])
	h.Token = append([]byte(nil), b[helloFixed+job:]...)
	return h, nil
}

// Refuse says why a connection is not wanted.
type Refuse struct {
	Reason Reason
	Text   string // of the peer's making: quote it
}

// AppendRefuse appends r; a text that is too long is cut.
func AppendRefuse(b []byte, r Refuse) []byte {
	text := r.Text[:min(len(r.Text), maxTextLen)]
	b, at := begin(b, TypeRefuse)
	b = binary.LittleEndian.AppendUint32(b, uint32(r.Reason))
	b = binary.LittleEndian.AppendUint32(b, uint32(len(text)))
	b = append(b, text...)
	return finish(b, at, 0)
}

// ParseRefuse reads the refusal in m. The error wraps ErrGarbage.
func ParseRefuse(m Message) (Refuse, error) {
	if m.Type != TypeRefuse || len(m.body) < 8 {
		return Refuse{}, fmt.Errorf("%w: %v of %d bytes, want a refusal", ErrGarbage, m.Type, len(m.body))
	}
	r := Refuse{Reason: Reason(binary.LittleEndian.Uint32(m.body))}
	n := binary.LittleEndian.Uint32(m.body[4:])
	if n > maxTextLen || int(n) != len(m.body)-8 || r.Reason == Welcome || r.Reason >= reasonEnd {
		return Refuse{}, fmt.Errorf("%w: refusal %d with %d bytes of text in %d", ErrGarbage, uint32(r.Reason), n, len(m.body))
	}
	r.Text = string(m.body[8:])
	return r, nil
}
