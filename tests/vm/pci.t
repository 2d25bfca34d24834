#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# VFs in sysfs, their drivers, and finding them by PCI address, on the emulated card.
# vm: kernel=6.12 iommu=1
import os
import sys
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from vmnic import *

DRIVE = os.path.join(BUILD, "tools", "pcidrive")
HERE = "/proc/self/ns/net"


def drive(*words):
    answer = subprocess.run([DRIVE, *map(str, words)], capture_output=True, text=True, timeout=60)
    expect_eq(answer.returncode, 0, " ".join(map(str, words)) + ": " + answer.stdout + answer.stderr)
    return answer.stdout.splitlines()


def refused(errno, *words):
    answer = subprocess.run([DRIVE, *map(str, words)], capture_output=True, text=True, timeout=60)
    expect_eq(answer.returncode, 1, " ".join(map(str, words)))
    expect_eq(answer.stdout.split()[0], str(-errno), answer.stdout)
    return answer.stdout


@test
def every_vf_leads_to_its_pf_and_back():
    pf = Pf()
    vfs = pf.create(7)
    expect_eq(drive("pfs"), [pf.pci], "PFs")
    expect_eq(drive("pf", "pf0")[0], "7 of 7", "counts")
    expect_eq(drive("vfs", pf.pci), ["%d %s" % (v.index, v.pci) for v in vfs], "VFs")
    for v in vfs:
        lines = drive("vf", v.pci)
        expect_eq(lines[0], "index %d" % v.index, v.pci)
        expect_in("driver=igbvf override= id=8086:10ca", lines[1], v.pci)
        expect_in(" " + v.name, lines[1], v.pci)
        expect("iommu=-1" not in lines[1], lines[1])
        expect_in("pf %s driver=igb " % pf.pci, lines[2], v.pci)
        expect_in(" pf0", lines[2], v.pci)
    refused(6, "vf", pf.pci)  # ENXIO
    refused(6, "pf", "lo")
    refused(19, "pf", "none0")  # ENODEV


@test
def a_vf_is_found_renamed_in_a_pod():
    vf = Pf().create(7)[1]
    ns = Netns("a")
    expect_eq(drive("find", HERE, vf.pci), ["1 " + vf.name], "in the host")
    vf.move(ns, "eth0")
    ns.ip("link set eth0 name renamed")
    expect_eq(drive("find", "/run/netns/a", vf.pci), ["1 renamed"], "in the pod")
    expect_eq(drive("find", HERE, vf.pci), ["0 "], "in the host")
    expect(not vf.name, "sysfs shows it in the host")
    ns.remove()
    expect_eq(len(drive("wait", HERE, vf.pci, 10000)), 1, "back in the host")


@test
def the_return_from_a_dead_namespace_is_waited_for():
    vf = Pf().create(7)[2]
    for round in range(5):
        ns = Netns("b%d" % round)
        vf.move(ns, "net%d" % round)
        waiting = subprocess.Popen([DRIVE, "wait", HERE, vf.pci, "10000"], stdout=subprocess.PIPE, text=True)
        ns.remove()
        expect_eq(waiting.communicate(timeout=20)[0], "net%d\n" % round, "its name")
    ns = Netns("b")
    vf.move(ns)
    refused(110, "wait", HERE, vf.pci, 50)  # ETIMEDOUT
    ns.remove()
    drive("wait", HERE, vf.pci, 10000)


@test
def a_rebound_vf_has_its_driver_and_soon_its_device():
    vf = Pf().create(7)[3]
    drive("rebind", vf.pci, 5000)
    expect_eq(vf.driver, "igbvf", "driver")
    expect_eq(drive("wait", HERE, vf.pci, 5000), [vf.name], "device")
    drive("unbind", vf.pci)
    expect_eq(vf.driver, None, "driver")
    drive("unbind", vf.pci)
    refused(6, "rebind", vf.pci, 100)
    drive("bind", vf.pci, "", 5000)
    expect_eq(vf.driver, "igbvf", "driver the kernel finds")
    drive("wait", HERE, vf.pci, 5000)


@test
def a_vf_changes_to_vfio_and_back():
    vf = Pf().create(7)[4]
    run("modprobe", "vfio-pci")
    refused(16, "bind", vf.pci, "vfio-pci", 100)  # EBUSY: igbvf has it
    drive("override", vf.pci, "vfio-pci")
    drive("unbind", vf.pci)
    refused(2, "bind", vf.pci, "no-such-driver", 100)  # ENOENT
    drive("bind", vf.pci, "vfio-pci", 5000)
    expect_in("driver=vfio-pci override=vfio-pci", drive("vf", vf.pci)[1])
    expect_eq(drive("find", HERE, vf.pci), ["0 "], "netdev")
    # The kernel would wait for the program that has it open.
    group = os.path.basename(os.path.realpath(vf.path + "/iommu_group"))
    held = os.open("/dev/vfio/" + group, os.O_RDWR)
    expect_in("/dev/vfio/%s open" % group, refused(16, "unbind", vf.pci))
    os.close(held)
    drive("unbind", vf.pci)
    # Without the override the kernel would not give it to this driver, with it to no other.
    refused(19, "bind", vf.pci, "igbvf", 100)  # ENODEV
    drive("override", vf.pci, "")
    drive("bind", vf.pci, "igbvf", 5000)
    expect_in("driver=igbvf override= ", drive("vf", vf.pci)[1])
    drive("wait", HERE, vf.pci, 5000)


@test
def vfs_that_go_are_gone():
    pf = Pf()
    vfs = pf.create(7)
    pf.remove()
    refused(19, "vf", vfs[0].pci)
    expect_eq(drive("vfs", pf.pci), [], "VFs")
    expect_eq(drive("pf", pf.pci)[0], "0 of 7", "counts")
    expect_eq(drive("find", HERE, vfs[0].pci), ["0 "], "netdev")


main()
