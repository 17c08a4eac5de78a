"""The macros of rules_oci 2.3.0 that //images uses, on //tools/offline/ocitool.

They take no attribute that rules_oci 2.3.0 does not have, and refuse any that
is not listed here, so that what builds here builds there. `base` is left out:
every image of this project is made from scratch.
"""

load("@bazel_skylib//rules:write_file.bzl", "write_file")

# The macros name the tool, and so it is the one of the repository that calls.
_TOOL = "//tools/offline/ocitool"
_OCITOOL = attr.label(cfg = "exec", executable = True, mandatory = True)

def _flag_files(ctx, names):
    """Flags and inputs for those attributes of names that are set."""
    flags, inputs = [], []
    for name in names:
        file = getattr(ctx.file, name)
        if file:
            flags += ["--" + name, file.path]
            inputs.append(file)
    return flags, inputs

def _layout(ctx, command, flags, inputs):
    """Runs ocitool, which writes an OCI layout directory and its digest."""
    out = ctx.actions.declare_directory(ctx.label.name)
    digest = ctx.actions.declare_file(ctx.label.name + ".json.sha256")
    ctx.actions.run(
        executable = ctx.executable.ocitool,
        arguments = [command, "--out", out.path, "--digest-out", digest.path] + flags,
        inputs = inputs,
        outputs = [out, digest],
        mnemonic = "OCI" + command.capitalize(),
    )
    return [DefaultInfo(files = depset([out])), OutputGroupInfo(digest = depset([digest]))]

_FILES = ["annotations", "cmd", "created", "entrypoint", "env", "exposed_ports", "labels", "volumes"]
_STRINGS = ["architecture", "os", "user", "variant", "workdir"]

def _image_impl(ctx):
    flags, inputs = _flag_files(ctx, _FILES)
    for name in _STRINGS:
        if getattr(ctx.attr, name):
            flags += ["--" + name, getattr(ctx.attr, name)]
    for layer in ctx.files.tars:
        flags += ["--layer", layer.path]
    return _layout(ctx, "image", flags, inputs + ctx.files.tars)

oci_image_rule = rule(
    implementation = _image_impl,
    attrs = {"tars": attr.label_list(allow_files = [".tar", ".tar.gz"]), "ocitool": _OCITOOL} |
            {name: attr.label(allow_single_file = True) for name in _FILES} |
            {name: attr.string() for name in _STRINGS},
)

def _index_impl(ctx):
    flags, inputs = _flag_files(ctx, ["annotations"])
    for image in ctx.files.images:
        flags += ["--image", image.path]
    return _layout(ctx, "index", flags, inputs + ctx.files.images)

oci_image_index_rule = rule(
    implementation = _index_impl,
    attrs = {
        "annotations": attr.label(allow_single_file = True),
        "images": attr.label_list(mandatory = True),
        "ocitool": _OCITOOL,
    },
)

def _run_ocitool(ctx, command, tags, words = []):
    """A script that runs ocitool on the image and the file of tags."""
    tool = ctx.executable.ocitool
    words = [command, "--image", ctx.file.image.short_path] + words
    files = [ctx.file.image, tool]
    if tags:
        words += ["--tags", tags.short_path]
        files.append(tags)
    script = ctx.actions.declare_file(ctx.label.name + ".sh")
    ctx.actions.write(script, """#!/bin/sh
# Writes only what it is told to; started by `bazel run` in its runfiles.
cd "${{RUNFILES_DIR:-$0.runfiles}}/{workspace}" || exit 1
exec '{tool}' {words} "$@"
""".format(
        tool = tool.short_path,
        words = " ".join(["'%s'" % word for word in words]),
        workspace = ctx.workspace_name,
    ), is_executable = True)
    return [DefaultInfo(executable = script, runfiles = ctx.runfiles(files))]

def _load_impl(ctx):
    return _run_ocitool(ctx, "load", ctx.file.repo_tags)

oci_load_rule = rule(
    implementation = _load_impl,
    executable = True,
    attrs = {
        "image": attr.label(allow_single_file = True, mandatory = True),
        "repo_tags": attr.label(allow_single_file = True, mandatory = True),
        "ocitool": _OCITOOL,
    },
)

def _push_impl(ctx):
    words = ["--repository", ctx.attr.repository] if ctx.attr.repository else []
    return _run_ocitool(ctx, "push", ctx.file.remote_tags, words)

oci_push_rule = rule(
    implementation = _push_impl,
    executable = True,
    attrs = {
        "image": attr.label(allow_single_file = True, mandatory = True),
        "remote_tags": attr.label(allow_single_file = True),
        "repository": attr.string(),
        "ocitool": _OCITOOL,
    },
)

def _as_file(name, kind, lines, **kwargs):
    """The label of a file with lines; anything but a list is a label already."""
    if type(lines) != "list":
        return lines
    label = "{}_write_{}".format(name, kind)
    write_file(
        name = label,
        out = "{}.{}.txt".format(name, kind),
        content = [line.replace("\n", "%5Cn") for line in lines],
        **kwargs
    )
    return label

def _pairs(values):
    """A dict as key=value lines."""
    if type(values) != "dict":
        return values
    return ["{}={}".format(key, value) for key, value in values.items()]

def _joined(values):
    """A list as one line."""
    return [",".join(values)] if type(values) == "list" else values

def _common(kwargs):
    return {key: kwargs[key] for key in ["tags", "testonly", "visibility"] if key in kwargs}

def _digest(name, **kwargs):
    native.filegroup(name = name + ".digest", srcs = [name], output_group = "digest", **kwargs)

def oci_image(
        name,
        labels = None,
        annotations = None,
        env = None,
        cmd = None,
        entrypoint = None,
        exposed_ports = None,
        volumes = None,
        **kwargs):
    """An image from scratch; see oci_image of rules_oci for the attributes."""
    common = _common(kwargs)
    oci_image_rule(
        name = name,
        ocitool = _TOOL,
        labels = _as_file(name, "labels", _pairs(labels), **common),
        annotations = _as_file(name, "annotations", _pairs(annotations), **common),
        env = _as_file(name, "env", _pairs(env), **common),
        cmd = _as_file(name, "cmd", cmd, **common),
        entrypoint = _as_file(name, "entrypoint", entrypoint, **common),
        exposed_ports = _as_file(name, "exposed_ports", _joined(exposed_ports), **common),
        volumes = _as_file(name, "volumes", _joined(volumes), **common),
        **kwargs
    )
    _digest(name, **common)

def oci_image_index(name, annotations = None, **kwargs):
    """An index over images; see oci_image_index of rules_oci."""
    common = _common(kwargs)
    oci_image_index_rule(
        name = name,
        ocitool = _TOOL,
        annotations = _as_file(name, "annotations", _pairs(annotations), **common),
        **kwargs
    )
    _digest(name, **common)

def oci_load(name, repo_tags, **kwargs):
    """`bazel run` gives the image to a container engine; see oci_load of rules_oci."""
    repo_tags = _as_file(name, "tags", repo_tags, **_common(kwargs))
    oci_load_rule(name = name, ocitool = _TOOL, repo_tags = repo_tags, **kwargs)

def oci_push(name, remote_tags = None, **kwargs):
    """`bazel run` pushes to a registry; see oci_push of rules_oci."""
    remote_tags = _as_file(name, "tags", remote_tags, **_common(kwargs))
    oci_push_rule(name = name, ocitool = _TOOL, remote_tags = remote_tags, **kwargs)
