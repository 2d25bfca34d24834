# SPDX-License-Identifier: Apache-2.0
"""The kube bed: a real Kubernetes of several nodes in the namespaces of one sandbox. docs/design/kube-bed.md has
the picture.

    fab0 10.77.0.1/24   management: etcd, API server, controller-manager, scheduler, CoreDNS stand here
    fab1                the database segment, 10.99.0.0/16 and fd00:99::/64; no router joins the two
    node1, node2        tests/lib/kubenode.py
    outside             a machine on fab1 only, 10.99.0.2 and fd00:99::2

    bed = Bed(folder).build()     # once, by scripts/kube-bed
    bed = Bed.attach()            # in a test: the same bed, from BW_KUBE
"""
import json
import os
import subprocess
import tempfile
from concurrent.futures import ThreadPoolExecutor

import kubeimage
from kubeapi import DNS_IP, SERVICE_CIDR, ApiServer, kubectl
from kubeclient import Client
from kubenode import CLUSTER_CIDR, Node
from kubeproc import CACHE, Kept, Proc, program, versions, wait

MANAGEMENT = "10.77.0.1"
OUTSIDE4, OUTSIDE6 = "10.99.0.2", "fd00:99::2"

# By default they ask 20 and 50 times a second: 200 pods would take ten seconds.
QUICK = ("--kube-api-qps=1000", "--kube-api-burst=2000")

COREFILE = """.:53 {
    bind %s
    errors
    kubernetes cluster.local in-addr.arpa ip6.arpa {
        kubeconfig %s barewire
        ttl 5
    }
}
"""


class Bed:
    """folder: all state. nodes: how many. group: the control groups' name, taken away by scripts/kube-bed."""

    def __init__(self, folder, nodes=2):
        self.folder = os.path.abspath(folder)
        self.group = os.path.basename(self.folder)
        self.go_plugins = os.environ.get("BW_GO_PLUGINS", os.path.join(CACHE, "go-plugins-" + versions()["CNI_PLUGINS_VERSION"]))
        self.snapshotter = self._snapshotter()
        self.api = ApiServer(self.folder, address=MANAGEMENT)
        self.admin = self.api.admin
        self.nodes = [Node(self, i + 1) for i in range(nodes)]
        sa = self.api.pki.key_pair("sa")[1]
        self.manager = self._component("kube-controller-manager", [
            *QUICK, "--use-service-account-credentials", "--service-account-private-key-file=" + sa, "--root-ca-file=" + self.api.pki.ca,
            "--leader-elect=false", "--bind-address=127.0.0.1", "--node-monitor-grace-period=10s", "--node-monitor-period=2s",
            "--cluster-cidr=" + CLUSTER_CIDR, "--service-cluster-ip-range=" + SERVICE_CIDR, "--terminated-pod-gc-threshold=100"])
        self.scheduler = self._component("kube-scheduler", [*QUICK, "--leader-elect=false", "--bind-address=127.0.0.1"])
        self.api.kubeconfig("kube-proxy", "system:kube-proxy")
        self.dns = Proc("coredns", [program("coredns"), "-conf", self.path("Corefile")], self.path("coredns.log"))

    def _component(self, name, flags):
        """Ends by itself when the API server stays away or has another history, and counts on a supervisor."""
        conf = self.api.kubeconfig(name, "system:" + name)
        return Kept(name, [program(name), "--kubeconfig=" + conf, "--authentication-kubeconfig=" + conf,
                           "--authorization-kubeconfig=" + conf, *flags], self.path(name + ".log"))

    @classmethod
    def attach(cls, folder=None):
        """The bed that runs already."""
        folder = folder or os.environ["BW_KUBE"]
        with open(os.path.join(folder, "bed.json")) as f:
            return cls(folder, **json.load(f))

    def path(self, *parts):
        return os.path.join(self.folder, *parts)

    def _snapshotter(self):
        """overlayfs where the disk below carries it, else copies."""
        known = self.path("snapshotter")
        if not os.path.exists(known):
            os.makedirs(self.folder, exist_ok=True)
            with tempfile.TemporaryDirectory(dir=self.folder) as tmp:
                for d in ("l", "u", "w", "m"):
                    os.mkdir(os.path.join(tmp, d))
                opts = "lowerdir={0}/l,upperdir={0}/u,workdir={0}/w".format(tmp)
                ok = not subprocess.run(["mount", "-t", "overlay", "-o", opts, "x", tmp + "/m"], capture_output=True).returncode
                if ok:
                    subprocess.run(["umount", tmp + "/m"], check=True)
            with open(known, "w") as f:
                f.write("overlayfs" if ok else "native")
        with open(known) as f:
            return f.read()

    @staticmethod
    def ip(args, check=True):
        p = subprocess.run(["ip", *args.split()], capture_output=True, text=True, timeout=10)
        if check and p.returncode:
            raise RuntimeError("ip %s: %s" % (args, p.stderr))
        return p.stdout

    @property
    def client(self):
        """A connection of its own each time."""
        return Client(self.admin)

    def kubectl(self, *argv, **kw):
        return kubectl(self.admin, *argv, **kw)

    def node(self, name):
        return next(n for n in self.nodes if n.name == name)

    def outside(self, *argv, check=True, timeout=30, stdin=None):
        """Runs a command on the machine outside, which the database segment alone reaches."""
        if len(argv) == 1 and isinstance(argv[0], str):
            argv = argv[0].split()
        p = subprocess.run(["nsenter", "--net=/run/netns/outside", "--", *map(str, argv)], input=stdin, capture_output=True, text=True,
                           timeout=timeout)
        if check and p.returncode:
            raise RuntimeError("outside: %s: exit %d\n%s%s" % (" ".join(map(str, argv)), p.returncode, p.stdout, p.stderr))
        return p.stdout if check else p

    # Building ---------------------------------------------------------------------------------------

    def port(self, link, fabric):
        """A link becomes a port of a segment, a socket in a switch: no address of any kind."""
        with open("/proc/sys/net/ipv6/conf/%s/disable_ipv6" % link, "w") as f:
            f.write("1")
        self.ip("link set %s master %s up" % (link, fabric))

    def _segments(self):
        for name in ("fab0", "fab1"):
            self.ip("link add %s type bridge mcast_snooping 0" % name)
            self.ip("link set %s up" % name)
        self.ip("addr add %s/24 dev fab0" % MANAGEMENT)
        for v in ("4", "6"):
            with open("/proc/sys/net/ipv%s/%s" % (v, "ip_forward" if v == "4" else "conf/all/forwarding"), "w") as f:
                f.write("0")
        # fab1 is a switch, not a machine: the management host has no address of any kind on it.
        with open("/proc/sys/net/ipv6/conf/fab1/disable_ipv6", "w") as f:
            f.write("1")
        self.ip("netns add outside")
        self.ip("link add outside type veth peer name eth0 netns outside")
        self.port("outside", "fab1")
        self.ip("-n outside link set lo up")
        self.ip("-n outside addr add %s/16 dev eth0" % OUTSIDE4)
        self.ip("-n outside addr add %s/64 dev eth0 nodad" % OUTSIDE6)
        self.ip("-n outside link set eth0 up")
        for a in self.nodes:
            self.ip("route add %s via %s dev fab0 onlink" % (a.pod_cidr, a.ip))

    def build(self):
        """Everything up to nodes that are registered; they become Ready with a CNI configuration."""
        self._segments()
        archives = self.path("images")
        os.makedirs(archives, exist_ok=True)
        with ThreadPoolExecutor(8) as pool:
            images = pool.submit(kubeimage.bed_images, archives)
            control = pool.submit(self._control)
            list(pool.map(self._node, self.nodes))
            control.result()
            for node in self.nodes:
                node.containerd_ready()
            list(pool.map(lambda a: [n.load(a) for n in self.nodes], images.result()))
            for node in self.nodes:
                node.kubelet.start()
                node.proxy.start()
        with open(self.path("bed.json"), "w") as f:
            json.dump({"nodes": len(self.nodes)}, f)
        client = self.client
        for node in self.nodes:
            client.wait("/api/v1/nodes/" + node.name, lambda obj: obj is not None, 40, "registration")
        return self

    def _node(self, node):
        node.create()
        node.power()
        return node

    def _control(self):
        self.api.start()
        self.manager.start()
        self.scheduler.start()
        with open(self.path("Corefile"), "w") as f:
            f.write(COREFILE % (MANAGEMENT, self.api.kubeconfig("coredns", "coredns", ["system:masters"])))
        self.dns.start()
        client = self.client
        client.create("/api/v1/namespaces/kube-system/services", {
            "metadata": {"name": "kube-dns"}, "spec": {"clusterIP": DNS_IP, "ports": [
                {"name": "dns", "port": 53, "protocol": "UDP"}, {"name": "dns-tcp", "port": 53, "protocol": "TCP"}]}})
        client.create("/apis/discovery.k8s.io/v1/namespaces/kube-system/endpointslices", {
            "metadata": {"name": "kube-dns", "labels": {"kubernetes.io/service-name": "kube-dns"}}, "addressType": "IPv4",
            "endpoints": [{"addresses": [MANAGEMENT], "conditions": {"ready": True}}],
            "ports": [{"name": "dns", "port": 53, "protocol": "UDP"}, {"name": "dns-tcp", "port": 53, "protocol": "TCP"}]})

    def reference_cni(self, on=True):
        """The reference plugins on every node, with routes between them; off takes only the configuration away."""
        for a in self.nodes:
            if not on:
                a.conflist("50-reference.conflist", None)
                continue
            a.reference_cni()
            for b in self.nodes:
                if a is not b:
                    a.run("ip route replace %s via %s" % (b.pod_cidr, b.ip))

    def ready(self, name, want=True, timeout_s=60):
        """Waits until a node is Ready, or with want=False is not."""
        def judge(obj):
            state = [c["status"] for c in (obj or {}).get("status", {}).get("conditions", []) if c["type"] == "Ready"]
            return (state == ["True"]) == want
        return self.client.wait("/api/v1/nodes/" + name, judge, timeout_s, "Ready" if want else "not Ready")

    def processes(self):
        """Every Proc of the bed: control plane, then nodes."""
        yield from (self.api.etcd, self.api, self.manager, self.scheduler, self.dns)
        for n in self.nodes:
            yield from (n.holder, n.containerd, n.kubelet, n.proxy)
