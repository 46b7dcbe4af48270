// Package kernel is the parts that a shuffle cannot do without, each alone on one core, warm: make rows, sum them, copy memory, hash and
// scatter rows to 64 destinations, checksum a frame, move bytes over loopback. Measured in the same run, they are the denominators of
// everything else: what the machine could do if the engine cost nothing.
//
// The kernels are written as plainly as their counterparts in the engine, in the same language, without what surrounds those.
//
// # Not here
//
// The engine. A kernel that imports ringlog or shuffle's exchange would measure what it is to be compared with.
package kernel
