"""A peer for foolscap_test.go: Foolscap as Tahoe-LAFS 1.20 brings it.

    foolscap_peer.py client FURL higher|lower   calls our object, prints "ok NAME" lines
    foolscap_peer.py server TUBID higher|lower  prints the FURL of an object, until stdin ends

higher and lower say how the Tub's id compares with the other side's: the higher
one is the master of the negotiation.
"""
import gc
import sys
from decimal import Decimal

from foolscap.api import Referenceable, RemoteInterface, Tub
from foolscap.furl import decode_furl
from foolscap.schema import ByteStringConstraint
from twisted.internet import defer, reactor, stdio, protocol
from zope.interface import implementer


class RIPeer(RemoteInterface):
    __remote_name__ = "RIPeer.example.org"

    def limited(data=ByteStringConstraint(maxLength=16), number=int):
        return int


class Plain(Referenceable):
    def remote_echo(self, value):
        return value

    def remote_none(self):
        return None


@implementer(RIPeer)
class Limited(Referenceable):
    def remote_limited(self, data, number):
        return len(data) + number


class Peer(Plain):
    def remote_limited_object(self):
        return Limited()

    def remote_fail(self):
        raise KeyError("x")

    def remote_call_back(self, target, value):
        return target.callRemote("echo", value)

    def remote_fresh(self):
        return Plain()

    def remote_is_mine(self, target):
        return target is self

    def remote_loop(self):
        a = [1]
        return [a, a]


def make_tub(other, order):
    while True:
        tub = Tub()
        if (tub.tubID > other) == (order == "higher"):
            return tub


def ok(name):
    print("ok", name, flush=True)


def same(a, b):
    return type(a) is type(b) and a == b


def expect(what, got, wanted):
    if not same(got, wanted):
        raise AssertionError("%s: %r instead of %r" % (what, got, wanted))


def failing(d, kind, text):
    """Wait for d to fail that way. (A remote failure cannot be raised.)"""
    def succeeded(result):
        raise AssertionError("no %s" % kind)

    def failed(f):
        name = f.type if isinstance(f.type, str) else f.type.__module__ + "." + f.type.__name__
        if name != kind or text not in str(f.value):
            raise AssertionError("got %s %s instead of %s %s" % (name, f.value, kind, text))
    return d.addCallbacks(succeeded, failed)


VALUES = [
    0, 1, -1, 127, 128, 2**31 - 1, 2**31, 2**63 - 1, 2**63, 2**64, -2**31, -2**31 - 1, -2**63, -2**63 - 1, -2**100,
    1.5, -0.0, 1e300, b"", b"x", b"list", b"none", b"x" * 100000, "", "h\u00e9llo", "list", None, True, False,
    [], [1, [2, [b"3"]]], (), (1, (2,)), {}, {b"b": 2, b"a": {"u": None}}, {1: 2, 5: 3}, {"1": 3},
    set(), {b"1", b"2"}, {"u"}, frozenset([1, 2]), {(1, 2): [3]}, Decimal("1.50"),
]


@defer.inlineCallbacks
def client(furl, order):
    tub = make_tub(decode_furl(furl)[0], order)
    tub.startService()
    rref = yield tub.getReference(furl)
    ok("connected")
    for value in VALUES:
        got = yield rref.callRemote("echo", value)
        expect("echo", got, value)
    a = [b"shared"]
    got = yield rref.callRemote("echo", [a, a, (a, a)])
    expect("shared", got, [a, a, (a, a)])
    ok("echo")

    big = bytes(range(256)) * 40960
    got = yield rref.callRemote("echo", big)
    expect("big", got == big, True)
    ok("big")

    answers = yield defer.gatherResults([rref.callRemote("echo", n) for n in range(1000)])
    expect("pipelined", answers, list(range(1000)))
    ok("pipelined")

    mine = Peer()
    got = yield rref.callRemote("callback", mine, b"there and back")
    expect("callback", got, b"there and back")
    got = yield rref.callRemote("echo", mine)
    expect("own object", got is mine, True)
    got = yield rref.callRemote("is_mine", rref)
    expect("sent home", got, True)
    ok("references")

    fresh = yield rref.callRemote("new")
    yield fresh.callRemote("none")
    got = yield rref.callRemote("live")
    expect("live", got, 1)
    del fresh
    gc.collect()
    while got:
        got = yield rref.callRemote("live")
    ok("decref")

    violation = "foolscap.tokens.Violation"
    yield failing(rref.callRemote("schema", si=b"x" * 16), violation, "missing required argument 'n'")
    yield failing(rref.callRemote("schema", si=b"x" * 16, n=1, bogus=1), violation, "unknown argument 'bogus'")
    yield failing(rref.callRemote("schema", 1, 2, True, 4), violation, "too many positional arguments")
    yield failing(rref.callRemote("schema", si="x" * 16, n=1), violation, "ByteStringConstraint")
    yield failing(rref.callRemote("schema", si=5, n=1), violation, "INT token rejected by ByteStringConstraint")
    yield failing(rref.callRemote("small", b"x" * 17), violation, "STRING token too large: 17>16")
    yield failing(rref.callRemote("nonsense"), violation, "method 'nonsense' not defined in RITest.example.org")
    yield failing(rref.callRemote("fail"), "builtins.KeyError", "'x'")
    yield failing(tub.getReference(furl + "x"), "builtins.KeyError", "unable to find reference for name starting with")
    got = yield rref.callRemote("schema", si=b"x" * 16, n=1)
    expect("after violations", got, None)
    ok("violations")

    other = make_tub(decode_furl(furl)[0], order)
    other.startService()
    gift = yield other.getReference(furl)
    yield failing(rref.callRemote("echo", gift), violation, "gifts are prohibited in this Tub")
    yield other.stopService()
    ok("gift")

    gone = defer.Deferred()
    rref.notifyOnDisconnect(gone.callback, None)
    yield rref.callRemote("watch")
    second = Tub(certData=tub.getCertData())
    second.startService()
    again = yield second.getReference(furl)
    yield gone
    got = yield again.callRemote("echo", 5)
    expect("second", got, 5)
    ok("duplicate")

    gone = defer.Deferred()
    again.notifyOnDisconnect(gone.callback, None)
    yield again.callRemoteOnly("drop", Peer())
    yield gone
    ok("dropped")
    third = yield second.getReference(furl)
    got = yield third.callRemote("echo", 6)
    expect("third", got, 6)
    ok("reconnected")
    yield second.stopService()


class UntilEnd(protocol.Protocol):
    def connectionLost(self, reason):
        reactor.stop()


def server(other, order):
    tub = make_tub(other, order)
    tub.startService()
    from foolscap.util import allocate_tcp_port
    port = allocate_tcp_port()
    tub.listenOn("tcp:%d:interface=127.0.0.1" % port)
    tub.setLocation("tcp:127.0.0.1:%d" % port)
    peer = Peer()
    print(tub.registerReference(peer), flush=True)
    tub.peer = peer
    stdio.StandardIO(UntilEnd())


def main():
    mode, where, order = sys.argv[1:]
    if mode == "server":
        reactor.callWhenRunning(server, where, order)
        reactor.run()
        return
    failed = []

    def done(f):
        if f is not None:
            failed.append(f)
            print(f.type, f.value, f.getTraceback(), file=sys.stderr)
        reactor.stop()

    reactor.callWhenRunning(lambda: client(where, order).addCallbacks(lambda _: done(None), done))
    reactor.run()
    sys.exit(1 if failed else 0)


main()
