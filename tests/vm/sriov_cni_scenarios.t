#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# vm: nics=1 kernel=6.12
"""The five integration scenarios of sriov-cni, on a card instead of a mock: a MAC set and restored, a VLAN set and
restored, the MTU reset, two ADDs of one VF, and an IPAM plugin that takes long while the namespace goes. The
configurations are written for sriov-cni; only the type is another."""
import os
import sys
import threading

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import vfnl
from vfbed import *

MAC = "60:00:00:00:00:E1"
ADDRESS = '{"cniVersion": "0.3.1", "ips": [{"version": "4", "address": "192.0.2.77/24"}]}'


class Scenario:
    """sriov-network on a VF, interface net1, with a foreign IPAM plugin that may take its time."""

    def __init__(self, slow=()):
        self.folder = workdir()
        self.vf = vfs()[0]
        self.before = self.vf.state()
        self.ipam = fake_ipam(self.folder, ADDRESS, wait=slow)
        self.log = os.path.join(self.folder, "sriov.log")

    def conf(self, **keys):
        return {"cniVersion": "0.3.1", "name": "sriov-network", "type": PLUGIN, "ipam": self.ipam,
                "deviceID": self.vf.pci, "logLevel": "debug", "logFile": self.log, **keys}

    def call(self, verb, conf, ns, cid=None):
        return sriov(verb, conf, ns, cid=cid, ifname="net1", path=self.folder)

    def wait_running(self):
        wait_until(lambda: os.path.exists(os.path.join(self.folder, "running")), 20, "the plugin runs")

    def go(self):
        with open(os.path.join(self.folder, "go"), "w") as f:
            f.write("go\n")

    def through(self, verb, conf, ns, cid=None):
        """A call whose plugin waits, with somebody who lets it go."""
        with contextlib.suppress(FileNotFoundError):
            os.unlink(os.path.join(self.folder, "running"))
        thread, out = self.background(verb, conf, ns, cid)
        self.wait_running()
        self.go()
        thread.join(60)
        return expect_ok(out[0])

    def background(self, verb, conf, ns, cid=None):
        out = []
        thread = threading.Thread(target=lambda: out.append(self.call(verb, conf, ns, cid)), daemon=True)
        thread.start()
        return thread, out


@fresh
def a_MAC_is_set_and_restored():
    s, ns = Scenario(), Netns("container_1")
    conf = s.conf(mac=MAC)
    expect_ok(s.call("ADD", conf, ns))
    expect_eq(vfnl.get_link("net1", ns).mac, MAC.lower(), "MAC of net1")
    expect_ok(s.call("DEL", conf, ns))
    expect_restored(s.vf, s.before)


@fresh
def a_VLAN_is_set_and_restored():
    s, ns = Scenario(), Netns("container_1")
    conf = s.conf(mac=MAC, vlan=1234)
    expect_ok(s.call("ADD", conf, ns))
    seen = s.vf.seen()
    expect_eq((seen["vlan"], seen["qos"], seen["proto"]), (1234, 0, "8100"), "VLAN")
    expect_ok(s.call("DEL", conf, ns))
    expect_restored(s.vf, s.before)


@fresh
def the_MTU_is_reset():
    s, ns = Scenario(), Netns("container_1")
    conf = s.conf()
    expect_ok(s.call("ADD", conf, ns))
    ns.ip("link set net1 mtu 1400")  # the pod's own doing
    expect_ok(s.call("DEL", conf, ns))
    expect_eq(s.vf.link.mtu, 1500, "MTU")
    expect_restored(s.vf, s.before)


@fresh
def a_concurrent_ADD_of_the_VF_is_refused():
    s, one, two = Scenario(slow=["ADD"]), Netns("container_1"), Netns("container_2")
    thread, out = s.background("ADD", s.conf(), one)
    s.wait_running()
    expect_error(s.call("ADD", s.conf(), two), 11, s.vf.pci)
    s.go()
    thread.join(60)
    expect_ok(out[0])
    expect(s.vf.in_ns(one), "the first has it")
    expect_ok(s.call("DEL", s.conf(), two))
    expect(s.vf.in_ns(one), "the first still has it")
    expect_ok(s.call("DEL", s.conf(), one))
    expect_restored(s.vf, s.before)


@fresh
def a_DEL_whose_IPAM_takes_long_never_touches_the_next_owner():
    """The container goes with its namespace while the DEL still runs, and another container takes the VF."""
    s, one = Scenario(slow=["DEL"]), Netns("container_1")
    conf = s.conf(vlan=0)
    expect_ok(s.call("ADD", conf, one))
    path = one.path
    thread, out = s.background("DEL", conf, path, "container_1")
    s.wait_running()
    one.remove()
    two = Netns("container_2")
    second = s.conf(vlan=1234)
    answer = s.call("ADD", second, two)
    if answer.code:  # the first one's DEL is not through: the runtime tries again
        expect_error(answer, 11, s.vf.pci)
    s.go()
    thread.join(60)
    expect_ok(out[0])
    if answer.code:
        expect_ok(s.call("ADD", second, two))
    expect_eq(s.vf.seen()["vlan"], 1234, "the new owner's VLAN")
    expect(s.vf.in_ns(two), "the new owner has the VF")
    s.through("DEL", conf, path, "container_1")
    expect_eq(s.vf.seen()["vlan"], 1234, "the new owner's VLAN after another DEL of the old one")
    s.through("DEL", second, two)
    expect_restored(s.vf, s.before)
    expect_no_rows()


main()
