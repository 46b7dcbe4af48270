// Package vfs opens files of folders that others may have changed, such as data directories.
//
// Where a run expects a file of its own there may be anything: a named pipe, whose open waits for a writer that never comes, a device, a socket,
// a directory. Open and ReadFile refuse all of them at once, by name; symbolic links are followed.
//
// # Concurrency
//
// All functions may be called from everywhere. None waits for anything but the disk.
package vfs
