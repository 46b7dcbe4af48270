// Package s3 is a snapshot.Store in a bucket of any S3 server that honours conditional puts.
//
// An object of the store is an object of the bucket, its key the prefix of the store, a slash and the name. What another process stored is
// seen as soon as it was stored: S3 is consistent after every write.
//
// # Format
//
// Contents are stored as they are. Each put carries the metadata "x-amz-meta-streamscope-put": 32 random hex digits that name this put
// among all. A Version is the entity tag (ETag) of the content, as the server gives it.
//
// # Invariants
//
//   - Nothing is put without a condition: Create and a first Swap with "If-None-Match: *", a later Swap with "If-Match" and the entity tag.
//     Of several who swap one version, the server lets one through. Check refuses a server that ignores conditions.
//   - A put whose answer was lost is repeated. If the server then says that the condition does not hold, the object is asked whose put it
//     bears: ours means that the first try was done. So a nil error means done, and ErrExists and ErrConflict mean that another did it.
//   - All ranges that an open Object reads are of one entity tag; bytes of two contents are never mixed.
//
// # Concurrency
//
// A Store and its Objects may be used from any goroutine, and one prefix by several processes.
//
// # Ownership
//
// A Create holds one part (partBytes), an open Object one block (blockBytes). Bytes given to a call are the caller's again when it returns.
//
// # Failure
//
// Every request has a deadline (Config.Timeout). What may be transient, connections that break, 408, 429 and 5xx, a conflict of two puts at
// the same moment, is tried again with growing pauses until Config.Patience is over; then it is snapshot.ErrUnavailable. Errors name
// operation, s3://bucket/key and endpoint. An upload in parts that dies with its process leaves parts that no name shows: a lifecycle rule of
// the bucket should remove incomplete uploads after a day.
//
// An Object of at most blockBytes stays readable when it is deleted while it is open. A larger one then fails with snapshot.ErrNotFound.
//
// # Not here
//
// Making buckets, encryption and retention are the bucket's own configuration.
package s3
