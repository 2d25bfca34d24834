# SPDX-License-Identifier: Apache-2.0
"""A guest as one machine of a test that runs beside it, in a sandbox: the guest reaches what listens on this machine's
127.0.0.1 by 10.0.2.2, through its card peer1 (QEMU's own user network). For files with `# vm: beside=1`.

    enter()                          # into a sandbox; skips where it is not asked for, or something is not built
    guest = Beside(__file__); guest.boot()
    out = guest.sh("ip -br link")
    guest.spawn("agent", "/barewire/build/barewire-agent", "--node-name", "guest")
"""
import base64
import os
import sys
import tempfile
import time

from bwtest import TOP, Failed, diag, enter_sandbox, run, skip_all

sys.path.insert(0, os.path.join(TOP, "scripts", "lib"))
import vmguest  # noqa: E402

HOST, OWN = "10.0.2.2", "10.0.2.15"  # as QEMU's user network numbers them
BEGAN = time.monotonic()


def enter():
    """This process goes on in a sandbox whose lo has the address that the guest knows this machine by."""
    if os.environ.get("BW_VM_KUBE") != "1":
        skip_all("a kubelet in a guest takes minutes: BW_VM_KUBE=1")
    from kubeproc import program
    try:
        for name in ("kube-apiserver", "etcd", "kubectl", "kube-scheduler", "kubelet", "containerd"):
            program(name)
    except RuntimeError as e:
        skip_all(str(e))
    enter_sandbox()
    run("ip", "addr", "replace", HOST + "/32", "dev", "lo")


class Beside:
    """path: of the test, whose needs it has."""

    def __init__(self, path):
        self.folder = tempfile.TemporaryDirectory(prefix="barewire.vm.")
        self.guest = vmguest.Guest(self.folder.name, vmguest.needs_of(path))
        self.daemons = []

    def boot(self):
        self.guest.boot()
        self.sh("ip addr add %s/24 dev peer1 && ip link set peer1 up" % OWN)
        self.lap("the guest answers")

    def close(self):
        self.guest.kill()

    def lap(self, what):
        diag("%5.1f s: %s" % (time.monotonic() - BEGAN, what))

    def ask(self, *argv, timeout_s=60):
        """Exit status, and output and error output together, of a command in the guest."""
        out = []
        self.guest.send(argv=[str(a) for a in argv], env={}, clean=False)
        end = time.monotonic() + timeout_s
        while "exit" not in (message := self.guest.receive(end)):
            out += [base64.b64decode(message[k]) for k in ("out", "err") if k in message]
        return message["exit"], b"".join(out).decode(errors="replace")

    def run(self, *argv, check=True, timeout_s=120):
        code, out = self.ask(*argv, timeout_s=timeout_s)
        if check and code:
            raise Failed("in the guest: %s: exit %d\n%s" % (" ".join(map(str, argv))[:300], code, out))
        return out

    def sh(self, text, **kw):
        return self.run("sh", "-c", text, **kw)

    def write(self, files):
        """{path: text} with at most some 60 KiB each."""
        for path, text in files.items():
            self.sh("mkdir -p %s && printf %%s %s | base64 -d >%s" % (os.path.dirname(path), base64.b64encode(text.encode()).decode(), path))

    def spawn(self, name, *argv, env=""):
        """A daemon whose output is in /run/NAME.log."""
        self.daemons.append(name)
        self.sh("%s setsid %s >/run/%s.log 2>&1 </dev/null &" % (env, " ".join("'%s'" % a for a in argv), name))

    def logs(self, lines=12):
        """What each daemon said last."""
        return "\n".join("--- %s\n%s" % (n, self.run("tail", "-n", lines, "/run/%s.log" % n, check=False)) for n in self.daemons)
