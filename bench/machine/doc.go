// Package machine tells what a measurement was taken on: processor, kernel, cores, memory, and how much of the processors other programs
// used meanwhile, which is what makes a figure worthless.
//
// What cannot be read is left out: a report without a fact is a report still.
package machine
