// Package archtest holds the architecture of the module as data, and the repository's lint; its tests apply both to the tree.
//
// The model: every package of the module has one Rule (rules.go) that says which packages of the module it may import, whether it is
// pure, and whether it may start goroutines. A package without a rule is a violation, so that adding one is a decision. The checks read
// source text (go/parser), so files of all build tags and platforms are seen; test files are held to the lint, and to the few rules that
// concern them, not to the direction of imports.
//
// # Invariants
//
//   - Pure packages import no os, net, syscall or runtime driver, read no clock, and contain no go statement.
//   - Only netio imports netpoll; only vertex/connect imports arrow.
//   - Each check has a canary in canary_test.go: source text that it must reject.
//
// # Not here
//
// Formatting, vet and staticcheck: see the Makefile.
package archtest
