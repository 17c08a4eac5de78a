//go:build !arm.7

package version

// armVariant is empty where the architecture's name says it all.
const armVariant = ""
