"""Writes statistics.json: what Tahoe-LAFS makes of samples and statistics."""
import json
from types import SimpleNamespace

from allmydata.storage.server import StorageServer
from allmydata.web.common import abbreviate_size
from allmydata.web.status import Statistics


def latencies(count):
    server = SimpleNamespace(latencies={"read": []})
    for i in range(count):
        StorageServer.add_latency(server, "read", (i * 7919 % 10007) / 1000000)
    return StorageServer.get_latencies(server).get("read", {})


def render(stats):
    headers = {}
    request = SimpleNamespace(setHeader=lambda k, v: headers.update({k: v}), args={}, fields=None, method=b"GET")
    page = Statistics(SimpleNamespace(get_stats=lambda: stats))
    return {
        "stats": stats,
        "openmetrics": Statistics.render_OPENMETRICS.__wrapped__(page, request),
        "openmetrics_type": headers["content-type"],
        "json": Statistics.render_JSON.__wrapped__(page, request),
        "json_type": headers["content-type"],
    }


stats = {
    "counters": {"uploader.files_uploaded": 3, "storage_server.add-lease": 2, "storage_server.bytes_added": 3000000000},
    "stats": {"node.uptime": 0.25, "storage_server.disk_total": 941088460800, "storage_server.disk_avail": 0,
              "cpu_monitor.total": 0.0000125},
}
for name, value in latencies(20).items():
    stats["stats"]["storage_server.latencies.add-lease." + name] = value
sizes = [0, 1, 999, 1000, 1001, 21800, 554400, 1000000, 1000001, 4370000, 1000000001, 123456789012]
print(json.dumps({
    "latencies": [[count, latencies(count)] for count in (0, 1, 2, 9, 10, 19, 20, 99, 100, 999, 1000, 1001, 2500)],
    "page": render(stats),
    "sizes": [[size, abbreviate_size(size)] for size in sizes],
}, indent=1))
