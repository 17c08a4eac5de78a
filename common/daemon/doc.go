// Package daemon holds what the mains of all roles share, and `tahoe run` in part:
// the command line with its table of settings, the making and opening of the
// base directory, the log, signals and the order of shutdown, the healthcheck,
// and exit codes.
//
// It belongs to layer L4. It knows the roles by their ports only; what a role
// does is in its [Program]. docs/configuration.md is made from this package
// ([Documentation]); the test in tools/lint holds it.
package daemon
