#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""barewire-ipam as others meet it: a host-local configuration with another type, and as the delegate of the
reference macvlan, ipvlan, ptp, bridge and host-device."""
import copy
import functools
import json
import os
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from bwtest import *  # noqa: E402,F403

IPAM = "barewire-ipam"


def fresh(fn):
    """A test that finds neither journal nor host-local's files."""
    @functools.wraps(fn)
    def run_fresh(*args):
        for folder in ("/var/lib/barewire", "/var/lib/cni"):
            shutil.rmtree(folder, ignore_errors=True)
        return fn(*args)
    return run_fresh


# Configurations written for host-local, with the calls that are made of each.
HOST_LOCAL = {
    "one range": {"ranges": [[{"subnet": "10.1.0.0/29"}]]},
    "the old keys": {"subnet": "10.1.0.0/24", "rangeStart": "10.1.0.10", "rangeEnd": "10.1.0.12",
                     "gateway": "10.1.0.254"},
    "two families, routes, dns": {"ranges": [[{"subnet": "10.1.0.0/24"}], [{"subnet": "fd00::/64", "gateway": "fd00::ff"}]],
                                  "routes": [{"dst": "0.0.0.0/0"}, {"dst": "10.9.0.0/16", "gw": "10.1.0.3", "mtu": 1400, "priority": 7},
                                             {"dst": "::/0"}],
                                  "resolvConf": "/run/resolv.conf"},
    "ranges of a set in any order": {"ranges": [[{"subnet": "10.2.0.0/30"}, {"subnet": "10.1.0.0/30"}]]},
    "start at the gateway": {"ranges": [[{"subnet": "10.1.0.0/29", "rangeStart": "10.1.0.3", "gateway": "10.1.0.3"}]]},
    "a large range": {"ranges": [[{"subnet": "fd00::/48"}]]},
}


def conf(ipam_type, ipam, version="1.0.0", **more):
    return dict({"cniVersion": version, "name": "net1", "type": "any",
                 "ipam": dict(copy.deepcopy(ipam), type=ipam_type)}, **more)


def both(verb, ipam, ns, cid, version="1.1.0", env=None, **more):
    """The same call to host-local and to ours; nothing but the type differs."""
    ref = cni(verb, conf("host-local", ipam, version, **more), ns, cid, args=env, plugin=reference("host-local"))
    own = cni(verb, conf(IPAM, ipam, version, **more), ns, cid, args=env, plugin=IPAM)
    expect_eq(own.code, ref.code, "exit of %s %s\n%s\n%s" % (verb, cid, ref, own))
    if ref.code == 0 and verb == "ADD":
        # An empty dns may be there or not.
        expect_eq(dict(own.json, dns=own.json.get("dns", {})), dict(ref.json, dns=ref.json.get("dns", {})), "result of %s %s" % (verb, cid))
    return own


@fresh
def same_as_host_local(ipam):
    with open("/run/resolv.conf", "w") as f:
        f.write("nameserver 10.0.0.1\nsearch a.b c.d\noptions ndots:2\n")
    ns = Netns("a")
    for i in range(8):  # small pools are exhausted by this
        both("ADD", ipam, ns, "c%d" % i)
    for i in (1, 4, 2):
        both("DEL", ipam, ns, "c%d" % i)
        both("DEL", ipam, ns, "c%d" % i)
    for i in range(8, 12):
        both("ADD", ipam, ns, "c%d" % i)
    both("ADD", ipam, ns, "c9")
    for i in range(12):
        both("DEL", ipam, ns, "c%d" % i)


for _name, _ipam in HOST_LOCAL.items():
    case("host-local's configuration works by its type: " + _name, same_as_host_local, _ipam)


@test
@fresh
def declared_addresses_and_the_cursor_are_as_with_host_local():
    ipam = {"ranges": [[{"subnet": "10.1.0.0/24"}], [{"subnet": "fd00::/64"}]]}
    ns = Netns("a")
    both("ADD", ipam, ns, "c1", env="IP=10.1.0.7")
    both("ADD", ipam, ns, "c2")
    both("ADD", ipam, ns, "c3", runtimeConfig={"ips": ["10.1.0.20/24", "fd00::20/64"]})
    both("ADD", ipam, ns, "c4", env="IgnoreUnknown=1;X=1")
    both("ADD", ipam, ns, "c5", args={"cni": {"ips": ["10.1.0.30"]}})
    for bad in ("10.1.0.7", "10.1.0.1", "10.9.0.1"):
        both("ADD", ipam, ns, "c6", env="IP=" + bad)


@test
@fresh
def runtime_ranges_come_first_as_with_host_local():
    ipam = {"ranges": [[{"subnet": "10.1.0.0/24"}]]}
    both("ADD", ipam, Netns("a"), "c1", runtimeConfig={"ipRanges": [[{"subnet": "10.7.0.0/24"}]]})


@fresh
def old_version(version):
    both("ADD", {"ranges": [[{"subnet": "10.1.0.0/24"}]], "routes": [{"dst": "0.0.0.0/0"}]}, Netns("a"), "c1", version=version)


for _v in ("0.2.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"):
    case("result as host-local's in version " + _v, old_version, _v)


# As a delegate.

POOL = {"type": IPAM, "ranges": [[{"subnet": "10.1.0.0/24"}], [{"subnet": "fd00::/64"}]]}


def delegate_conf(plugin, **more):
    return dict({"cniVersion": "1.0.0", "name": "net1", "type": plugin, "ipam": dict(POOL)}, **more)


def make_master(name="m0"):
    run("ip link add %s type veth peer name %s-peer" % (name, name))
    run("ip link set %s up" % name)
    run("ip link set %s-peer up" % name)
    return name


def path_of_both(plugin):
    return os.path.dirname(reference(plugin)) + ":" + BUILD


def attach(plugin, c, ns, args="IgnoreUnknown=1;IP=10.1.0.7"):
    return cni("ADD", c, ns, args=args, plugin=reference(plugin), path=path_of_both(plugin))


def life_of(plugin, c):
    """ADD, CHECK, DEL with nothing but the journal's file left."""
    ns = Netns("a")
    added = attach(plugin, c, ns)
    expect_ok(added)
    expect_eq([ip.split("/")[0] for ip in added.ips], ["10.1.0.7", "fd00::2"])
    expect_in("10.1.0.7", " ".join(ns.addrs()))
    expect_eq(len([r for r in journal_rows() if r.startswith("address ")]), 2, "addresses in the journal")
    other = Netns("b")
    refused = attach(plugin, c, other)
    expect_error(refused, 11, "10.1.0.7 is held by container a")
    expect_eq(len([r for r in journal_rows() if r.startswith("attachment ")]), 1, "attachments after the refusal")
    if plugin != "host-device":
        expect_ok(cni("CHECK", dict(c, prevResult=added.json), ns, plugin=reference(plugin), path=path_of_both(plugin)))
    for _ in range(2):
        expect_ok(cni("DEL", c, ns, plugin=reference(plugin), path=path_of_both(plugin)))
    expect_eq(journal_rows(tables=("attachment", "address", "used")), [])


@test
@fresh
def delegate_of_macvlan():
    life_of("macvlan", delegate_conf("macvlan", master=make_master()))


@test
@fresh
def delegate_of_ptp():
    life_of("ptp", delegate_conf("ptp"))


@test
@fresh
def delegate_of_bridge():
    life_of("bridge", delegate_conf("bridge", bridge="br-d", isGateway=True))


@test
@fresh
def delegate_of_ipvlan():
    master = make_master("m1")
    if "supported" in run("sh", "-c", "ip link add ipvl0 link m1 type ipvlan 2>&1 || :").lower() or \
            "Unknown device type" in run("sh", "-c", "ip link add ipvl1 link m1 type ipvlan 2>&1 || :"):
        raise Skip("this kernel has no ipvlan")
    run("ip link del ipvl0")
    life_of("ipvlan", delegate_conf("ipvlan", master=master))


@test
@fresh
def delegate_of_host_device():
    ns = Netns("a")
    make_master("h0")
    c = delegate_conf("host-device", device="h0")
    expect_ok(attach("host-device", c, ns))
    expect_in("10.1.0.7/24", ns.addrs())
    expect_ok(cni("DEL", c, ns, plugin=reference("host-device"), path=path_of_both("host-device")))
    expect_eq(journal_rows(tables=("attachment", "address", "used")), [])


@test
@fresh
def killed_sandbox_does_not_lock_its_unit_out():
    """No DEL ever comes; the next container of the same Unit gets the address at once, and a late DEL frees nothing."""
    c = delegate_conf("macvlan", master=make_master("m2"))
    old = Netns("a")
    expect_ok(attach("macvlan", c, old))
    old.remove()
    new = Netns("b")
    expect_eq(expect_ok(attach("macvlan", c, new)).ips[0], "10.1.0.7/24")
    expect_ok(cni("DEL", c, "/run/netns/a", cid="a", plugin=reference("macvlan"), path=path_of_both("macvlan")))
    third = Netns("c")
    expect_error(attach("macvlan", c, third), 11, "held by container b")
    expect_ok(cni("DEL", c, new, plugin=reference("macvlan"), path=path_of_both("macvlan")))


@test
@fresh
def other_namespace_under_the_same_path_is_another_container():
    c = conf(IPAM, {"ranges": [[{"subnet": "10.1.0.0/24"}]]})
    ns = Netns("a")
    expect_ok(cni("ADD", c, ns, cid="c1", args="IP=10.1.0.7", plugin=IPAM))
    ns.remove()
    expect_ok(cni("ADD", c, Netns("a"), cid="c2", args="IP=10.1.0.7", plugin=IPAM))


@test
@fresh
def reboot_frees_what_it_killed():
    c = conf(IPAM, {"ranges": [[{"subnet": "10.1.0.0/30"}]]})
    ns = Netns("a")
    expect_ok(cni("ADD", c, ns, cid="c1", plugin=IPAM))
    expect_error(cni("ADD", c, ns, cid="c2", plugin=IPAM), 11, "no address is free")
    with open("/run/boot_id", "w") as f:
        f.write("00000000-0000-4000-8000-00000000000b\n")
    boot = {"BAREWIRE_BOOT_ID_FILE": "/run/boot_id"}
    expect_ok(cni("ADD", c, ns, cid="c2", plugin=IPAM, extra=boot))
    expect_ok(cni("DEL", c, ns, cid="c1", plugin=IPAM, extra=boot))
    expect_error(cni("ADD", c, ns, cid="c3", plugin=IPAM, extra=boot), 11, "no address is free")


@test
@fresh
def gc_collects_this_network_and_needs_its_list():
    c = conf(IPAM, {"ranges": [[{"subnet": "10.1.0.0/24"}]]}, version="1.1.0")
    other = dict(copy.deepcopy(c), name="net2")
    ns = Netns("a")
    for cid in ("c1", "c2"):
        expect_ok(cni("ADD", c, ns, cid=cid, plugin=IPAM))
    expect_ok(cni("ADD", other, ns, cid="c3", plugin=IPAM))
    expect_error(cni("GC", c, plugin=IPAM), 7)
    expect_ok(cni("GC", dict(c, **{"cni.dev/valid-attachments": [{"containerID": "c2", "ifname": "eth0"}]}), plugin=IPAM))
    left = [r for r in journal_rows() if r.startswith("attachment ")]
    expect_eq(len(left), 2)
    expect_ok(cni("GC", dict(c, **{"cni.dev/valid-attachments": []}), plugin=IPAM))
    expect_in("c3", "".join(r for r in journal_rows() if r.startswith("attachment ")))


@test
@fresh
def damaged_journal_stops_add_and_status_but_never_del():
    c = conf(IPAM, {"ranges": [[{"subnet": "10.1.0.0/24"}]]}, version="1.1.0")
    ns = Netns("a")
    os.makedirs("/var/lib/barewire", exist_ok=True)
    with open(JOURNAL, "w") as f:
        f.write("this was a journal once, and now it is a text that is long enough to be looked at\n" * 99)
    expect_error(cni("ADD", c, ns, cid="c1", plugin=IPAM), 999, "journal.db", "barewire ipam repair")
    expect_error(cni("STATUS", c, plugin=IPAM), 50, "journal.db")
    expect_ok(cni("DEL", c, ns, cid="c1", plugin=IPAM))
    run(os.path.join(BUILD, "barewire"), "ipam", "repair")
    expect_ok(cni("STATUS", c, plugin=IPAM))
    expect_ok(cni("ADD", c, ns, cid="c1", plugin=IPAM))
    for f in os.listdir("/var/lib/barewire"):
        os.unlink(os.path.join("/var/lib/barewire", f))


@test
@fresh
def exhaustion_is_no_matter_of_status():
    c = conf(IPAM, {"ranges": [[{"subnet": "10.1.0.0/30"}]]}, version="1.1.0")
    ns = Netns("a")
    expect_ok(cni("ADD", c, ns, cid="c1", plugin=IPAM))
    expect_error(cni("ADD", c, ns, cid="c2", plugin=IPAM), 11)
    expect_ok(cni("STATUS", c, plugin=IPAM))


@test
@fresh
def check_finds_and_repair_removes_what_no_longer_exists():
    c = conf(IPAM, {"ranges": [[{"subnet": "10.1.0.0/24"}]]})
    tool = os.path.join(BUILD, "barewire")
    ns = Netns("a")
    expect_ok(cni("ADD", c, ns, cid="c1", plugin=IPAM))
    expect_ok(cni("ADD", c, Netns("b"), cid="c2", plugin=IPAM))
    ns.remove()
    expect_in('"gone"', run(tool, "ipam", "show", "-o", "json"))
    p = subprocess.run([tool, "ipam", "check"], capture_output=True, text=True)
    expect_eq(p.returncode, 1)
    expect_in("container c1 eth0 (network net1) no longer exists", p.stdout)
    expect_in("1 of containers that no longer exist were removed", run(tool, "ipam", "repair"))
    expect_in("is sound", run(tool, "ipam", "check"))
    expect_eq(len([r for r in journal_rows() if r.startswith("address ")]), 1)


@test
@fresh
def people_see_who_holds_what():
    c = conf(IPAM, {"ranges": [[{"subnet": "10.1.0.0/24"}]]})
    tool = os.path.join(BUILD, "barewire")
    expect_ok(cni("ADD", c, Netns("a"), cid="c1", plugin=IPAM,
                  args="IgnoreUnknown=1;K8S_POD_NAMESPACE=db;K8S_POD_NAME=redis-0;IP=10.1.0.7"))
    rows = json.loads(run(tool, "ipam", "show", "-o", "json"))["addresses"]
    expect_eq([(r["address"], r["state"], r["pod"], r["network"]) for r in rows], [("10.1.0.7", "live", "db/redis-0", "net1")])
    expect_in("db/redis-0", run(tool, "ipam", "who", "10.1.0.7"))
    expect_in("held by nobody", run(tool, "ipam", "who", "10.1.0.8", check=False))
    expect_in("is sound", run(tool, "ipam", "check"))
    expect_eq(json.loads(run(tool, "ipam", "check", "-o", "json")), {"findings": [], "notes": [], "sound": True})
    for bad in (["ipam"], ["ipam", "nothing"], ["ipam", "who"], ["ipam", "who", "x"], ["ipam", "show", "--what"]):
        p = subprocess.run([tool, *bad], capture_output=True, text=True)
        expect(p.returncode not in (0, 1) and "barewire" in p.stderr, "%s: %s" % (bad, p))
    expect_in("usage: barewire ipam who ADDRESS", run(tool, "ipam", "who", "--help"))


main()
