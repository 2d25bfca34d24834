# SPDX-License-Identifier: Apache-2.0
"""Links as the kernel tells them, without a process in between: attributes of a device in any namespace,
what a PF says of its VFs, and who renames what (Python 3 standard library).

    link = get_link("eth0", ns)       .name .mac .mtu .alias .altnames .up .parent
    pf_view(pf_index)[3]["vlan"]
    with Monitor() as host: ...; host.names(index)
"""
import errno
import os
import select
import socket
import struct

from wire import inside

RTM_NEWLINK, RTM_DELLINK, RTM_GETLINK = 16, 17, 18
NLM_F_REQUEST, NLM_F_DUMP = 1, 0x300
NLMSG_ERROR, NLMSG_DONE = 2, 3
RTMGRP_LINK = 1
IFF_UP = 1
EXT_VF, EXT_SKIP_STATS = 1, 8  # RTEXT_FILTER_* of linux/rtnetlink.h

# IFLA_* of linux/if_link.h
ADDRESS, IFNAME, MTU, QDISC, STATS, OPERSTATE, LINKMODE, IFALIAS = 1, 3, 4, 6, 7, 16, 17, 20
NUM_VF, VFINFO_LIST, STATS64, AF_SPEC, EXT_MASK, CARRIER, CARRIER_CHANGES = 21, 22, 23, 26, 29, 33, 35
CARRIER_UP, CARRIER_DOWN, PROP_LIST, ALT_IFNAME, PERM_ADDRESS, PARENT_NAME = 47, 48, 52, 53, 54, 56

# What nobody sets: counters, carrier, and the address a reset of the NIC makes permanent.
VOLATILE = {QDISC, STATS, STATS64, AF_SPEC, OPERSTATE, CARRIER, CARRIER_CHANGES, CARRIER_UP, CARRIER_DOWN,
            PERM_ADDRESS, EXT_MASK, NUM_VF, VFINFO_LIST}
VOLATILE_FLAGS = 0x10000 | 0x40 | 0x20000  # LOWER_UP, RUNNING, DORMANT
SHOWN = {ADDRESS: "mac", IFNAME: "name", MTU: "mtu", IFALIAS: "alias", PROP_LIST: "altnames"}


def attrs(data):
    """(type, value) of a run of attributes."""
    at, out = 0, []
    while at + 4 <= len(data):
        size, kind = struct.unpack_from("=HH", data, at)
        if size < 4:
            break
        out.append((kind & 0x3fff, data[at + 4:at + size]))
        at += size + 3 & ~3
    return out


def attr(kind, value):
    if isinstance(value, str):
        value = value.encode() + b"\0"
    return struct.pack("=HH", 4 + len(value), kind) + value + b"\0" * (-len(value) % 4)


def text(value):
    return value.rstrip(b"\0").decode(errors="replace")


class Link:
    """One RTM_NEWLINK."""

    def __init__(self, body):
        self.index, self.flags = struct.unpack_from("=iI", body, 4)
        self.all = attrs(body[16:])
        a = dict(self.all)
        self.name, self.mac = text(a.get(IFNAME, b"")), a.get(ADDRESS, b"").hex(":")
        self.mtu = struct.unpack("=I", a[MTU])[0] if MTU in a else 0
        self.alias, self.parent = text(a.get(IFALIAS, b"")), text(a.get(PARENT_NAME, b""))
        self.altnames = sorted(text(v) for k, v in attrs(a.get(PROP_LIST, b"")) if k == ALT_IFNAME)
        self.up = bool(self.flags & IFF_UP)
        self.carrier = bool(a.get(CARRIER, b"\0")[0])

    def stable(self):
        """Everything but VOLATILE, readable where a person may have to read it."""
        out = {"up": self.up, "name": self.name, "mac": self.mac, "mtu": self.mtu, "alias": self.alias,
               "altnames": self.altnames, "flags": hex(self.flags & ~VOLATILE_FLAGS)}
        for kind, value in self.all:
            if kind not in VOLATILE and kind not in SHOWN:
                out["attribute %d" % kind] = value.hex()
        return out


def talk(sock, kind, flags, body):
    """Sends one request; the payloads of its answers. OSError of the kernel's error."""
    sock.send(struct.pack("=IHHII", 16 + len(body), kind, flags | NLM_F_REQUEST, 1, 0) + body)
    out = []
    while True:
        data, at = sock.recv(1 << 20), 0
        while at + 16 <= len(data):
            size, kind, mflags = struct.unpack_from("=IHH", data, at)
            if kind == NLMSG_DONE:
                return out
            if kind == NLMSG_ERROR:
                code = -struct.unpack_from("=i", data, at + 16)[0]
                if code:
                    raise OSError(code, os.strerror(code))
                return out
            out.append(data[at + 16:at + size])
            at += size + 3 & ~3
        if not flags & NLM_F_DUMP:
            return out


def _ask(ns, flags, index, more):
    with inside(ns):
        s = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE)
    try:
        return talk(s, RTM_GETLINK, flags, struct.pack("=BxHiII", 0, 0, index, 0, 0) + more)
    finally:
        s.close()


def get_link(name, ns=None):
    """A link by its name or altname; None when there is none."""
    try:
        return Link(_ask(ns, 0, 0, attr(ALT_IFNAME, name))[0])
    except OSError as e:
        if e.errno not in (errno.ENODEV, errno.ENXIO):
            raise
        return None


def all_links(ns=None):
    return [Link(b) for b in _ask(ns, NLM_F_DUMP, 0, b"")]


def link_of_pci(pci, ns=None):
    """The link whose parent device has this PCI address, whatever its name is; None when it is elsewhere."""
    return next((x for x in all_links(ns) if x.parent == pci), None)


def pf_view(pf_index):
    """What the PF says of each VF: {index: {key: value}}, keys the driver does not know left out."""
    body = _ask(None, 0, pf_index, attr(EXT_MASK, struct.pack("=I", EXT_VF | EXT_SKIP_STATS)))[0]
    out = {}
    for _, info in attrs(dict(attrs(body[16:])).get(VFINFO_LIST, b"")):
        a = dict(attrs(info))
        index = struct.unpack_from("=I", a[1])[0]
        vlan = attrs(a.get(12, b""))
        _, vid, qos, proto = struct.unpack("=III2s2x", vlan[0][1]) if vlan else struct.unpack("=III", a[2]) + (b"\x81\0",)
        vf = {"mac": a[1][4:10].hex(":"), "vlan": vid, "qos": qos, "proto": proto.hex()}
        for kind, key in ((4, "spoofchk"), (5, "link_state"), (7, "rss"), (9, "trust")):
            if kind in a:
                value = struct.unpack("=II", a[kind])[1]
                if value != 0xffffffff:
                    vf[key] = value
        if 6 in a:
            _, vf["min_tx_rate"], vf["max_tx_rate"] = struct.unpack("=III", a[6])
        out[index] = vf
    return out


class Monitor:
    """Hears of links in one namespace from here on."""

    def __init__(self, ns=None):
        with inside(ns):
            self.s = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE)
        self.s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        self.s.bind((0, RTMGRP_LINK))
        self.s.setblocking(False)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.s.close()

    def heard(self, timeout_s=0):
        """[(RTM_NEWLINK or RTM_DELLINK, Link)] that came until now; waits for the first if asked to."""
        out = []
        select.select([self.s], [], [], timeout_s)
        while True:
            try:
                data = self.s.recv(1 << 16)
            except BlockingIOError:
                return out
            at = 0
            while at + 16 <= len(data):
                size, kind = struct.unpack_from("=IH", data, at)
                out.append((kind, Link(data[at + 16:at + size])))
                at += size + 3 & ~3
