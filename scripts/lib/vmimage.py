# SPDX-License-Identifier: Apache-2.0
"""The initramfs of a vm guest: cpio archives laid one behind the other, as the kernel reads them. What comes
from this machine, from the kernel's package and from the reference plugins is kept in BW_CACHE/vm/image by
content; the checkout's own layer is made anew each time."""
import fcntl
import glob
import hashlib
import lzma
import os
import shutil
import stat
import subprocess
import sys
import tempfile

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
CACHE = os.environ.get("BW_CACHE", "/var/cache/barewire")
BUILD = os.path.abspath(os.environ.get("BW_BUILD", os.path.join(TOP, "build")))
HOME = "/barewire"  # the checkout in the guest

# Where busybox has one of the same name, the real program is wanted; its shell would not start that one.
PROGRAMS = ("sh bash ip bridge tc ss nft tcpdump ping strace ethtool bpftool sysctl nsenter unshare mount umount kmod "
            "python3 conntrack iptables ip6tables iperf3 sqlite3 setpriv prlimit timeout env flock busybox").split()
LINKS = {"modprobe": "kmod", "insmod": "kmod", "rmmod": "kmod", "lsmod": "kmod", "depmod": "kmod", "modinfo": "kmod"}
PYTHON_LEAVES_OUT = {"test", "idlelib", "lib2to3", "tkinter", "ensurepip", "pydoc_data", "distutils",
                     "dist-packages", "site-packages", "turtledemo", "venv"}
# Those of the kernel's modules that are wanted, beside what they depend on; a kernel may have one built in, or not
# at all.
MODULES = ("virtio_pci virtio_console igb igbvf virtio_net veth bridge br_netfilter 8021q macvlan macvtap ipvlan dummy bonding ifb vxlan tun "
           "vrf nlmon crc32c_generic crc32c_intel nf_tables nft_chain_nat nft_ct nft_masq nft_nat nft_redir nft_limit nft_log "
           "nft_reject_inet nft_reject_netdev nft_reject_bridge nft_meta_bridge nft_fib_inet nft_compat nft_hash "
           "nft_numgen nft_dup_netdev nft_fwd_netdev nft_queue nft_objref nf_conntrack_bridge nf_conntrack_netlink "
           "nfnetlink_log xt_MASQUERADE xt_comment xt_conntrack xt_mark xt_addrtype xt_multiport xt_nat xt_tcpudp "
           "iptable_nat iptable_filter ip6table_nat ip6table_filter sch_ingress sch_htb sch_tbf sch_fq sch_fq_codel "
           "sch_netem cls_bpf cls_matchall cls_flower cls_u32 cls_basic act_bpf act_mirred act_police act_gact "
           "act_vlan act_skbedit vfio_pci vfio_iommu_type1 overlay inet_diag tcp_diag udp_diag af_packet_diag "
           "unix_diag netlink_diag ib_core ib_uverbs rdma_rxe crc32_generic loop virtio_rng").split()
# What a line `# vm: with=NAME` adds: patterns of this machine, or below the cache.
EXTRAS = {
    "go": ["go-plugins-*/*"],
    "containerd": ["/usr/bin/containerd", "/usr/bin/ctr", "/usr/bin/containerd-shim-runc-v2", "/usr/sbin/runc"],
    "kubelet": ["kube-*/kubelet", "containerd-2*/containerd", "containerd-2*/containerd-shim-runc-v2", "containerd-2*/ctr", "/usr/sbin/runc"],
    "redis": ["/usr/bin/redis-server", "/usr/bin/redis-cli"],
    "netdevsim": ["netdevsim-*/*"],
}


class Cpio:
    """Writes the newc format: fixed headers in hexadecimal, everything padded to four bytes."""

    def __init__(self, path):
        self.out = open(path, "wb")
        self.known = set()
        self.inode = 0

    def entry(self, name, mode, data=b"", mtime=0, rdev=(0, 0)):
        self.inode += 1
        name = name.lstrip("/").encode() + b"\0"
        head = "070701" + "".join("%08X" % v for v in (self.inode, mode, 0, 0, 1, mtime, len(data), 0, 0,
                                                       *rdev, len(name), 0))
        head = head.encode() + name
        self.out.write(head + b"\0" * (-len(head) % 4) + data + b"\0" * (-len(data) % 4))

    def folders(self, path):
        for folder in reversed([p for p in parents(path)]):
            if folder not in self.known:
                self.known.add(folder)
                self.entry(folder, stat.S_IFDIR | 0o755)

    def add(self, name, data, mode=0o644, mtime=0):
        if name in self.known:
            return
        self.known.add(name)
        self.folders(name)
        self.entry(name, stat.S_IFREG | mode, data, int(mtime))

    def link(self, name, target):
        if name not in self.known:
            self.known.add(name)
            self.folders(name)
            self.entry(name, stat.S_IFLNK | 0o777, target.encode())

    def file(self, path, name=None):
        """A file of this machine; through links, which become links of the archive."""
        name = merged(name or path)
        if os.path.islink(path):
            target = os.readlink(path)
            real = os.path.join(os.path.dirname(path), target)
            self.link(name, target if target.startswith("/") else target)
            self.file(real, os.path.normpath(os.path.join(os.path.dirname(name), target)))
            return
        with open(path, "rb") as f:
            info = os.fstat(f.fileno())
            self.add(name, f.read(), stat.S_IMODE(info.st_mode) | 0o444, info.st_mtime)

    def end(self):
        self.entry("TRAILER!!!", 0)
        self.out.close()


def parents(path):
    path = os.path.dirname(path)
    while path not in ("", "/"):
        yield path
        path = os.path.dirname(path)


def merged(path):
    """The name of a path where /bin, /sbin and /lib* are links into /usr."""
    path = os.path.normpath(path)
    first = path.split("/")[1] if path.startswith("/") else ""
    return "/usr" + path if first in ("bin", "sbin", "lib", "lib64") else path


def libraries(paths):
    """The shared objects that programs need, as ldd finds them."""
    out = subprocess.run(["ldd", *paths], capture_output=True, text=True).stdout
    return sorted({w for line in out.splitlines() if line.startswith("\t") for w in line.split() if w.startswith("/")})


def which(name):
    return shutil.which(name, path="/usr/sbin:/usr/bin:/sbin:/bin")


# The layers ------------------------------------------------------------------------------------------

def python_files():
    """The interpreter's standard library with its compiled form, which keeps the start short."""
    root = "/usr/lib/" + os.path.basename(os.path.realpath(which("python3")))
    for folder, names, files in os.walk(root):
        names[:] = [n for n in names if n not in PYTHON_LEAVES_OUT and not n.startswith("config-")]
        for name in files:
            yield os.path.join(folder, name)


def base_files():
    programs = [p for p in map(which, PROGRAMS) if p]
    files = sorted(set(programs) | set(python_files()) | set(glob.glob("/usr/lib/x86_64-linux-gnu/xtables/lib*.so")))
    binaries = [f for f in programs if open(f, "rb").read(4) == b"\x7fELF"] + [f for f in files if f.endswith(".so")]
    return files + [f for f in libraries(binaries) if f not in files]


def base_layer(cpio, files):
    for folder in ("bin", "sbin", "lib", "lib64"):
        cpio.folders("/usr/%s/." % folder)
        cpio.link("/" + folder, "usr/" + folder)
    for folder in ("proc", "sys", "dev", "run", "tmp", "root", "mnt", "etc", "var", "var/lib", "var/log"):
        cpio.entry("/" + folder, stat.S_IFDIR | (0o1777 if folder == "tmp" else 0o755))
        cpio.known.add("/" + folder)
    cpio.entry("/dev/console", stat.S_IFCHR | 0o600, rdev=(5, 1))
    cpio.add("/etc/passwd", b"root:x:0:0:root:/root:/bin/bash\ntcpdump:x:107:107::/:/bin/false\nnobody:x:65534:65534::/:/bin/false\n")
    cpio.add("/etc/group", b"root:x:0:\ntcpdump:x:107:\nnogroup:x:65534:\n")
    cpio.add("/etc/hosts", b"127.0.0.1 localhost\n")
    cpio.add("/etc/hostname", b"guest\n")
    # Loading one of these must not make a device.
    cpio.add("/etc/modprobe.d/barewire.conf", b"options dummy numdummies=0\noptions bonding max_bonds=0\noptions ifb numifbs=0\n")
    for path in ("/etc/services", "/etc/protocols", "/etc/iproute2/rt_tables", "/etc/iproute2/rt_protos",
                 "/etc/iproute2/rt_scopes", "/etc/iproute2/group"):
        if os.path.exists(path):
            cpio.file(path)
    for path in files:
        cpio.file(path)
    for link, target in LINKS.items():
        cpio.link("/usr/sbin/" + link, "../bin/" + target)
    box = which("busybox")
    for applet in subprocess.run([box, "--list"], capture_output=True, text=True).stdout.split():
        if not {"/usr/bin/" + applet, "/usr/sbin/" + applet} & cpio.known:
            cpio.link("/usr/bin/" + applet, "busybox")


def kernel_files(kernel):
    """Modules by name as paths below the kernel's folder, and the ones each of them needs."""
    root = glob.glob(os.path.join(kernel, "lib/modules/*"))[0]
    needs = {}
    with open(os.path.join(root, "modules.dep")) as f:
        for line in f:
            path, _, rest = line.partition(":")
            needs[path] = rest.split()
    by_name = {os.path.basename(p).split(".")[0].replace("-", "_"): p for p in needs}
    chosen, todo = set(), [by_name[m] for m in MODULES if m in by_name]
    while todo:
        path = todo.pop()
        if path not in chosen:
            chosen.add(path)
            todo += needs[path]
    return root, sorted(chosen)


def modules_layer(cpio, root, paths):
    """Decompressed, with an index of their own."""
    release = os.path.basename(root)
    with tempfile.TemporaryDirectory(prefix="barewire.") as tmp:
        to = os.path.join(tmp, "lib/modules", release)
        os.makedirs(to)
        for name in ("modules.builtin", "modules.order", "modules.builtin.modinfo"):
            if os.path.exists(os.path.join(root, name)):
                shutil.copy(os.path.join(root, name), to)
        for path in paths:
            with open(os.path.join(root, path), "rb") as f:
                data = f.read()
            if path.endswith(".xz"):
                data, path = lzma.decompress(data), path[:-3]
            os.makedirs(os.path.dirname(os.path.join(to, path)), exist_ok=True)
            with open(os.path.join(to, path), "wb") as f:
                f.write(data)
        subprocess.run([which("depmod"), "-b", tmp, release], check=True)
        for folder, _, names in os.walk(to):
            for name in names:
                path = os.path.join(folder, name)
                cpio.file(path, "/usr/lib/modules/%s/%s" % (release, os.path.relpath(path, to)))


def extra_files(name):
    if name not in EXTRAS:
        sys.exit("vm: nothing is known by with=%s (%s are)" % (name, ", ".join(sorted(EXTRAS))))
    files = sorted(p for pattern in EXTRAS[name] for p in glob.glob(os.path.join(CACHE, pattern)) if os.path.isfile(p))
    if not files:
        sys.exit("vm: with=%s: nothing of it is in %s" % (name, CACHE))
    return files


def extra_layer(cpio, files):
    for path in files:
        cpio.file(path, path.replace(CACHE, "/var/cache/barewire", 1))
    binaries = [f for f in files if open(f, "rb").read(4) == b"\x7fELF"]
    for path in libraries(binaries):
        cpio.file(path)


def project_layer(cpio):
    """What was built and the tests, as in the checkout; libraries only of what is no static program."""
    built = [p for pattern in ("barewire*", "tools/*", "bpf/*.o", "tests/bpf/*_test", "tests/bpf/*.bpf.o",
                                          "tests/net/datapath/*", "tests/net/datapath/*/drive") for p in glob.glob(os.path.join(BUILD, pattern))
             if os.path.isfile(p) and not p.endswith((".d", ".inc", ".a")) and
             (os.access(p, os.X_OK) or p.endswith(".bpf.o"))]
    built += [p for p in glob.glob(os.path.join(TOP, "build/tools/*")) if os.path.isfile(p) and not p.endswith((".d", ".inc"))]
    for path in built:
        data = open(path, "rb").read()
        if not path.endswith(".o") and data[:4] == b"\x7fELF":
            data = stripped(path)
        below = os.path.relpath(path, BUILD if path.startswith(BUILD + "/") else TOP + "/build")
        cpio.add("%s/build/%s" % (HOME, below), data, stat.S_IMODE(os.stat(path).st_mode), os.stat(path).st_mtime)
    for path in libraries([p for p in built if open(p, "rb").read(4) == b"\x7fELF"]):
        cpio.file(path)
    for folder in ("tests/lib", "tests/vm", "tests/net", "tests/bench", "tests/conformance", "conf"):
        for at, _, names in os.walk(os.path.join(TOP, folder)):
            for name in names:
                path = os.path.join(at, name)
                if "__pycache__" not in path:
                    cpio.file(path, HOME + "/" + os.path.relpath(path, TOP))
    cpio.file(os.path.join(TOP, "tests/vm/guest/init"), "/init")


def stripped(path):
    """Without debugging information, which is most of a program's size."""
    with tempfile.TemporaryDirectory(prefix="barewire.") as tmp:
        to = os.path.join(tmp, "stripped")
        subprocess.run(["strip", "-o", to, path], check=True)
        return open(to, "rb").read()


# The cache -------------------------------------------------------------------------------------------

def fingerprint(files, *more):
    """Names, sizes and times stand for the content of files that packages and builds put there."""
    h = hashlib.sha256(open(os.path.abspath(__file__), "rb").read())
    for path in files:
        info = os.stat(path)
        h.update(("%s %d %d\n" % (path, info.st_size, int(info.st_mtime))).encode())
    h.update(" ".join(more).encode())
    return h.hexdigest()[:16]


def cached(name, files, write):
    """The archive of one layer, made when there is none of this content; older ones go."""
    folder = os.path.join(CACHE, "vm", "image")
    os.makedirs(folder, exist_ok=True)
    path = os.path.join(folder, "%s-%s.cpio" % (name, fingerprint(files)))
    with open(os.path.join(folder, name + ".lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not os.path.exists(path):
            cpio = Cpio(path + ".new")
            write(cpio)
            cpio.end()
            for old in glob.glob(os.path.join(folder, name + "-????????????????.cpio")):
                if os.stat(old).st_mtime < os.stat(path + ".new").st_mtime - 86400:
                    os.unlink(old)
            os.rename(path + ".new", path)
    return path


def build(to, kernel, extras=()):
    """Writes the whole initramfs for a kernel's folder into the file to."""
    files = base_files()
    root, modules = kernel_files(kernel)
    layers = [cached("base", files, lambda c: base_layer(c, files)),
              cached("modules-" + os.path.basename(kernel), [os.path.join(root, m) for m in modules],
                     lambda c: modules_layer(c, root, modules))]
    for name in extras:
        wanted = extra_files(name)
        layers.append(cached("with-" + name, wanted, lambda c, w=wanted: extra_layer(c, w)))
    project = to + ".project"
    cpio = Cpio(project)
    project_layer(cpio)
    cpio.end()
    with open(to, "wb") as out:
        for layer in [*layers, project]:
            with open(layer, "rb") as f:
                shutil.copyfileobj(f, out, 1 << 20)
    os.unlink(project)
