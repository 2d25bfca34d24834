# SPDX-License-Identifier: Apache-2.0
"""One guest, and a pool of guests that several processes share: each takes a free one with what it needs, or
boots one. A guest lives in a folder: its console, its socket, its lock and what it was started with."""
import base64
import fcntl
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

import vmimage

HOME = vmimage.HOME
DEFAULTS = {"kernel": "6.12", "nics": "1", "iommu": "0", "mem": "1024", "with": "", "beside": "0"}
QEMU = os.path.join(vmimage.CACHE, "vm", "qemu")
BOOT_S = 240  # emulated, on a machine with other work
GUEST_S = 3600  # nothing lives longer, whatever became of the one who started it
CONSOLE_LINES = 34  # what run-tier shows of a file's stderr holds them; stack guesses are left out


class Broken(Exception):
    """The guest did not do what was asked; the text says what is known."""


class Ended(Exception):
    def __init__(self, number):
        super().__init__("ended by signal %d" % number)
        self.number = number


def parse_needs(words):
    needs = dict(DEFAULTS)
    for word in words:
        key, eq, value = word.partition("=")
        if not eq or key not in needs:
            sys.exit("vm: unknown need %r (%s)" % (word, " ".join(DEFAULTS)))
        needs[key] = value
    return needs


def needs_of(path):
    """What a test file's `# vm:` line asks for, among its first lines."""
    with open(path, errors="replace") as f:
        for _ in range(20):
            found = re.match(r"#\s*vm:(.*)", f.readline())
            if found:
                return parse_needs(found.group(1).split())
    return dict(DEFAULTS)


def qemu_command(needs, folder, kernel):
    """QEMU's command line. igb works behind a root port only: on the root bus its VFs never get carrier."""
    lib = os.path.join(QEMU, "usr/lib/x86_64-linux-gnu")
    argv = [os.path.join(QEMU, "usr/bin/qemu-system-x86_64"), "-L", os.path.join(QEMU, "usr/share/qemu"),
            "-L", os.path.join(QEMU, "usr/share/seabios"), "-nodefaults", "-no-user-config", "-no-reboot", "-display", "none", "-M", "q35", "-cpu", "max",
            "-accel", "tcg,thread=multi", "-smp", "2", "-m", needs["mem"],
            "-kernel", os.path.join(kernel, "vmlinux"), "-initrd", os.path.join(folder, "initrd")]
    # Emulated on a busy machine the timer may come too late for the kernel's check of it: a panic. And now and then
    # its interrupt is lost: a processor that waits for one shot sleeps for ever, a periodic timer comes again.
    append = ["nohz=off", "highres=off", "console=ttyS0", "panic=-1", "oops=panic", "loglevel=4", "mitigations=off", "nokaslr",
              "no_timer_check", "tsc=reliable", "cryptomgr.notests", "audit=0", "apparmor=0", "nowatchdog",
              "random.trust_cpu=on", "net.ifnames=0", "rdinit=/init"]
    if needs["iommu"] != "0":
        argv += ["-device", "intel-iommu"]
        append.append("intel_iommu=on")
    for n in range(int(needs["nics"])):
        argv += ["-device", "pcie-root-port,id=rp%d,bus=pcie.0,chassis=%d,slot=%d" % (n, n + 1, n + 1),
                 "-netdev", "hubport,id=nic%d,hubid=0" % n,
                 "-device", "igb,bus=rp%d,netdev=nic%d,mac=52:54:00:00:01:%02x,romfile=" % (n, n, n)]
    argv += ["-netdev", "hubport,id=out0,hubid=0",
             "-device", "virtio-net-pci,netdev=out0,mac=52:54:00:00:02:00,romfile=",
             *(["-netdev", "user,id=host", "-device", "virtio-net-pci,netdev=host,mac=52:54:00:00:03:00,romfile="]
               if needs["beside"] != "0" else []),
             "-device", "virtio-rng-pci", "-device", "virtio-serial-pci",
             "-chardev", "socket,id=ch,path=%s,server=on,wait=off" % os.path.join(folder, "port"),
             "-device", "virtserialport,chardev=ch,name=barewire"]
    env = {**os.environ, "LD_LIBRARY_PATH": lib + ":" + os.path.join(QEMU, "lib/x86_64-linux-gnu"),
           "QEMU_MODULE_DIR": os.path.join(lib, "qemu")}
    return argv, append, env


class Guest:
    def __init__(self, folder, needs):
        self.folder, self.needs = folder, needs
        self.console = os.path.join(folder, "console")
        self.process = None
        self.channel = None
        self.buffer = b""

    # Start and end --------------------------------------------------------------------------------

    def image(self):
        kernel = os.path.join(vmimage.CACHE, "vm", "kernel-" + self.needs["kernel"])
        if not os.path.exists(os.path.join(kernel, "vmlinux")):
            raise Broken("no kernel %s in the cache: scripts/deps kernel-%s" % (kernel, self.needs["kernel"]))
        if not os.path.exists(os.path.join(QEMU, "usr/bin/qemu-system-x86_64")):
            raise Broken("no QEMU in the cache: scripts/deps qemu")
        vmimage.build(os.path.join(self.folder, "initrd"), kernel, [w for w in self.needs["with"].split(",") if w])
        return kernel

    def boot(self):
        """Starts it in a session of its own; the pool's end or its own time limit ends it."""
        argv, append, env = qemu_command(self.needs, self.folder, self.image())
        argv = ["timeout", "-k", "5", str(GUEST_S), *argv, "-serial", "file:" + self.console, "-append", " ".join(append)]
        with open(os.path.join(self.folder, "qemu.err"), "w") as err:
            self.process = subprocess.Popen(argv, env=env, stdin=subprocess.DEVNULL, stdout=err, stderr=err,
                                            start_new_session=True)
        self.note(pid=self.process.pid, needs=self.needs, dirty=False)
        start = time.monotonic()
        self.connect(start + BOOT_S)
        self.send(ping=1)
        while "pong" not in (message := self.receive(start + BOOT_S)):
            pass
        os.unlink(os.path.join(self.folder, "initrd"))
        print("# guest of kernel %s up after %.1f s" % (self.needs["kernel"], time.monotonic() - start), file=sys.stderr)
        return message

    def shell(self):
        argv, append, env = qemu_command(self.needs, self.folder, self.image())
        argv += ["-serial", "mon:stdio", "-append", " ".join([*append, "bw.shell"])]
        print("Ctrl-A x ends the guest at once", file=sys.stderr)
        return subprocess.run(argv, env=env).returncode

    def note(self, **values):
        path = os.path.join(self.folder, "state")
        with open(path + ".new", "w") as f:
            json.dump(values, f)
        os.rename(path + ".new", path)

    def state(self):
        try:
            with open(os.path.join(self.folder, "state")) as f:
                return json.load(f)
        except (OSError, ValueError):
            return {"pid": 0, "needs": None, "dirty": True}

    def alive(self):
        if self.process:
            return self.process.poll() is None
        try:
            with open("/proc/%d/cmdline" % self.state()["pid"]) as f:
                return os.path.join(self.folder, "port") in f.read()
        except OSError:
            return False

    def cpu_s(self):
        """Processor time of QEMU so far: what a file costs, however busy the machine is. 0 when it is not known."""
        try:
            pid = self.state()["pid"]
            with open("/proc/%d/task/%d/children" % (pid, pid)) as f:
                child = f.read().split()[0]
            with open("/proc/%s/stat" % child) as f:
                fields = f.read().rpartition(")")[2].split()
        except (OSError, IndexError):
            return 0
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def kill(self):
        if self.channel:
            self.channel.close()
        if self.alive():
            try:
                os.killpg(self.state()["pid"], signal.SIGKILL)
            except OSError:
                pass
        if self.process:
            self.process.wait()
        shutil.rmtree(self.folder, True)

    # Talk -----------------------------------------------------------------------------------------

    def connect(self, deadline):
        while True:
            if not self.alive():
                raise self.broken("QEMU did not start")
            self.channel = socket.socket(socket.AF_UNIX)
            try:
                self.channel.connect(os.path.join(self.folder, "port"))
                return
            except OSError:
                self.channel.close()
            if time.monotonic() > deadline:
                raise self.broken("QEMU does not open its port")
            time.sleep(0.02)

    def send(self, **message):
        self.channel.sendall(json.dumps(message).encode() + b"\n")

    def receive(self, deadline=None):
        while b"\n" not in self.buffer:
            self.channel.settimeout(None if deadline is None else max(0.01, deadline - time.monotonic()))
            try:
                data = self.channel.recv(65536)
            except socket.timeout:
                raise self.broken("the guest did not boot within %d s" % BOOT_S) from None
            except OSError:
                data = b""
            if not data:
                raise self.broken("the guest ended")
            self.buffer += data
        line, _, self.buffer = self.buffer.partition(b"\n")
        return json.loads(line)

    def broken(self, what):
        """What is known when a guest is lost: QEMU's own words and the end of the console."""
        try:
            with open(os.path.join(self.folder, "qemu.err")) as f:
                what += "\n" + f.read()
        except OSError:
            pass
        return Broken(what.rstrip() + "\n" + self.console_tail(0))

    def console_size(self):
        try:
            return os.path.getsize(self.console)
        except OSError:
            return 0

    def console_tail(self, since):
        try:
            with open(self.console, errors="replace") as f:
                f.seek(since)
                lines = [line for line in f.read().splitlines() if not re.search(r"\]  \? ", line)]
        except OSError:
            lines = []
        lines = lines[-CONSOLE_LINES:]
        return "--- guest's console\n%s\n" % "\n".join(lines) if lines else ""

    def run(self, argv, clean=False):
        """Runs a command of the guest with its output on ours; its exit status."""
        begin, cpu = self.console_size(), self.cpu_s()
        env = {k: v for k, v in os.environ.items() if k.startswith("BW_") and k in PASSED_ON}
        self.note(**{**self.state(), "dirty": True})
        self.send(argv=argv, env=env, clean=clean)
        try:
            while "exit" not in (message := self.receive()):
                for key, out in (("out", sys.stdout), ("err", sys.stderr)):
                    if key in message:
                        out.buffer.write(base64.b64decode(message[key]))
                        out.flush()
        except Ended:
            print("vm: ended while %s ran\n%s" % (argv[0], self.console_tail(begin)), file=sys.stderr)
            raise
        print("# emulated for %.0f s of processor time" % (self.cpu_s() - cpu), file=sys.stderr)
        for line in message["left"]:
            print("left behind: " + line, file=sys.stderr)
        if message["exit"]:
            print(self.console_tail(begin), file=sys.stderr, end="")
        self.note(**{**self.state(), "dirty": False})
        return message["exit"]


PASSED_ON = ("BW_SAN", "BW_SLOW")


class Pool:
    """Guests in a folder. Without a folder of somebody's, a pool of one's own that ends with the block."""

    def __init__(self, folder):
        self.own = folder is None or not os.environ.get("BW_VM_POOL")
        self.folder = folder or tempfile.mkdtemp(prefix="barewire.vm.")
        self.locks = {}

    def __enter__(self):
        return self

    def __exit__(self, kind, _value, _trace):
        if self.own:
            for name in os.listdir(self.folder):
                Guest(os.path.join(self.folder, name), None).kill()
            shutil.rmtree(self.folder, True)
        elif kind is not None:
            # Whatever broke off, the guest it happened in is not to be trusted.
            for guest, _ in self.locks.values():
                guest.kill()

    def lock(self, folder):
        """The guest's lock, or None when somebody works with it."""
        try:
            f = open(folder + ".lock", "w")
            fcntl.flock(f, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return None
        return f

    def take(self, needs):
        """A guest with these needs that nobody else uses until this process ends."""
        for name in sorted(n for n in os.listdir(self.folder) if n.startswith("guest") and "." not in n):
            folder = os.path.join(self.folder, name)
            lock = self.lock(folder)
            if not lock:
                continue
            guest = Guest(folder, needs)
            state = guest.state()
            if state["needs"] == needs and not state["dirty"] and guest.alive():
                self.locks[folder] = (guest, lock)
                guest.connect(time.monotonic() + 10)
                return guest
            # Another kind, or left in a state nobody knows: a new one takes less time than to find out.
            guest.kill()
        return self.boot(needs)

    def boot(self, needs):
        folder = tempfile.mkdtemp(prefix="guest", dir=self.folder)
        lock = self.lock(folder)
        guest = Guest(folder, needs)
        self.locks[folder] = (guest, lock)
        guest.boot()
        return guest
