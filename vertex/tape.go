package vertex

// TapeReader reads a split that cannot be read again, such as standard input. What it reads has to be kept by its caller, who gives it to the
// reader of a later life.
//
// A position of it has, besides, all bytes that were given or Taken and that rows are still to come from. It is then as long as they are.
type TapeReader interface {
	SplitReader
	// Give hands over bytes that a reader before has Taken, which lie at a place of the split: in order, the first directly behind those that the position
	// has. What came before is passed over; a gap is an error. end says that the split ends behind them. b must not change afterwards.
	Give(at uint64, b []byte, end bool) error
	// Resume says that all was given: what follows is read from the split itself. Until then Read finds no more than was given.
	Resume()
	// Taken returns what was read from the split since the last call, up to a place that no row lies across, and the place of its first byte: all rows that Read has returned lie in
	// what was given or Taken. end says, once, that the split ends behind it. It is borrowed until the next Read.
	Taken() (at uint64, b []byte, end bool)
	// Kept says that all that was Taken below a place is durable: the split may forget it.
	Kept(to uint64)
}
