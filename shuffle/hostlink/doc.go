// Package hostlink lets a link between two processes of one host carry references instead of frames: the receiving process maps the segments
// of the sending one's ring logs and reads frames where they were written. Positions and credits go through memory that both map, and
// two busy processes exchange no system call at all.
//
// A Host is a node's part. It wraps the Outgoing and Incoming of a link of package netio; sessions, credits, resending and the
// life of connections stay as they are. When a connection comes up, the sending end sends OFFER with a key of its process, and the receiving end
// looks for the socket of descriptors of that key. If it finds it and is welcome there, it maps the connection's mailbox and answers SHARE. From then on
// DATA frames travel as REFS (package wire), and all that the two ends say goes through the mailbox. The
// descriptor of a segment is asked for when the first reference into it comes. So nodes of different hosts, of different users, or whose segments cannot be
// shared (a race build keeps them on the heap) send frames by value, as if this package were not there.
//
// By value travel also: frames shorter than 2 KiB, frames that were spilled, and everything while half of the sender's arena
// is held by others, since what they hold cannot be spilled and the sender's logs must go on.
//
// # Format
//
// The socket of descriptors is a unix stream in the abstract namespace, which leaves no file behind; its name is a hash of the key and
// the token. The reader says HELLO, as on a link, and is answered HELLO-ACK or REFUSE. Then, little endian:
//
//	request  4 bytes  slot u32
//	answer   8 bytes  slot u32, bytes u32, with the descriptor as SCM_RIGHTS; 0 bytes and no descriptor: no such slot (any more)
//
// Slot 0 is the mailbox, a memfd of 260 KiB made by the sending end of the link and sealed like a segment: a page of words, then a ring
// of 128 KiB for units from the sending end, and one for units to it. Of each ring the page holds, from 0 and from 1,024 on,
//
//	off  size
//	0    8     tail: bytes written since the beginning
//	64   8     head: bytes read
//	128  4     bell: 1 while the reader sleeps; who writes then sets it to 0 and sends BELL over the connection
//	192  4     room: 1 while the writer waits for room; who reads then sets it to 0 and sends BELL
//
// Units lie in the ring as on a connection, padded to 64 bytes, and wrap at its end. What is longer than 1 KiB, and DATA by value, goes over the
// connection; ASIDE(n) in the ring says that the next n units do. The last message of the receiving end over the connection is SHARE; what
// the sending end had sent before it used the ring is followed by a BELL.
//
// # Invariants
//
//   - The sender holds a segment while frames in it are referenced and not RELEASED: it is neither reused nor spilled meanwhile.
//   - Slots are never used twice on a link. A slot stays with its segment, so a descriptor is passed once per segment and connection.
//   - A frame in shared memory is held until this node's tasks have executed its tick; a segment is unmapped when its connection
//     has ended, no frame of it is held, and no lease.
//   - Frames are told as RELEASED only while nobody has a lease in their segment.
//   - Units are taken in the order in which they were sent, whether they lay in the ring or came over the connection; after one that could
//     not be taken, none is.
//   - Somebody looks, or the bell is set: no unit waits for ever. A core that polls clears the bell; the last one to sleep sets it, and looks again.
//
// # Concurrency
//
// A side of a link is called as netio has it, and by cores that poll (Poller): whoever comes first takes what lies in a mailbox, and
// fills it, one at a time. So a wrapped Outgoing or Incoming is called from several goroutines, never by two at once in the same direction. What may
// have to wait for memory, which is DATA by value, is taken by the link's goroutine only. A Host adds one goroutine that accepts, and one per reader of its descriptors; all have ended
// when Close returns.
//
// # Failure
//
// The holds of a connection end with it. Segments that its reader may still read are retired: the sender gives them back to the
// system instead of using them again, so the reader's frames of closed ticks stay as they are, and the memory goes when it unmaps
// them or dies. A sender that dies leaves its reader a mapping that stays readable: it is sealed against shrinking.
//
// A descriptor that cannot be had or mapped cuts the connection; from the next one on, this reader takes frames by value.
// So it does while frames of 64 segments of ended connections are still held: cuts do not pile up memory.
//
// # Trust
//
// Both ends run under one user (the kernel says so), of one job, with one token: they run the same code. Nothing can keep the sender from
// changing a frame while it is read. So every frame is checked as one from a socket is, and its position, length and incarnation
// again on every access and after the last: a frame that was overwritten in use ends the job. Tables and offsets are looked at in place;
// if they change in between, the worst is a panic of a bounds check in the step of a core, which ends that node's job, never a fault. Units of a mailbox are
// copied before they are looked at.
//
// # Not here
//
// What frames mean (shuffle), segments and their mapping (ringlog), connections (netio).
package hostlink
