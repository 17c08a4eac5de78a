"""Prints what Tahoe-LAFS 1.20.0 makes of configuration texts and values, as
JSON: the vectors of package nodeconf. See README.md beside it."""
import json, os, sys, tempfile
from allmydata import node, client
from allmydata.util import configutil
from allmydata.util.abbreviate import parse_abbreviated_size
from allmydata.util.time_format import parse_duration, parse_date
from twisted.internet.endpoints import _parseServer

CONFIGS = {
    "empty": "",
    "plain": "[node]\nnickname = a\n",
    "byte order mark": "\ufeff[node]\nnickname = a\n",
    "carriage returns": "[node]\r\nnickname = a b \r\nweb.port = 1\r\n",
    "colon": "[node]\nnickname: a=b\nweb.port=tcp:1:interface=127.0.0.1\n",
    "equals in value": "[node]\nnickname = a = b : c\n",
    "upper case key": "[node]\nNickName = a\nREVEAL-IP-ADDRESS=no\n",
    "upper case section": "[Node]\nnickname = a\n",
    "later wins": "[node]\nnickname = a\n[client]\n[node]\nnickname = b\nnickname=c\n",
    "comments": "# c\n; c\n[node]\n  # indented\nnickname = a # kept\nweb.port = ; kept too\n",
    "continuation": "[node]\nnickname = a\n  b\n\tc\n\n  d\n\nweb.port = 1\n",
    "continuation over comment": "[node]\nnickname = a\n  b\n# c\n  d\n  ; e\n  f\n",
    "blank lines at the end": "[node]\nnickname = a\n\n\n",
    "indented section": "  [node]\n  nickname = a\n  web.port = 1\n",
    "indented deeper": "  [node]\n    nickname = a\n  web.port = 1\n",
    "header in a continuation": "[node]\nnickname = a\n  [client]\n  x = 1\n",
    "section after key at same indent": "[node]\n  nickname = a\n  [client]\n  shares.needed = 1\n",
    "spaces in header": "[ node ]\nnickname = a\n",
    "text behind header": "[node] # comment\nnickname = a\n",
    "two brackets": "[node]]\nnickname = a\n",
    "empty header": "[]\nnickname = a\n",
    "empty header with value": "[node]\n[] = a\n",
    "open header": "[node\nnickname = a\n",
    "no section": "nickname = a\n",
    "no delimiter": "[node]\nnickname\n",
    "no key": "[node]\n= a\n",
    "no key colon": "[node]\n : a\n",
    "empty value": "[node]\nnickname =\nweb.port:\n",
    "value on next line": "[node]\nnickname =\n  a\n",
    "percent": "[node]\nnickname = 50%% of %(web.port)s\nweb.port = 1\n",
    "percent single": "[node]\nnickname = 50%\n",
    "percent word": "[node]\nnickname = 5%d\n",
    "percent bad reference": "[node]\nnickname = %(web.port)x\nweb.port=1\n",
    "percent open reference": "[node]\nnickname = %(web.port\n",
    "percent empty reference": "[node]\nnickname = %()s\n",
    "percent missing": "[node]\nnickname = %(nothing)s\n",
    "percent upper case": "[node]\nnickname = %(WEB.Port)s\nweb.port=1\n",
    "percent other section": "[client]\nhelper.furl = x\n[node]\nnickname = %(helper.furl)s\n",
    "percent nested": "[node]\nnickname = %(web.port)s\nweb.port = %(tempdir)s%%\ntempdir = t%%d\n",
    "percent itself": "[node]\nnickname = %(nickname)s\n",
    "percent ten deep": "[grid_managers]\na0=%(a1)s\na1=%(a2)s\na2=%(a3)s\na3=%(a4)s\na4=%(a5)s\na5=%(a6)s\na6=%(a7)s\na7=%(a8)s\na8=%(a9)s\na9=%(b)s\nb=%(c)s\nc=x\n",
    "default section": "[DEFAULT]\nnickname = d\n[node]\nweb.port = 1\n",
    "default reference": "[DEFAULT]\nnickname = d\n[node]\nweb.port = %(nickname)s\n",
    "default overridden": "[DEFAULT]\nenabled = no\n[storage]\nenabled = yes\n[helper]\n[sftpd]\n",
    "unknown section": "[node]\n[nodes]\n",
    "unknown key": "[node]\nnickname = a\nnick = b\n",
    "client section": "[client]\nshares.needed = 1\n",
    "every section": "[node]\n[connections]\n[tor]\n[i2p]\n[client]\n[storage]\n[helper]\n[sftpd]\n",
    "free sections": "[grid_managers]\nA = x\n[grid_manager_certificates]\nB=y\n[storageserver.plugins.p]\nz=1\n[storageclient.plugins.]\nz=1\n",
    "gone key": "[node]\nssh.port = 8022\n",
    "gone client key": "[client]\nstats_gatherer.furl = x\n",
    "underscored key": "[client]\nshares._max_immutable_segment_size_for_testing = 1\n",
    "unicode": "[node]\nnickname = \u00fc\u4e2d\U0001f600\n",
    "unicode spaces": "[node]\n\u00a0nickname\u2003=\u2003a\u3000\n",
    "line separators inside": "[node]\nnickname = a\u2028b\x0bc\x0cd\x1ce\x85f\n",
    "separators around": "[node]\n\x1cnickname = a\x1f\n",
    "null": "[node]\nnickname = a\x00b\n",
    "carriage return inside": "[node]\nnickname = a\rweb.port = 1\n",
    "no newline at the end": "[node]\nnickname = a",
    "only spaces": "   \n\t\n",
    "spaces lines in value": "[node]\nnickname = a\n   \n b\n",
    "section named like default": "[default]\nx = 1\n",
    "empty": "",
}

BOOLEANS = ["1", "0", "yes", "no", "true", "false", "on", "off", "True", "OFF", "YeS", "", "y", "t", "2", "enabled", "yes please"]
SIZES = ["", "0", "5", "1K", "1k", "1KB", "1KiB", "1kib", "1I", "1IB", "1B", "1b", "10G", "10GiB", "1M", "2T", "3P", "1E", "7EiB", "1 G", " 1", "1.5G", "-1", "+1", "G", "1GG", "1KBi", "1Gi ", "0x10", "1e3"]
DURATIONS = ["", "7days", "7day", "31 days", "1mo", "2 months", "1month", "1year", "3years", "60 days ", "1 d", "7", "days", "1_0 days", "+1 day", "0 days", "1.5 days", "1 Day", "1mos", "1 years s"]
DATES = ["", "2009-03-16", "1970-01-01", "2000-02-29", "2009-1-1", "2009-13-01", "2009-00-10", "09-01-01", "2009/03/16", " 2009-03-16", "2009-03-16 ", "yesterday"]
ENDPOINTS = ["tcp:1", "tcp:0", "tcp:65535", "tcp:port=7", "tcp:1:interface=127.0.0.1", "tcp:1:127.0.0.1", "tcp:1:127.0.0.1:50", "tcp:1:interface=127.0.0.1:backlog=5",
    "tcp:interface=127.0.0.1:port=3", "tcp:1:interface=\\:\\:1", "tcp", "tcp:", "tcp:x", "tcp:1:port=2", "tcp:1:frob=2", "tcp:1:2:3:4", "tc:1", "", "tcp:\\1", "tcp: 1", "tcp:1 "]

PORTS = [
    # tub.port, tub.location, reveal-IP-address, contents of client.port
    (None, None, None, None),
    (None, None, None, "tcp:4711\n"),
    (None, None, None, "4711\n"),
    ("4711", None, None, None),
    ("tcp:4711", "AUTO", None, None),
    ("tcp:4711", "AUTO,tcp:example.org:80", None, None),
    ("tcp:4711:interface=127.0.0.1", "tcp:h:1,AUTO", None, None),
    ("tcp:4711,tcp:4712", "AUTO", None, None),
    ("listen:tor", "tor:x.onion:1", "no", None),
    ("listen:tor", "AUTO", "no", None),
    ("tcp:4711", None, "no", None),
    ("tcp:4711", "tcp:h:1", "no", None),
    ("tcp:4711", "h:1", "no", None),
    ("tcp:4711", "i2p:x", "no", None),
    ("tcp:4711", "tor:h:1,h:1", "no", None),
    ("disabled", "disabled", None, None),
    ("disabled", "disabled", "no", None),
    ("disabled", None, None, None),
    ("disabled", "AUTO", None, None),
    ("tcp:1", "disabled", None, None),
    (None, "disabled", None, None),
    ("", "AUTO", None, None),
    ("tcp:1", "", None, None),
    ("0", None, None, None),
    ("tcp:0", None, None, None),
    ("tcp:port=0", None, None, None),
    ("tcp:0:interface=127.0.0.1", None, None, None),
    ("tcp:1,tcp:0", "tcp:h:1", None, None),
]

def result(fn, *args):
    try:
        return {"value": fn(*args)}
    except Exception as e:
        return {"error": type(e).__name__}

def config(text):
    out = {"text": text}
    try:
        parser = configutil.get_config_from_string(text.encode("utf-8").decode("utf-8-sig"))
    except Exception as e:
        out["error"] = type(e).__name__
        return out
    out["sections"] = {s: {k: result(parser.get, s, k) for k in parser.options(s)} for s in parser.sections()}
    for name, valid in (("client", client._valid_config()), ("introducer", node._common_valid_config())):
        out[name] = "error" not in result(configutil.validate_config, "tahoe.cfg", parser, valid)
    try:
        import io
        copied, text = configutil.copy_config(parser), io.StringIO()
        copied.write(text)
        out["written"] = text.getvalue()
    except Exception:
        pass
    return out

def endpoint(text):
    kind, args, kw = _parseServer(text, None)
    return {"kind": kind, "port": args[0], "interface": kw["interface"]}

def port(tub_port, location, reveal, stored):
    lines = ["[node]"]
    for key, value in (("tub.port", tub_port), ("tub.location", location), ("reveal-IP-address", reveal)):
        if value is not None:
            lines.append("%s = %s" % (key, value))
    text = "\n".join(lines) + "\n"
    out = {"text": text, "stored": stored}
    with tempfile.TemporaryDirectory() as d:
        path = os.path.join(d, "client.port")
        if stored is not None:
            open(path, "w").write(stored)
        c = node.config_from_string(d, path, text, client._valid_config())
        r = result(node._tub_portlocation, c, lambda: ["127.0.0.1", "192.0.2.7"], lambda: 40000)
        if r.get("value") is not None:
            r["value"] = [r["value"][0], r["value"][1].decode()]
        out.update(r)
        if os.path.exists(path):
            out["file"] = open(path).read()
    return out

def boolean(text):
    from configparser import ConfigParser
    return ConfigParser()._convert_to_boolean(text)

print(json.dumps({
    "configs": {name: config(text) for name, text in CONFIGS.items()},
    "booleans": {t: result(boolean, t) for t in BOOLEANS},
    "sizes": {t: result(parse_abbreviated_size, t) for t in SIZES},
    "durations": {t: result(parse_duration, t) for t in DURATIONS},
    "dates": {t: result(parse_date, t) for t in DATES},
    "endpoints": {t: result(endpoint, t) for t in ENDPOINTS},
    "ports": [port(*p) for p in PORTS],
}, indent=1, sort_keys=True))
