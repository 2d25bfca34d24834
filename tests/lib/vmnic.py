# SPDX-License-Identifier: Apache-2.0
"""The emulated network card of a vm guest, for tests below tests/vm.

    pf = Pf()                  # pf0, up, with carrier (Pf(1): the second card, `# vm: nics=2`)
    vfs = pf.create(7)         # seven VFs, bound to igbvf and known to the kernel by name
    before = vfs[0].snapshot() # what a plugin may change of a VF, on both sides
    peer = Peer(vlan=100)      # a namespace on the wire outside the card

Nothing here waits by sleeping a fixed time but the polling of wait_until.
"""
import glob
import os

from bwtest import *

VFS_MAX = 7
CARRIER_S = 20


def read(path):
    with open(path) as f:
        return f.read().strip()


def write(path, text):
    with open(path, "w") as f:
        f.write(text)


def carrier(name):
    try:
        return read("/sys/class/net/%s/carrier" % name) == "1"
    except OSError:
        return False


def up(name):
    """Sets a device up and waits for its carrier."""
    run("ip", "link", "set", "dev", name, "up")
    wait_until(lambda: carrier(name), CARRIER_S, "carrier of " + name)


class Pf:
    def __init__(self, number=0):
        self.name = "pf%d" % number
        self.pci = os.path.basename(os.path.realpath("/sys/class/net/%s/device" % self.name))
        self.path = "/sys/bus/pci/devices/" + self.pci
        up(self.name)

    @property
    def count(self):
        return int(read(self.path + "/sriov_numvfs"))

    def create(self, count=VFS_MAX):
        """count VFs, fresh ones if there were others. The PF resets itself afterwards, and a VF that is
        probed meanwhile never gets an answer from it: igbvf comes when the PF's carrier is back."""
        if self.count != count:
            if self.count:
                self.remove()  # which resets it as well: two resets at once cannot be told apart
                wait_until(lambda: carrier(self.name), CARRIER_S, "carrier of %s without VFs" % self.name)
            run("modprobe", "-r", "igbvf", check=False)
            changes = self.carrier_changes()
            write(self.path + "/sriov_numvfs", str(count))
            wait_until(lambda: self.carrier_changes() >= changes + 2 and carrier(self.name), CARRIER_S,
                       "carrier of %s after the creation of VFs" % self.name)
        run("modprobe", "igbvf")
        vfs = [Vf(self, n) for n in range(count)]
        for vf in vfs:
            wait_until(lambda v=vf: v.name, CARRIER_S, "network device of " + vf.pci)
        return vfs

    def remove(self):
        if self.count:
            write(self.path + "/sriov_numvfs", "0")

    def carrier_changes(self):
        return int(read("/sys/class/net/%s/carrier_changes" % self.name))

    def link(self):
        return run_json("ip", "-j", "-d", "link", "show", "dev", self.name)[0]


# What the kernel counts or derives by itself, or keeps after a reset: no part of "as it was".
VF_VOLATILE = {"ifindex", "qdisc", "permaddr", "operstate", "stats64", "stats", "carrier_changes", "carrier_up_count",
               "carrier_down_count", "inet6_addr_gen_mode", "promiscuity", "allmulti", "flags", "linkmode", "txqlen",
               "num_tx_queues", "num_rx_queues", "gso_max_size", "gso_max_segs", "tso_max_size", "tso_max_segs",
               "gro_max_size", "gso_ipv4_max_size", "gro_ipv4_max_size", "group", "link_index", "link_netnsid"}


class Vf:
    def __init__(self, pf, index):
        self.pf, self.index = pf, index
        self.pci = os.path.basename(os.path.realpath("%s/virtfn%d" % (pf.path, index)))
        self.path = "/sys/bus/pci/devices/" + self.pci

    def __str__(self):
        return self.pci

    @property
    def name(self):
        """Its device's name in the namespace of this process, or None."""
        found = glob.glob(self.path + "/net/*")
        return os.path.basename(found[0]) if found else None

    @property
    def driver(self):
        link = self.path + "/driver"
        return os.path.basename(os.path.realpath(link)) if os.path.exists(link) else None

    def admin(self):
        """The PF's side: MAC, VLAN, rates, spoof check, trust, as `ip -d link` tells them."""
        for vf in self.pf.link().get("vfinfo_list", []):
            if vf["vf"] == self.index:
                return {k: v for k, v in vf.items() if k != "stats"}
        raise Failed("%s has no VF %d" % (self.pf.name, self.index))

    def device(self, ns=None):
        """Its device in this namespace or in ns, found by its PCI address, without what moves by itself."""
        at = ["-n", ns.name] if ns else []
        for link in run_json("ip", *at, "-j", "-d", "link"):
            if link.get("parentdev") == self.pci:
                out = {k: v for k, v in link.items() if k not in VF_VOLATILE}
                out["up"] = "UP" in link["flags"]
                out["altnames"] = sorted(link.get("altnames", []))
                return out
        return None

    def snapshot(self):
        """Everything of it that a plugin may change; for expect_same() and diff()."""
        device = self.device()
        rows = ["%s = %r" % (k, v) for k, v in sorted((device or {"device": None}).items())]
        return {"PF side": ["%s = %r" % (k, v) for k, v in sorted(self.admin().items())],
                "device": rows, "driver": [str(self.driver)],
                "override": [read(self.path + "/driver_override")]}

    def wait_home(self, timeout_s=10):
        """The kernel hands a device of a dead namespace back a little later."""
        return wait_until(lambda: self.name, timeout_s, "return of " + self.pci)

    def rebind(self):
        """A driver that forgets what it was told."""
        write(self.path + "/driver/unbind", self.pci)
        write("/sys/bus/pci/drivers_probe", self.pci)
        return self.wait_home()

    def move(self, ns, name="eth0"):
        run("ip", "link", "set", "dev", self.name, "netns", ns.name, "name", name)


class Peer:
    """The far end of the wire that the card's port is plugged in, in a namespace of its own."""

    def __init__(self, name="outside", vlan=0, addresses=()):
        self.ns = Netns(name)
        self.vlan = vlan
        run("ip", "link", "set", "dev", "peer0", "netns", name)
        self.ns.ip("link set peer0 up")
        self.dev = "peer0"
        if vlan:
            self.dev = "peer0.%d" % vlan
            self.ns.ip("link add link peer0 name %s type vlan id %d" % (self.dev, vlan))
            self.ns.ip("link set %s up" % self.dev)
        for address in addresses:
            self.ns.ip("addr add %s dev %s nodad" % (address, self.dev) if ":" in address
                       else "addr add %s dev %s" % (address, self.dev))

    def capture(self, expression, count=1, timeout_s=10):
        """Starts tcpdump on the wire; .wait_text() of what it returns gives the lines it saw."""
        return Capture(self.ns, expression, count, timeout_s)

    def remove(self):
        run("ip", "-n", self.ns.name, "link", "set", "dev", "peer0", "netns", "1", check=False)
        self.ns.remove()


class Capture:
    def __init__(self, ns, expression, count, timeout_s):
        self.timeout_s = timeout_s
        self.process = ns.popen("tcpdump", "-Z", "root", "-i", "peer0", "-e", "-n", "-l", "-c", count, *expression.split(),
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for line in self.process.stderr:
            if line.startswith("listening"):
                break

    def wait_text(self):
        try:
            return self.process.communicate(timeout=self.timeout_s)[0]
        except subprocess.TimeoutExpired:
            self.process.kill()
            return self.process.communicate()[0]


def ping(ns, address, count=1, wait_s=2):
    """Does anybody answer?"""
    family = "-6" if ":" in address else "-4"
    return subprocess.run([*ns.enter, "ping", family, "-n", "-c", str(count), "-W", str(wait_s), address],
                          capture_output=True).returncode == 0
