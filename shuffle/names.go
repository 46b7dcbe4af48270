package shuffle

import (
	"github.com/streamscope/streamscope/ringlog/frame"
	"github.com/streamscope/streamscope/shuffle/batch"
)

// The types of rows, by the names that programs which embed this package use; package batch documents them.
type (
	Schema  = batch.Schema
	Field   = batch.Field
	Kind    = batch.Kind
	Batch   = batch.Batch
	Builder = batch.Builder
	// CTI is a current time increment, in microseconds, UTC: no later row has Vs below it.
	CTI = frame.CTI
)

// The column kinds.
const (
	Bool      = batch.Bool
	Int64     = batch.Int64
	Float64   = batch.Float64
	Timestamp = batch.Timestamp
	String    = batch.String
	Bytes     = batch.Bytes
)

// NoCTI promises nothing. It is the least CTI; the greatest that a writer may promise is -NoCTI - 1.
const NoCTI CTI = -1 << 62

// NewBuilder returns an empty builder of rows.
func NewBuilder(s *Schema) *Builder { return batch.NewBuilder(s) }
