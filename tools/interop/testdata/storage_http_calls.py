"""Call every endpoint of the storage server at a NURL with the client classes of
Tahoe-LAFS 1.20 and print each result as a line of JSON, for comparison."""

import json
import sys

from hyperlink import DecodedURL
from twisted.internet import defer, task

from allmydata.storage.http_client import (
    ClientException,
    ReadVector,
    StorageClientFactory,
    StorageClientGeneral,
    StorageClientImmutables,
    StorageClientMutables,
    TestVector,
    TestWriteVectors,
    WriteVector,
)
from allmydata.storage_client import _HTTPStorageServer

I, M, A = b"i" * 16, b"m" * 16, b"a" * 16
RENEW, CANCEL, UPLOAD, ENABLER = b"R" * 32, b"C" * 32, b"u" * 20, b"W" * 32


def plain(value):
    """Make a result printable as JSON."""
    if isinstance(value, bytes):
        return value.decode("latin-1") if len(value) < 100 else [len(value), hash_of(value)]
    if isinstance(value, (set, frozenset)):
        return sorted(value)
    if isinstance(value, dict):
        return sorted([plain(k), plain(v)] for k, v in value.items())
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if hasattr(value, "required"):
        return [value.finished, [list(r)[:2] for r in value.required.ranges()]]
    return [plain(getattr(value, name)) for name in value.__attrs_attrs__ and [a.name for a in value.__attrs_attrs__]]


def hash_of(data):
    from hashlib import sha256

    return sha256(data).hexdigest()


async def say(what, call, show=plain):
    try:
        result = show(await call)
    except ClientException as e:
        result = ["refused", e.code]
    except Exception as e:
        result = ["error", type(e).__name__]
    print(json.dumps([what, result]), flush=True)


async def immutables(client):
    im = StorageClientImmutables(client)
    general = StorageClientGeneral(client)
    create = lambda shares, size, upload=UPLOAD: im.create(I, shares, size, upload, RENEW, CANCEL)
    write = lambda n, offset, data, upload=UPLOAD: im.write_share_chunk(I, n, upload, offset, data)
    read = lambda n, offset, length: im.read_share_chunk(I, n, offset, length)
    data = b"0123456789" * 250_000
    await say("lease of nothing", general.add_or_renew_lease(I, RENEW, CANCEL))
    await say("list nothing", im.list_shares(I))
    await say("create", create({0, 1, 2}, len(data)))
    await say("create again", create({0, 1, 2, 3}, len(data), b"other" * 4))
    await say("list in progress", im.list_shares(I))
    await say("read in progress", read(0, 0, 10))
    await say("write", write(0, 0, data[:1_000_000]))
    await say("write again", write(0, 0, data[:1_000_000]))
    await say("write overlapping", write(0, 500_000, data[500_000:1_200_000]))
    await say("write conflict", write(0, 5, b"x" * 10))
    await say("write wrong secret", write(0, 0, data[:10], b"v" * 20))
    await say("write unknown share", write(9, 0, data[:10]))
    await say("write past end", write(0, len(data) - 5, b"x" * 10))
    await say("write end", write(0, 2_000_000, data[2_000_000:]))
    await say("write hole", write(0, 1_200_000, data[1_200_000:2_000_000]))
    await say("write finished", write(0, 0, data[:10]))
    await say("abort finished", im.abort_upload(I, 0, UPLOAD))
    await say("abort wrong secret", im.abort_upload(I, 1, b"v" * 20))
    await say("abort", im.abort_upload(I, 1, UPLOAD))
    await say("abort again", im.abort_upload(I, 1, UPLOAD))
    await say("abort unknown", im.abort_upload(I, 77, UPLOAD))
    await say("list", im.list_shares(I))
    await say("read all", read(0, 0, len(data)))
    await say("read more", read(0, len(data) - 10, 100))
    await say("read past end", read(0, len(data), 100))
    await say("read far", read(0, 2**62, 100))
    await say("read one", read(0, 7, 1))
    await say("read unknown", read(5, 0, 10))
    await say("create existing", create({0, 1}, len(data)))
    await say("create huge", create({100}, 2**60))
    await say("create nothing", create(set(), 10))
    await say("lease", general.add_or_renew_lease(I, RENEW, CANCEL))
    await say("lease of another", general.add_or_renew_lease(I, b"r" * 32, b"c" * 32))
    await say("short lease", general.add_or_renew_lease(I, b"r" * 31, b"c" * 32))
    await say("advise", im.advise_corrupt_share(I, 0, "bad block \u00e9"))
    await say("advise nothing", im.advise_corrupt_share(I, 0, ""))
    await say("advise at length", im.advise_corrupt_share(I, 0, "x" * 32757))
    await say("advise at more length", im.advise_corrupt_share(I, 0, "x" * 32758))
    await say("advise unknown", im.advise_corrupt_share(I, 5, "x"))


async def mutables(client):
    mu = StorageClientMutables(client)
    general = StorageClientGeneral(client)

    def change(vectors, reads=(), enabler=ENABLER, si=M):
        return mu.read_test_write_chunks(si, enabler, RENEW, CANCEL, vectors, list(reads))

    read = lambda n, offset, length: mu.read_share_chunk(M, n, offset, length)
    big = b"mutable " * 300_000
    fresh = [TestVector(0, 1, b"")]
    await say("mutable list nothing", mu.list_shares(M))
    await say("mutable read nothing", read(0, 0, 10))
    await say("make", change({0: TestWriteVectors(fresh, [WriteVector(0, b"hello world")]), 3: TestWriteVectors(fresh, [WriteVector(0, big)])}))
    await say("make again", change({0: TestWriteVectors(fresh, [WriteVector(0, b"HELLO")])}, [ReadVector(0, 5), ReadVector(6, 100), ReadVector(10**9, 1)]))
    await say("wrong enabler", change({0: TestWriteVectors([], [WriteVector(0, b"x")])}, enabler=b"w" * 32))
    await say("hole", change({0: TestWriteVectors([TestVector(0, 5, b"hello")], [WriteVector(15, b"Z")])}))
    await say("read hole", read(0, 0, 100))
    await say("cut", change({0: TestWriteVectors([], [], 7)}, [ReadVector(0, 16)]))
    await say("read cut", read(0, 0, 100))
    await say("mutable past end", read(0, 7, 100))
    await say("read big", read(3, 0, 10**7))
    await say("31 reads", change({}, [ReadVector(0, 1)] * 31))
    await say("30 reads", change({}, [ReadVector(0, 1)] * 30))
    await say("31 tests", change({0: TestWriteVectors(fresh * 31)}))
    await say("mutable list", mu.list_shares(M))
    await say("mutable advise", mu.advise_corrupt_share(M, 0, "bad"))
    await say("mutable advise unknown", mu.advise_corrupt_share(M, 9, "bad"))
    await say("mutable lease", general.add_or_renew_lease(M, RENEW, CANCEL))
    await say("delete", change({0: TestWriteVectors([], [], 0)}))
    await say("mutable list after", mu.list_shares(M))
    await say("immutable list of mutable", StorageClientImmutables(client).list_shares(M))
    await say("immutable read of mutable", StorageClientImmutables(client).read_share_chunk(M, 3, 0, 10))
    await say("immutable create on mutable", StorageClientImmutables(client).create(M, {1}, 10, UPLOAD, RENEW, CANCEL))
    await say("mutable change on immutable", change({0: TestWriteVectors([], [WriteVector(0, b"x")])}, si=I))


async def as_storage_server(client):
    server = _HTTPStorageServer.from_http_client(client)
    have, writers = await server.allocate_buckets(A, RENEW, CANCEL, {4, 5}, 30, None)
    print(json.dumps(["allocate", sorted(have), sorted(writers)]), flush=True)
    await say("bucket write", writers[4].callRemote("write", 0, b"a" * 20))
    await say("bucket rest", writers[4].callRemote("write", 20, b"b" * 10))
    await say("bucket close", writers[4].callRemote("close"))
    await say("bucket abort", writers[5].callRemote("abort"))
    buckets = await server.get_buckets(A)
    await say("bucket read", buckets[4].callRemote("read", 15, 100))
    await say("bucket advise", buckets[4].callRemote("advise_corrupt_share", b"bad"))
    await say("add_lease", server.add_lease(A, RENEW, CANCEL))
    await say("add_lease of nothing", server.add_lease(b"n" * 16, RENEW, CANCEL))
    await say("slot_readv", server.slot_readv(M, [], [(0, 10), (5, 3)]))
    await say("slot_readv of nothing", server.slot_readv(b"n" * 16, [], [(0, 10)]))
    await say("advise of nothing", server.advise_corrupt_share(b"immutable", b"n" * 16, 0, b"bad"))


async def main(reactor):
    factory = StorageClientFactory(default_connection_handlers={"tcp": "tcp"}, tor_provider=None)
    client = await factory.create_storage_client(DecodedURL.from_text(sys.argv[1]), reactor)
    await say("version", StorageClientGeneral(client).get_version(), lambda v: sorted(plain(list(k for k in v))))
    await immutables(client)
    await mutables(client)
    await as_storage_server(client)
    await client.shutdown()


task.react(lambda reactor: defer.ensureDeferred(main(reactor)), [])
