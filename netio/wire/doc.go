// Package wire is what links say to each other besides frames: the head that everything on a link begins with, the
// messages of netio, and the judgement of a hello.
//
// The package is pure: it encodes, decodes and checks bytes that others own.
//
// # Format
//
// Little endian. A link is a sequence of units: ring frames (package frame) and messages. Each begins with the same 8 bytes,
//
//	off size  field
//	0   4     len i32: the whole unit, head included, unpadded; positive
//	4   1     type: below 0x80 a frame.Type, from 0x80 a message
//	5   1     flags: of the frame; 0 in messages
//	6   2     count: sub-batches of the frame; entries of the message
//
// and takes len rounded up to 64 bytes; the bytes of padding are zero when sent and not looked at when received. So runs of
// frames that are neighbours in a log travel as they lie there, and every unit begins at a multiple of 64.
//
//	HELLO, HELLO-ACK  magic u32, version u16, job length u16, node u32, incarnation u32, to node u32, to incarnation u32,
//	                  session u64, token length u16, lane u8, 5 bytes zero, job, token
//	REFUSE            reason u32, text length u32, text
//	ATTACH, CREDIT    per edge: edge u32, session u32, open u64, allowed u64, closed u64, drained u64
//	BEGIN             per edge: edge u32, session u32
//	PING, BYE, SHARE, BELL  nothing
//	REFS              per frame: slot u32, offset u32, length u32
//	RELEASED          per segment: slot u32, frames u32
//	FORGET            per segment: slot u32
//	OFFER             key, 16 bytes
//	ASIDE             units u32
//	COPY, FETCHED     stream, life u32, flags u32, number u64, prev u64, tick u64, sum u64, the entry's bytes
//	PROMISE           stream, incarnation u32, life u32
//	HELD              stream, promised u32, life u32, last u64, count u64
//	COPIED            stream, life u32, 0 u32, number u64
//	DROP              stream, life u32, ticks u32, tick u64
//	FETCH             stream, life u32, bytes u32, from u64, above u64
//
// and then, but for HELLO, HELLO-ACK and REFUSE, which are said before the version is known, and COPY and FETCHED, a sum u64: XXH64 of the message
// up to there. A grant with a flipped bit that were believed would stop the sender for ever, or have it forget what is still needed.
// A stream is kind u8, 0 u8, core u16, owner u32, id u32, destination u32. COPY and FETCHED may be as long as a frame.
//
// On a link from A to B, A sends HELLO, then frames, BEGIN, OFFER, REFS, FORGET, PING, BYE; B sends HELLO-ACK or REFUSE, then ATTACH, CREDIT,
// SHARE, RELEASED, PING, BYE. SHARE answers OFFER and allows REFS, FORGET and, in both directions, BELL and ASIDE on this connection (package shuffle/hostlink); who did not
// send it refuses them. On links of copies (package ringlog/replica), A sends COPY, PROMISE, DROP and FETCH; B sends HELD, COPIED and FETCHED;
// and, besides PING and BYE, nothing else.
//
// ATTACH starts a session of an edge on this link, with its first grant: whatever A sends of that edge before the BEGIN that
// repeats its number belongs to an older session, and B drops it. CREDIT raises the grant of the session it names. See
// Grant for the meaning of the numbers.
//
// # Invariants
//
// A Message that Decode returned can be read without further checks. Decoders never panic and allocate nothing but the
// strings of a Hello or Refuse, whatever the bytes.
//
// # Ownership
//
// A Message borrows the bytes it was made from. Hello and Refuse own theirs.
//
// # Failure
//
// ErrGarbage: bytes that no correct peer sends. ErrOversized: a unit longer than the limit. Both end the connection.
package wire
