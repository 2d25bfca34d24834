# SPDX-License-Identifier: Apache-2.0
"""A made card with virtual functions, for what can be told without one: a tree over /sys/bus/pci and
/sys/class/net of the sandbox. Its PFs are ordinary devices of this node, so they can be up, down or gone;
their VFs have no device, as those that a driver gives to user space."""
import os
import shutil

from bwtest import run, workdir

PCI = "/sys/bus/pci"
NET = "/sys/class/net"


class Card:
    def __init__(self):
        self.top = workdir()
        for name in ("pci/devices", "pci/drivers", "net"):
            os.makedirs(os.path.join(self.top, name))
        run("mount", "--bind", os.path.join(self.top, "pci"), PCI)
        run("mount", "--bind", os.path.join(self.top, "net"), NET)

    def close(self):
        run("umount", PCI)
        run("umount", NET)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

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
