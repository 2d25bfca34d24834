#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# vm: nics=2 kernel=6.12
"""Which VF barewire-sriov takes when nobody names one: by pf, resource and numaNode, spread over the PFs, never
one that somebody has, and what it says when there is none."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import vmnic
from vfbed import *


def net_of(**keys):
    return net(None, **keys)


def taken(answer):
    """The VF that ADD says it took, as (PF, index)."""
    pci = answer.json["interfaces"][0]["pciID"]
    for p, pf in enumerate(pfs()):
        for vf in pf.vfs():
            if vf.pci == pci:
                return p, vf.index
    raise Failed("no VF of this node: %s" % answer)


def take(conf, name):
    return taken(add(conf, Netns(name)))


def chosen(expected, **keys):
    conf = net_of(**keys)
    ns = Netns("a")
    answer = add(conf, ns)
    expect_eq(taken(answer), expected)
    expect(vfs(expected[0])[expected[1]].in_ns(ns), "the VF is not in the pod")
    expect_ok(check(conf, answer, ns))
    delete(conf, ns)
    expect_no_rows()


def choice(name, expected, **keys):
    fresh_case(name, lambda: chosen(expected, **keys))


PF0, PF1 = pfs()
choice("pf by name", (1, 0), pf="pf1")
choice("pf by PCI address, in either case", (1, 0), pf=PF1.pci.upper())
choice("pf as a list: the first one first", (1, 0), pf=["pf1", "pf0"])
choice("pf as a list with one that is not on this node", (1, 0), pf=["ens9f9", "pf1"])
choice("resource by pfNames with ranges", (1, 3), resource={"pfNames": ["pf1#3-4,6"]})
choice("resource by rootDevices", (1, 5), resource={"rootDevices": [PF1.pci + "#5"]})
choice("resource by pciAddresses", (0, 6), resource={"pciAddresses": [vfs(0)[6].pci]})
choice("resource by vendors, devices and drivers", (0, 0),
       resource={"vendors": ["8086"], "devices": ["10CA"], "drivers": ["igbvf"]})
choice("resource as the device plugin's map has it", (1, 2),
       resource={"resourceName": "db", "selectors": [{"vendors": ["15b3"]}, {"pfNames": ["pf1#2"]}]})
choice("pf and resource: both must fit", (1, 0), pf="pf1", resource={"drivers": ["igbvf"]})
choice("numaNode is a wish", (0, 0), pf=["pf0", "pf1"], numaNode=7)
choice("runtimeConfig.deviceID names one", (1, 4), runtimeConfig={"deviceID": vfs(1)[4].pci})
choice("deviceID before pf", (0, 3), deviceID=vfs(0)[3].pci, pf="pf1")


@fresh
def VFs_spread_over_the_PFs():
    conf = net_of(resource={"pfNames": ["pf0", "pf1"]})
    expect_eq([take(conf, "p%d" % n) for n in range(4)], [(0, 0), (1, 0), (0, 1), (1, 1)])


@fresh
def the_one_that_was_given_back_is_the_next():
    conf = net_of(pf="pf0")
    expect_eq([take(conf, "p%d" % n) for n in range(3)], [(0, 0), (0, 1), (0, 2)])
    delete(conf, Netns._all["p1"])
    expect_eq(take(conf, "q"), (0, 1))


@fresh
def what_has_no_driver_or_is_elsewhere_is_left_alone():
    away = Netns("away")
    write(vfs(0)[0].path + "/driver/unbind", vfs(0)[0].pci)
    vfs(0)[1].move(away, "theirs")
    before = vfs(0)[1].in_ns(away).stable()
    expect_eq(take(net_of(pf="pf0"), "a"), (0, 2))
    expect_same({"link": [str(before)]}, {"link": [str(vfs(0)[1].in_ns(away).stable())]})


@fresh
def all_VFs_held_is_error_11_and_says_who_has_them():
    conf = net_of(pf="pf0")
    for n in range(vmnic.VFS_MAX):
        take(conf, "p%d" % n)
    answer = expect_refused(conf, Netns("late"), 11, "pf", "7 are held")
    expect_in("p0/eth0", answer.json["details"])
    expect_in("4", answer.json["details"])
    expect_ok(sriov("STATUS", conf))  # a node that is full is no node that is broken
    expect_refused(net_of(resource={"pfNames": ["pf0"]}), Netns("later"), 11, "resource", "7 are held")


@fresh
def a_dead_holders_VF_is_taken_when_nothing_is_free():
    conf = net_of(pf="pf0", vlan=77)
    before = vfs(0)[4].state()
    for n in range(vmnic.VFS_MAX):
        take(conf, "p%d" % n)
    Netns._all["p4"].remove()
    vfs(0)[4].wait_home()
    ns = Netns("heir")
    expect_eq(taken(add(conf, ns)), (0, 4))
    delete(conf, ns)
    expect_restored(vfs(0)[4], before)


@fresh
def several_ADDs_at_once_take_different_VFs():
    conf = net_of(pf="pf0")
    data = json.dumps(conf).encode()
    running = []
    for n in range(vmnic.VFS_MAX):
        env = cni_env("ADD", Netns("p%d" % n))
        running.append(subprocess.Popen([os.path.join(BUILD, PLUGIN)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE, env=env))
    for p in running:  # all have begun before the first gets its configuration
        p.stdin.write(data)
        p.stdin.close()
    got = []
    for p in running:
        out, errors = p.stdout.read(), p.stderr.read()
        expect_eq(p.wait(60), 0, "%s\n%s" % (out.decode(), errors.decode()))
        got.append(json.loads(out)["interfaces"][0]["pciID"])
    expect_eq(sorted(got), sorted(vf.pci for vf in vfs(0)))
    expect_eq(sorted(holds()), sorted(got))


def no_way(name, code, *words, **keys):
    fresh_case(name, lambda: expect_refused(net_of(**keys), Netns("a"), code, *words))


no_way("no such PF: says which there are", 7, "pf", "ens9f9", "pf0", "pf1", "7 VFs", pf="ens9f9")
no_way("a device without VFs", 7, "pf", "peer0", "pf0", pf="peer0")
no_way("no VF matches: says what there is", 7, "resource", "8086:10ca igbvf", "pf0",
       resource={"vendors": ["15b3"]})
no_way("a range beyond the VFs", 7, "resource", "matches", resource={"pfNames": ["pf0#7-9"]})
no_way("no such VF", 7, "0000:7f:10.0", deviceID="0000:7f:10.0")
no_way("a PF is no VF", 7, PF0.pci, deviceID=PF0.pci)


@fresh
def a_PF_without_VFs_says_so():
    try:
        PF1.remove()
        expect_refused(net_of(pf="pf1"), Netns("a"), 7, "pf", "no VFs have been made", "pf1")
        expect_eq(take(net_of(pf=["pf1", "pf0"]), "b"), (0, 0))
    finally:
        Netns.remove_all()
        PF1.renew(vmnic.VFS_MAX)


main()
