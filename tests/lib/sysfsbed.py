# SPDX-License-Identifier: Apache-2.0
"""A made card with virtual functions, for what can be told without one: a tree over /sys/bus/pci and
/sys/class/net of the sandbox. Its PFs are ordinary devices of this node, so they can be up, down or gone;
their VFs have no device, as those that a driver gives to user space."""
import ctypes
import os
import shutil

from bwtest import run, workdir

PCI = "/sys/bus/pci"
NET = "/sys/class/net"


class Tree:
    """The files alone, below top."""

    def __init__(self, top):
        self.top = top
        for name in ("pci/devices", "pci/drivers", "net"):
            os.makedirs(os.path.join(self.top, name))

    def _path(self, pci):
        return os.path.join(self.top, "pci/devices", pci)

    def _write(self, pci, name, text):
        with open(os.path.join(self._path(pci), name), "w") as f:
            f.write("%s\n" % text)

    def _device(self, pci, driver):
        os.makedirs(self._path(pci))
        self._write(pci, "vendor", "0x8086")
        self._write(pci, "device", "0x10ca")
        os.makedirs(os.path.join(self.top, "pci/drivers", driver), exist_ok=True)
        os.symlink("../../drivers/" + driver, os.path.join(self._path(pci), "driver"))

    def pf(self, pci, netdev, vfs=(), total=7, driver="vfio-pci"):
        """A PF whose device is called netdev, with VFs at these addresses."""
        self._device(pci, "igb")
        os.makedirs(os.path.join(self._path(pci), "net", netdev))
        os.makedirs(os.path.join(self.top, "net", netdev))
        os.symlink(os.path.join(PCI, "devices", pci), os.path.join(self.top, "net", netdev, "device"))
        self._write(pci, "sriov_totalvfs", total)
        self._write(pci, "sriov_numvfs", len(vfs))
        for i, vf in enumerate(vfs):
            self._device(vf, driver)
            os.symlink("../" + pci, os.path.join(self._path(vf), "physfn"))
            os.symlink("../" + vf, os.path.join(self._path(pci), "virtfn%d" % i))

    def pull(self, pci, netdev, vfs=()):
        """The PF and these VFs are gone from the bus."""
        for vf in vfs:
            shutil.rmtree(self._path(vf))
        shutil.rmtree(self._path(pci))
        shutil.rmtree(os.path.join(self.top, "net", netdev))


class Card(Tree):
    """A tree that is mounted here."""

    def __init__(self):
        super().__init__(workdir())
        run("mount", "--bind", os.path.join(self.top, "pci"), PCI)
        run("mount", "--bind", os.path.join(self.top, "net"), NET)

    def close(self):
        run("umount", PCI)
        run("umount", NET)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class NodeCard(Tree):
    """A card in a node of the kube bed: its plugins see it, and so does its agent, until that begins anew. The tree is in the
    folder that the agent's container shares with the node, which has nothing to mount with."""
    HERE = "/var/lib/barewire/card"

    def __init__(self, node, agent_pid):
        self.node, self.agent_pid = node, agent_pid
        super().__init__(node.path("lib/barewire/card"))
        self.node.run("mount", "--bind", self.HERE + "/pci", PCI)
        self.node.run("mount", "--bind", self.HERE + "/net", NET)
        _mount_in(agent_pid, self.HERE + "/pci", PCI)

    def say(self):
        """The agent looks when a device comes or goes."""
        self.node.run("ip link add bwlook type bridge")
        self.node.run("ip link del bwlook")

    def count(self, pci, number):
        """So many of the PF's VFs are there now."""
        self._write(pci, "sriov_numvfs", number)
        self.say()

    def close(self):
        if os.path.exists("/proc/%d/ns/mnt" % self.agent_pid):
            _mount_in(self.agent_pid, None, PCI)
        for path in (PCI, NET):
            self.node.run("umount", path, check=False)
        shutil.rmtree(self.top, True)
        self.say()


def _mount_in(pid, source, target):
    """A bind mount in a process's mount namespace, or its end; by a child, for there is no way back."""
    child = os.fork()
    if child == 0:
        libc = ctypes.CDLL(None, use_errno=True)
        ns = os.open("/proc/%d/ns/mnt" % pid, os.O_RDONLY)
        bad = libc.setns(ns, 0)
        if not bad and source:
            bad = libc.mount(source.encode(), target.encode(), None, 4096, None)  # MS_BIND, sys/mount.h
        elif not bad:
            bad = libc.umount2(target.encode(), 2)  # MNT_DETACH
        os._exit(ctypes.get_errno() if bad else 0)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if status:
        raise OSError(status, "mount %s in process %d: %s" % (target, pid, os.strerror(status)))
