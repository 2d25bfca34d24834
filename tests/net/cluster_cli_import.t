#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""barewire import: pools, reservations and claims of other IPAMs."""
import subprocess
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from bwtest import *

IMPORTS = {
    "host-local": ({"cniVersion": "1.0.0", "name": "lan", "plugins": [{"type": "macvlan", "master": "eth1", "ipam": {
        "type": "host-local", "ranges": [[{"subnet": "10.1.0.0/24", "rangeStart": "10.1.0.10", "rangeEnd": "10.1.0.20",
                                           "gateway": "10.1.0.1"}], [{"subnet": "fd01::/64"}]]}}]},
        [("lan", "10.1.0.0/24", ["10.1.0.10-10.1.0.20"]), ("lan-1", "fd01::/64", ["fd01::1-fd01::ffff:ffff:ffff:ffff"])]),
    "Calico": ({"kind": "IPPool", "metadata": {"name": "blue"}, "spec": {"cidr": "10.2.0.0/24"}},
               [("blue", "10.2.0.0/24", ["10.2.0.1-10.2.0.254"])]),
    "Whereabouts": ({"items": [{"kind": "IPPool", "metadata": {"name": "10.3.0.0-24"}, "spec": {"range": "10.3.0.0/24"}}]},
                    [("10.3.0.0-24", "10.3.0.0/24", ["10.3.0.1-10.3.0.254"])]),
    "Spiderpool": ({"kind": "SpiderIPPool", "metadata": {"name": "red"}, "spec": {
        "subnet": "10.4.0.0/16", "ips": ["10.4.1.1-10.4.1.9"], "excludeIPs": ["10.4.1.5"], "gateway": "10.4.0.1"}},
        [("red", "10.4.0.0/16", ["10.4.1.1-10.4.1.9"])]),
    "DBScale": ({"kind": "Network", "metadata": {"name": "old"}, "spec": {
        "startIP": "10.5.1.1", "endIP": "10.5.1.99", "mask": 16, "route": "10.5.0.1", "vlan": 70}},
        [("old", "10.5.0.0/16", ["10.5.1.1-10.5.1.99"])]),
}


def imports(name):
    source, want = IMPORTS[name]
    path = os.path.join(workdir(), "pool.json")
    with open(path, "w") as f:
        json.dump(source, f)
    p = subprocess.run([os.path.join(BUILD, "kubectl-barewire"), "import", path], capture_output=True, text=True, timeout=20)
    expect_eq(p.returncode, 0, p.stderr)
    got = json.loads(p.stdout)["items"]
    expect_eq([(o["metadata"]["name"], o["spec"]["prefix"], o["spec"]["ranges"]) for o in got], want)


for _name in IMPORTS:
    case("import takes what %s has" % _name, imports, _name)


@test
def import_says_when_there_is_no_pool_in_it():
    path = os.path.join(workdir(), "x.json")
    with open(path, "w") as f:
        f.write("{}")
    p = subprocess.run([os.path.join(BUILD, "barewire"), "import", path], capture_output=True, text=True, timeout=20)
    expect_eq(p.returncode, 1)
    expect_in("no pool of", p.stderr)


main()
