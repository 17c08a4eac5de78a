//go:build arm.7

package version

// armVariant completes the platform's name as OCI images write it.
const armVariant = "/v7"
