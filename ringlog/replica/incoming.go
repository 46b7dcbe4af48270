package replica

import (
	"fmt"
	"slices"

	"github.com/streamscope/streamscope/netio/wire"
)

// incoming is the receiving end of the link from a peer.
type incoming struct {
	node    *Node
	peer    Member
	held    []wire.Held            // answers that are due
	copied  map[Stream]wire.Copied // acknowledgements that are due
	due     []Stream               // their order
	fetches []fetching
}

type fetching struct {
	stream Stream
	f      wire.Fetch
}

// maxAsked bounds what a peer may have asked and not been answered.
const maxAsked = 1 << 16

// Attach implements netio.Incoming.
func (in *incoming) Attach(wire.Hello) error {
	n := in.node
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.mu.in[in.peer.Node] != in {
		return fmt.Errorf("%w: %v", ErrGone, in.peer)
	}
	in.held, in.due, in.fetches = nil, nil, nil
	in.copied = map[Stream]wire.Copied{}
	return nil
}

// Detach implements netio.Incoming.
func (in *incoming) Detach(error) {}

// Frame implements netio.Incoming.
func (in *incoming) Frame(b []byte) error {
	h, err := wire.ParseHead(b, len(b))
	if err != nil {
		return err
	}
	if h.IsFrame() {
		return fmt.Errorf("%w: %v on a link of copies", ErrProtocol, h.Type)
	}
	m, err := wire.Decode(b)
	if err != nil {
		return err
	}
	if m.Type == wire.TypeCopy {
		e, bytes := m.Entry()
		return in.copy(&e, bytes)
	}
	n := in.node
	n.mu.Lock()
	defer n.mu.Unlock()
	for i := range m.Len() {
		switch m.Type {
		case wire.TypePromise:
			err = in.promise(m.Promise(i))
		case wire.TypeDrop:
			err = in.drop(m.Drop(i))
		case wire.TypeFetch:
			err = in.fetch(m.Fetch(i))
		default:
			err = fmt.Errorf("%w: %v from an owner", ErrProtocol, m.Type)
		}
		if err != nil {
			return err
		}
	}
	n.wake(in.peer.Node)
	return nil
}

// own checks that a stream is the peer's.
func (in *incoming) own(w wire.Stream) (Stream, error) {
	s, err := streamOf(w)
	if err == nil && s.Owner != in.peer.Node {
		err = fmt.Errorf("%w: node %d writes to the %v", ErrProtocol, in.peer.Node, s)
	}
	return s, err
}

func (in *incoming) copy(e *wire.Entry, b []byte) error {
	s, err := in.own(e.Stream)
	if err != nil {
		return err
	}
	if got := sumOf(s, e.Life, e.Number, e.Tick, b); got != e.Sum {
		return fmt.Errorf("%w: %v: entry %d of life %d on arrival: sum %016x, want %016x", ErrDamaged, s, e.Number, e.Life, got, e.Sum)
	}
	n := in.node
	n.mu.Lock()
	defer n.mu.Unlock()
	taken, err := n.mu.holder.Copy(s, e, b)
	if err != nil {
		return err
	}
	if !taken {
		answer, err := n.mu.holder.Promise(s, wire.Promise{Stream: e.Stream, Life: e.Life})
		if !slices.Contains(in.held, answer) { // once for all entries that are on their way
			in.held = append(in.held, answer)
		}
		n.wake(in.peer.Node)
		return err
	}
	if _, due := in.copied[s]; !due {
		in.due = append(in.due, s)
	}
	in.copied[s] = wire.Copied{Stream: e.Stream, Life: e.Life, Number: e.Number}
	n.wakeFor(s, in.peer.Node)
	return nil
}

func (in *incoming) promise(p wire.Promise) error {
	s, err := in.own(p.Stream)
	if err != nil {
		return err
	}
	if p.Incarnation != in.peer.Life {
		return fmt.Errorf("%w: %v: life %d is to be promised to life %d of node %d", ErrProtocol, s, p.Incarnation, in.peer.Life, in.peer.Node)
	}
	if len(in.held) == maxAsked {
		return fmt.Errorf("%w: %d promises are not answered yet", ErrProtocol, len(in.held))
	}
	n := in.node
	answer, err := n.mu.holder.Promise(s, p)
	if err != nil {
		return err
	}
	if n.mu.refilling[s] == p.Life && p.Incarnation == p.Life {
		return nil // it is answered then
	}
	if answer.Last == 0 && answer.Promised == p.Life && n.refill(s, p) {
		n.mu.refilling[s] = p.Life
		return nil
	}
	in.held = append(in.held, answer)
	return nil
}

func (in *incoming) drop(d wire.Drop) error {
	s, err := in.own(d.Stream)
	if err == nil && in.node.mu.holder.promised(s) <= in.peer.Life { // what a later life asks for is not for this one to drop
		in.node.mu.holder.Drop(s, d)
	}
	return err
}

// fetch notes a question, which anybody may ask.
func (in *incoming) fetch(f wire.Fetch) error {
	s, err := streamOf(f.Stream)
	if err != nil {
		return err
	}
	if len(in.fetches) == maxAsked {
		return fmt.Errorf("%w: %d fetches are not answered yet", ErrProtocol, len(in.fetches))
	}
	f.MaxBytes = min(f.MaxBytes, fetchBytes)
	in.fetches = append(in.fetches, fetching{s, f})
	return nil
}

// Messages implements netio.Incoming: answers, acknowledgements, and one part of what was asked for at a time.
func (in *incoming) Messages(buf []byte) []byte {
	n := in.node
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, h := range in.held {
		buf = wire.AppendHeld(buf, h)
	}
	in.held = in.held[:0]
	for _, s := range in.due {
		buf = wire.AppendCopied(buf, in.copied[s])
		delete(in.copied, s)
	}
	in.due = in.due[:0]
	if len(in.fetches) == 0 {
		return buf
	}
	f := in.fetches[0]
	in.fetches = append(in.fetches[:0], in.fetches[1:]...)
	n.mu.holder.Read(f.stream, f.f, func(e *wire.Entry, b []byte) { buf = wire.AppendEntry(buf, wire.TypeFetched, e, b) })
	return buf
}
