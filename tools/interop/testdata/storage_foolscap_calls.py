"""Call every method of the storage server at a FURL with the client classes of
Tahoe-LAFS 1.20 and print each result as a line of JSON, for comparison."""

import json
import re
import sys
from hashlib import sha256

from foolscap.api import Referenceable, RemoteException, Tub
from foolscap.tokens import Violation
from twisted.internet import defer, task

from allmydata.storage_client import _StorageServer
from allmydata.util.rrefutil import add_version_to_remote_reference

I, M, N, B = b"i" * 16, b"m" * 16, b"n" * 16, b"b" * 16
RENEW, CANCEL, ENABLER = b"R" * 32, b"C" * 32, b"W" * 32
SECRETS = (ENABLER, RENEW, CANCEL)


def plain(value):
    """Make a result printable as JSON."""
    if isinstance(value, bytes):
        return value.decode("latin-1") if len(value) < 100 else [len(value), sha256(value).hexdigest()]
    if isinstance(value, (set, frozenset)):
        return ["set", sorted(value)]
    if isinstance(value, dict):
        return ["dict", sorted([plain(k), plain(v)] for k, v in value.items())]
    if isinstance(value, (list, tuple)):
        return [type(value).__name__, [plain(v) for v in value]]
    if value is None or isinstance(value, (bool, int, str)):
        return value
    return value.__class__.__name__


def failed(f):
    """An exception: its type, the classes it inherits from, and its value without
    what depends on the server."""
    if f.check(RemoteException):
        f = f.value.failure
    elif f.check(Violation):
        return ["local violation"]
    value = re.sub(r"'[^']*shares/", "'shares/", str(f.value))
    # Which of the shares is found first, and how bytes are shown.
    value = re.sub(r"\d+' had unexpected version [^\d].*", "N' had unexpected version", value, flags=re.S)
    value = re.sub(r"nodeid '[a-z2-7]{32}'", "nodeid", value)
    kind = f.parents[0]
    if kind in ("foolscap.tokens.Violation", "builtins.AssertionError"):
        value = ""  # each side has words of its own
    return ["exception", list(f.parents), value]


async def say(what, call, show=plain):
    d = defer.ensureDeferred(call) if hasattr(call, "__await__") and not isinstance(call, defer.Deferred) else call
    result = []
    d.addCallbacks(lambda v: result.append(show(v)), lambda f: result.append(failed(f)))
    await d
    print(json.dumps([what] + result), flush=True)


async def immutables(server):
    canary = Referenceable()

    def allocate(shares, size, si=I):
        return server.allocate_buckets(si, RENEW, CANCEL, shares, size, canary)

    data = b"0123456789" * 250_000
    await say("lease of nothing", server.add_lease(I, RENEW, CANCEL))
    await say("get nothing", server.get_buckets(I))
    have, writers = await allocate({0, 1, 2, 3}, len(data))
    print(json.dumps(["allocate", sorted(have), sorted(writers)]), flush=True)
    write = lambda n, offset, data: writers[n].callRemote("write", offset, data)
    await say("allocate again", allocate({0, 1, 2, 3, 4}, len(data)))
    await say("get in progress", server.get_buckets(I))
    await say("write", write(0, 0, data[:1_000_000]))
    await say("write again", write(0, 0, data[:1_000_000]))
    await say("write overlapping", write(0, 500_000, data[500_000:1_200_000]))
    await say("write conflict", write(0, 5, b"x" * 10))
    await say("write past end", write(0, len(data) - 5, b"x" * 10))
    await say("write beyond", write(0, 2**62, b"x"))
    await say("write at -1", write(0, -1, b"x"))
    await say("write text", write(0, 0, "text"))
    await say("write at 2**65", write(0, 2**65, b"x"))
    await say("write end", write(0, 2_000_000, data[2_000_000:]))
    await say("write hole", write(0, 1_200_000, data[1_200_000:2_000_000]))
    pipelined = [write(3, i * 100_000, data[:100_000]) for i in range(25)] + [writers[3].callRemote("close")]
    for d in pipelined:
        await d
    await say("close", writers[0].callRemote("close"))
    await say("write after close", write(0, 0, data[:10]))
    await say("close again", writers[0].callRemote("close"))
    await say("abort after close", writers[0].callRemote("abort"))
    await say("abort", writers[1].callRemote("abort"))
    await say("abort again", writers[1].callRemote("abort"))
    await say("close after abort", writers[1].callRemote("close"))
    await say("write after abort", write(1, 0, b"x"))
    await say("close of nothing written", writers[2].callRemote("close"))
    await say("unknown method", writers[2].callRemote("shout"))
    readers = await server.get_buckets(I)
    print(json.dumps(["buckets", sorted(readers)]), flush=True)
    read = lambda offset, length, n=0: readers[n].callRemote("read", offset, length)
    await say("read all", read(0, len(data)))
    await say("read more", read(len(data) - 10, 100))
    await say("read at end", read(len(data), 100))
    await say("read far", read(2**62, 100))
    await say("read one", read(7, 1))
    await say("read much", read(7, 2**31))
    await say("read none", read(7, 0))
    await say("read at -1", read(-1, 1))
    await say("read zeros", read(0, 1000, 2))
    await say("read pipelined", read(0, len(data), 3))
    await say("several reads", defer.gatherResults([read(i, 50_000) for i in range(40)]))
    await say("advise", readers[0].callRemote("advise_corrupt_share", b"bad"))
    await say("allocate existing", allocate({0, 1}, len(data)), lambda r: [sorted(r[0]), sorted(r[1])])
    await say("allocate huge", allocate({100}, 2**60))
    await say("allocate nothing", allocate(set(), 10))
    await say("allocate short storage index", allocate({1}, 10, b"i" * 17))
    await say("lease", server.add_lease(I, RENEW, CANCEL))
    await say("lease of another", server.add_lease(I, b"r" * 32, b"c" * 32))
    await say("short lease", server.add_lease(I, b"r" * 31, b"c" * 32))


async def mutables(server):
    def change(vectors, reads=(), enabler=ENABLER, si=M):
        return server.slot_testv_and_readv_and_writev(si, (enabler, RENEW, CANCEL), vectors, list(reads))

    big = b"mutable " * 300_000
    fresh = [(0, 1, b"")]
    await say("readv nothing", server.slot_readv(M, [], [(0, 10)]))
    await say("make", change({0: (fresh, [(0, b"hello world")], None), 3: (fresh, [(0, big)], None)}, [(0, 5)]))
    await say("make again", change({0: (fresh, [(0, b"HELLO")], None)}, [(0, 5), (6, 100), (10**9, 1)]))
    await say("wrong enabler", change({0: ([], [(0, b"x")], None)}, enabler=b"w" * 32))
    await say("wrong enabler to read", change({}, [(0, 1)], enabler=b"w" * 32))
    await say("hole", change({0: ([(0, 5, b"hello")], [(15, b"Z")], None)}))
    await say("readv hole", server.slot_readv(M, [0], [(0, 100)]))
    await say("cut", change({0: ([], [], 7)}, [(0, 16)]))
    await say("overlapping", change({0: ([], [(0, b"abcd"), (2, b"xyz"), (1, b"q")], 100)}))
    await say("readv", server.slot_readv(M, [], [(0, 100), (7, 10), (2**62, 1)]))
    await say("readv big", server.slot_readv(M, [3, 9], [(0, 10**7), (100, 2**40)]))
    await say("readv at -1", server.slot_readv(M, [], [(-1, 1)]))
    await say("31 reads", change({}, [(i, 1) for i in range(31)]))
    await say("31 tests", change({0: ([(0, 1, b"a")] * 31, [], None)}))
    await say("several", change({n: (fresh, [(0, b"%d" % n)], None) for n in range(10, 20)}, [(0, 3)]))
    await say("lease", server.add_lease(M, RENEW, CANCEL))
    await say("delete", change({0: ([], [], 0)}, [(0, 5)]))
    await say("delete again", change({0: ([], [], 0)}))
    await say("readv after", server.slot_readv(M, [0], [(0, 5)]))
    await say("get mutable", server.get_buckets(M))
    await say("allocate on mutable", server.allocate_buckets(M, RENEW, CANCEL, {1}, 10, Referenceable()))
    await say("change immutable", change({0: ([], [(0, b"x")], None)}, si=I))
    await say("readv immutable", server.slot_readv(I, [], [(0, 1)]))
    await say("advise of nothing", server._rref.callRemote("advise_corrupt_share", b"mutable", N, 0, b"bad"))
    await say("advise", server._rref.callRemote("advise_corrupt_share", b"mutable", M, 3, b"bad \xc3\xa9"))
    await say("advise on a strange type", server._rref.callRemote("advise_corrupt_share", b"strange", M, 3, b"bad"))
    operator = {0: ([(0, 1, b"lt", b"")], [(0, b"x")], None)}
    await say("operator", server._rref.callRemote("slot_testv_and_readv_and_writev", M, SECRETS, operator, []))
    await say("keywords", server._rref.callRemote("slot_readv", readv=[(0, 2)], shares=[3], storage_index=M))


async def disconnect(url, server):
    """Uploads end with their connection."""
    tub, rref = await connect(url)
    other = _StorageServer(get_rref=lambda: rref)
    have, writers = await other.allocate_buckets(B, RENEW, CANCEL, {0}, 10, Referenceable())
    await say("taken", server.allocate_buckets(B, RENEW, CANCEL, {0}, 10, Referenceable()))
    await tub.stopService()
    for _ in range(100):
        have, writers = await server.allocate_buckets(B, RENEW, CANCEL, {0}, 10, Referenceable())
        if writers:
            break
        await task.deferLater(reactor, 0.1, lambda: None)
    print(json.dumps(["free again", sorted(writers)]), flush=True)


async def connect(url):
    tub = Tub()
    tub.setOption("expose-remote-exception-types", False)
    tub.startService()
    return tub, await tub.getReference(url)


async def main(r):
    global reactor
    reactor = r
    url = sys.argv[1]
    tub, rref = await connect(url)
    server = _StorageServer(get_rref=lambda: rref)
    await say("version", server.get_version(), lambda v: plain({k: sorted(x) if isinstance(x, dict) else type(x).__name__ for k, x in v.items()}))
    await add_version_to_remote_reference(rref, {})
    print(json.dumps(["versioned", sorted(k.decode() for k in rref.version)]), flush=True)
    await immutables(server)
    await mutables(server)
    await disconnect(url, server)
    await tub.stopService()


task.react(lambda r: defer.ensureDeferred(main(r)), [])
