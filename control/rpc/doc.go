// Package rpc is what manager and agents say to each other, and how: a bidirectional stream of JSON messages over HTTP/2 by connect.
//
// # Format
//
// The agent calls Procedure with the run's token as bearer, and its first message is Up{Hello}. Then messages go both ways, one struct
// each, in which exactly one field is set. Plain Go structs are the schema: no code is generated. Unknown fields are refused, since both ends
// are always of one release; a message has at most MaxMessageBytes.
//
// An Address in a file of the run's directory says where the manager is, for agents that have lost theirs.
//
// # Failure
//
// A message that is none, a wrong token, or a lost connection ends the stream; nothing is sent again. Both ends ping an idle
// connection, so that a peer that is gone without a word is noticed within seconds.
//
// # Not here
//
// Events of streams never travel this way: they go over links (netio).
package rpc
