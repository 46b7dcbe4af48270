// Package expr has typed, vectorised expressions over the rows of a batch.
//
// An Expr is an immutable tree, written by hand or by a compiler:
//
//	late := expr.Col("delay").Gt(expr.Int(15)).And(expr.Col("origin").Ne(expr.Str("ATL")))
//
// Compile checks it against a schema and returns a Program, which computes a column (Eval) or chooses rows (Select), a block of
// rows at a time: every operator is one loop over slices.
//
// # Semantics
//
// PostgreSQL's, where they exist. Null is unknown: arithmetic and comparisons with null are null; FALSE AND NULL is false, TRUE OR
// NULL is true; a filter keeps what is true. Least and Greatest ignore nulls. Integers and floats mix as floats; a timestamp plus or
// minus an integer (microseconds) is a timestamp, the difference of two timestamps an integer; nothing else is converted unasked.
// Integer Div and Mod round towards zero, FloorDiv rounds down. NaN equals itself and is greater than every number. Text compares by
// bytes. Floats are computed in the order written, never reassociated.
//
// # Failure
//
// Compile complains in words about unknown columns and types that do not fit (ErrType). A Program stops at a row it cannot compute
// (integer overflow, division by zero, a cast that fails) with a RowError that names row, expression and values. Rows that And, Or,
// If or Coalesce need not look at are never the cause: in "n <> 0 AND a / n > 3" the division of rows with n = 0 does not count.
//
// # Concurrency
//
// An Expr may be shared. A Program has scratch memory and belongs to one goroutine; evaluation allocates nothing once that has grown.
//
// # Ownership
//
// Eval appends copies; it keeps nothing of the batch it is given. The package is pure.
package expr
