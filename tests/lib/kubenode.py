# SPDX-License-Identifier: Apache-2.0
"""One node of the kube bed: namespaces of its own, two network cards, containerd, kubelet and kube-proxy.

    up0    management, 10.77.0.1N and fd00:77::1N: API server, other nodes, NodePorts
    data0  the database segment, without an address

Everything stands at its standard path inside the node (/run, /var/lib, /etc/cni, /opt/cni); two nodes share none.
"""
import json
import os
import shutil
import signal
import subprocess

from kubeapi import DNS_IP
from kubeproc import TOP, Proc, program, wait

# Of the reference plugin's pods, which have no IPv6; what does not come from it is masqueraded.
CLUSTER_CIDR = "10.244.0.0/16,fd00:244::/48"
CGROUP = "/sys/fs/cgroup"

CONTAINERD = """version = 3
root = '/var/lib/containerd'
state = '/run/containerd'
[grpc]
address = '/run/containerd/containerd.sock'
[plugins.'io.containerd.cri.v1.runtime']
restrict_oom_score_adj = true
disable_apparmor = true
[plugins.'io.containerd.cri.v1.runtime'.cni]
bin_dirs = ['/opt/cni/bin']
conf_dir = '/etc/cni/net.d'
[plugins.'io.containerd.cri.v1.images']
snapshotter = '%(snapshotter)s'
[plugins.'io.containerd.cri.v1.images'.pinned_images]
sandbox = 'barewire.invalid/pause:1'
"""


def hierarchies():
    """Where groups are made: the folder of each controller (cgroup v1), or the one tree (v2)."""
    if os.path.exists(CGROUP + "/cgroup.controllers"):
        return [CGROUP]
    return sorted({os.path.realpath(os.path.join(CGROUP, d)) for d in os.listdir(CGROUP)
                   if os.path.exists(os.path.join(CGROUP, d, "cgroup.procs"))})


def _copy(source, target):
    with open(source) as f:
        text = f.read().strip()
    with open(target, "w") as f:
        f.write(text)


def make_group(path):
    """The group in every hierarchy, able to hold pods."""
    for top in hierarchies():
        at = top
        for part in path.strip("/").split("/"):
            parent, at = at, os.path.join(at, part)
            if top == CGROUP:
                with open(parent + "/cgroup.controllers") as f:
                    on = ["+" + c for c in f.read().split()]
                for c in on:
                    try:
                        with open(parent + "/cgroup.subtree_control", "w") as f:
                            f.write(c)
                    except OSError:
                        pass  # the kubelet names a controller that it misses
            os.makedirs(at, exist_ok=True)
            for name in ("cpuset.cpus", "cpuset.mems"):
                if top != CGROUP and os.path.exists(os.path.join(at, name)):
                    _copy(os.path.join(parent, name), os.path.join(at, name))


def remove_group(path):
    """The group and all below it, in every hierarchy; nothing may run there any more."""
    for top in hierarchies():
        for folder, _, _ in os.walk(os.path.join(top, path.strip("/")), topdown=False):
            try:
                os.rmdir(folder)
            except OSError:
                pass  # a process that ends this moment; the bed's own end takes it away


def members(path):
    """Processes in a group and below it."""
    pids = set()
    for top in hierarchies():
        for folder, _, files in os.walk(os.path.join(top, path.strip("/"))):
            if "cgroup.procs" in files:
                try:
                    with open(os.path.join(folder, "cgroup.procs")) as f:
                        pids.update(int(p) for p in f.read().split())
                except OSError:
                    pass
    return pids - {0}


class Node:
    """bed: the Bed it belongs to. number: 1, 2, ... A node is made by create(), found again by its name."""

    def __init__(self, bed, number):
        self.bed, self.number, self.name = bed, number, "node%d" % number
        self.ip6 = "fd00:77::%d" % (10 + number)
        self.ip, self.pod_cidr = "10.77.0.%d" % (10 + number), "10.244.%d.0/24" % number
        self.folder = os.path.join(bed.folder, self.name)
        self.group = "/%s/%s" % (bed.group, self.name)
        os.makedirs(self.folder, exist_ok=True)
        self.holder = Proc("holder", ["nsenter", "--net=/run/netns/" + self.name, "--", "unshare", "--mount", "--uts",
                                      "--propagation", "private", os.path.join(TOP, "tests", "lib", "kube-node"), self.name,
                                      self.folder], self.path("holder.log"))
        self.containerd = self._proc("containerd", [program("containerd"), "--config", self.path("containerd.toml")],
                                     {"PATH": os.path.dirname(program("containerd")) + ":" + os.environ["PATH"]})
        self.kubelet = self._proc("kubelet", [
            program("kubelet"), "--config=" + self.path("kubelet.json"), "--kubeconfig=" + self.path("kubelet.kubeconfig"),
            "--hostname-override=" + self.name, "--node-ip=%s,%s" % (self.ip, self.ip6)])
        self.proxy = self._proc("kube-proxy", [
            program("kube-proxy"), "--kubeconfig=" + os.path.join(bed.folder, "kube-proxy.kubeconfig"), "--proxy-mode=nftables",
            "--hostname-override=" + self.name, "--conntrack-max-per-core=0", "--bind-address=" + self.ip,
            "--cluster-cidr=" + CLUSTER_CIDR, "--metrics-bind-address=127.0.0.1:10249", "--healthz-bind-address=127.0.0.1:10256"])

    def path(self, *parts):
        return os.path.join(self.folder, *parts)

    def _proc(self, name, argv, env=None):
        proc = Proc(name, argv, self.path(name + ".log"), env=env)
        # The holder is another process after each boot: where to enter is known only at the start.
        start = proc.start
        proc.start = lambda: (setattr(proc, "enter", self.enter), start())[1]
        return proc

    @property
    def enter(self):
        """Words that put a command inside the node."""
        pid = self.holder.pid
        if not pid:
            raise RuntimeError("%s is switched off" % self.name)
        return ["nsenter", "--mount", "--uts", "--net", "--target", str(pid), "--"]

    def run(self, *argv, check=True, timeout=30, stdin=None):
        """Runs a command inside the node (one string is split at blanks) and returns its stdout."""
        if len(argv) == 1 and isinstance(argv[0], str):
            argv = argv[0].split()
        p = subprocess.run([*self.enter, *map(str, argv)], input=stdin, capture_output=True, text=True, timeout=timeout)
        if check and p.returncode:
            raise RuntimeError("%s: %s: exit %d\n%s%s" % (self.name, " ".join(map(str, argv)), p.returncode, p.stdout, p.stderr))
        return p.stdout

    def popen(self, *argv, **kw):
        return subprocess.Popen([*self.enter, *map(str, argv)], **kw)

    def ctr(self, *argv, **kw):
        return self.run(program("ctr"), "-n", "k8s.io", *argv, **kw)

    # Made, switched on, switched off ----------------------------------------------------------------

    def create(self):
        """Its folders and files; nothing runs yet."""
        for folder in ("lib/kubelet", "lib/containerd", "lib/cni", "lib/barewire", "log", "cni/bin", "etc", "etc.work"):
            os.makedirs(self.path(folder), exist_ok=True)
        for name in os.listdir(self.bed.go_plugins):
            shutil.copy2(os.path.join(self.bed.go_plugins, name), self.path("cni/bin", name))
        with open(self.path("containerd.toml"), "w") as f:
            f.write(CONTAINERD % {"snapshotter": self.bed.snapshotter})
        api = self.bed.api
        api.pki.kubeconfig(self.path("kubelet.kubeconfig"), api.url, "kubelet-" + self.name, "system:node:" + self.name, ["system:nodes"])
        crt, key = api.pki.cert("kubelet-serving-" + self.name, self.name, sans=["IP:" + self.ip, "DNS:" + self.name])
        with open(self.path("kubelet.json"), "w") as f:
            json.dump(self._kubelet_config(crt, key), f, indent=1)

    def _kubelet_config(self, crt, key):
        return {
            "apiVersion": "kubelet.config.k8s.io/v1beta1", "kind": "KubeletConfiguration",
            "authentication": {"anonymous": {"enabled": False}, "webhook": {"enabled": True},
                               "x509": {"clientCAFile": self.bed.api.pki.ca}},
            "authorization": {"mode": "Webhook"}, "tlsCertFile": crt, "tlsPrivateKeyFile": key, "address": self.ip,
            "containerRuntimeEndpoint": "unix:///run/containerd/containerd.sock",
            "failCgroupV1": False, "failSwapOn": False, "cgroupDriver": "cgroupfs", "cgroupRoot": self.group, "enforceNodeAllocatable": [],
            "evictionHard": {}, "imageGCHighThresholdPercent": 100, "imageGCLowThresholdPercent": 99, "resolvConf": "",
            "clusterDNS": [DNS_IP], "clusterDomain": "cluster.local", "maxPods": 500, "volumePluginDir": "/var/lib/kubelet/plugins-flex",
            "nodeLeaseDurationSeconds": 4, "nodeStatusUpdateFrequency": "5s", "healthzBindAddress": "127.0.0.1",
            "shutdownGracePeriod": "0s", "registerNode": True, "serializeImagePulls": False,
            "syncFrequency": "20s", "logging": {"verbosity": 2},
            # A test kills a program more often than an hour of real life does.
            "featureGates": {"KubeletCrashLoopBackOffMax": True}, "crashLoopBackOff": {"maxContainerRestartPeriod": "1s"},
        }

    def cable(self, card):
        """Name of the other end of up0 or data0, outside the node."""
        return "%s-%s" % (self.name, "up" if card == "up0" else "data")

    def _wire(self):
        """A network namespace with nothing in it but the two cards."""
        ip = self.bed.ip
        for card, fabric in (("up0", "fab0"), ("data0", "fab1")):
            ip("link del " + self.cable(card), check=False)
        ip("netns del " + self.name, check=False)
        ip("netns add " + self.name)
        for card, fabric in (("up0", "fab0"), ("data0", "fab1")):
            far = self.cable(card)
            ip("link add %s type veth peer name %s netns %s" % (far, card, self.name))
            self.bed.port(far, fabric)
            # A card keeps its address when the machine starts anew.
            ip("-n %s link set %s address 02:77:%02x:00:00:%02x up" % (self.name, card, fabric == "fab1", self.number))
        ip("-n %s link set lo up" % self.name)
        ip("-n %s addr add %s/24 dev up0" % (self.name, self.ip))
        ip("-n %s addr add %s/64 dev up0 nodad" % (self.name, self.ip6))
        ip("-n %s route add default via 10.77.0.1" % self.name)

    def power(self):
        """Cards and mounts, and containerd begins."""
        make_group(self.group)
        self._wire()
        marker = self.path("booted")
        if os.path.exists(marker):
            os.unlink(marker)
        self.holder.start()
        self.holder.wait_ready(lambda: os.path.exists(marker), 20)
        self.run("sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1")
        self.containerd.start()

    def containerd_ready(self):
        self.containerd.wait_ready(lambda: self.ctr("version", check=False).count("Version:") > 1, 60)

    def boot(self):
        """Switches it on and does not wait for Ready."""
        self.power()
        self.containerd_ready()
        self.kubelet.start()
        self.proxy.start()

    def load(self, archive):
        """An image (docker-archive) into its containerd."""
        self.ctr("images", "import", "--local", "--snapshotter", self.bed.snapshotter, archive, timeout=120)

    def processes(self):
        """Pids of all that runs on the node: in its mount namespace, and its pods."""
        holder = self.holder.pid
        mine = os.stat("/proc/%d/ns/mnt" % holder).st_ino if holder else None
        pids = set(members(self.group))
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                if mine and os.stat("/proc/%s/ns/mnt" % pid).st_ino == mine:
                    pids.add(int(pid))
            except OSError:
                pass
        return pids

    def kill(self):
        """The power goes off: cables first, then everything at once. What it held in /run, its network namespace's
        links and its pods are gone; /var/lib stays."""
        self.cut("up0", "data0")
        end = 50
        while True:
            left = self.processes()
            for pid in left:
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
            end -= 1
            if not left or not end:
                break
            wait(lambda: not any(os.path.exists("/proc/%d" % p) and not _zombie(p) for p in left), 10, "the end of " + self.name)
        # A machine that starts has no group of before, and its kubelet would wait for what each holds.
        remove_group(self.group)

    def cut(self, *cards):
        """Pulls cables; the node itself sees no carrier."""
        for card in cards:
            self.bed.ip("link set %s down" % self.cable(card))

    def plug(self, *cards):
        for card in cards or ("up0", "data0"):
            self.bed.ip("link set %s up" % self.cable(card))

    # CNI --------------------------------------------------------------------------------------------

    def conflist(self, name, plugins):
        """Writes /etc/cni/net.d/NAME at once or not at all; plugins None removes it."""
        if plugins is None:
            self.run("rm", "-f", "/etc/cni/net.d/" + name)
            return
        text = json.dumps({"cniVersion": "1.0.0", "name": name.partition(".")[0], "plugins": plugins}, indent=1)
        # From a name in the same folder: containerd reads its folder again when something moves away or is
        # written, but not when something merely appears.
        self.run("sh", "-c", "cd /etc/cni/net.d && cat >.new && mv .new " + name, stdin=text)

    def reference_cni(self):
        """The reference bridge plugin with host-local: the node becomes Ready with 10.244.N.0/24."""
        self.conflist("50-reference.conflist", [
            {"type": "bridge", "bridge": "cni0", "isGateway": True, "hairpinMode": True, "isDefaultGateway": True,
             "ipam": {"type": "host-local", "ranges": [[{"subnet": self.pod_cidr}]]}},
            {"type": "portmap", "capabilities": {"portMappings": True}}])


def _zombie(pid):
    try:
        with open("/proc/%d/stat" % pid) as f:
            return f.read().rpartition(")")[2].split()[0] in "ZX"
    except OSError:
        return True
