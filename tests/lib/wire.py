# SPDX-License-Identifier: Apache-2.0
"""A node with a real wire, and frames on it, for tests of the datapath (Python 3 standard library).

    node = Wire()                     the sandbox is the node; up0 is its uplink, x the peer outside
    pod = node.pod("a", "10.88.0.11")
    ping(node.x, "10.88.0.11")

Sockets are opened inside a namespace with setns(2) and stay bound to it, so one process sends and
captures everywhere without helpers.
"""
import ctypes
import errno
import os
import re
import select
import socket
import struct
import subprocess
import sys
import time

from bwtest import Failed, Netns, cni, expect_ok, run

CLONE_NEWNET = 0x40000000
ETH_P_ALL = 0x0003
SOL_PACKET, PACKET_AUXDATA = 263, 8
TP_STATUS_VLAN_VALID = 1 << 4
_libc = ctypes.CDLL(None, use_errno=True)


class inside:
    """with inside(ns): sockets opened here belong to that namespace (None: the node)."""

    def __init__(self, ns):
        self.ns = ns

    def __enter__(self):
        self.back = None
        if self.ns is None:
            return
        self.back = os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        fd = os.open(self.ns.path, os.O_RDONLY | os.O_CLOEXEC)
        if _libc.setns(fd, CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), "setns")
        os.close(fd)

    def __exit__(self, *_):
        if self.back is not None:
            if _libc.setns(self.back, CLONE_NEWNET):
                raise OSError(ctypes.get_errno(), "setns")
            os.close(self.back)


class Tap:
    """Raw frames of one interface: send, and capture with the VLAN tag put back in its place."""

    def __init__(self, ns, ifname="eth0"):
        with inside(ns):
            self.s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
            self.s.bind((ifname, 0))
        self.s.setsockopt(SOL_PACKET, PACKET_AUXDATA, 1)
        self.s.setblocking(False)

    def send(self, frame):
        try:
            self.s.send(frame)
        except OSError as e:
            if e.errno != errno.ENOBUFS:  # netkit tells the sender that its frame was dropped
                raise

    def frames(self):
        """Incoming frames that wait already."""
        out = []
        while True:
            try:
                data, aux, _, addr = self.s.recvmsg(65536, 256)
            except BlockingIOError:
                return out
            if addr[2] == socket.PACKET_OUTGOING:
                continue
            for level, kind, value in aux:
                if (level, kind) == (SOL_PACKET, PACKET_AUXDATA):
                    status, _, _, _, _, tci, tpid = struct.unpack("IIIHHHH", value[:20])
                    if status & TP_STATUS_VLAN_VALID:
                        data = data[:12] + struct.pack("!HH", tpid or 0x8100, tci) + data[12:]
            out.append(data)

    def wait(self, match, timeout_s=2.0):
        """The first frame for which match(frame) is true (None: none came), and every frame seen."""
        end = time.monotonic() + timeout_s
        seen = []
        while True:
            for f in self.frames():
                seen.append(f)
                if match(f):
                    return f, seen
            left = end - time.monotonic()
            if left <= 0:
                return None, seen
            select.select([self.s], [], [], left)

    def close(self):
        self.s.close()


BROADCAST = "ff:ff:ff:ff:ff:ff"


def mac_bytes(text):
    return bytes.fromhex(text.replace(":", ""))


def ip_bytes(text):
    return socket.inet_pton(socket.AF_INET6 if ":" in text else socket.AF_INET, text)


def checksum(data):
    if len(data) % 2:
        data += b"\0"
    s = sum(struct.unpack("!%dH" % (len(data) // 2), data))
    while s >> 16:
        s = (s & 0xffff) + (s >> 16)
    return ~s & 0xffff


def eth(dst, src, proto, payload, tags=()):
    """tags: (tpid, tci) from the outside in."""
    head = mac_bytes(dst) + mac_bytes(src)
    for tpid, tci in tags:
        head += struct.pack("!HH", tpid, tci)
    return head + struct.pack("!H", proto) + payload


def ipv4(src, dst, proto, payload, frag=0, options=b""):
    ihl = 5 + len(options) // 4
    head = struct.pack("!BBHHHBBH4s4s", 0x40 | ihl, 0, ihl * 4 + len(payload), 7, frag, 64, proto, 0,
                       ip_bytes(src), ip_bytes(dst)) + options
    return head[:10] + struct.pack("!H", checksum(head)) + head[12:] + payload


def ipv6(src, dst, nexthdr, payload, hops=64):
    return struct.pack("!IHBB16s16s", 0x60000000, len(payload), nexthdr, hops, ip_bytes(src),
                       ip_bytes(dst)) + payload


def udp(sport, dport, payload):
    return struct.pack("!HHHH", sport, dport, 8 + len(payload), 0) + payload


def udp6(src, dst, sport, dport, payload):
    head = struct.pack("!HHHH", sport, dport, 8 + len(payload), 0)
    pseudo = ip_bytes(src) + ip_bytes(dst) + struct.pack("!IBBBB", len(head) + len(payload), 0, 0, 0, 17)
    s = checksum(pseudo + head + payload) or 0xffff
    return head[:6] + struct.pack("!H", s) + payload


def icmp6(src, dst, kind, body, code=0):
    head = struct.pack("!BBH", kind, code, 0) + body
    pseudo = ip_bytes(src) + ip_bytes(dst) + struct.pack("!IBBBB", len(head), 0, 0, 0, 58)
    return head[:2] + struct.pack("!H", checksum(pseudo + head)) + head[4:]


def arp(op, sha, spa, tha, tpa):
    return struct.pack("!HHBBH6s4s6s4s", 1, 0x0800, 6, 4, op, mac_bytes(sha), ip_bytes(spa),
                       mac_bytes(tha), ip_bytes(tpa))


def vids(frame):
    """The VLAN ids of a frame, from the outside in."""
    out, at = [], 12
    while len(frame) >= at + 4 and frame[at:at + 2] in (b"\x81\x00", b"\x88\xa8"):
        out.append(struct.unpack("!H", frame[at + 2:at + 4])[0] & 0xfff)
        at += 4
    return out


class Pod:
    """A namespace behind barewire-bridge, made by a real ADD."""

    def __init__(self, node, name, conf, args=None, **kw):
        self.node, self.conf = node, conf
        self.ns = Netns(name)
        self.answer = expect_ok(cni("ADD", conf, self.ns, args=args, **kw))
        self.result = self.answer.json
        ifs = self.result["interfaces"]
        self.mac = [i for i in ifs if i.get("sandbox")][0]["mac"]
        self.host_if = [i["name"] for i in ifs
                        if not i.get("sandbox") and i["name"] != conf.get("bridge", "cni0")][0]
        self.ips = [i["address"].split("/")[0] for i in self.result.get("ips", [])]
        node.pods.append(self)

    def delete(self):
        self.node.pods.remove(self)
        expect_ok(cni("DEL", self.conf, self.ns))
        self.ns.remove()


class Wire:
    """The sandbox is the node: up0 on a veth wire to the namespace x, which is the LAN outside.

    Without addresses x says nothing by itself: no report of a group, no duplicate detection is on the wire.
    """

    def __init__(self, conf=None, x_addrs=("10.88.0.200/24", "fd88::200/64")):
        self.pods = []
        self.x = Netns("x")
        run("ip link add up0 type veth peer name eth0 netns x")
        run("ip link set up0 up")
        if not x_addrs:
            self.x.ip("link set eth0 addrgenmode none")
        self.x.ip("link set eth0 up")
        for a in x_addrs:
            self.x.ip("addr add %s dev eth0%s" % (a, " nodad" if ":" in a else ""))
        self.conf = {"cniVersion": "1.0.0", "name": "lan", "type": "barewire-bridge", "bridge": "br-lan",
                     "uplink": "up0",
                     "ipam": {"type": "barewire-ipam", "domain": "lan",
                              "ranges": [[{"subnet": "10.88.0.0/24"}], [{"subnet": "fd88::/64"}]]}}
        self.conf.update(conf or {})

    def pod(self, name, ips=(), conf=None, **kw):
        """ips: declared addresses, one string or several. A key of conf that is None is left out."""
        ips = [ips] if isinstance(ips, str) else list(ips)
        c = dict(self.conf, **(conf or {}))
        c = {k: v for k, v in c.items() if v is not None}
        if ips:
            c = dict(c, runtimeConfig=dict(c.get("runtimeConfig", {}), ips=ips))
        return Pod(self, name, c, **kw)

    def close(self):
        for p in list(self.pods):
            p.delete()
        run("ip", "link", "del", "up0", check=False)
        run("ip", "link", "del", self.conf["bridge"], check=False)
        self.x.remove()


def serve(ns, port=8080):
    """A TCP server that answers every connection with the peer's address. The caller kills it."""
    code = ("import socket\n"
            "s=socket.create_server(('::',%d),family=socket.AF_INET6,dualstack_ipv6=True,backlog=64)\n"
            "print('ready',flush=True)\n"
            "while True:\n"
            "    c,a=s.accept()\n"
            "    try: c.sendall(a[0].replace('::ffff:','').encode()+b'\\n')\n"
            "    except OSError: pass\n"
            "    c.close()\n" % port)
    p = ns.popen(sys.executable, "-c", code, stdout=subprocess.PIPE)
    if b"ready" not in p.stdout.readline():
        raise Failed("the server in %s did not start" % ns.name)
    return p


def tcp_get(ns, dst, port=8080, sport=0, timeout_s=2.0, abort=False):
    """What serve() answers; None when the connection or the answer fails within the deadline."""
    with inside(ns):
        s = socket.socket(socket.AF_INET6 if ":" in dst else socket.AF_INET)
    try:
        s.settimeout(timeout_s)
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if abort:  # RST at close: the port is free at once
            s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        if sport:
            s.bind(("", sport))
        s.connect((dst, port))
        return s.recv(256).decode().strip() or None
    except OSError:
        return None
    finally:
        s.close()


def ping(ns, dst, count=1, timeout_s=2):
    """Whether every echo is answered."""
    out = run("ip", "netns", "exec", ns.name, "ping", "-n", "-c", count, "-i", "0.05", "-W", timeout_s, dst,
              check=False)
    m = re.search(r"(\d+) received", out)
    return bool(m) and int(m.group(1)) == count
