# SPDX-License-Identifier: Apache-2.0
"""A real containerd in the test's sandbox: daemon, configuration, a busybox root file system, containers run by
`ctr run --cni`. Standard paths (/opt/cni/bin, /etc/cni/net.d) are used on file systems of the sandbox's own."""
import glob
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import uuid

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "lib"))
from bwtest import BUILD, CACHE, Failed, expect, run, run_json, wait_until  # noqa: E402

CONTAINERD2 = os.path.join(CACHE, "containerd-2.4.2")
NET_D = "/etc/cni/net.d"
CNI_BIN = "/opt/cni/bin"
CGROUP = "barewire-" + uuid.uuid4().hex[:12]


def own_dir():
    """On the sandbox's own /run: whatever is still mounted there goes with it."""
    return tempfile.mkdtemp(prefix="ctrd.", dir="/run")


def own_paths():
    """/etc and /opt become the sandbox's own: what is written there is gone with it."""
    os.makedirs("/run/etc/upper")
    os.makedirs("/run/etc/work")
    run("mount", "-t", "overlay", "-o", "lowerdir=/etc,upperdir=/run/etc/upper,workdir=/run/etc/work", "etc", "/etc")
    run("mount -t tmpfs opt /opt")
    shutil.rmtree(NET_D, ignore_errors=True)
    os.makedirs(NET_D)
    os.makedirs(CNI_BIN)
    for name in ("barewire-bridge", "barewire-ipam"):
        if os.path.exists(os.path.join(BUILD, name)):
            shutil.copy(os.path.join(BUILD, name), CNI_BIN)


def conflist(version, name="barewire", **plugin):
    """Writes the one network list that containers get."""
    conf = {"type": "barewire-bridge", "bridge": "bw0", "isDefaultGateway": True, "ipMasq": True,
            "ipam": {"type": "barewire-ipam", "ranges": [[{"subnet": "10.88.0.0/24"}]]}}
    conf.update(plugin)
    out = {"cniVersion": version, "name": name, "plugins": [conf]}
    # By rename: the daemon watches the folder and reads at once.
    with open(os.path.join(NET_D, "new"), "w") as f:
        json.dump(out, f)
    os.rename(os.path.join(NET_D, "new"), os.path.join(NET_D, "10-barewire.conflist"))
    return out


def busybox_root():
    root = os.path.join(own_dir(), "rootfs")
    for folder in ("bin", "proc", "sys", "dev", "etc", "tmp", "run"):
        os.makedirs(os.path.join(root, folder))
    busybox = next(p for p in ("/bin/busybox", "/usr/bin/busybox") if os.path.exists(p))
    shutil.copy(busybox, os.path.join(root, "bin", "busybox"))
    for name in ("sh", "ip", "ping", "nc", "sleep", "cat", "hostname", "ls", "true", "tail"):
        os.symlink("busybox", os.path.join(root, "bin", name))
    return root


class Containerd:
    """One daemon. bin: folder of containerd, ctr and the shim; cri: TOML of its CRI plugin or None."""

    def __init__(self, folder, config_version, cri=None):
        self.folder = folder
        self.dir = own_dir()
        self.sock = os.path.join(self.dir, "sock")
        self.log = os.path.join(self.dir, "log")
        self.env = dict(os.environ, PATH=folder + ":" + os.environ["PATH"])
        off = [] if cri else ["io.containerd.grpc.v1.cri", "io.containerd.cri.v1.runtime", "io.containerd.cri.v1.images"]
        off += ["io.containerd.snapshotter.v1." + s for s in ("btrfs", "zfs", "devmapper", "aufs", "blockfile", "erofs")]
        off += ["io.containerd.internal.v1.opt", "io.containerd.nri.v1.nri", "io.containerd.tracing.processor.v1.otlp"]
        config = os.path.join(self.dir, "config.toml")
        with open(config, "w") as f:
            f.write("version = %d\nroot = \"%s/root\"\nstate = \"%s/state\"\ndisabled_plugins = %s\n"
                    "[grpc]\naddress = \"%s\"\n%s" % (config_version, self.dir, self.dir, json.dumps(off), self.sock,
                                                     cri or ""))
        with open(self.log, "w") as log:
            self.daemon = subprocess.Popen([os.path.join(folder, "containerd"), "-c", config], stdout=log, stderr=log,
                                           env=self.env)
        try:
            wait_until(lambda: self.daemon.poll() is not None or self.ctr("version", check=False).returncode == 0, 30,
                       "containerd answers")
            expect(self.daemon.poll() is None, "containerd ended")
        except Failed as e:
            raise Failed("%s\n%s" % (e, self.tail()))

    def tail(self):
        with open(self.log) as f:
            return f.read()[-3000:]

    def ctr(self, *argv, check=True, timeout=120):
        p = subprocess.run([os.path.join(self.folder, "ctr"), "--address", self.sock, *argv], capture_output=True,
                           text=True, timeout=timeout, env=self.env, stdin=subprocess.DEVNULL)
        if check and p.returncode != 0:
            raise Failed("ctr %s: exit %d\n%s%s" % (" ".join(argv), p.returncode, p.stdout, p.stderr))
        return p

    def version(self):
        return self.ctr("version").stdout.split("Server:")[1].split("Version:")[1].split()[0]

    def argv(self, root, name, command):
        return ["run", "--rm", "--cni", "--cgroup", "/%s/%s" % (CGROUP, name), "--rootfs", root, name, *command]

    def run(self, root, name, *command, check=True):
        p = self.ctr(*self.argv(root, name, command), check=False)
        if p.returncode != 0:
            # ctr leaves the container's record when its network failed.
            self.ctr("task", "rm", "-f", name, check=False)
            self.ctr("container", "rm", name, check=False)
        if check and p.returncode != 0:
            raise Failed("container %s: exit %d\n%s%s" % (name, p.returncode, p.stdout, p.stderr))
        return p

    def start(self, root, name, *command):
        """Runs in the background; its output comes line by line."""
        return subprocess.Popen([os.path.join(self.folder, "ctr"), "--address", self.sock,
                                 *self.argv(root, name, command)], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                text=True, env=self.env, stdin=subprocess.DEVNULL)

    def tasks(self):
        return [ln.split()[0] for ln in self.ctr("task", "ls", "-q").stdout.split("\n") if ln.strip()]

    def stop(self):
        if self.daemon.poll() is None:
            for name in self.tasks():
                self.ctr("task", "rm", "-f", name, check=False)
        self.daemon.send_signal(signal.SIGTERM)
        try:
            self.daemon.wait(20)
        except subprocess.TimeoutExpired:
            self.daemon.kill()
            self.daemon.wait()
        remove_cgroups()


def remove_cgroups():
    """Of this test, in every hierarchy; they are the machine's, no namespace hides them."""
    for top in glob.glob("/sys/fs/cgroup/*/" + CGROUP) + glob.glob("/sys/fs/cgroup/" + CGROUP):
        for folder, _, _ in os.walk(top, topdown=False):
            try:
                wait_until(lambda: not open(os.path.join(folder, "cgroup.procs")).read(), 5, "empty " + folder)
                os.rmdir(folder)
            except (OSError, Failed) as e:
                print("# %s: %s" % (folder, e))


def addresses():
    """What the journal says is in use."""
    from bwtest import journal_rows
    return [r for r in journal_rows() if r.startswith(("attachment ", "address "))]


def leftovers():
    """What containers left on the node beside the bridge, which may stay."""
    from bwtest import map_entries
    out = ["link " + ln["ifname"] for ln in run_json("ip", "-j", "link") if ln["ifname"] not in ("lo", "bw0")]
    out += addresses()
    out += [ln.strip() for ln in run("nft", "list", "ruleset").split("\n") if "10.88." in ln or "masquerade" in ln]
    pins = []
    for folder, _, files in os.walk("/sys/fs/bpf"):
        pins += [os.path.join(folder, f) for f in files if "/links/" in folder + "/"]
    out += ["pin " + p for p in pins]
    out += ["entry " + e for e in map_entries() if e.startswith(("endpoints", "fib", "ep", "fwd"))]
    return out
