"""Print metadata.json: what allmydata.util.jsonbytes and
allmydata.dirnode.update_metadata of the installed Tahoe-LAFS do with metadata.

Run: python3 metadata.py > metadata.json
"""
import json
import sys

import allmydata
from allmydata.dirnode import update_metadata
from allmydata.util import jsonbytes

TEXTS = [
    b'{}', b' { } ', b'{"a":1}', b'{"b":1,"a":2}', b'{"a" : [ 1 , 2 ] ,"b":{ "c":null}}\n',
    b'{"a":true,"b":false,"c":null}', b'{"a":NaN,"b":Infinity,"c":-Infinity}',
    b'{"a":1.0,"b":1e5,"c":1E400,"d":-1e400,"e":1e-400,"f":-0.0,"g":-0,"h":0}',
    b'{"a":1e15,"b":1e16,"c":123456789012345678,"d":12345678901234567890123.5}',
    b'{"a":0.0001,"b":0.00001,"c":1.5e-7,"d":0.1,"e":1e22,"f":1e23,"g":2.5e+10}',
    b'{"a":1795353562.3278983,"b":1000000000.25,"c":1.7976931348623157e308,"d":5e-324}',
    b'{"a":9007199254740993,"b":9007199254740993.0,"c":99999999999999999.0}',
    b'{"a":"\xc3\xa9\xe4\xb8\xad\xf0\x9f\x98\x80","\xc3\xa9":"\x7f"}',
    b'{"a":"\\u00E9\\u4e2d\\ud83d\\ude00\\ud800x\\udc00","b":"\\"\\\\\\/\\b\\f\\n\\r\\t\\u001f"}',
    b'{"a":"\xed\xa0\x80"}', b'{"a":"\xed\xb0\x80\xed\xa0\x80"}',
    b'{"a":1,"b":2,"a":3}', b'{"a":{"x":1,"x":{"y":2,"y":3}},"a":{"z":[{"q":1,"q":2}]}}',
    b'{"1":1,"2":1,"3":1,"4":1,"5":1,"6":1,"7":1,"8":1,"9":1,"10":1,"3":"last"}',
    b'{"":{}," ":[],"a":[[]],"b":[{}]}', b'{"a":' + b'9' * 4300 + b'}', b'{"a":-' + b'9' * 4300 + b'}',
    b'{"a":' + b'[' * 255 + b']' * 255 + b'}',
]
REFUSED = [
    b'', b' ', b'{', b'}', b'{"a"}', b'{"a":}', b'{"a":1', b'{"a":1,}', b'{,"a":1}', b'{"a":1 "b":2}',
    b"{'a':1}", b'{a:1}', b'{1:1}', b'{"a":01}', b'{"a":1.}', b'{"a":.5}', b'{"a":-}', b'{"a":+1}', b'{"a":1e}',
    b'{"a":1e+}', b'{"a":0x1}', b'{"a":nan}', b'{"a":-NaN}', b'{"a":True}', b'{"a":tru}', b'{"a":[1,]}',
    b'{"a":[1', b'{"a":[,1]}', b'{"a":[1 2]}', b'{"a":[1}', b'{"a":"x}', b'{"a":"\n"}', b'{"a":"\\x"}',
    b'{"a":"\\', b'{"a":"\\u12"}', b'{"a":"\\u12g4"}', b'{"a":"\\u+123"}', b'{"a":"\xff"}', b'{"a":"\xc3"}',
    b'{"a":"\xc0\x80"}', b'{"a":"\xf4\x90\x80\x80"}', b'{"a":1}x', b'{"a":1}{}', b'{"a":1}\0',
    b'{"a":' + b'9' * 4301 + b'}', b'{"a":1}\x0b', b'{\xc2\xa0}',
]
NOT_OBJECTS = [b'[]', b'1', b'"a"', b'null', b'NaN']

NOW = [1000000000.25, 1795353562.3278983, 1.0, 0.0, 1e-07]
TAHOE = '{"linkcrtime": 5.5, "linkmotime": 6}'
UPDATES = [
    (None, None), (None, '{}'), (None, '{"a": 1}'), (None, '{"tahoe": {"linkcrtime": 1}, "a": 1}'),
    ('{}', None), ('{}', '{"b": 2}'), ('{"a": 1}', None), ('{"a": 1}', '{"b": 2}'),
    ('{"tahoe": %s, "a": 1}' % TAHOE, None), ('{"tahoe": %s, "a": 1}' % TAHOE, '{"b": 2, "c": [1.50, "x"]}'),
    ('{"tahoe": %s, "a": 1}' % TAHOE, '{"tahoe": {"linkcrtime": 99}, "b": 2}'),
    ('{"ctime": 7, "mtime": 8}', None), ('{"ctime": 7, "mtime": 8}', '{"b": 2}'),
    ('{"ctime": 7}', '{"ctime": 9}'), ('{"ctime": "x", "tahoe": %s}' % TAHOE, '{"b": 2}'),
    ('{"tahoe": {"linkmotime": 6}}', None), ('{"tahoe": {"linkmotime": 6, "more": [1, 2]}, "ctime": 3}', None),
    ('{"tahoe": {}}', None), ('{"a": 1, "tahoe": {"linkcrtime": null}, "z": 2}', None),
]
NO_WRITE = ['true', 'false', 'null', '0', '1', '0.0', '-0.0', '1e-400', '0.1', '""', '"no"', '[]', '[0]', '{}',
            '{"a": 0}', 'NaN', '-0']


def refused(text):
    try:
        jsonbytes.loads(text)
    except (ValueError, UnicodeDecodeError):
        return True
    raise AssertionError("%r was not refused" % text)


def update(old, given, now):
    metadata = update_metadata(old and json.loads(old), given and json.loads(given), now)
    return {"old": old, "given": given, "now": repr(now), "result": jsonbytes.dumps(metadata)}


def main():
    assert all(refused(text) for text in REFUSED)
    json.dump({
        "made_by": "Tahoe-LAFS %s, Python %s" % (allmydata.__version__, sys.version.split()[0]),
        "accepted": [{"text_hex": t.hex(), "dumped": jsonbytes.dumps(jsonbytes.loads(t))} for t in TEXTS],
        "refused_hex": [t.hex() for t in REFUSED],
        "not_objects_hex": [t.hex() for t in NOT_OBJECTS],
        "updates": [update(old, given, NOW[i % len(NOW)]) for i, (old, given) in enumerate(UPDATES)],
        "no_write": [{"value": v, "is": bool(json.loads(v))} for v in NO_WRITE],
        "floats": [{"text": t, "repr": repr(float(t))} for t in
                   ("1e%d" % e for e in range(-10, 25))],
    }, sys.stdout, indent=1)
    print()


main()
