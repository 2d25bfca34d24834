# SPDX-License-Identifier: Apache-2.0
"""Objects of net.barewire.dev as a person writes them: one of each kind, what each rule refuses, what it takes."""
import copy


def obj(kind, name, spec, **more):
    return {"apiVersion": "net.barewire.dev/v1alpha1", "kind": kind, "metadata": {"name": name}, "spec": spec, **more}


POOL = obj("NetworkPool", "lan", {"domain": "lan", "prefix": "10.99.0.0/16", "ranges": ["10.99.2.1-10.99.3.250"]})
POOL6 = obj("NetworkPool", "lan6", {"domain": "lan", "prefix": "fd00:99::/64", "ranges": ["fd00:99::/80"]})
CLAIM = obj("NetworkClaim", "db-0", {"interfaces": [{"name": "eth0", "network": "lan"}]})
CLAIM["metadata"]["namespace"] = "default"
HELD = {"namespace": "default", "name": "db-0", "uid": "u-1"}
ADDRESS = obj("NetworkAddress", "lan.10-99-2-77", {
    "domain": "lan", "address": "10.99.2.77", "pool": "lan", "claim": HELD, "state": "Bound",
    "stateSince": "2026-01-01T00:00:00Z"})
EPOCH = obj("NetworkEpoch", "cluster", {"epoch": 5, "clusterID": "c-1"})
RESERVED = obj("NetworkReservation", "r", {"domain": "lan", "addresses": ["10.99.2.7"], "reason": "router"})
NODE = obj("NodeNetwork", "n1", {"domains": [{"domain": "lan", "uplink": "eno2"}]})


def but(o, changes):
    """A copy with values put at paths: spec.ranges, interfaces.0.mac (below spec); None takes away."""
    o = copy.deepcopy(o)
    for where, value in changes.items():
        at = o if where.split(".")[0] in ("metadata", "status") else o["spec"]
        *way, last = [int(p) if p.isdigit() else p for p in where.split(".")]
        for p in way:
            at = at[p]
        if value is None:
            del at[last]
        else:
            at[last] = value
    return o


# What a creation is refused for: kind, change, message.
BAD = [
    (POOL, {"metadata.name": "lan.west"}, 'name "lan.west" cannot be written in a claim'),
    (POOL, {"prefix": "10.99.0.0"}, '"10.99.0.0" is no prefix: write one such as 10.99.0.0/16'),
    (POOL, {"prefix": "10.99.7.0/16"}, "prefix 10.99.7.0/16 has host bits: write 10.99.0.0/16"),
    (POOL, {"prefix": "10.99.0.0/33"}, '"10.99.0.0/33" is no prefix'),
    (POOL, {"ranges": ["10.99.2.1..10.99.2.9"]}, '"10.99.2.1..10.99.2.9" is no range: write an address (10.99.2.7)'),
    (POOL, {"ranges": ["10.99.2.1-10.99.2.9-10.99.2.12"]}, "is no range"),
    (POOL, {"ranges": ["10.99.2.0/99"]}, "is no range"),
    (POOL, {"ranges": ["10.99.2.1-"]}, "is no range"),
    (POOL, {"ranges": ["010.99.2.1"]}, "is no range"),
    (POOL, {"ranges": []}, "should have at least 1 items"),
    (POOL, {"ranges": ["10.99.2.7"] * 65}, "must have at most 64 items"),
    (POOL, {"ranges": None}, "spec.ranges: Required value"),
    (POOL, {"ranges": ["10.99.2.1", "10.98.0.1-10.98.0.9", "10.98.1.0/24"]},
     'ranges outside of prefix 10.99.0.0/16: ["10.98.0.1-10.98.0.9", "10.98.1.0/24"]'),
    (POOL, {"ranges": ["10.99.2.1-fd00::1"]}, 'ranges outside of prefix 10.99.0.0/16: ["10.99.2.1-fd00::1"]'),
    (POOL, {"excludes": ["x"]}, '"x" is no range'),
    (POOL, {"gateway": "router"}, 'gateway "router" is no address: write one such as 10.99.0.1'),
    (POOL, {"gateway": "10.98.0.1"}, "gateway 10.98.0.1 is not within prefix 10.99.0.0/16"),
    (POOL, {"gateway": "fe80::1"}, "gateway fe80::1 is not within prefix 10.99.0.0/16"),
    (POOL6, {"mtu": 1279}, "mtu 1279 is too small for IPv6, which needs 1280"),
    (POOL, {"routes": [{"dst": "192.168.0.1"}]}, 'route to "192.168.0.1": that is no prefix'),
    (POOL, {"routes": [{"dst": "192.168.0.0/16", "gw": "x.y"}]}, 'route by "x.y": that is no address'),
    (POOL, {"routes": [{"dst": "fd00::/8"}]}, "routes must be of the family of prefix 10.99.0.0/16"),
    (POOL, {"vlan": 4095}, "should be less than or equal to 4094"),
    (POOL, {"mode": "pigeon"}, 'Unsupported value: "pigeon": supported values: "bridge"'),
    (POOL, {"domain": "LAN"}, "should match"),
    (POOL, {"fallback": ["a", "a"]}, "Duplicate value"),
    (POOL, {"quotas": [{"namespace": "a", "addresses": 1}, {"namespace": "a", "addresses": 2}]}, "Duplicate value"),
    (POOL, {"selectors": {"node": {"matchExpressions": [{"key": "a", "operator": "In"}]}}}, "operator In of a needs values"),
    (POOL, {"selectors": {"unit": {"matchExpressions": [{"key": "a", "operator": "Exists", "values": ["b"]}]}}},
     "operator Exists of a takes no values"),
    (RESERVED, {"addresses": ["10.99.2"]}, '"10.99.2" is no range: write an address (10.99.2.7)'),
    (RESERVED, {"reason": None}, "spec.reason: Required value"),
    (CLAIM, {"interfaces.0.network": None}, "interface eth0 needs exactly one of network (a pool) and networks"),
    (CLAIM, {"interfaces.0.networks": ["lan6"]}, "interface eth0 needs exactly one of network"),
    (CLAIM, {"interfaces.0.requestedIPs": ["10.99.2.77/16"]}, '"10.99.2.77/16" is no address: write one such as 10.99.2.77'),
    (CLAIM, {"interfaces.0.requestedIPs": ["::ffff:10.0.0.1"]}, "is no address"),
    (CLAIM, {"interfaces.0.requestedIPs": ["fe80::1%eth0"]}, "is no address"),
    (CLAIM, {"interfaces.0.requestedIPs": ["10.99.2.77", "10.99.2.78"]},
     "10.99.2.77 and 10.99.2.78 are of one family: an interface has at most one address of each"),
    (CLAIM, {"interfaces.0.mac": "03:00:00:00:00:01"}, "is no MAC of an interface: the second digit must be even"),
    (CLAIM, {"interfaces.0.mac": "00:00:00:00:00:00"}, "is no MAC of an interface"),
    (CLAIM, {"interfaces.0.name": "an-interface-too-long"}, "may not be more than 15"),
    (CLAIM, {"interfaces.0.name": "../x"}, "should match"),
    (CLAIM, {"interfaces": [{"name": "eth0", "network": "a"}] * 2}, "Duplicate value"),
    (ADDRESS, {"metadata.name": "lan.10-99-2-78"}, "name must be lan.10-99-2-77, not lan.10-99-2-78"),
    (ADDRESS, {"metadata.name": "wan.10-99-2-77"}, "name must be lan.10-99-2-77, not wan.10-99-2-77"),
    (ADDRESS, {"address": "fd00:99::77"}, '"fd00:99::77" is not the form of an address in names'),
    (ADDRESS, {"address": "10.99.2.077"}, '"10.99.2.077" is not the form of an address in names'),
    (ADDRESS, {"address": "FD00:0099:0000:0000:0000:0000:0000:0077"}, "is not the form of an address in names"),
    (ADDRESS, {"claim": None}, "an address that is Bound names its claim"),
    (ADDRESS, {"state": "Retained"}, "an address that is Retained names the key it is kept for"),
    (ADDRESS, {"state": "Lost"}, 'Unsupported value: "Lost"'),
    (EPOCH, {"metadata.name": "mine"}, "there is one NetworkEpoch and its name is cluster, not mine"),
    (NODE, {"domains": [{"domain": "a", "uplink": "u1", "bridge": "b"}, {"domain": "b", "uplink": "u2", "bridge": "b"}]},
     "a bridge has one uplink, so domains with one bridge name one uplink"),
]

GOOD = [
    (POOL, {"ranges": ["10.99.2.7", "10.99.3.0/24", "10.99.2.1-10.99.2.9"], "gateway": "10.99.0.1"}),
    (POOL6, {"gateway": "fe80::1", "mtu": 1280}),
    (CLAIM, {"interfaces": [{"name": "eth0", "networks": ["lan", "lan6"], "requestedIPs": ["10.99.2.77", "fd00:99::77"]}]}),
    (ADDRESS, {"metadata.name": "lan.fd00-0099-0000-0000-0000-0000-0000-0077", "address": "fd00:0099:0000:0000:0000:0000:0000:0077"}),
    (ADDRESS, {"state": "Quarantined", "claim": None}),
    (NODE, {}),
    (EPOCH, {}),
    (RESERVED, {"expires": "2027-01-01T00:00:00Z"}),
]
