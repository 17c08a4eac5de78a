"""`tar` with an explicit mtree, as in tar.bzl 0.10.5; nothing else of it.

The archive is written by //tools/offline/ocitool instead of bsdtar.
"""

_COMPRESS = {"": (".tar", []), "gzip": (".tar.gz", ["--gzip"])}

def _impl(ctx):
    suffix, flags = _COMPRESS[ctx.attr.compress]
    spec = ctx.actions.declare_file(ctx.label.name + ".mtree")
    lines = [ctx.expand_location(line, ctx.attr.srcs) for line in ctx.attr.mtree]
    ctx.actions.write(spec, "\n".join(lines + [""]))
    out = ctx.outputs.out or ctx.actions.declare_file(ctx.label.name + suffix)
    ctx.actions.run(
        executable = ctx.executable.ocitool,
        arguments = ["layer", "--mtree", spec.path, "--out", out.path] + flags,
        inputs = ctx.files.srcs + [spec],
        outputs = [out],
        mnemonic = "Tar",
    )
    return [DefaultInfo(files = depset([out]), runfiles = ctx.runfiles([out]))]

tar_rule = rule(
    implementation = _impl,
    attrs = {
        "compress": attr.string(values = _COMPRESS.keys()),
        "mtree": attr.string_list(mandatory = True),
        "out": attr.output(),
        "srcs": attr.label_list(allow_files = True, mandatory = True),
        "ocitool": attr.label(cfg = "exec", executable = True, mandatory = True),
    },
)

def tar(name, srcs, mtree, compress = "", **kwargs):
    """An archive of what mtree lists; see tar of tar.bzl for the attributes.

    Args:
        name: name of the target; without `out` the archive is NAME.tar or NAME.tar.gz.
        srcs: files that mtree names as $(location).
        mtree: lines of an mtree specification.
        compress: "gzip" or nothing.
        **kwargs: out and the common attributes.
    """
    tar_rule(name = name, srcs = srcs, mtree = mtree, compress = compress, ocitool = "//tools/offline/ocitool", **kwargs)
