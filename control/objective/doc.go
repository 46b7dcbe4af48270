// Package objective chooses how a job is kept reliable from how soon what is lost must be back.
//
// The model: an option is a snapshot interval, a strategy for each stage and a policy for each edge. Choose lists all that it knows of, estimates for each
// the gap after a loss and what is written and sent for its sake, and takes the cheapest of those within the objective. It reckons with what lives of
// a directory have Measured, and with round defaults where nobody has.
//
// # Invariants
//
// A looser objective never costs more. What the user has settled stays, and stands last in the lists of a Choice, where the last one counts. What is chosen
// can be run on the number of nodes it was chosen for.
//
// # Failure
//
// Measured and Choice may be read from a file that anybody wrote: Sane makes unknown what is no sensible figure, Possible refuses what cannot be run.
//
// # Not here
//
// What was measured (control.MeasuredOf), and what a plan's stages are (control.ObjectiveStages).
package objective
