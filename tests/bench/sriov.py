# SPDX-License-Identifier: Apache-2.0
"""The sections of `make bench` that run in a guest with an emulated SR-IOV card: ADD and DEL of a VF beside the
reference host-device with host-local, less what the kernel alone takes; and netkit beside the wire. The measured
part runs there (NEEDS), the tables are made here."""
import json
import os
import statistics
import subprocess

from bed import Bed, reference_dir
from bwtest import BUILD, Netns, cni, expect_ok, tool, workdir
from datapath import interleave, rows_of
from measure import AA, between, count_text, median_iqr

SUBNET, ADDRESS = "10.96.0.0/24", "10.96.0.200"
NEEDS = {"sriov": ["with=go", "mem=1536"], "netkit": ["with=go,redis", "mem=1536"]}
KERNEL = "kernel alone"


def configs(folder, pci):
    """Paths by name: the same VF, an address of the same subnet, no route, nothing on the PF's side."""
    def conf(kind, **keys):
        return {"cniVersion": "1.0.0", "name": "vf", "type": kind, **keys}

    def ipam(kind):
        return {"type": kind, "ranges": [[{"subnet": SUBNET}]]}

    out = {"barewire": conf("barewire-sriov", deviceID=pci, ipam=ipam("barewire-ipam")),
           "quiet": conf("barewire-sriov", deviceID=pci, announce=False, ipam=ipam("barewire-ipam")),
           "reference": conf("host-device", pciBusID=pci, ipam=ipam("host-local")),
           "kernel": conf("vfmoves", deviceID=pci, vfmoves=ADDRESS)}
    for name, value in out.items():
        with open(os.path.join(folder, name), "w") as f:
            json.dump(value, f)
    return {name: os.path.join(folder, name) for name in out}, out


def processes(program, path, conf, cni_path):
    """How many processes and threads one ADD has, itself among them."""
    ns = Netns("count")
    env = dict(os.environ, CNI_COMMAND="ADD", CNI_CONTAINERID="count", CNI_NETNS=ns.path, CNI_IFNAME="eth0",
               CNI_PATH=cni_path)
    out = subprocess.run([tool("crashpoint"), "-i", path, "--", program], env=env, capture_output=True, text=True,
                         timeout=120)
    expect_ok(cni("DEL", conf, ns, plugin=program, path=cni_path))
    ns.remove()
    return json.loads(out.stdout)["processes"]


def sriov(n, _):
    from vmnic import Pf
    vf = Pf().create(7)[0]
    paths, confs = configs(workdir(), vf.pci)
    ours, theirs = os.path.join(BUILD, "barewire-sriov"), os.path.join(reference_dir(), "host-device")
    variants = {"barewire": (ours, "barewire", BUILD), "barewire" + AA: (ours, "barewire", BUILD),
                "quiet": (ours, "quiet", BUILD), "reference": (theirs, "reference", reference_dir()),
                "kernel": (tool("vfmoves"), "kernel", BUILD)}
    for verb in ("ADD", "DEL"):  # the journal is there before the first that counts
        expect_ok(cni(verb, confs["barewire"], "/run/netns/warm" if verb == "DEL" else Netns("warm"), cid="warm",
                      plugin=ours))
    out = subprocess.run([tool("cniexec"), "-n", str(n * 2), "-c", "0",
                          *["%s=%s:%s:%s" % (name, program, paths[conf], path)
                            for name, (program, conf, path) in variants.items()]],
                         capture_output=True, text=True, timeout=1200)
    if out.returncode:
        raise RuntimeError(out.stderr)
    return [{"title": "ADD and DEL of a VF in the guest, beside the reference host-device with host-local",
             "samples": json.loads(out.stdout),
             "processes": [processes(ours, paths["barewire"], confs["barewire"], BUILD),
                           processes(theirs, paths["reference"], confs["reference"], reference_dir())]}]


def net_of_kernel(samples, key):
    """Each round's figures less what the kernel alone took in the same round."""
    return {name: [max(1, a - k) for a, k in zip(s[key], samples["kernel"][key])] for name, s in samples.items()
            if name != "kernel"}


def figures(taken, baseline):
    mid, low, high = median_iqr([b / t for b, t in zip(baseline, taken)])
    ordered = sorted(taken)
    return {"value": statistics.median(taken) / 1e6, "p99": ordered[int(len(ordered) * 0.99)] / 1000, "ratio": mid,
            "low": low, "high": high, "netif_rx": None}


LABELS = (("reference", "host-device + host-local"), ("barewire", "barewire-sriov"),
          ("quiet", "barewire-sriov, announce off"), ("kernel", KERNEL))
WHAT = (("add", "ADD"), ("add_cpu", "ADD, CPU"), ("del", "DEL"), ("del_cpu", "DEL, CPU"))


def sriov_table(part):
    s = part["samples"]
    rows, notes = {}, []
    for key, what in WHAT:
        for name, label in LABELS:
            rows["%s: %s" % (what, label)] = figures(s[name][key], s["reference"][key])
    for key, what in WHAT[:2]:
        net = net_of_kernel(s, key)
        for name in ("barewire", "quiet"):
            ratio = median_iqr([r / o for r, o in zip(net["reference"], net[name])])
            notes.append("%s less the kernel's own, %s: %.1f times faster (%.1f-%.1f); budget 3: %s" %
                         (what, dict(LABELS)[name], *ratio, "met" if ratio[0] >= 3 else "MISSED"))
    slower = median_iqr([r / o for r, o in zip(s["reference"]["del"], s["barewire"]["del"])])
    notes.append("DEL: %.2f times as fast (%.2f-%.2f); budget 1: %s" %
                 (*slower, "met" if slower[0] >= 1 else "MISSED"))
    notes.append("A/A: %.3f (%.3f-%.3f)" % median_iqr([a / b for a, b in zip(s["barewire" + AA]["add"],
                                                                            s["barewire"]["add"])]))
    notes.append("processes and threads of one ADD: barewire %d, reference %d" % tuple(part["processes"]))
    return {"unit": "p50 ms", "rows": rows, "notes": notes}


# netkit ----------------------------------------------------------------------------------------------

def netkit(n, i):
    """Every other guest has netkit pairs instead of veth: two nodes in one would take each other's maps."""
    bed = Bed()
    try:
        bed.wire()
        bed.wire("wire" + AA)
        bed.reference("bridge")
        if i % 2:
            bed.barewire("netkit", link="netkit")
        else:
            bed.barewire("veth", link="veth")
        counts = {name: v.netif_rx(1000) for name, v in bed.variants.items()}  # emulated: each takes a while
        return [interleave("from outside on the guest's kernel: TCP ping-pong of 1 KB, one core", bed,
                           ("-s", "1024", "-t", "1.5", "-c", "0"), n, 7000, counts)]
    finally:
        bed.close()


def netkit_table(part):
    s = part["samples"]
    notes = ["%s: %.3f of the wire (%.3f-%.3f), %.3f of the bridge (%.3f-%.3f)" %
             (name, *between(s, name, "wire"), *between(s, name, "bridge")) for name in ("veth", "netkit")]
    notes.append("netif_rx per round trip: veth %s, netkit %s" % tuple(count_text(part["counts"][x])
                                                                     for x in ("veth", "netkit")))
    return {"unit": "p50 us", "rows": rows_of(s, "wire", counts=part["counts"]), "notes": notes}


SECTIONS = {"sriov": (sriov, sriov_table, 1), "netkit": (netkit, netkit_table, 4)}
