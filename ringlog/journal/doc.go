// Package journal keeps what source tasks wrote down about their ticks before they closed them (PROTOCOL T7, I3, I4): a Record says which
// rows of which splits made up a tick, in order, so that a later life of the task cuts the same ticks again.
package journal
