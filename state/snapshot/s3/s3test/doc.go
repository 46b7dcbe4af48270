// Package s3test runs a real S3 server for tests: versitygw on a folder, a process of its own that can be killed and started again.
//
// The server comes from the module in .ci/s3 at the top of the repository; the first use on a machine builds it, which takes a minute
// (`make s3-server` does so ahead). STREAMSCOPE_S3_SERVER names another binary of it.
package s3test
