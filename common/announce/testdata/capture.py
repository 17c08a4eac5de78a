"""Record how Tahoe-LAFS 1.20.0 signs, checks, replaces and orders, as vectors.

Needs an installed Tahoe-LAFS 1.20.0; reads nothing; writes JSON to standard
output. See README.md.
"""
import json
import random
from datetime import datetime, timedelta, timezone

from allmydata import grid_manager
from allmydata.crypto import ed25519
from allmydata.introducer.common import sign_to_foolscap, unsign_from_foolscap
from allmydata.introducer.server import IntroducerService
from allmydata.storage_client import _parse_announcement
from allmydata.util import base32, jsonbytes
from allmydata.util.hashutil import permute_server_hash

rng = random.Random(120)


def key(n):
    text = b"priv-v0-" + base32.b2a(bytes([n]) * 32)
    return text, ed25519.signing_keypair_from_string(text)[0]


def text_of(triple):
    return [part.decode("latin-1") for part in triple]


def base(**more):
    ann = {
        "version": 0, "nickname": "n\u00e9e \U0001f600 \u007f\"\\/\b\f\n\r\t\u2028", "app-versions": [],
        "my-version": "tahoe-lafs/1.20.0", "oldest-supported": "1.0.0", "service-name": "storage",
    }
    ann.update(more)
    return ann


def signed():
    out = []
    for more in [
        {},
        {"permutation-seed-base32": "mfrgg", "anonymous-storage-NURLs": [],
         "anonymous-storage-FURL": "pb://zspqmt2zt75k377je4nh7usbvvkiwi2v@tcp:127.0.0.1:1/swiss", "seqnum": 7, "nonce": "aa"},
        {"permutation-seed-base32": "mfrgg", "anonymous-storage-NURLs": ["pb://a@b:1/c#v=1", "pb://d@e:2/f#v=1"],
         "storage-options": [{"name": "p", "storage-server-FURL": "pb://x"}],
         "grid-manager-certificates": [{"certificate": "{\"a\":1}", "signature": "mfrgg"}], "seqnum": 2**62, "nonce": "bb"},
    ]:
        private, sk = key(1)
        out.append({"private": private.decode(), "triple": text_of(sign_to_foolscap(base(**more), sk))})
    return out


def refusals():
    msg, sig, vk = sign_to_foolscap(base(), key(1)[1])
    other = sign_to_foolscap(base(), key(2)[1])
    out = []
    for what, triple in [
        ("good", (msg, sig, vk)),
        ("no signature", (msg, b"", vk)),
        ("no key", (msg, sig, b"")),
        ("other signature version", (msg, b"v1-" + sig[3:], vk)),
        ("other key version", (msg, sig, b"v1-" + vk[3:])),
        ("other key", (msg, sig, other[2])),
        ("other signature", (msg, other[1], vk)),
        ("other message", (msg + b" ", sig, vk)),
        ("short signature", (msg, b"v0-" + base32.b2a(b"x" * 63), vk)),
        ("long signature", (msg, b"v0-" + base32.b2a(b"x" * 65), vk)),
        ("empty signature text", (msg, b"v0-", vk)),
        ("signature not base 32", (msg, b"v0-" + b"1" * 103, vk)),
        ("key not base 32", (msg, sig, b"v0-" + b"1" * 52)),
        ("short key", (msg, sig, b"v0-" + base32.b2a(b"x" * 31))),
        ("upper case key", (msg, sig, b"v0-" + vk[3:].upper())),
    ]:
        try:
            unsign_from_foolscap(triple)
            error, text = "", ""
        except Exception as e:
            error, text = type(e).__name__, str(e)
        out.append({"what": what, "triple": text_of(triple), "error": error,
                    "text": text if error == "UnknownKeyError" else ""})
    return out


SEQNUMS = ["1", "2", "2", "3", "2.5", "3.0", "true", "false", "null", '"9"', "10", "99999999999999999999", "1e400", "-0", "[]", None]


def replacement():
    """Random publications to one introducer, by one key."""
    out = []
    sk = key(3)[1]
    for _ in range(150):
        service = IntroducerService()
        steps = []
        for _ in range(rng.randint(2, 6)):
            seqnum, content = rng.choice(SEQNUMS), rng.choice(["x", "x", "1", "1.0"])
            fields = ['"service-name": "storage"', '"a": ' + (content if content != "x" else '"x"')]
            if seqnum is not None:
                fields.append('"seqnum": ' + seqnum)
            rng.shuffle(fields)
            msg = ("{" + ", ".join(fields) + "}").encode()
            sig = b"v0-" + base32.b2a(ed25519.sign_data(sk, msg))
            vk = ed25519.string_from_verifying_key(ed25519.verifying_key_from_signing_key(sk))[4:]
            before = dict(service._announcements)
            try:
                service._publish((msg, sig, vk), None, None)
                raised = False
            except TypeError:
                raised = True
            steps.append({"message": msg.decode(), "accepted": service._announcements != before, "raised": raised})
        out.append(steps)
    return out


def seeds():
    furl = b"pb://ZSPQmt2zt75k377je4nh7usbvvkiwi2v@tcp:127.0.0.1:1/swiss"
    vk = sign_to_foolscap(base(), key(1)[1])[2]
    out = []
    for server_id, ann in [
        (vk, {}), (vk, {"permutation-seed-base32": "mfrgg"}), (vk, {"permutation-seed-base32": ""}),
        (b"storage-one", {}), (b"v0-short", {}), (b"storage-one", {"permutation-seed-base32": "mfrgg"}),
    ]:
        _, seed, tubid, short, _ = _parse_announcement(server_id, furl, ann)
        out.append({"server_id": server_id.decode(), "announcement": json.dumps(ann), "furl": furl.decode(),
                    "seed_hex": seed.hex(), "tubid_hex": tubid.hex(), "name": short.decode()})
    return out


def permutations():
    out = []
    for n in [0, 1, 2, 5, 20]:
        si = rng.randbytes(16)
        seed_list = [rng.randbytes(rng.choice([20, 32, 52])) for _ in range(n)]
        order = sorted(range(n), key=lambda i: permute_server_hash(si, seed_list[i]))
        out.append({"si_hex": si.hex(), "seeds_hex": [s.hex() for s in seed_list], "order": order})
    return out


def managers():
    gm = grid_manager._GridManager(key(4)[0], {})
    empty = jsonbytes.dumps(gm.marshal(), indent=4) + "\n"
    out = []
    for name, n in [("alice", 5), ("bob \u00e9", 6)]:
        gm.add_storage_server(name, ed25519.verifying_key_from_signing_key(key(n)[1]))
    for when in [datetime(2030, 1, 2, 3, 4, 5, 678901, timezone.utc), datetime(2030, 1, 2, 3, 4, 5, 0, timezone.utc)]:
        grid_manager.current_datetime_with_zone = lambda: when
        cert = gm.sign("alice", timedelta(days=31))
        out.append({"expires_unix_micro": int((when + timedelta(days=31)).timestamp()) * 10**6 + when.microsecond,
                    "file": json.dumps(json.loads(jsonbytes.dumps(cert.marshal())), indent=4)})
    return {"private": key(4)[0].decode(), "public": gm.public_identity().decode(),
            "alice": ed25519.string_from_verifying_key(ed25519.verifying_key_from_signing_key(key(5)[1])).decode(),
            "empty_config": empty, "config": jsonbytes.dumps(gm.marshal(), indent=4) + "\n", "certificates": out}


print(json.dumps({
    "signed": signed(), "refusals": refusals(), "replacement": replacement(), "seeds": seeds(),
    "permutations": permutations(), "grid_manager": managers(),
}, indent=1))
