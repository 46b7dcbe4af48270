// Package connecttest helps to test sources and sinks: it reads all of a source and writes whole batches to a sink, waiting as the runtime would.
package connecttest
