//go:build !race

package ringlog

const raceBuild = false
