#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# The guest itself: the kernel, the programs, the card with its VFs and the wire outside.
# vm: kernel=6.12
import os, sys
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from vmnic import *


@test
def the_kernel_is_of_the_series_asked_for():
    expect(os.uname().release.startswith("6.12."), os.uname().release)


@test
def the_programs_run():
    expect_in("1.1.0", cni("VERSION", {"cniVersion": "1.1.0", "name": "n", "type": "barewire-bridge"}).out)


@test
def seven_vfs_appear():
    vfs = Pf().create(7)
    expect_eq([vf.driver for vf in vfs], ["igbvf"] * 7, "drivers")
    expect_eq(len(set(vf.name for vf in vfs)), 7, "names")


@test
def two_vfs_reach_each_other_and_the_wire():
    vfs = Pf().create(7)
    a, b, outside = Netns("a"), Netns("b"), Peer(addresses=["10.1.0.9/24"])
    for n, (vf, ns) in enumerate(((vfs[0], a), (vfs[1], b)), 1):
        vf.move(ns)
        ns.ip("addr add 10.1.0.%d/24 dev eth0" % n)
        ns.ip("link set eth0 up")
    expect(ping(a, "10.1.0.2", 5), "no answer from the other VF")
    expect(ping(a, "10.1.0.9", 5), "no answer from outside")
    outside.remove()


@test
def a_vf_is_as_it_was_after_its_namespace_died():
    vf = Pf().create(7)[2]
    before = vf.snapshot()
    ns, name = Netns("c"), vf.name
    vf.move(ns, name)
    expect_eq(vf.name, None, "name in the host")
    ns.remove()
    vf.wait_home()
    expect_same(before, vf.snapshot())


main()
