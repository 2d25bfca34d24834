#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# RDMA devices over the kernel's own nldev: the software device rxe stands for a VF's. It cannot be moved, so a
# move that succeeds is shown by recorded netlink alone (tests/unit/net/talk_test.c).
# vm: kernel=6.12
import os
import socket
import struct
import sys
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from vmnic import *

DRIVE = os.path.join(BUILD, "tools", "pcidrive")
HERE = "/proc/self/ns/net"
# rdma/rdma_netlink.h
NETLINK_RDMA, NLDEV = 20, 5 << 10
NEWLINK, SYS_SET = 3, 7
DEV_NAME, NDEV_NAME, LINK_TYPE, NETNS_MODE = 2, 51, 65, 66


def text(kind, value):
    data = value.encode() + b"\0"
    return struct.pack("=HH", 4 + len(data), kind) + data + b"\0" * (-len(data) % 4)


def nldev(command, attributes):
    """What the kernel answers: 0 or -errno."""
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_RDMA) as s:
        s.send(struct.pack("=IHHII", 16 + len(attributes), NLDEV + command, 5, 1, 0) + attributes)
        return struct.unpack_from("=i", s.recv(4096), 16)[0]


def drive(*words):
    answer = subprocess.run([DRIVE, *map(str, words)], capture_output=True, text=True, timeout=60)
    return answer.returncode, answer.stdout.splitlines()


def expect_drive(lines, *words):
    expect_eq(drive(*words), (0, lines), " ".join(words))


@test
def without_rdma_devices_there_are_none():
    run("modprobe", "rdma_rxe")
    expect_drive(["shared"], "rdma-mode")
    expect_drive([], "rdma-list", HERE)


@test
def a_device_is_found_and_cannot_be_moved_while_all_share_it():
    ns = Netns("a")
    expect_eq(nldev(NEWLINK, text(DEV_NAME, "rxe0") + text(NDEV_NAME, "pf0") + text(LINK_TYPE, "rxe")), 0, "new rxe0")
    expect_drive(["rxe0"], "rdma-list", HERE)
    expect_drive(["rxe0"], "rdma-list", ns.path)
    status, lines = drive("rdma-move", HERE, "rxe0", ns.path)
    expect_eq((status, lines[0].split()[0]), (1, "-95"), "EOPNOTSUPP: " + lines[0])
    status, lines = drive("rdma-move", HERE, "rxe1", ns.path)
    expect_eq((status, lines[0].split()[0]), (1, "-19"), "ENODEV: " + lines[0])


@test
def in_exclusive_mode_each_namespace_has_its_own():
    # Busy while there are namespaces; the last test's goes a little later than its name.
    wait_until(lambda: nldev(SYS_SET, struct.pack("=HHBxxx", 5, NETNS_MODE, 0)) == 0, 10, "exclusive mode")
    expect_drive(["exclusive"], "rdma-mode")
    ns = Netns("b")
    expect_drive(["rxe0"], "rdma-list", HERE)
    expect_drive([], "rdma-list", ns.path)
    status, lines = drive("rdma-move", ns.path, "rxe0", HERE)
    expect_eq((status, lines[0].split()[0]), (1, "-19"), "ENODEV: " + lines[0])
    status, lines = drive("rdma-move", HERE, "rxe0", ns.path)
    # rxe cannot take its users away from a device that goes.
    expect_eq((status, lines[0].split()[0]), (1, "-95"), "EOPNOTSUPP: " + lines[0])


main()
