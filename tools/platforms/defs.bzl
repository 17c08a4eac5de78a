"""Binaries for every platform that arm-tahoe is built for."""

load("@rules_go//go:def.bzl", "go_cross_binary")

ARCHITECTURES = ["armv7", "arm64", "amd64"]

def cross_binaries(name, target, visibility = None):
    """Defines NAME_armv7, NAME_arm64 and NAME_amd64: target, static and stripped.

    They are built on request and by what depends on them, not by //...: each
    platform compiles the standard library once more.

    Args:
        name: first part of the targets' names, as in "storage_linux".
        target: a go_binary.
        visibility: who may use the binaries.
    """
    for architecture in ARCHITECTURES:
        go_cross_binary(
            name = "{}_{}".format(name, architecture),
            platform = "//tools/platforms:linux_" + architecture,
            tags = ["manual"],
            target = target,
            visibility = visibility,
        )
