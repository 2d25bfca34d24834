# SPDX-License-Identifier: Apache-2.0
"""The bed of demo and bench: one client machine X and one node H per variant, joined by a wire of its
own, so all variants exist at once and their runs can be interleaved. Runs inside tests/lib/sandbox."""
import json
import os
import signal
import socket
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from bwtest import BUILD, GO_PLUGINS, CACHE, Netns, cni, expect_ok, run, tool, workdir  # noqa: E402
from wire import inside  # noqa: E402

KEY_NAMESPACE, KEY_NAME = "default", "redis-0"
PORT_REDIS, PORT_ECHO = 6379, 7000
REFERENCE_DIRS = (GO_PLUGINS, os.path.join(CACHE, "deb-plugins"), "/usr/lib/cni", "/opt/cni/bin")


class BedError(Exception):
    """The bed cannot be built; the text says what is missing."""


def reference_dir():
    for folder in REFERENCE_DIRS:
        if os.access(os.path.join(folder, "bridge"), os.X_OK):
            return folder
    raise BedError("no reference CNI plugins in " + ", ".join(REFERENCE_DIRS))


def congestion_control(ns):
    """cubic where the kernel lets a namespace choose it, else reno: never one that paces by timers."""
    for name in ("cubic", "reno"):
        done = subprocess.run([*ns.enter, "sysctl", "-qw", "net.ipv4.tcp_congestion_control=" + name],
                              capture_output=True)
        if done.returncode == 0:
            return name
    raise BedError("cannot set the congestion control")


def foreign_programs():
    """Programs of others that would touch this bed's packets or sockets: on our cgroup or its parents."""
    root = None
    with open("/proc/self/mounts") as f:
        for line in f:
            fields = line.split()
            if fields[2] == "cgroup2":
                root = fields[1]
    if not root:
        return []
    own = ""
    with open("/proc/self/cgroup") as f:
        for line in f:
            if line.startswith("0::"):
                own = line.strip()[3:]
    out = subprocess.run(["bpftool", "-j", "cgroup", "show", root + own, "effective"],
                         capture_output=True, text=True).stdout
    try:
        shown = json.loads(out or "[]")
    except ValueError:
        return []
    found = shown if isinstance(shown, list) else shown.get("programs", [])
    harmless = ("device", "cgroup_device", "sysctl", "cgroup_sysctl")
    return ["%s %s" % (p.get("attach_type"), p.get("name", "")) for p in found
            if p.get("attach_type") not in harmless]


class Variant:
    """One way from the client to the server."""

    def __init__(self, name, about, client, server, address, netns):
        self.name, self.about, self.client, self.server, self.address = name, about, client, server, address
        self.netns = netns  # every namespace a packet crosses, for the counters
        self.servers, self.cpu, self.folder = [], 0, "/tmp"
        self.enter_round = self.leave_round = None  # called around each run of it

    def start_servers(self):
        redis = ["redis-server", "--port", PORT_REDIS, "--bind", self.address, "--protected-mode", "no",
                 "--save", "", "--appendonly", "no", "--dir", self.folder, "--loglevel", "warning"]
        echo = [tool("pingpong"), "server", PORT_ECHO, "-b", self.address]
        self.servers = [self.server.popen("taskset", "-c", self.cpu, *argv, stdout=subprocess.DEVNULL)
                        for argv in (redis, echo)]
        deadline = time.monotonic() + 10
        while not self.ready():
            if time.monotonic() > deadline:
                raise BedError("%s: no Redis answers at %s" % (self.name, self.address))
            time.sleep(0.005)

    def ready(self):
        """Sets the key that is asked for; true once the server answers."""
        request = b"*3\r\n$3\r\nSET\r\n$3\r\nkey\r\n$64\r\n" + b"x" * 64 + b"\r\n"
        try:
            with inside(self.client):
                s = socket.create_connection((self.address, PORT_REDIS), timeout=2)
            with s:
                s.sendall(request)
                return s.recv(16).startswith(b"+OK")
        except OSError:
            return False

    def restart_servers(self):
        """New processes for each run: one process's memory layout alone moves p50 by a percent or two."""
        self.stop()
        self.start_servers()

    def redis_cli(self, *words):
        return self.client.run("redis-cli", "-h", self.address, *words, check=False).strip()

    def ping(self, *options, port=PORT_REDIS):
        """One run of the latency client; its JSON."""
        out = self.client.run(tool("pingpong"), "client", self.address, port, *options, timeout=120)
        return json.loads(out)

    def netif_rx(self, transactions=20000, port=PORT_REDIS, mode="get"):
        """Stack entries per round trip."""
        out = run(tool("rxcount"), *[n.path for n in self.netns], "--", *self.client.enter, tool("pingpong"),
                  "client", self.address, port, "-m", mode, "-n", transactions, "-w", 0, "-c", 0)
        done, counts = [json.loads(line) for line in out.splitlines()]
        return counts["sum"] / done["total"]

    def stop(self):
        for p in self.servers:
            p.send_signal(signal.SIGKILL)
            p.wait()
        self.servers = []


class Bed:
    """Builds variants; number n gets the network 10.<base + n>.0.0/24."""

    def __init__(self, cpu=0):
        self.variants = {}
        self.cpu = cpu  # of the servers; clients run on core 0
        self.folder = workdir()
        self.congestion = None
        self.attached = []

    def network(self):
        return "10.%d.0" % (101 + len(self.variants))

    def machines(self, name, net):
        """Client and node with the wire between them; the client is <net>.1."""
        client, node = Netns("x-" + name), Netns("h-" + name)
        run("ip", "link", "add", "wire", "netns", client.name, "type", "veth", "peer", "name", "wire",
            "netns", node.name)
        for ns in (client, node):
            ns.ip("link set wire up")
            self.congestion = congestion_control(ns)
        client.ip("addr add %s.1/24 dev wire" % net)
        return client, node

    def pod(self, name):
        ns = Netns(name)
        congestion_control(ns)
        return ns

    def add(self, variant):
        self.variants[variant.name] = variant
        variant.cpu, variant.folder = self.cpu, self.folder
        variant.start_servers()
        return variant

    def attach(self, conf, pod, node, plugin, path, args=None):
        answer = self.last_answer = expect_ok(cni("ADD", conf, pod, plugin=plugin, path=path, node=node, args=args))
        self.attached.append((conf, pod, plugin, path, node, args))
        return answer

    def detach_all(self):
        for conf, pod, plugin, path, node, args in reversed(self.attached):
            cni("DEL", conf, pod, plugin=plugin, path=path, node=node, args=args)
        self.attached = []

    def close(self):
        for v in self.variants.values():
            v.stop()
        self.detach_all()
        Netns.remove_all()

    # The variants from outside

    def wire(self, name="wire", conntrack=False):
        net = self.network()
        client, node = self.machines(name, net)
        node.ip("addr add %s.7/24 dev wire" % net)
        about = "a process on the node's own address: the bare machine"
        if conntrack:
            node.run("nft", "-f", "-", stdin=CONNTRACK_RULES)
            about = "the same with one conntrack rule, as a real node runs"
        return self.add(Variant(name, about, client, node, net + ".7", [client, node]))

    def reference(self, name, kind="bridge", br_netfilter=1):
        net, path = self.network(), reference_dir()
        client, node = self.machines(name, net)
        pod = self.pod("p-" + name)
        ipam = {"type": "host-local", "dataDir": "/var/lib/cni/" + name,
                "ranges": [[{"subnet": net + ".0/24", "rangeStart": net + ".7", "rangeEnd": net + ".7"}]]}
        conf = {"cniVersion": "1.0.0", "name": name, "type": kind, "ipam": ipam}
        if kind == "bridge":
            conf["bridge"] = "br0"
            about = "the reference bridge plugin, br_netfilter " + ("on" if br_netfilter else "off")
        else:
            conf.update(master="wire", mode="bridge")
            about = "the reference macvlan plugin: no bridge, and no way from the node to its pods"
        self.attach(conf, pod, node, os.path.join(path, kind), path)
        if kind == "bridge":
            node.ip("link set wire master br0")
            set_br_netfilter(node, br_netfilter)
        return self.add(Variant(name, about, client, pod, net + ".7", [client, node, pod]))

    def floor(self, name="floor"):
        v = self.reference(name)
        v.about = "the reference bridge plus a bare redirect that checks nothing"
        node = Netns._all["h-" + name]
        host_if = port_of(node, "br0")
        pin = "/sys/fs/bpf/" + name
        node.run(tool("floor"), "peer", "wire", host_if, pin + "_in")
        node.run(tool("floor"), "wire", host_if, "wire", pin + "_out")
        return v

    def barewire(self, name="barewire", links=False, **more):
        """links: after `barewire net reload`, which gives the pods' programs tcx links for filters. One node
        in a sandbox: pinned maps know interfaces by index alone, and two nodes would take each other's."""
        net = self.network()
        client, node = self.machines(name, net)
        pod = self.pod("p-" + name)
        set_br_netfilter(node, 1)
        conf = barewire_conf(net, **more)
        answer = self.attach(conf, pod, node, os.path.join(BUILD, "barewire-bridge"), BUILD, POD_ARGS)
        return self.add(self.barewire_variant(name, links, client, pod, node, net, conf, answer))

    @staticmethod
    def barewire_variant(name, links, client, pod, node, net, conf, answer):
        about = "barewire-bridge"
        if links:
            node.run(os.path.join(BUILD, "barewire"), "net", "reload")
            about += " after `barewire net reload`: tcx links instead of filters"
        netns = [client, node, pod] if conf.get("uplink") else [node, client, pod]
        v = Variant(name, about, client, pod, net + ".7", netns)
        v.conf, v.answer, v.node = conf, answer, node
        return v


CONNTRACK_RULES = """
table inet filter {
	chain input {
		type filter hook input priority filter; policy accept;
		ct state established,related accept
		ct state invalid drop
	}
}
"""

POD_ARGS = "IgnoreUnknown=1;K8S_POD_NAMESPACE=%s;K8S_POD_NAME=%s" % (KEY_NAMESPACE, KEY_NAME)


def barewire_conf(net, **more):
    """The network configuration of the demo: a pool, and an address that belongs to one pod."""
    conf = {
        "cniVersion": "1.0.0", "name": "databases", "type": "barewire-bridge",
        "bridge": "bw0", "uplink": "wire",
        "ipam": {
            "type": "barewire-ipam",
            "ranges": [[{"subnet": net + ".0/24", "rangeStart": net + ".5", "rangeEnd": net + ".99",
                         "gateway": net + ".1"}]],
            "reservations": [{"key": "%s/%s" % (KEY_NAMESPACE, KEY_NAME), "address": net + ".7"}],
        },
    }
    conf.update(more)
    return conf


def set_br_netfilter(node, value):
    """Whether bridged packets visit netfilter; kubelets ask for it."""
    subprocess.run([*node.enter, "sysctl", "-qw", "net.bridge.bridge-nf-call-iptables=%d" % value,
                    "net.bridge.bridge-nf-call-ip6tables=%d" % value], capture_output=True)


def port_of(node, bridge, exclude=("wire",)):
    """The only port of a bridge but the wire."""
    ports = [l["ifname"] for l in node.ip_json("link show master " + bridge) if l["ifname"] not in exclude]
    if len(ports) != 1:
        raise BedError("%s: expected one port, found %s" % (bridge, ports))
    return ports[0]


class SameNode(Bed):
    """Two pods on one node: the client is a pod as well. No wire is crossed."""

    def pair(self, name):
        return Netns("h-" + name), self.pod("c-" + name), self.pod("p-" + name)

    def veth(self, name="veth"):
        """The baseline: a veth pair straight from one pod to the other."""
        net, client, pod = self.network(), self.pod("c-" + name), self.pod("p-" + name)
        run("ip", "link", "add", "eth0", "netns", client.name, "type", "veth", "peer", "name", "eth0",
            "netns", pod.name)
        for ns, host in ((client, 8), (pod, 7)):
            ns.ip("addr add %s.%d/24 dev eth0" % (net, host))
            ns.ip("link set eth0 up")
        self.congestion = congestion_control(pod)
        return self.add(Variant(name, "a veth pair from pod to pod", client, pod, net + ".7", [client, pod]))

    def loopback(self, name="loopback"):
        pod = self.pod("p-" + name)
        return self.add(Variant(name, "client and server in one pod", pod, pod, "127.0.0.1", [pod]))

    def reference(self, name, kind="bridge", br_netfilter=1):
        net, path = self.network(), reference_dir()
        node, client, pod = self.pair(name)
        if kind == "macvlan":
            node.ip("link add wire type veth peer name wire-x")
            node.ip("link set wire up")
            node.ip("link set wire-x up")
        for ns, host in ((client, 8), (pod, 7)):
            only = "%s.%d" % (net, host)
            ipam = {"type": "host-local", "dataDir": "/var/lib/cni/" + name,
                    "ranges": [[{"subnet": net + ".0/24", "rangeStart": only, "rangeEnd": only}]]}
            conf = {"cniVersion": "1.0.0", "name": "%s-%d" % (name, host), "type": kind, "ipam": ipam}
            conf.update({"bridge": "br0"} if kind == "bridge" else {"master": "wire", "mode": "bridge"})
            self.attach(conf, ns, node, os.path.join(path, kind), path)
        set_br_netfilter(node, br_netfilter)
        about = "the reference %s plugin" % kind
        return self.add(Variant(name, about, client, pod, net + ".7", [node, client, pod]))

    def floor(self, name="floor"):
        v = self.reference(name)
        v.about = "the reference bridge plus a bare redirect that checks nothing"
        node = Netns._all["h-" + name]
        ports = [l["ifname"] for l in node.ip_json("link show master br0")]
        for a, b in (ports, ports[::-1]):
            node.run(tool("floor"), "peer", a, b, "/sys/fs/bpf/%s_%s" % (name, a))
        return v

    def barewire(self, name="barewire", links=False, **more):
        net = self.network()
        node, client, pod = self.pair(name)
        set_br_netfilter(node, 1)
        conf = barewire_conf(net, **more)
        del conf["uplink"]
        plugin = os.path.join(BUILD, "barewire-bridge")
        answer = self.attach(conf, pod, node, plugin, BUILD, POD_ARGS)
        # The pod alone is limited: two buckets in a row would measure their sum.
        self.attach({k: x for k, x in conf.items() if k not in ("runtimeConfig", "capabilities")}, client, node,
                    plugin, BUILD)
        return self.add(self.barewire_variant(name, links, client, pod, node, net, conf, answer))
