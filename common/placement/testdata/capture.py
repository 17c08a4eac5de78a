"""Record what Tahoe-LAFS's own placement code answers, as vectors.

Needs an installed Tahoe-LAFS 1.20.0; reads nothing; writes JSON to standard
output. See README.md.
"""
import json
import random

from allmydata.immutable.happiness_upload import share_placement
from allmydata.util.happinessutil import failure_message, servers_of_happiness


def situation(rng):
    """A few servers, some read-only, some with shares."""
    total = rng.randint(1, 8)
    servers = []
    for _ in range(rng.randint(1, 7)):
        held = [s for s in range(total) if rng.random() < rng.choice([0, 0, 0.4])]
        servers.append({"read_only": rng.random() < 0.3, "held": held})
    return total, servers


def effective(placement, servers):
    """Happiness once every possible placement has been granted."""
    sharemap = {}
    for i, server in enumerate(servers):
        for share in server["held"]:
            sharemap.setdefault(share, set()).add(i)
    for share, i in placement.items():
        if not servers[i]["read_only"]:
            sharemap.setdefault(share, set()).add(i)
    return servers_of_happiness(sharemap)


def ask(total, servers):
    """share_placement as PeerSelector calls it: peers are the read-write ones."""
    return share_placement(
        {i for i, s in enumerate(servers) if not s["read_only"]},
        {i for i, s in enumerate(servers) if s["read_only"]},
        set(range(total)),
        {i: set(s["held"]) for i, s in enumerate(servers) if s["held"]},
    )


def placements(rng, count):
    out = []
    while len(out) < count:
        total, servers = situation(rng)
        case = {"total": total, "servers": servers}
        try:
            placed = ask(total, servers)
        except Exception as e:  # 1.20 has situations it cannot handle
            case["error"] = type(e).__name__
            out.append(case)
            continue
        case["placement"] = [placed.get(s, -1) for s in range(total)]
        case["effective"] = effective(placed, servers)
        out.append(case)
    return out


def messages():
    return [
        {"peer_count": p, "k": k, "happy": h, "effective": e, "text": failure_message(p, k, h, e)}
        for (p, k, h, e) in [(0, 3, 7, 0), (2, 3, 7, 2), (3, 3, 7, 2), (9, 3, 7, 1), (5, 3, 7, 5), (4, 1, 5, 4)]
    ]


def dump(name, rows):
    return json.dumps(name) + ": [\n  " + ",\n  ".join(json.dumps(r) for r in rows) + "\n ]"


rng = random.Random(20)
print("{\n " + ",\n ".join([dump("placements", placements(rng, 250)), dump("messages", messages())]) + "\n}")
