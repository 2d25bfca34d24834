#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# VF settings against the kernel's own test driver, which takes what igb refuses: link state, a minimum rate,
# 802.1ad, RSS queries; and hundreds of VFs. Its VFs are settings without devices, so no ADD runs here.
# vm: kernel=6.12 with=netdevsim
import glob
import os
import sys
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from bwtest import *

DRIVE = os.path.join(BUILD, "tools", "vfdrive")
DEVICE = "/sys/bus/netdevsim/devices/netdevsim1"
FRESH = {"has": ["mac", "vlan", "rate", "spoofchk", "trust", "link_state", "rss_query"], "mac": "00:00:00:00:00:00",
         "vlan": 0, "qos": 0, "proto": 0x8100, "spoofchk": 0, "trust": 0, "rss_query": 0, "link_state": "auto",
         "min": 0, "max": 0}


def write(path, text):
    with open(path, "w") as f:
        f.write(text)


def setup():
    module = glob.glob("/var/cache/barewire/netdevsim-%s/netdevsim.ko" % os.uname().release)
    if not module:
        print("1..0 # SKIP no netdevsim for kernel %s: scripts/deps netdevsim" % os.uname().release)
        sys.exit(0)
    if not os.path.exists("/sys/bus/netdevsim"):
        run("insmod", module[0])
    if not os.path.ismount("/sys/kernel/debug"):
        run("mount", "-t", "debugfs", "debugfs", "/sys/kernel/debug")
    if not os.path.exists(DEVICE):
        write("/sys/bus/netdevsim/new_device", "1 1")
    wait_until(lambda: glob.glob(DEVICE + "/net/*"), 10, "the device of netdevsim")


def device(count):
    """Its name, with count fresh VFs."""
    write(DEVICE + "/sriov_numvfs", "0")
    write("/sys/kernel/debug/netdevsim/netdevsim1/max_vfs", str(count))
    write(DEVICE + "/sriov_numvfs", str(count))
    return os.path.basename(glob.glob(DEVICE + "/net/*")[0])


def drive(*words):
    return subprocess.run([DRIVE, *map(str, words)], capture_output=True, text=True)


def vfs(name):
    answer = drive(name, "list")
    expect_eq(answer.returncode, 0, (answer.stdout + answer.stderr)[-200:])
    lines = answer.stdout.splitlines()
    found = [json.loads(ln) for ln in lines[:-1]]
    for v in found:  # a driver that was never told says none
        v["proto"] = v["proto"] or 0x8100
    return found, lines[-1]


def vf(name, index=0):
    return next({k: v for k, v in found.items() if k != "index"} for found in vfs(name)[0] if found["index"] == index)


def put(name, index, *words):
    answer = drive(name, "set", index, *words)
    expect_eq((answer.returncode, answer.stdout), (0, ""), " ".join(words))


def refused(name, index, words, *says):
    before = vfs(name)
    answer = drive(name, "set", index, *words)
    expect_eq(answer.returncode, 1, "status of " + " ".join(words))
    for text in says:
        expect_in(text, answer.stdout, " ".join(words))
    expect_eq(vfs(name), before, "VFs after a refusal")


@test
def a_fresh_vf_reports_every_setting():
    name = device(4)
    expect_eq(vfs(name), ([{"index": n, **FRESH} for n in range(4)], "num 4"), "four VFs")


def written_and_read_back(words, then):
    name = device(4)
    put(name, 2, *words)
    expect_eq(vf(name, 2), {**FRESH, **then}, "what is read back")
    expect_eq([vf(name, n) for n in (0, 1, 3)], [FRESH] * 3, "the other VFs")


for _words, _then in (
        (["mac=02:00:00:00:00:07"], {"mac": "02:00:00:00:00:07"}),
        (["vlan=4094", "qos=7"], {"vlan": 4094, "qos": 7}),
        (["vlan=42", "qos=3", "proto=0x88a8"], {"vlan": 42, "qos": 3, "proto": 0x88a8}),
        (["spoofchk=1"], {"spoofchk": 1}),
        (["trust=1"], {"trust": 1}),
        (["rss_query=1"], {"rss_query": 1}),
        (["link_state=enable"], {"link_state": "enable"}),
        (["link_state=disable"], {"link_state": "disable"}),
        (["min=100", "max=1000"], {"min": 100, "max": 1000}),
        (["max=65535"], {"max": 65535}),
        (["mac=02:00:00:00:00:08", "vlan=7", "proto=0x88a8", "spoofchk=1", "trust=1", "rss_query=1",
          "link_state=enable", "min=1", "max=2"],
         {"mac": "02:00:00:00:00:08", "vlan": 7, "proto": 0x88a8, "spoofchk": 1, "trust": 1, "rss_query": 1,
          "link_state": "enable", "min": 1, "max": 2})):
    case("%s is read back as it was written" % " ".join(_words), written_and_read_back, _words, _then)


@test
def everything_goes_back_to_what_it_was():
    name = device(4)
    put(name, 1, "mac=02:00:00:00:00:09", "vlan=7", "qos=1", "proto=0x88a8", "spoofchk=1", "trust=1", "rss_query=1",
        "link_state=disable", "min=5", "max=6")
    put(name, 1, "mac=00:00:00:00:00:00", "vlan=0", "qos=0", "proto=0x8100", "spoofchk=0", "trust=0", "rss_query=0",
        "link_state=auto", "min=0", "max=0")
    expect_eq(vf(name, 1), FRESH, "the VF")


@test
def from_802_1ad_to_802_1q_with_the_same_vlan():
    name = device(4)
    put(name, 0, "vlan=9", "proto=0x88a8")
    put(name, 0, "vlan=9")
    expect_eq(vf(name), {**FRESH, "vlan": 9}, "the VF")


@test
def what_the_driver_takes_and_nobody_should_is_refused():
    name = device(4)
    refused(name, 0, ["vlan=4095"], "vlan", "4094")
    refused(name, 0, ["vlan=5", "qos=8"], "vlanQoS", "7")
    refused(name, 0, ["vlan=5", "proto=0x9100"], "vlanProto")
    refused(name, 0, ["mac=01:00:5e:00:00:01"], "mac")
    refused(name, 0, ["min=2", "max=1"], "min_tx_rate")
    refused(name, 0, ["link_state=3"], "link_state")


@test
def a_vf_that_is_not_there_is_refused_by_the_kernel():
    name = device(4)
    refused(name, 4, ["vlan=5"], "-22", "vlan")


@test
def what_ip_writes_is_read():
    name = device(4)
    run("ip", "link", "set", name, "vf", "3", "vlan", "77", "qos", "2", "proto", "802.1ad")
    run("ip", "link", "set", name, "vf", "3", "state", "enable")
    run("ip", "link", "set", name, "vf", "3", "min_tx_rate", "10", "max_tx_rate", "20")
    expect_eq(vf(name, 3), {**FRESH, "vlan": 77, "qos": 2, "proto": 0x88a8, "link_state": "enable", "min": 10,
                            "max": 20}, "the VF")


def hundreds_of_vfs_are_read(count):
    name = device(count)
    put(name, count - 1, "mac=02:00:00:00:00:ff", "vlan=99", "link_state=enable", "min=1", "max=9")
    found, num = vfs(name)
    expect_eq(num, "num %d" % count, "how many the kernel says")
    expect_eq([v["index"] for v in found], list(range(count)), "indices")
    expect_eq(vf(name, count - 1), {**FRESH, "mac": "02:00:00:00:00:ff", "vlan": 99, "link_state": "enable",
                                    "min": 1, "max": 9}, "the last VF")


# An attribute's length has 16 bits: 335 VFs, described by all settings, make it wrap.
for _count in (64, 252, 256, 334, 335, 400, 700, 1000):
    case("%d VFs are read" % _count, hundreds_of_vfs_are_read, _count)


main(setup=setup)
