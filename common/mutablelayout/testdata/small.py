"""Print small.json: mutable files that allmydata's own file nodes make, update in
place and overwrite on servers in memory, with MDMF segments of 12 bytes instead
of 128 KiB so that small shares have many segments.

Run: python3 small.py keys/mdmf-1.pem > small.json
"""
import base64
import json
import sys

import allmydata
from twisted.internet import defer, reactor, task
from zope.interface import implementer

from allmydata.crypto import rsa
from allmydata.interfaces import (
    MDMF_VERSION, SDMF_VERSION, IDisplayableServer,
)
from allmydata.mutable import publish
from allmydata.mutable.filenode import MutableFileNode
from allmydata.mutable.publish import MutableData

publish.DEFAULT_MUTABLE_MAX_SEGMENT_SIZE = 12
K, N = 2, 3


class Storage(object):
    """The mutable half of a storage server."""

    def __init__(self):
        self.shares = {}

    def read(self, readv):
        return {n: [bytes(s[o:o + l]) for (o, l) in readv] for n, s in self.shares.items()}

    def slot_readv(self, si, shnums, readv):
        # Not at once: the servermap of 1.20 stops too early otherwise.
        return task.deferLater(reactor, 0.001, self.read, readv)

    def slot_testv_and_readv_and_writev(self, si, secrets, vectors, readv):
        before = self.read(readv)
        for n, (testv, datav, new_length) in vectors.items():
            share = self.shares.get(n, bytearray())
            if any(share[o:o + l] != specimen for (o, l, specimen) in testv):
                return defer.succeed((False, before))
        for n, (testv, datav, new_length) in vectors.items():
            share = self.shares.setdefault(n, bytearray())
            for (o, data) in datav:
                share.extend(bytes(max(0, o + len(data) - len(share))))
                share[o:o + len(data)] = data
            if new_length is not None:
                del share[new_length:]
        return defer.succeed((True, before))


@implementer(IDisplayableServer)
class Server(object):
    def __init__(self, number):
        self.number, self.storage = number, Storage()

    def get_storage_server(self):
        return self.storage

    def get_serverid(self):
        return b"v0-%d" % self.number

    get_longname = get_name = get_serverid

    def get_lease_seed(self):
        return b"%020d" % self.number

    get_foolscap_write_enabler_seed = get_lease_seed

    def upload_permitted(self):
        return True


class Broker(object):
    def __init__(self):
        self.servers = [Server(i) for i in range(N)]

    def get_servers_for_psi(self, si, for_upload=False):
        return self.servers


class Secrets(object):
    def get_renewal_secret(self):
        return b"r" * 32

    def get_cancel_secret(self):
        return b"c" * 32


class File(object):
    """A mutable file, and what becomes of it step by step."""

    def __init__(self, name, keypair, version):
        self.broker = Broker()
        self.node = MutableFileNode(self.broker, Secrets(), {"k": K, "n": N}, None)
        self.keypair, self.version = keypair, version
        self.result = {"name": name, "steps": []}

    def note(self, how, data):
        shares = {}
        for server in self.broker.servers:
            shares.update((str(n), bytes(s).hex()) for n, s in server.storage.shares.items())
        self.result["cap"] = self.node.get_uri().decode()
        self.result["steps"].append({"how": how, "plaintext": data.decode(), "shares_hex": shares})

    @defer.inlineCallbacks
    def create(self, data):
        yield self.node.create_with_keys(self.keypair, MutableData(data), version=self.version)
        self.note("create", data)

    @defer.inlineCallbacks
    def overwrite(self, data):
        yield self.node.overwrite(MutableData(data))
        self.note("overwrite", data)

    @defer.inlineCallbacks
    def update(self, offset, data):
        version = yield self.node.get_best_mutable_version()
        yield version.update(MutableData(data), offset)
        # Another node, because the old one does not learn the new size.
        node = MutableFileNode(self.broker, Secrets(), {"k": K, "n": N}, None)
        self.node = node.init_from_cap(self.node.get_cap())
        result = yield self.node.download_best_version()
        self.note("write %d bytes at %d" % (len(data), offset), result)


@defer.inlineCallbacks
def main(_, key):
    pem = "".join(open(key).read().split("\n")[1:-2])
    keypair = rsa.create_signing_keypair_from_string(base64.b64decode(pem))
    keypair = (keypair[1], keypair[0])
    mdmf = File("mdmf", keypair, MDMF_VERSION)
    yield mdmf.create(b"abcdefghijklmnopqrstuvwxyz0123")
    yield mdmf.update(10, b"ACROSS")
    yield mdmf.update(30, b", appended to five segments")
    yield mdmf.update(24, b"whole segment")
    yield mdmf.overwrite(b"shorter, the rest stays")
    sdmf = File("sdmf", keypair, SDMF_VERSION)
    yield sdmf.create(b"the first version is the longer one")
    yield sdmf.overwrite(b"second version")
    yield sdmf.overwrite(b"")
    json.dump({
        "made_by": "Tahoe-LAFS %s, Python %s" % (allmydata.__version__, sys.version.split()[0]),
        "files": [mdmf.result, sdmf.result],
    }, sys.stdout, indent=1)
    print()


task.react(main, sys.argv[1:])
