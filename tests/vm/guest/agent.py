# SPDX-License-Identifier: Apache-2.0
"""The guest's side of scripts/vm: names the network cards, runs one command after another for the machine
outside, gives their output back and says what each left behind. Lines of JSON over a virtio port."""
import base64
import glob
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import time

PORT_NAME = "barewire"
IDLE_S = 300  # nobody outside any more: the guest ends by itself
NETWORK = {"igb": "pf", "virtio_net": "peer"}


def read(path):
    try:
        with open(path) as f:
            return f.read().strip()
    except OSError:
        return ""


def quiet(*argv):
    return subprocess.run(argv, capture_output=True, text=True)


# The network cards -----------------------------------------------------------------------------------

def cards():
    """(driver, PCI address, name) of every network device of a PCI card, in the order of the addresses."""
    out = []
    for path in glob.glob("/sys/bus/pci/devices/*"):
        for net in glob.glob(path + "/net/*") + glob.glob(path + "/virtio*/net/*"):
            driver = os.path.basename(os.path.realpath(os.path.join(net, "device", "driver")))
            out.append((driver, os.path.basename(path), os.path.basename(net)))
    return sorted(out)


def prepare():
    """pf0, pf1: the PFs in the order of their slots; peer0: the outside peer on the same wire."""
    for module in ("virtio_pci", "virtio_console", "crc32c_generic", "igb", "virtio_net"):
        quiet("modprobe", module)
    count = {}
    for driver, _, name in cards():
        if driver in NETWORK:
            n = count.setdefault(driver, 0)
            count[driver] += 1
            quiet("ip", "link", "set", "dev", name, "name", "%s%d" % (NETWORK[driver], n))


# A clean state between two files ---------------------------------------------------------------------

def namespaces():
    return sorted(os.listdir("/run/netns")) if os.path.isdir("/run/netns") else []


def own_links(known):
    links = json.loads(quiet("ip", "-j", "link").stdout or "[]")
    return sorted(i["ifname"] for i in links if i["ifname"] not in known)


def processes(known):
    """Processes that are neither the kernel's nor were there before."""
    out = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        line = read("/proc/%s/cmdline" % pid).replace("\0", " ").strip()
        if line and pid not in known and int(pid) not in (1, os.getpid()) and os.path.exists("/proc/" + pid):
            out.append((int(pid), line))
    return out


class State:
    """What a fresh guest has; what is more after a file is told and taken away."""

    def __init__(self):
        self.pids = {p for p in os.listdir("/proc") if p.isdigit()}
        self.links = set(own_links(()))
        self.mounts = self.mount_points()

    @staticmethod
    def mount_points():
        return [line.split()[1] for line in read("/proc/mounts").splitlines()]

    def clean(self):
        left = []
        for pid, line in processes(self.pids):
            left.append("process %d: %s" % (pid, line))
            try:
                os.kill(pid, signal.SIGKILL)
            except OSError:
                pass
        for name in namespaces():
            left.append("namespace " + name)
            quiet("ip", "netns", "del", name)
        for point in reversed(self.mount_points()):
            if point not in self.mounts:
                left.append("mount " + point)
                quiet("umount", "-l", point)
        left += self.clean_links()
        if quiet("nft", "list", "ruleset").stdout.strip():
            left.append("nft rules")
            quiet("nft", "flush", "ruleset")
        for folder in ("/sys/fs/bpf", "/var/lib/barewire", "/var/lib/cni", "/run/barewire", "/etc/cni"):
            for entry in glob.glob(folder + "/*"):
                # A journal stays behind every test; a pin of the datapath does not.
                if folder == "/sys/fs/bpf":
                    left.append("pin " + entry)
                shutil.rmtree(entry, True) if os.path.isdir(entry) else os.unlink(entry)
        return left

    def clean_links(self):
        """VFs go with their cards; what else is no card goes one by one."""
        left = []
        quiet("modprobe", "-r", "netdevsim")  # its devices cannot be deleted
        for driver, pci, name in cards():
            path = "/sys/bus/pci/devices/%s/sriov_numvfs" % pci
            if driver == "igb" and read(path) not in ("", "0"):
                self.forget_vfs(pci, path)
            quiet("ip", "link", "set", "dev", name, "down", "nomaster", "mtu", "1500", "alias", "")
            quiet("ip", "addr", "flush", "dev", name)
        for name in own_links(self.links):
            if name not in own_links(self.links):
                continue
            left.append("link " + name)
            quiet("ip", "link", "del", "dev", name)
        return left

    @staticmethod
    def forget_vfs(pci, path):
        """VFs are part of the setting, not a leak; they go, so that the next file begins with none."""
        for vf in glob.glob("/sys/bus/pci/devices/%s/virtfn*" % pci):
            override = os.path.join(os.path.realpath(vf), "driver_override")
            if read(override) not in ("", "(null)"):
                with open(override, "w") as f:
                    f.write("\n")
        try:
            with open(path, "w") as f:
                f.write("0")
        except OSError:
            pass


# The channel -----------------------------------------------------------------------------------------

class Channel:
    """Lines of JSON over the port. Nobody at the other end reads as end of file: then it waits."""

    def __init__(self):
        self.fd = os.open(self.device(), os.O_RDWR)
        self.buffer = b""

    @staticmethod
    def device():
        """The port's name comes by a message of its own, some time after the driver."""
        end = time.monotonic() + 10
        while time.monotonic() < end:
            for path in glob.glob("/sys/class/virtio-ports/*"):
                if read(path + "/name") == PORT_NAME:
                    return "/dev/" + os.path.basename(path)
            time.sleep(0.01)
        sys.exit("no virtio port " + PORT_NAME)

    def send(self, **message):
        data = json.dumps(message).encode() + b"\n"
        while data:
            try:
                data = data[os.write(self.fd, data):]
            except OSError:
                return

    def line(self):
        idle = time.monotonic()
        while b"\n" not in self.buffer:
            ready = select.select([self.fd], [], [], 1)[0]
            data = os.read(self.fd, 65536) if ready else b""
            if data:
                idle = time.monotonic()
            elif time.monotonic() - idle > IDLE_S:
                return None
            elif ready:
                time.sleep(0.02)  # a port without a reader outside cannot be waited for
            self.buffer += data
        line, _, self.buffer = self.buffer.partition(b"\n")
        return json.loads(line)


def run(channel, request):
    """Runs one command in its own session; both outputs go out as they come."""
    env = {**os.environ, "BW_SANDBOX": "1", "BW_BUILD": "/barewire/build", "BW_CACHE": "/var/cache/barewire",
           "PYTHONDONTWRITEBYTECODE": "1", **request.get("env", {})}
    try:
        p = subprocess.Popen(request["argv"], cwd="/barewire", env=env, stdin=subprocess.DEVNULL,
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True)
    except OSError as e:
        channel.send(err=base64.b64encode(("%s: %s\n" % (request["argv"][0], e)).encode()).decode())
        return 127
    streams = {p.stdout.fileno(): "out", p.stderr.fileno(): "err"}
    ended = None
    while streams:
        for fd in select.select(list(streams), [], [], 0.2)[0]:
            data = os.read(fd, 65536)
            if data:
                channel.send(**{streams[fd]: base64.b64encode(data).decode()})
            else:
                del streams[fd]
        # A process left behind may hold the pipes open for ever.
        if p.poll() is not None:
            ended = ended or time.monotonic()
            if time.monotonic() - ended > 1:
                break
    code = p.wait()
    return 128 - code if code < 0 else code


def serve():
    prepare()
    state = State()
    channel = Channel()
    while True:
        request = channel.line()
        if request is None or request.get("end"):
            return
        if "ping" in request:
            channel.send(pong=request["ping"], uptime=float(read("/proc/uptime").split()[0]))
            continue
        code = run(channel, request)
        left = state.clean() if request.get("clean") else []
        channel.send(exit=code, left=left)


if sys.argv[1] == "prepare":
    prepare()
else:
    serve()
