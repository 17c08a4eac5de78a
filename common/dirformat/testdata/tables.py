"""Print tables.json: what allmydata.dirnode of the installed Tahoe-LAFS reads out
of directory tables, and what it makes of them when entries are set or removed.

Run: python3 tables.py > tables.json
"""
import hashlib
import json
import logging
import sys
import unicodedata

import allmydata
from allmydata import dirnode, uri
from allmydata.dirnode import Adder, Deleter, MetadataSetter, ONLY_FILES, pack_children, _encrypt_rw_uri
from allmydata.interfaces import ExistingChildError, NoSuchChildError, SDMF_VERSION
from allmydata.nodemaker import NodeMaker
from allmydata.util import jsonbytes
from allmydata.util.netstring import netstring

logging.disable(logging.CRITICAL)
WRITEKEY = bytes(range(16))
FINGERPRINT = b"f" * 32
DIRECTORY = uri.DirectoryURI(uri.WriteableSSKFileURI(WRITEKEY, FINGERPRINT))
MAKER = NodeMaker(None, None, None, None, None, {"k": 3, "n": 10, "happy": 7}, SDMF_VERSION, None)

SSK = uri.WriteableSSKFileURI(b"s" * 16, FINGERPRINT)
MDMF = uri.WriteableMDMFFileURI(b"m" * 16, FINGERPRINT)
CHK = uri.CHKFileURI(b"c" * 16, b"u" * 32, 3, 10, 1000)
LIT = uri.LiteralFileURI(b"literal")
CAPS = {
    "ssk": SSK, "ssk-ro": SSK.get_readonly(), "ssk-verify": SSK.get_verify_cap(),
    "mdmf": MDMF, "mdmf-ro": MDMF.get_readonly(), "mdmf-verify": MDMF.get_verify_cap(),
    "chk": CHK, "lit": LIT,
    "dir": uri.DirectoryURI(SSK), "dir-ro": uri.DirectoryURI(SSK).get_readonly(),
    "dir-verify": uri.DirectoryURI(SSK).get_verify_cap(),
    "dir-mdmf": uri.MDMFDirectoryURI(MDMF), "dir-mdmf-ro": uri.MDMFDirectoryURI(MDMF).get_readonly(),
    "dir-chk": uri.ImmutableDirectoryURI(CHK), "dir-lit": uri.LiteralDirectoryURI(uri.LiteralFileURI(b"")),
}
CAPS = {name: cap.to_string() for name, cap in CAPS.items()}
CAPS.update({
    "": b"", "space": b"  ", "future": b"lafs://from_the_future", "ro-future": b"ro.lafs://readonly_future",
    "imm-future": b"imm.lafs://immutable_future", "future-rw": b"x-tahoe-future-test-writeable:foo",
    "ro-future-rw": b"ro.x-tahoe-future-test-writeable:foo", "imm-future-rw": b"imm.x-tahoe-future-test-writeable:foo",
    "future-mutable": b"x-tahoe-future-test-mutable:foo", "imm-future-mutable": b"imm.x-tahoe-future-test-mutable:foo",
    "bad": b"URI:SSK:bad", "bad-chk": b"URI:CHK:", "not-utf8": b"\xff\xfe", "newline": CAPS["chk"] + b"\n",
})
for name in ("ssk", "ssk-ro", "mdmf-ro", "chk", "lit", "dir", "dir-ro", "dir-chk", "bad"):
    CAPS["ro-" + name] = b"ro." + CAPS[name]
    CAPS["imm-" + name] = b"imm." + CAPS[name]
CAPS["mdmf-ext"] = CAPS["mdmf"] + b":131073:whatever"
CAPS["mdmf-ro-ext"] = CAPS["mdmf-ro"] + b":131073"


def directory(writable, mutable):
    if not mutable:
        # A mutable directory that says it is not, so that any table fits it.
        node = MAKER.create_from_cap(None, uri.LiteralDirectoryURI(uri.LiteralFileURI(b"")).to_string())
        assert not node.is_mutable()
        return node
    cap = DIRECTORY if writable else DIRECTORY.get_readonly()
    return MAKER.create_from_cap(cap.to_string())


def text(b):
    return None if b is None else b.decode("latin-1")


def listing(contents, writable, mutable):
    try:
        children = directory(writable, mutable)._unpack_contents(contents)
    except Exception as e:  # what 1.20 does with bad tables is not more specific
        return {"error": type(e).__name__}
    found = []
    for name in sorted(children):
        child, metadata = children[name]
        found.append({
            "name": name, "write": text(child.get_write_uri()), "read": text(child.get_readonly_uri()),
            "unknown": child.is_unknown(), "metadata": jsonbytes.dumps(metadata),
        })
    return {"children": found}


def entry(name, read, write, metadata, more=b""):
    return netstring(netstring(name) + netstring(read) + netstring(write) + netstring(metadata) + more)


def table(name, contents):
    return {
        "name": name, "contents_hex": contents.hex(),
        "writable": listing(contents, True, True), "read_only": listing(contents, False, True),
        "immutable": listing(contents, False, False),
    }


def tables():
    none = _encrypt_rw_uri(WRITEKEY, b"")
    yield table("empty", b"")
    yield table("unsorted", entry(b"b", CAPS["lit"], b"", b"{}") + entry(b"a", CAPS["chk"], b"", b"{}"))
    yield table("same name twice", entry(b"a", CAPS["lit"], b"", b"{}") + entry(b"a", CAPS["chk"], b"", b'{"x": 1}'))
    yield table("same name in two forms", entry("\u00e9".encode(), CAPS["lit"], b"", b"{}")
                + entry("e\u0301".encode(), CAPS["chk"], b"", b"{}"))
    yield table("name not in form C", entry("Ame\u0301lie".encode(), CAPS["lit"], none, b"{}"))
    yield table("empty name", entry(b"", CAPS["lit"], none, b"{}"))
    yield table("name not UTF-8", entry(b"\xff", CAPS["lit"], none, b"{}"))
    yield table("name with a surrogate", entry(b"\xed\xa0\x80", CAPS["lit"], none, b"{}"))
    yield table("odd names", b"".join(entry(n.encode(), CAPS["lit"], b"", b"{}") for n in
                                      ("/", "..", "a\0b", "\n", "\U0001f600", "\ufffd", "\uffff", "\ud7ff", "\u1100\u1161")))
    yield table("more fields", entry(b"a", CAPS["lit"], b"", b"{}", netstring(b"future") + b"anything"))
    yield table("three fields", netstring(netstring(b"a") + netstring(CAPS["lit"]) + netstring(b"")))
    yield table("cut", entry(b"a", CAPS["lit"], none, b"{}")[:-1])
    yield table("not a netstring", b"a")
    yield table("trailing newline", entry(b"a", CAPS["lit"], b"", b"{}") + b"\n")
    for bad in (b"", b"[]", b"null", b"{", b'{"a":nan}', b"{}x"):
        yield table("metadata %s" % bad.decode(), entry(b"a", CAPS["lit"], b"", bad))
        yield table("metadata %s of a cap that is not allowed" % bad.decode(), entry(b"a", CAPS["imm-ssk-ro"], b"", bad))
    yield table("metadata spelled otherwise", entry(b"a", CAPS["lit"], b"", b' {"b":1,"a":[1.50,"\xc3\xa9"]} '))
    for size in (1, 15, 16, 47, 48):
        yield table("write cap of %d bytes" % size, entry(b"a", CAPS["ssk-ro"], b"x" * size, b"{}"))
    yield table("wrong MAC", entry(b"a", CAPS["ssk-ro"], _encrypt_rw_uri(WRITEKEY, CAPS["ssk"])[:-1] + b"x", b"{}"))
    yield table("padded caps", entry(b"a", CAPS["ssk-ro"] + b"   ", _encrypt_rw_uri(WRITEKEY, CAPS["ssk"] + b"  "), b"{}"))
    yield table("write cap for another directory",
                entry(b"a", CAPS["ssk-ro"], _encrypt_rw_uri(b"o" * 16, CAPS["ssk"])[:70], b"{}"))


# No CHK verify cap is among these: 1.20 makes a node without some methods of it and
# fails to list an immutable directory, or to change a mutable one.
def pairs():
    for write in ("", "ssk", "mdmf-ext", "chk", "future", "ro-future", "imm-future", "future-rw", "ro-ssk", "bad",
                  "ssk-verify"):
        for read in sorted(CAPS):
            yield write, read


def one(write, read):
    data = _encrypt_rw_uri(WRITEKEY, CAPS[write])
    contents = entry(b"a", CAPS[read], data, b"{}")
    result = {"write": text(CAPS[write]), "read": text(CAPS[read]), "writable": listing(contents, True, True)}
    if write == "":
        result["read_only"] = listing(contents, False, True)
        result["immutable"] = listing(entry(b"a", CAPS[read], b"", b"{}"), False, False)
    again = directory(True, True)
    try:
        children = again._unpack_contents(contents)
        repacked = pack_children(dict(children), WRITEKEY)
        result["repacked_sha256"] = hashlib.sha256(repacked).hexdigest()
    except Exception as e:
        result["repacked_error"] = type(e).__name__
    return result


class Now(object):
    """Stands for the module time in allmydata.dirnode."""
    now = 0.0

    def time(self):
        return self.now


TIME = Now()
dirnode.time = TIME
OVERWRITE = {"anything": True, "nothing": False, "only files": ONLY_FILES}


def change(contents, op, now):
    TIME.now = now
    node = directory(True, True)
    name = op["name"]
    metadata = None if op.get("metadata") is None else json.loads(op["metadata"])
    try:
        if op["do"] == "remove":
            return Deleter(node, name).modify(contents, None, True)
        if op["do"] == "set metadata":
            return MetadataSetter(node, name, metadata, node._create_readonly_node).modify(contents, None, True)
        child = node._create_and_validate_node(CAPS[op["write"]] or None, CAPS[op["read"]] or None, name)
        adder = Adder(node, {name: (child, metadata)}, OVERWRITE[op.get("overwrite", "anything")], node._create_readonly_node)
        return adder.modify(contents, None, True)
    except (ExistingChildError, NoSuchChildError) as e:
        op["error"] = type(e).__name__
        return contents


OPS = [
    {"do": "link", "name": "file", "write": "", "read": "chk"},
    {"do": "link", "name": "Zebra", "write": "ssk", "read": "", "metadata": '{"mtime": 1.50, "note": "caf\\u00e9"}'},
    {"do": "link", "name": "e\u0301t\u00e9", "write": "dir", "read": ""},
    {"do": "link", "name": "file", "write": "", "read": "lit", "overwrite": "nothing"},
    {"do": "link", "name": "\u00e9te\u0301", "write": "", "read": "lit", "overwrite": "only files"},
    {"do": "link", "name": "file", "write": "mdmf-ext", "read": "", "overwrite": "only files"},
    {"do": "set metadata", "name": "Zebra", "metadata": '{"a": {"b": [1, 2.0, 1e3]}, "tahoe": {"linkcrtime": 5}}'},
    {"do": "set metadata", "name": "Zebra", "metadata": '{"no-write": true}'},
    {"do": "set metadata", "name": "nobody", "metadata": '{}'},
    {"do": "link", "name": "locked", "write": "dir-mdmf", "read": "", "metadata": '{"no-write": 1}'},
    {"do": "link", "name": "locked", "write": "dir-mdmf", "read": ""},
    {"do": "link", "name": "locked", "write": "dir-mdmf", "read": "", "metadata": '{"no-write": ""}'},
    {"do": "link", "name": "future", "write": "future", "read": "ro-future"},
    {"do": "link", "name": "future ro", "write": "", "read": "ro-future"},
    {"do": "link", "name": "future imm", "write": "imm-future", "read": ""},
    {"do": "link", "name": "future no-write", "write": "future", "read": "future", "metadata": '{"no-write": true}'},
    {"do": "remove", "name": "file"},
    {"do": "remove", "name": "file"},
    {"do": "link", "name": "file", "write": "ssk-ro", "read": "", "metadata": '{}'},
    {"do": "link", "name": "file", "write": "ssk", "read": "ssk-ro"},
    {"do": "link", "name": "\U0001f600", "write": "", "read": "dir-lit"},
    {"do": "link", "name": "\uffee", "write": "", "read": "dir-chk"},
]


def history():
    contents, now = b"", 1000000000.25
    # The table begins with an entry as others may write it, which must stay.
    contents = entry("a\u0301".encode(), CAPS["lit"] + b" ", _encrypt_rw_uri(WRITEKEY, b" "), b'{ "b":1 }', netstring(b"more"))
    yield {"contents_hex": contents.hex()}
    for op in OPS:
        now += 1.125
        contents = change(contents, op, now)
        yield dict(op, now=repr(now), write=text(CAPS[op.get("write", "")]), read=text(CAPS[op.get("read", "")]),
                   contents_hex=contents.hex())


def normalization():
    """A digest of NFC for every code point, alone and after a base character."""
    h = hashlib.sha256()
    for c in range(0x110000):
        if not 0xd800 <= c < 0xe000:
            s = chr(c) + "e" + chr(c) + chr(c)
            h.update(unicodedata.normalize("NFC", s).encode("utf-8"))
    return {"unicode": unicodedata.unidata_version, "sha256": h.hexdigest()}


def main():
    json.dump({
        "made_by": "Tahoe-LAFS %s, Python %s" % (allmydata.__version__, sys.version.split()[0]),
        "writekey_hex": WRITEKEY.hex(),
        "tables": list(tables()),
        "caps": [one(write, read) for write, read in pairs()],
        "history": list(history()),
        "normalization": normalization(),
    }, sys.stdout, indent=0)
    print()


main()
