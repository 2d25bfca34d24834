# SPDX-License-Identifier: Apache-2.0
"""Virtual functions, their state, and pods on them, for the tests of barewire-sriov in the guest.

    vf = vfs()[0]                       VF 0 of the first PF
    before = vf.state()
    ns = Netns("a")
    conf = net(vf, ips=["10.77.0.5/24"], vlan=7)
    answer = add(conf, ns)
    delete(conf, ns)
    expect_restored(vf, before)
"""
import contextlib
import os
import shutil
import socket
import time

import vfnl
import vmnic
from bwtest import *
from vmnic import read, write
from wire import inside

PLUGIN = "barewire-sriov"
CLI = os.path.join(BUILD, "barewire")
V4, V6 = "10.77.0.0/24", "fd77::/64"
IP4, IP6 = "10.77.0.%d/24", "fd77::%d/64"
# Every key that igb can serve, and the same where the VF must learn its MAC from the PF.
FULL = dict(vlan=100, vlanQoS=3, spoofchk="off", trust="on", max_tx_rate=200, mac="02:77:00:00:00:05", mtu=1400)
NO_TRUST = {k: v for k, v in FULL.items() if k != "trust"}
TABLES = ("attachment", "address", "used", "vf_hold")
# igb's own, as the PF shows them when nobody has set anything.
PF_DEFAULTS = {"vlan": 0, "qos": 0, "proto": "8100", "spoofchk": 1, "trust": 0, "max_tx_rate": 0, "min_tx_rate": 0}


class Pf(vmnic.Pf):
    """A card, known by its PCI address: its device may go and come."""

    @property
    def index(self):
        return int(read("/sys/class/net/%s/ifindex" % self.name))

    def view(self):
        return vfnl.pf_view(self.index)

    def vfs(self):
        return [Vf(self, n) for n in range(self.count)]

    def set(self, index, *words):
        run("ip", "link", "set", self.name, "vf", index, *words)

    def renew(self, count):
        """Other VFs than before. The kernel calls them eth0 like the interface of a pod: they get names that no pod has."""
        vmnic.up(self.name)
        self.create(count)
        for vf in self.vfs():
            run("ip", "link", "set", vf.name, "name", vf.home)

    def bind(self):
        """The driver again, after it was unbound."""
        write("/sys/bus/pci/drivers/igb/bind", self.pci)
        name = wait_until(lambda: next(iter(os.listdir(self.path + "/net")), None), 10, "device of " + self.pci)
        run("ip", "link", "set", name, "name", self.name)


class Vf(vmnic.Vf):
    """A virtual function, known by its PCI address wherever its device is."""

    def __repr__(self):
        return "VF %d (%s)" % (self.index, self.pci)

    @property
    def home(self):
        """The name it has on the node when nobody has it."""
        return "%sv%d" % (self.pf.name, self.index)

    @property
    def link(self):
        """Its device on the node; None while it is elsewhere."""
        name = self.name
        return vfnl.get_link(name) if name else None

    def in_ns(self, ns):
        """Its device in that namespace; None when it is not there."""
        return vfnl.link_of_pci(self.pci, ns)

    def seen(self):
        """What the PF shows of it."""
        return self.pf.view()[self.index]

    def state(self):
        """Everything an attachment may change, and everything else the kernel tells, in sections of snapshot()."""
        link = self.link
        out = {"pf": self.seen(), "link": link.stable() if link else {"link": "not on the node"},
               "driver": {"driver": self.driver, "override": read(self.path + "/driver_override")}}
        return {section: ["%s: %s" % kv for kv in rows.items()] for section, rows in out.items()}

    def set(self, *words):
        """Changes what the PF knows: set("vlan", 7)."""
        self.pf.set(self.index, *words)


_pfs = []


def pfs():
    """The cards of the guest, with seven VFs each the first time."""
    while not _pfs or os.path.exists("/sys/class/net/pf%d" % len(_pfs)):
        _pfs.append(Pf(len(_pfs)))
        _pfs[-1].renew(vmnic.VFS_MAX)
    return _pfs


def vfs(pf=0):
    return pfs()[pf].vfs()


# A network ---------------------------------------------------------------------------------------------

def net(vf=None, ips=(), version="1.1.0", ipam=True, **keys):
    """A network's configuration on that VF; a key that is None is left out. ips: declared addresses."""
    conf = {"cniVersion": version, "name": "net", "type": PLUGIN}
    if vf is not None:
        conf["deviceID"] = vf.pci
    if ipam is True:
        families = {":" in a for a in ips} or {False}
        ipam = {"type": "barewire-ipam", "ranges": [[{"subnet": V6 if six else V4}] for six in sorted(families)]}
    if ipam:
        conf["ipam"] = ipam
    if ips:
        conf["runtimeConfig"] = {"ips": list(ips)}
    conf["runtimeConfig"] = {**conf.get("runtimeConfig", {}), **keys.pop("runtimeConfig", {})}
    conf.update(keys)
    return {k: v for k, v in conf.items() if v not in (None, {})}


def sriov(verb, conf, ns=None, **kw):
    return cni(verb, conf, ns, plugin=PLUGIN, **kw)


def add(conf, ns, **kw):
    return expect_ok(sriov("ADD", conf, ns, **kw))


def delete(conf, ns, **kw):
    answer = expect_ok(sriov("DEL", conf, ns, **kw))
    expect_eq(answer.out, "", "output of DEL")
    return answer


def check(conf, answer, ns, **kw):
    return sriov("CHECK", with_prev(conf, answer), ns, **kw)


def gc(conf, *valid, **kw):
    return sriov("GC", {**conf, "cni.dev/valid-attachments": [{"containerID": c, "ifname": "eth0"} for c in valid]}, **kw)


def with_prev(conf, answer):
    return {**conf, "prevResult": answer.json}


def rows():
    return journal_rows(tables=TABLES)


def holds():
    """PCI address -> containerID, as the journal has it."""
    out = {}
    for row in journal_rows(tables=("vf_hold",)):
        cells = json.loads(row.split(" ", 1)[1])
        out[cells["pci"]] = cells["container_id"]
    return out


def expect_no_rows(what="journal rows"):
    expect_eq(rows(), [], what)


def expect_restored(vf, before, what=None, timeout_s=0.0):
    """The VF is on the node as it was, all that is restored. timeout_s: for what the kernel does later."""
    end = time.monotonic() + timeout_s
    while diff(before, vf.state()) and time.monotonic() < end:
        time.sleep(0.01)
    expect_same(before, vf.state(), what or repr(vf))


def expect_refused(conf, ns, code, *words, vf=None, **kw):
    """ADD answers this error, and VF, pod and journal are as before. The answer."""
    vf = vf or vfs()[0]
    before, pod, had = vf.state(), pod_state(ns), rows()
    answer = expect_error(sriov("ADD", conf, ns, **kw), code, *words)
    expect(answer.json["code"] < 100 or code, "a code for internal errors: %s" % answer)
    expect_restored(vf, before)
    expect_same(pod, pod_state(ns), "the pod")
    expect_eq(rows(), had, "journal rows")
    return answer


def pod_state(ns):
    """The links of a namespace."""
    if not isinstance(ns, Netns):
        return {}
    return {"link": ["%s: %s" % kv for x in vfnl.all_links(ns) for kv in x.stable().items()]}


class Pod:
    """A namespace with that VF in it, made by a real ADD; delete() takes it back and sees that it is as before."""

    def __init__(self, vf, name, *ips, ifname="eth0", cni_args=None, conf=None, **keys):
        self.vf, self.ifname = vf, ifname
        self.before = vf.state()
        self.ns = Netns(name)
        self.conf = conf or net(vf, ips, **keys)
        self.kw = {"ifname": ifname, "args": cni_args}
        self.answer = add(self.conf, self.ns, **self.kw)

    @property
    def result(self):
        return self.answer.json

    @property
    def ips(self):
        return [a.split("/")[0] for a in self.answer.ips]

    @property
    def link(self):
        return vfnl.get_link(self.ifname, self.ns)

    def check(self):
        return check(self.conf, self.answer, self.ns, **self.kw)

    def delete(self):
        delete(self.conf, self.ns, **self.kw)
        expect_restored(self.vf, self.before)
        expect_no_row_of(self.ns.name)
        self.ns.remove()


def expect_no_row_of(cid):
    left = [r for r in rows() if '"%s"' % cid in r]
    expect(not left, "rows of %s: %s" % (cid, left))


# Clean ground ------------------------------------------------------------------------------------------

def reset_vf(vf):
    """By force: down, without traces, with the driver's defaults and its own MAC, under its own name."""
    if vf.driver != "igbvf":
        write(vf.path + "/driver_override", "\n")
        if vf.driver:
            write(vf.path + "/driver/unbind", vf.pci)
        write("/sys/bus/pci/drivers_probe", vf.pci)
    vf.wait_home(10)
    link, seen = vf.link, vf.seen()
    wrong = [k for k, v in PF_DEFAULTS.items() if k in seen and seen[k] != v]
    if wrong:
        vf.set("vlan", 0)
        vf.set("spoofchk", "on")
        vf.set("trust", "off")
        vf.set("max_tx_rate", 0)
    if seen["mac"] not in (link.mac, "00:00:00:00:00:00") or link.mac.startswith("02:"):
        vf.set("mac", "00:00:00:00:00:00")
        vf.rebind()
        link = vf.link
    if link.up:
        run("ip", "link", "set", link.name, "down")
    if link.mtu != 1500 or link.alias:
        run("ip", "link", "set", link.name, "mtu", 1500, "alias", "")
    for alt in link.altnames:
        run("ip", "link", "property", "del", "dev", link.name, "altname", alt)
    if link.name != vf.home:
        run("ip", "link", "set", link.name, "name", vf.home)


def clean():
    """The node as before the first ADD; also what a failed test has left."""
    Netns.remove_all()
    for pf in pfs():
        for vf in pf.vfs():
            reset_vf(vf)
    shutil.rmtree("/var/lib/barewire", True)
    os.mkdir("/var/lib/barewire")


def fresh(fn):
    """A @test that begins on a clean node."""
    def run_fresh(*args):
        clean()
        fn(*args)
    run_fresh.__name__ = fn.__name__
    return test(run_fresh)


def fresh_case(name, fn, *args):
    def run_fresh():
        clean()
        fn(*args)
    case(name, run_fresh)


# Data --------------------------------------------------------------------------------------------------

def _udp(ns, ip, peer=None):
    family = socket.AF_INET6 if ":" in ip else socket.AF_INET
    with inside(ns):
        s = socket.socket(family, socket.SOCK_DGRAM)
    s.bind((ip, 0))
    return s


def reach(a, a_ip, b, b_ip, timeout_s=4.0):
    """Whether a datagram of a arrives at b, and b's answer at a, within the deadline. Lost ones are sent again:
    the first may come before the carrier."""
    end, n = time.monotonic() + timeout_s, 0
    with contextlib.closing(_udp(a, a_ip)) as sa, contextlib.closing(_udp(b, b_ip)) as sb:
        sa.settimeout(0.1)
        sb.settimeout(0.1)
        while time.monotonic() < end:
            n += 1
            with contextlib.suppress(OSError):
                sa.sendto(b"%d" % n, sb.getsockname()[:2])
                data, peer = sb.recvfrom(64)
                sb.sendto(data, peer)
                sa.recvfrom(64)
                return True
    return False


def expect_reach(a, a_ip, b, b_ip, what=""):
    a_ip, b_ip = a_ip.split("/")[0], b_ip.split("/")[0]
    expect(reach(a, a_ip, b, b_ip), "%s: %s reaches %s %s" % (what, a_ip, b_ip, "and back"))


def expect_apart(a, a_ip, b, b_ip, what=""):
    a_ip, b_ip = a_ip.split("/")[0], b_ip.split("/")[0]
    expect(not reach(a, a_ip, b, b_ip, 1.0), "%s: %s must not reach %s" % (what, a_ip, b_ip))


class Outside:
    """The far end of the wire, in a namespace; vlan() makes another one behind a tag."""

    def __init__(self, *addresses):
        self.peer = vmnic.Peer("outside", addresses=addresses)
        self.ns = self.peer.ns

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.peer.remove()

    def vlan(self, vid, *addresses):
        ns = Netns("outside%d" % vid)
        self.ns.ip("link add link peer0 name v%d type vlan id %d" % (vid, vid))
        self.ns.ip("link set v%d netns %s" % (vid, ns.name))
        ns.ip("link set v%d up" % vid)
        for address in addresses:
            ns.ip("addr add %s dev v%d%s" % (address, vid, " nodad" if ":" in address else ""))
        return ns


# A delegate --------------------------------------------------------------------------------------------

def fake_ipam(folder, add='{"cniVersion": "1.0.0", "ips": [{"address": "10.7.0.5/24"}]}', fail=(), wait=()):
    """A foreign IPAM plugin that writes down its verbs and fails at some of them. wait: at these verbs it says
    that it runs by FOLDER/running, and goes on when somebody writes a line into FOLDER/go."""
    path = os.path.join(folder, "fake-ipam")
    with open(path, "w") as f:
        f.write("#!/bin/sh\ncat >/dev/null\necho $CNI_COMMAND >>%s/calls\n" % folder)
        f.write('case " %s " in *" $CNI_COMMAND "*) echo $$ >%s/running; read line <%s/go;; esac\n' %
                (" ".join(wait), folder, folder))
        f.write("""case " %s " in *" $CNI_COMMAND "*) echo '{"cniVersion":"1.0.0","code":123,"msg":"not today"}'; exit 1;; esac
[ $CNI_COMMAND != ADD ] || echo '%s'
""" % (" ".join(fail), add))
    if wait:
        os.mkfifo(os.path.join(folder, "go"))
    os.chmod(path, 0o755)
    return {"type": "fake-ipam"}


def calls(folder):
    path = os.path.join(folder, "calls")
    return open(path).read().split() if os.path.exists(path) else []


def dirty(vf, up=True):
    """A VF that somebody has set up before: whatever happens, it is given back just so."""
    vf.set("vlan", 55, "qos", 2)
    vf.set("max_tx_rate", 300)
    run("ip", "link", "set", vf.name, "mtu", 1450, *(["up"] if up else []))
    run("ip", "link", "property", "add", "dev", vf.name, "altname", "a-very-long-name-of-a-VF")


# What happened before, or meanwhile --------------------------------------------------------------------

def lose_journal():
    for name in os.listdir("/var/lib/barewire"):
        path = os.path.join("/var/lib/barewire", name)
        shutil.rmtree(path) if os.path.isdir(path) else os.unlink(path)
