"""Record what Tahoe-LAFS 1.20.0's containers look like after random operations.

Needs an installed Tahoe-LAFS 1.20.0; works in a temporary directory; writes
JSON to standard output. See README.md. Optional arguments: seed, number of
sequences of each kind.
"""
import hashlib
import json
import os
import random
import sys
import tempfile

from allmydata.storage import immutable_schema, mutable_schema
from allmydata.storage.immutable import ShareFile
from allmydata.storage.lease import LeaseInfo
from allmydata.storage.mutable import MutableShareFile
from allmydata.storage.server import get_corruption_report_path, render_corruption_report
from allmydata.util import base32, time_format

SEED, COUNT = (int(a) for a in (sys.argv[1:] or ["20", "40"]))
rng = random.Random(SEED)
HOME = os.path.join(tempfile.mkdtemp(), "share")


def pattern(first, length):
    return bytes((first + i) % 256 for i in range(length))


def lease(owner, renew, cancel, expires, node):
    return LeaseInfo(owner, bytes([renew]) * 32, bytes([cancel]) * 32, expires, bytes([node]) * 20)


def listed(share):
    return [[l.owner_num, l.get_expiration_time(), l.nodeid.hex() if l.nodeid else "",
             l.present_renew_secret(), l.present_cancel_secret()] for l in share.get_leases()]


def state():
    if not os.path.exists(HOME):
        return {"removed": True}
    with open(HOME, "rb") as f:
        data = f.read()
    return {"size": len(data), "sha256": hashlib.sha256(data).hexdigest()}


def attempt(call):
    try:
        return "", call()
    except Exception as e:
        return type(e).__name__ + ("" if type(e).__name__ != "IndexError" else ": " + str(e)), None


def random_lease_args(owners):
    return [rng.choice(owners), rng.randint(1, 7), rng.randint(1, 4), rng.choice([0, 1000, 1500, 2000, 2**32 - 1]), rng.randint(1, 3)]


def lease_step(share, available, mutable, owners):
    """One operation on leases, as [name, arguments...], and its error."""
    kind = rng.choice(["add", "add", "renew", "add-or-renew", "add-or-renew", "cancel"])
    if kind == "renew":
        args = [rng.randint(1, 7), rng.choice([500, 1500, 3000]), rng.random() < 0.3]
        call = lambda: share.renew_lease(bytes([args[0]]) * 32, args[1], allow_backdate=args[2])
    elif kind == "cancel":
        args = [rng.randint(1, 4)]
        call = lambda: share.cancel_lease(bytes([args[0]]) * 32)
    elif kind == "add":
        args = [available] + random_lease_args(owners)
        call = (lambda: share.add_lease(available, lease(*args[1:]))) if mutable else (lambda: share.add_lease(lease(*args[1:])))
    else:
        args = [available] + random_lease_args(owners)
        call = lambda: share.add_or_renew_lease(available, lease(*args[1:]))
    return [kind] + args, attempt(call)[0]


def write_step(share):
    vectors = [[rng.choice([0, 1, 5, 30, 100, rng.randint(0, 600)]), rng.randint(0, 255), rng.choice([0, 1, 7, 60, 300])]
               for _ in range(rng.randint(0, 3))]
    new_length = rng.choice([None, None, None, 1, 20, 5000])
    args = ["write", vectors, new_length]
    return args, attempt(lambda: share.writev([(o, pattern(b, n)) for o, b, n in vectors], new_length))[0]


def too_large_step(share):
    offset = MutableShareFile.MAX_SIZE
    return ["write", [[offset, 1, 1]], None], attempt(lambda: share.writev([(offset, b"\x01")], None))[0]


def read_step(share):
    vectors = [[rng.randint(0, 400), rng.choice([0, 1, 50, 1000])] for _ in range(3)]
    data = share.readv(vectors)
    offset, length = vectors[0]
    specimen = rng.choice([data[0], data[0][:-1], data[0] + b"x", bytes(len(data[0]))])
    good = share.check_testv([(offset, length, b"eq", specimen), (offset, length, b"eq", data[0])])
    return {"op": ["read", vectors], "data": [d.hex() for d in data], "specimen": specimen.hex(), "test": good}


def schema(module, version):
    return next(s for s in module.ALL_SCHEMAS if s.version == version)


def run(version, create, step):
    if os.path.exists(HOME):
        os.unlink(HOME)
    steps = [dict(op=create(), error="", **state())]
    for _ in range(rng.randint(3, 14)):
        op, error = step()
        if isinstance(op, dict):
            steps.append(op)
            continue
        steps.append(dict(op=op, error=error, **state()))
        if not os.path.exists(HOME):
            break
    leases = listed(OPENER(HOME)) if os.path.exists(HOME) else []
    return {"version": version, "steps": steps, "leases": leases}


def mutable(version):
    global OPENER
    OPENER = MutableShareFile

    def create():
        MutableShareFile(HOME, schema=schema(mutable_schema, version)).create(b"N" * 20, b"W" * 32)
        return ["create"]

    def step():
        share = MutableShareFile(HOME)
        choice = rng.random()
        if choice < 0.35:
            return write_step(share)
        if choice < 0.4:
            return too_large_step(share)
        if choice < 0.5:
            return read_step(share), None
        return lease_step(share, rng.choice([0, 91, 92, 1000]), True, [0, 1, 1, 1, 1, 2**32 - 1])

    return run(version, create, step)


def immutable(version):
    global OPENER
    OPENER = ShareFile
    size = rng.choice([0, 1, 50, 333])

    def create():
        share = ShareFile(HOME, create=True, max_size=size, schema=schema(immutable_schema, version))
        share.add_lease(lease(0, 1, 1, 1000, 1))
        share.write_share_data(0, pattern(9, size))
        return ["create", size, 9, [0, 1, 1, 1000, 1]]

    return run(version, create, lambda: lease_step(ShareFile(HOME), rng.choice([0, 71, 72, 1000]), False, [0, 1, 2**32 - 1]))


def advisories():
    si = bytes(range(16))
    out = []
    for when in (1700000000.0, 1700000000.25, 1700000000.000001):
        now = time_format.iso_utc(when, sep="T")
        out.append({"unix_micro": round(when * 10**6),
                    "name": os.path.basename(get_corruption_report_path("d", now, base32.b2a(si).decode(), 7)),
                    "text": render_corruption_report(b"immutable", base32.b2a(si), 7, "h\u00e9 {x}\nline".encode())})
    return out


def dump(name, rows):
    return json.dumps(name) + ": [\n  " + ",\n  ".join(json.dumps(r) for r in rows) + "\n ]"


print("{\n " + ",\n ".join([
    dump("mutable", [mutable(rng.choice([1, 2, 2])) for _ in range(COUNT)]),
    dump("immutable", [immutable(rng.choice([1, 2, 2])) for _ in range(COUNT)]),
    dump("advisories", advisories()),
]) + "\n}")
