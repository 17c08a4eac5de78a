// Package localgrid runs a whole grid in one process: an introducer, a helper
// with the first gateway, and storage nodes with gateways of their own, each in a
// base directory as any other node, so that the role programs or tahoe run can
// take them over.
//
// It belongs to tools, which may compose roles.
//
//	DIR/grid.json     what the grid was made with
//	DIR/introducer    base directories
//	DIR/helper
//	DIR/node1 ...
package localgrid
