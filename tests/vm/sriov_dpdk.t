#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# vm: nics=1 kernel=6.12 iommu=1
"""A VF of user space: bound to vfio-pci behind an IOMMU. What the PF has is set and given back, the address is
reserved and reported, and nothing is moved."""
import contextlib
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from vfbed import *

OURS = "02:77:00:00:00:0d"


@contextlib.contextmanager
def vfio(vf):
    """That VF on vfio-pci, and back on its network driver."""
    run("modprobe", "vfio-pci")
    group = os.path.basename(os.path.realpath(vf.path + "/iommu_group"))
    write(vf.path + "/driver_override", "vfio-pci")
    write(vf.path + "/driver/unbind", vf.pci)
    write("/sys/bus/pci/drivers_probe", vf.pci)
    expect_eq(vf.driver, "vfio-pci")
    expect(os.path.exists("/dev/vfio/" + group), "no /dev/vfio/%s" % group)
    try:
        yield vf
    finally:
        write(vf.path + "/driver_override", "\n")
        write(vf.path + "/driver/unbind", vf.pci)
        write("/sys/bus/pci/drivers_probe", vf.pci)
        vf.wait_home()


def pf_side(vf):
    """What the PF shows and which driver has it: all there is of such a VF."""
    return {"pf": ["%s: %s" % kv for kv in vf.seen().items()],
            "driver": [vf.driver, read(vf.path + "/driver_override")]}


def expect_as(vf, before):
    expect_same(before, pf_side(vf), repr(vf))


def opens(vf):
    """Whether a process could use it: its group opens, and is viable."""
    group = os.path.basename(os.path.realpath(vf.path + "/iommu_group"))
    fd = os.open("/dev/vfio/" + group, os.O_RDWR)
    try:
        import fcntl, struct
        status = bytearray(struct.pack("II", 8, 0))
        fcntl.ioctl(fd, 0x3b67, status)  # VFIO_GROUP_GET_STATUS of linux/vfio.h
        return bool(struct.unpack("II", status)[1] & 1)
    finally:
        os.close(fd)


@fresh
def from_ADD_to_DEL():
    with vfio(vfs()[0]) as vf:
        before, ns = pf_side(vf), Netns("a")
        pod = pod_state(ns)
        conf = net(vf, [IP4 % 5], vlan=100, vlanQoS=2, mac=OURS, spoofchk="off", trust="on", max_tx_rate=200)
        answer = add(conf, ns)
        seen = vf.seen()
        expect_eq([seen[k] for k in ("vlan", "qos", "mac", "spoofchk", "trust", "max_tx_rate")],
                  [100, 2, OURS, 0, 1, 200])
        interface = answer.json["interfaces"][0]
        expect_eq([interface.get(k) for k in ("name", "pciID", "mac")], ["eth0", vf.pci, OURS])
        expect_eq(answer.ips, [IP4 % 5])
        expect_same(pod, pod_state(ns), "the pod")
        expect_eq(vf.driver, "vfio-pci")
        expect(opens(vf), "the VF's group cannot be used")
        expect_eq(holds(), {vf.pci: "a"})
        expect_ok(check(conf, answer, ns))
        delete(conf, ns)
        expect_as(vf, before)
        expect_no_rows()


@fresh
def without_a_MAC_nothing_is_set_and_none_invented():
    with vfio(vfs()[0]) as vf:
        before, ns = pf_side(vf), Netns("a")
        conf = net(vf, [IP4 % 5])
        answer = add(conf, ns)
        expect_as(vf, before)
        mac = vf.seen()["mac"]
        expect_eq(answer.json["interfaces"][0].get("mac"), None if mac == "00:00:00:00:00:00" else mac)
        delete(conf, ns)
        expect_as(vf, before)


@fresh
def the_address_is_reserved():
    with vfio(vfs()[0]) as vf:
        ns, other = Netns("a"), vfs()[1]
        conf = net(vf, [IP4 % 5])
        add(conf, ns)
        expect_refused(net(other, [IP4 % 5]), Netns("b"), 11, "10.77.0.5", vf=other)
        delete(conf, ns)
        Pod(other, "c", IP4 % 5).delete()


@fresh
def keys_of_an_interface_do_no_harm():
    with vfio(vfs()[0]) as vf:
        before, ns = pf_side(vf), Netns("a")
        conf = net(vf, [IP4 % 5], mtu=1400, announce=True, probe="enforce")
        expect_ok(check(conf, add(conf, ns), ns))
        delete(conf, ns)
        expect_as(vf, before)


@fresh
def CHECK_names_what_the_PF_no_longer_has():
    with vfio(vfs()[0]) as vf:
        before, ns = pf_side(vf), Netns("a")
        conf = net(vf, [IP4 % 5], vlan=100)
        answer = add(conf, ns)
        vf.set("vlan", 7)
        expect_error(check(conf, answer, ns), 7, "VLAN is 7", "100")
        delete(conf, ns)
        expect_as(vf, before)


@fresh
def a_refused_key_leaves_the_VF_as_it_was():
    with vfio(vfs()[0]) as vf:
        before = pf_side(vf)
        expect_error(sriov("ADD", net(vf, [IP4 % 5], vlan=9, link_state="enable"), Netns("a")), 2, "link_state")
        expect_as(vf, before)
        expect_no_rows()


@fresh
def a_held_one_is_error_11():
    with vfio(vfs()[0]) as vf:
        a, conf = Netns("a"), net(vf, [IP4 % 5], vlan=100)
        add(conf, a)
        now = pf_side(vf)
        expect_error(sriov("ADD", net(vf, [IP4 % 6]), Netns("b")), 11, vf.pci)
        expect_as(vf, now)
        delete(conf, a)


@fresh
def DEL_with_the_namespace_gone_gives_it_back():
    with vfio(vfs()[0]) as vf:
        before, ns = pf_side(vf), Netns("a")
        conf = net(vf, [IP4 % 5], vlan=100, mac=OURS, trust="on")
        add(conf, ns)
        ns.remove()
        delete(conf, None, cid="a")
        expect_as(vf, before)
        expect_no_rows()


@fresh
def a_dead_holders_VF_is_taken_over_with_the_first_originals():
    with vfio(vfs()[0]) as vf:
        before, a, b = pf_side(vf), Netns("a"), Netns("b")
        add(net(vf, [IP4 % 5], vlan=100, max_tx_rate=100), a)
        a.remove()
        conf = net(vf, [IP4 % 6], vlan=200)
        add(conf, b)
        expect_eq((vf.seen()["vlan"], vf.seen()["max_tx_rate"]), (200, 0))
        delete(conf, b)
        expect_as(vf, before)


@fresh
def a_selector_that_names_the_driver_takes_it_and_no_other_does():
    with vfio(vfs()[0]) as vf:
        a, b = Netns("a"), Netns("b")
        plain, named = net(None, [IP4 % 5], pf="pf0"), net(None, [IP4 % 6], pf="pf0", resource={"drivers": ["vfio-pci"]})
        expect_eq(add(plain, a).json["interfaces"][0]["pciID"], vfs()[1].pci)
        expect_eq(add(named, b).json["interfaces"][0]["pciID"], vf.pci)
        expect_error(sriov("ADD", net(None, [IP4 % 7], pf="pf0", resource={"drivers": ["vfio-pci"]}), Netns("c")), 11, "resource")
        delete(plain, a)
        delete(named, b)
        expect_no_rows()


@fresh
def a_bond_refuses_it():
    with vfio(vfs()[0]) as vf:
        before = pf_side(vf)
        bond = {"deviceIDs": [vf.pci, vfs()[1].pci]}
        expect_error(sriov("ADD", net(None, [IP4 % 5], bond=bond), Netns("a")), 7, "bond", vf.pci, "vfio-pci")
        expect_as(vf, before)
        expect_no_rows()


main()
