#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# vm: nics=1 kernel=6.12
"""STATUS of barewire-sriov: what keeps a node from taking pods, and what does not."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import vmnic
from vfbed import *


def by_name(**keys):
    return net(None, pf=pfs()[0].name, **keys)


def by_address(**keys):
    return net(None, pf=pfs()[0].pci, **keys)


def by_resource(**keys):
    return net(None, resource={"pfNames": [pfs()[0].name + "#0-6"]}, **keys)


WAYS = (by_name, by_address, by_resource)


@fresh
def all_VFs_held_is_status_0_and_an_ADD_answers_11():
    pods = [Pod(vf, "p%d" % n, IP4 % (10 + n)) for n, vf in enumerate(vfs())]
    ns = Netns("late")
    for way in WAYS:
        expect_ok(sriov("STATUS", way()))
        expect_error(sriov("ADD", way(ips=[IP4 % 50]), ns), 11)
    for pod in pods:
        expect_error(sriov("ADD", net(pod.vf, [IP4 % 50]), ns), 11, pod.vf.pci)
        expect_ok(pod.check())
    pods.pop(3).delete()
    answer = add(by_name(ips=[IP4 % 50]), ns)
    expect_eq(answer.json["interfaces"][0]["pciID"], vfs()[3].pci, "the one that is free")
    delete(by_name(), ns)
    for pod in pods:
        pod.delete()
    expect_no_rows()


@fresh
def a_PF_that_is_up_is_status_0():
    for conf in (*[way() for way in WAYS], net(None), net(vfs()[0])):
        answer = expect_ok(sriov("STATUS", conf))
        expect_eq(answer.out, "", "output")


@fresh
def a_PF_that_is_not_there_is_status_50():
    for conf in (net(None, pf="nope0"), net(None, pf="0000:7f:00.0"), net(None, resource={"pfNames": ["nope0"]})):
        expect_error(sriov("STATUS", conf), 50, conf.get("pf", "nope0"))


@fresh
def a_journal_that_cannot_be_used_is_status_50():
    lose_journal()
    with open(JOURNAL, "w") as f:
        f.write("this is no database, but it is long enough to be taken for one by its size\n" * 100)
    for conf in (net(None), by_name()):
        expect_error(sriov("STATUS", conf), 50, "journal")
    ns = Netns("a")
    before = vfs()[0].state()
    expect_error(sriov("ADD", net(vfs()[0], [IP4 % 5]), ns), None, "journal")
    expect_restored(vfs()[0], before)


@fresh
def a_PF_that_is_down_is_status_51():
    pf = pfs()[0]
    run("ip", "link", "set", pf.name, "down")
    try:
        for way in WAYS:
            expect_error(sriov("STATUS", way()), 51, pf.name)
    finally:
        vmnic.up(pf.name)
    for way in WAYS:
        expect_ok(sriov("STATUS", way()))


@fresh
def a_PF_whose_driver_is_gone_is_status_50():
    pf = pfs()[0]
    confs = [way() for way in WAYS]
    write("/sys/bus/pci/drivers/igb/unbind", pf.pci)
    try:
        for conf in confs:
            expect_error(sriov("STATUS", conf), 50)
    finally:
        pf.bind()
        pf.renew(7)


@fresh
def a_PF_without_VFs_is_no_error_of_STATUS_but_of_ADD():
    # Somebody may create them any moment; nothing that runs is hurt.
    pf, ns = pfs()[0], Netns("a")
    pf.remove()
    try:
        expect_error(sriov("ADD", by_name(ips=[IP4 % 5]), ns), None, pf.name)
        expect_no_rows()
    finally:
        pf.renew(7)


main()
