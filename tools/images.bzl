"""Container images of the roles, for every platform."""

load("@rules_oci//oci:defs.bzl", "oci_image", "oci_image_index", "oci_load", "oci_push")
load("@tar.bzl//:tar.bzl", "tar")

# Image suffix to the binary's platform and the image's.
_ARCHITECTURES = {
    "amd64": struct(binary = "linux_amd64", architecture = "amd64", variant = None),
    "arm": struct(binary = "linux_armv7", architecture = "arm", variant = "v7"),
    "arm64": struct(binary = "linux_arm64", architecture = "arm64", variant = "v8"),
}

# A number, since an image from scratch has no names for users.
_USER = "65532:65532"

def role_images(name, binary, title, exposed_ports = []):
    """Defines the images of one role.

    NAME_arm, NAME_arm64, NAME_amd64 and, over all three, NAME; each with _push
    (repository and tag by flag); those of one platform also with _load, which
    tags arm-tahoe-NAME:latest.

    Args:
        name: the role, which is also the program's name in /bin.
        binary: label of the role's binary without its platform.
        title: what a registry shows as the image's title.
        exposed_ports: as in "3456/tcp".
    """
    for suffix, arch in _ARCHITECTURES.items():
        _role_image(name, suffix, arch, "{}_{}".format(binary, arch.binary), title, exposed_ports)
    oci_image_index(
        name = name,
        images = ["{}_{}".format(name, suffix) for suffix in _ARCHITECTURES],
        visibility = ["//images:__subpackages__"],
    )
    oci_push(name = name + "_push", image = name)

def _role_image(role, suffix, arch, binary, title, exposed_ports):
    image = "{}_{}".format(role, suffix)

    # Each entry with fixed owner, mode and time: the same bytes on every machine.
    tar(
        name = image + "_layer",
        srcs = [binary],
        compress = "gzip",
        mtree = [
            "bin uid=0 gid=0 mode=0755 time=0 type=dir",
            "bin/{} uid=0 gid=0 mode=0755 time=0 type=file content=$(location {})".format(role, binary),
        ],
    )
    oci_image(
        name = image,
        annotations = {
            "org.opencontainers.image.licenses": "MIT",
            "org.opencontainers.image.source": "https://github.com/besn0847/arm-tahoe",
            "org.opencontainers.image.title": title,
        },
        architecture = arch.architecture,
        entrypoint = ["/bin/" + role],
        env = {"PATH": "/bin"},
        exposed_ports = exposed_ports,
        os = "linux",
        tars = [image + "_layer"],
        user = _USER,
        variant = arch.variant,
        visibility = ["//images:__subpackages__"],
    )
    oci_load(name = image + "_load", image = image, repo_tags = ["arm-tahoe-{}:latest".format(role)])
    oci_push(name = image + "_push", image = image)
