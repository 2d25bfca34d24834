#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Names that are in a VF's way, in the container or at home; what a container builds on its VF; a namespace that
# lost its name and lives; DELs of containers that never had the VF.
import os
import sys
import time
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from vmnic import *

NET = {"cniVersion": "1.1.0", "name": "db", "type": "barewire-sriov",
       "ipam": {"type": "barewire-ipam", "ranges": [[{"subnet": "10.1.0.0/24", "gateway": "10.1.0.1"}]]}}
IFNAME = "net1"


def vf_cni(verb, conf, netns, **keys):
    return cni(verb, conf, netns, ifname=IFNAME, plugin="barewire-sriov", **keys)


def bed(**keys):
    """A VF under a name of its own, a container, a configuration."""
    vf = Pf().create(2)[0]
    for name in vf.device()["altnames"]:
        run("ip", "link", "property", "del", "dev", vf.name, "altname", name)
    if vf.name != "home0":
        run("ip", "link", "set", vf.name, "name", "home0")
    return vf, Netns("a"), {**NET, "deviceID": vf.pci, "vlan": 7, **keys}


def there_and_back(vf, ns, conf, inside=()):
    before = vf.snapshot()
    answer = expect_ok(vf_cni("ADD", conf, ns))
    for command in inside:
        ns.ip(command)
    if not inside:
        expect_ok(vf_cni("CHECK", {**conf, "prevResult": answer.json}, ns))
    expect_ok(vf_cni("DEL", conf, ns))
    return before


@test
def another_name_that_is_the_interfaces_comes_back():
    vf, ns, conf = bed()
    run("ip", "link", "property", "add", "dev", "home0", "altname", IFNAME, "altname", "enp1s0v0")
    expect_same(there_and_back(vf, ns, conf), vf.snapshot())


@test
def its_name_at_home_may_be_taken_in_the_container():
    vf, ns, conf = bed()
    ns.ip("link add home0 type dummy")
    expect_same(there_and_back(vf, ns, conf), vf.snapshot())
    ns.ip("link del home0")
    ns.ip("link add d0 type dummy")
    ns.ip("link property add dev d0 altname home0")
    expect_same(there_and_back(vf, ns, conf), vf.snapshot())


def refused(what):
    vf, ns, conf = bed(trust="on", mac="02:00:00:00:00:05")
    ns.ip("link add %s type dummy" % ("d0" if what != "name" else IFNAME))
    if what == "altname":
        ns.ip("link property add dev d0 altname " + IFNAME)
    if what == "own altname":
        run("ip", "link", "property", "add", "dev", "home0", "altname", "enp1s0v0")
        ns.ip("link property add dev d0 altname enp1s0v0")
    before = vf.snapshot()
    expect_error(vf_cni("ADD", conf, ns), 7, "already")
    expect_same(before, vf.snapshot())
    expect_ok(vf_cni("DEL", conf, ns))
    expect_same(before, vf.snapshot())


case("a name that the container has is refused", refused, "name")
case("another name that the container has is refused", refused, "altname")
case("another name of the VF that the container has is refused", refused, "own altname")


@test
def a_name_that_was_taken_at_home_keeps_nothing_else_back():
    vf, ns, conf = bed()
    before = vf.snapshot()
    expect_ok(vf_cni("ADD", conf, ns))
    run("ip", "link", "add", "home0", "type", "dummy")
    expect_ok(vf_cni("DEL", conf, ns))
    run("ip", "link", "del", "home0")
    expect(vf.name, "the VF is on the host")
    run("ip", "link", "set", vf.name, "name", "home0")
    expect_same(before, vf.snapshot())


@test
def what_the_container_built_on_it_is_left_behind():
    vf, ns, conf = bed(trust="on")
    expect_same(there_and_back(vf, ns, conf, (
        "link add br0 type bridge", "link set net1 master br0", "link add link net1 name net1.5 type vlan id 5",
        "link set net1 down", "link set net1 name foo", "link property add dev foo altname home1 altname bar",
        "link set foo mtu 1300", "link set foo up", "addr add 10.9.9.9/24 dev foo")), vf.snapshot())


@test
def a_namespace_without_a_name_that_lives_keeps_its_vf():
    vf, ns, conf = bed(mtu=1400, mac="02:00:00:00:00:01")
    before = vf.snapshot()
    expect_ok(vf_cni("ADD", conf, ns))
    keeper = ns.popen("sleep", "600")
    wait_until(lambda: os.readlink("/proc/%d/ns/net" % keeper.pid) != os.readlink("/proc/self/ns/net"), 10, "the process")
    run("ip", "netns", "del", ns.name)
    expect_error(vf_cni("DEL", conf, "", cid="a"), 11, vf.pci)
    other = Netns("z")
    expect_error(vf_cni("ADD", conf, other), 11, vf.pci, "namespace of container a")
    expect_ok(vf_cni("DEL", conf, other))
    expect_error(vf_cni("DEL", conf, "", cid="a"), 11, vf.pci)
    keeper.kill()
    keeper.wait()
    expect_ok(vf_cni("DEL", conf, "", cid="a"))
    expect_same(before, vf.snapshot())
    expect_ok(vf_cni("ADD", conf, other))
    expect_ok(vf_cni("DEL", conf, other))
    expect_same(before, vf.snapshot())


@test
def a_del_of_a_container_without_the_vf_does_not_wait_for_it():
    vf, ns, conf = bed()
    answer = expect_ok(vf_cni("ADD", conf, ns))
    start = time.monotonic()
    expect_ok(vf_cni("DEL", conf, "", cid="old"))
    expect_ok(vf_cni("DEL", conf, "/run/netns/gone", cid="old"))
    expect(time.monotonic() - start < 6, "took %.1f s" % (time.monotonic() - start))
    expect_ok(vf_cni("CHECK", {**conf, "prevResult": answer.json}, ns))
    expect_ok(vf_cni("DEL", conf, ns))


main()
