"""Ask Tahoe-LAFS what it makes of texts that may or may not be caps.

Prints kinds.json, from-string.json or child.json, see README.md.
"""
import json
import sys

from allmydata import uri
from allmydata.nodemaker import NodeMaker
from allmydata.unknown import strip_prefix_for_ro

KEY = bytes((7 + 3 * i) % 256 for i in range(16))
HASH = bytes((7 + 11 * i) % 256 for i in range(32))


def all_caps():
    """One cap of each kind, by the class that uri.py has for it."""
    write = uri.WriteableSSKFileURI(KEY, HASH)
    mdmf = uri.WriteableMDMFFileURI(KEY, HASH)
    files = [uri.CHKFileURI(KEY, HASH, 3, 10, 1234), uri.LiteralFileURI(b"hello"),
             write, mdmf, write.get_readonly(), mdmf.get_readonly()]
    caps = {}
    for f in files:
        d = uri.wrap_dirnode_cap(f)
        for c in (f, f.get_verify_cap(), d, d.get_verify_cap()):
            if c is not None:
                caps[type(c).__name__] = c.to_string()
    assert len(caps) == 18
    return caps


CAPS = all_caps()
CHK, CHKV = CAPS["CHKFileURI"], CAPS["CHKFileVerifierURI"]
SSK, SSKRO = CAPS["WriteableSSKFileURI"], CAPS["ReadonlySSKFileURI"]
SSKV, LIT = CAPS["SSKVerifierURI"], CAPS["LiteralFileURI"]
MDMF, MDMFRO = CAPS["WriteableMDMFFileURI"], CAPS["ReadonlyMDMFFileURI"]
DIR, DIRRO = CAPS["DirectoryURI"], CAPS["ReadonlyDirectoryURI"]
DIRCHK, DIRCHKV = CAPS["ImmutableDirectoryURI"], CAPS["ImmutableDirectoryURIVerifier"]
DIRMDMF, DIRMDMFV = CAPS["MDMFDirectoryURI"], CAPS["MDMFDirectoryURIVerifier"]
CHK_START = CHK[:-len(b":3:10:1234")]


def texts():
    for cls, text in CAPS.items():
        yield cls, text
        yield cls + ", newline after it", text + b"\n"
        yield cls + ", two newlines after it", text + b"\n\n"
        yield cls + ", colon after it", text + b":"
        yield cls + ", extension after it", text + b":3:131073"
        yield cls + ", colon and any bytes after it", text + b":\n \xff"
        yield cls + ", letter after it", text + b"x"
        yield cls + ", space after it", text + b" "
        yield cls + ", return and newline after it", text + b"\r\n"
        yield cls + ", cut by one", text[:-1]
        yield cls + ", ro. before it", b"ro." + text
        yield cls + ", imm. before it", b"imm." + text
        yield cls + ", ro.imm. before it", b"ro.imm." + text
        yield cls + ", imm.ro. before it", b"imm.ro." + text
        yield cls + ", space before it", b" " + text
        yield cls + ", in lower case", text.lower()
        yield cls + ", in upper case", text.upper()
    yield "nothing", b""
    yield "only a prefix", b"imm."
    yield "only the scheme", b"URI:"
    yield "kind without colon", b"URI:CHK"
    yield "kind of old directories", b"URI:DIR:" + DIR[len(b"URI:DIR2:"):]
    yield "future kind", b"lafs://from_the_future"
    yield "future kind, ro.", b"ro.lafs://from_the_future"
    yield "future kind, imm.", b"imm.lafs://from_the_future"
    yield "future kind in UTF-8", "lafs://fran\u00e7ais".encode("utf-8")
    yield "future kind, not UTF-8", b"lafs://\xff"
    for prefix in (b"", b"ro.", b"imm."):
        for test in (b"writeable", b"mutable"):
            text = prefix + b"x-tahoe-future-test-" + test + b":"
            yield "test kind " + text.decode(), text
    yield "CHK, numbers with leading zeros", CHK_START + b":003:0010:0001234"
    yield "CHK, all numbers zero", CHK_START + b":0:0:0"
    yield "CHK, more needed than total", CHK_START + b":11:10:1234"
    yield "CHK, 257 shares", CHK_START + b":3:257:1234"
    yield "CHK, largest size of 63 bits", CHK_START + b":3:10:9223372036854775807"
    yield "CHK, most shares that parse here", CHK_START + b":2147483647:2147483647:1"
    for bad in (b"", b"-1", b"+3", b"3.0", b"0x3", b"1_0", b" 1", "\u0663".encode("utf-8")):
        yield "CHK, needed shares %r" % bad, CHK_START + b":" + bad + b":10:1234"
        yield "CHK, size %r" % bad, CHK_START + b":3:10:" + bad
        yield "CHK verifier, size %r" % bad, CHKV[:-4] + bad
    yield "CHK, without size", CHK_START + b":3:10"
    yield "CHK, without numbers", CHK_START
    yield "CHK verifier, without size", CHKV[:-len(b":1234")]
    yield "CHK verifier, leading zeros and a tail", CHKV[:-4] + b"0001234/x"
    for n in range(0, 17):
        yield "LIT of %d characters" % n, b"URI:LIT:" + b"a" * n
        yield "LIT of %d characters, lowest bit set" % n, b"URI:LIT:" + b"a" * (n - 1) + b"b"
    for last in b"cdeq7":
        yield "LIT, one byte, last character %c" % last, b"URI:LIT:a%c" % last
        yield "LIT, two bytes, last character %c" % last, b"URI:LIT:aaa%c" % last
        yield "LIT, three bytes, last character %c" % last, b"URI:LIT:aaaa%c" % last
        yield "LIT, four bytes, last character %c" % last, b"URI:LIT:aaaaaa%c" % last
    yield "LIT, only a newline", b"URI:LIT:\n"
    yield "LIT, newline inside", b"URI:LIT:aa\naa"
    yield "LIT, padding", b"URI:LIT:aa======"
    yield "LIT, larger than uploads make", b"URI:LIT:" + b"a" * 96
    yield "SSK, trailing bits in the key", SSK[:8 + 25] + b"r" + SSK[8 + 26:]
    yield "SSK, trailing bits in the fingerprint", SSK[:-1] + b"b"
    yield "SSK, fields exchanged", b"URI:SSK:" + b":".join(SSK.split(b":")[:1:-1])
    yield "SSK, one field", b"URI:SSK:" + SSK.split(b":")[2]
    yield "SSK, short key", SSK.replace(b"URI:SSK:a", b"URI:SSK:")
    yield "SSK, long key", SSK.replace(b"URI:SSK:", b"URI:SSK:a")
    yield "DIR2 with the body of CHK", b"URI:DIR2:" + CHK[len(b"URI:CHK:"):]
    yield "DIR2-CHK with the body of SSK", b"URI:DIR2-CHK:" + SSK[len(b"URI:SSK:"):]
    yield "DIR2-LIT, empty", b"URI:DIR2-LIT:"
    yield "MDMF, extension without colon", MDMF + b"3:131073"


def shown(b):
    """Bytes as a JSON string in which each character stands for one byte."""
    return None if b is None else b.decode("latin-1")


def text_of(cap):
    if cap is None:
        return None
    try:
        return shown(cap.to_string())
    except AssertionError:  # verify caps of some directory verify caps
        return "AssertionError"


def from_string(text, deep):
    """What from_string returns; to_string is left out if it is the text."""
    cap = uri.from_string(text, deep_immutable=deep)
    d = {"class": type(cap).__name__}
    if cap.to_string() != text:
        d["to_string"] = shown(cap.to_string())
    if isinstance(cap, uri.UnknownURI):
        error = cap.get_error()
        d["error"] = None if error is None else type(error).__name__
    return d


def derived(text):
    """What follows from a cap."""
    cap = uri.from_string(text)
    si = cap.get_storage_index()
    return {"cap": shown(text), "class": type(cap).__name__,
            "is_readonly": cap.is_readonly(), "is_mutable": cap.is_mutable(),
            "readonly": text_of(cap.get_readonly()), "verify": text_of(cap.get_verify_cap()),
            "storage_index_hex": None if si is None else si.hex()}


def pairs():
    """Texts for the write and the read slot of a directory entry."""
    future = b"lafs://from_the_future"
    singles = [b"", future, b"ro." + future, b"imm." + future, b"imm.ro." + future, b"ro.imm." + future,
               CHK, b"ro." + CHK, b"imm." + CHK, LIT, SSK, b"ro." + SSK, b"imm." + SSK,
               SSKRO, b"ro." + SSKRO, b"imm." + SSKRO, MDMF + b":3:131073", MDMFRO, DIR, DIRRO, DIRCHK, DIRMDMF,
               SSKV, b"ro." + SSKV, b"imm." + SSKV, DIRCHKV, DIRMDMFV, b"URI:SSK:broken", b"ro.URI:SSK-RO:broken",
               b"x-tahoe-future-test-writeable:", b"ro.x-tahoe-future-test-writeable:",
               b"x-tahoe-future-test-mutable:", b"ro.x-tahoe-future-test-mutable:", b"imm.x-tahoe-future-test-mutable:"]
    for single in singles:
        yield single, b""
        yield b"", single
    for read in (future, b"ro." + future, b"imm." + future, CHK, SSKRO, b"ro." + SSK, SSK, b"imm." + SSKRO, SSKV,
                 b"URI:SSK-RO:broken", b"ro.x-tahoe-future-test-writeable:", b"x-tahoe-future-test-writeable:"):
        for write in (future, b"ro." + future, b"imm." + future, b"URI:SSK:broken", SSKV, SSK):
            yield write, read


def child(node_maker, write, read, deep):
    node = node_maker.create_from_cap(write or None, read or None, deep_immutable=deep)
    d = {"is_unknown": node.is_unknown(),
         "write_uri": shown(node.get_write_uri()), "readonly_uri": shown(node.get_readonly_uri()),
         "is_allowed_in_immutable_directory": bool(node.is_allowed_in_immutable_directory())}
    if node.is_unknown():
        d["error"] = None if node.error is None else type(node.error).__name__
        d["is_alleged_immutable"] = bool(node.is_alleged_immutable())
    d["read_slot"] = [shown(strip_prefix_for_ro(node.get_readonly_uri() or b"", x)) for x in (False, True)]
    return d


def rows(what):
    if what == "kinds":
        for text in CAPS.values():
            yield derived(text)
    elif what == "from-string":
        for name, text in texts():
            anywhere, deep = from_string(text, False), from_string(text, True)
            yield {"what": name, "text": shown(text), **anywhere}
            if deep != anywhere:
                yield {"what": name, "text": shown(text), "deep_immutable": True, **deep}
    elif what == "child":
        node_maker = NodeMaker(None, None, None, None, None, {"k": 3, "n": 10, "happy": 7}, None, None)
        for write, read in pairs():
            for deep in (False, True):
                yield {"write": shown(write), "read": shown(read), "deep_immutable": deep,
                       **child(node_maker, write, read, deep)}


print("[\n" + ",\n".join(json.dumps(row) for row in rows(sys.argv[1])) + "\n]")
