# SPDX-License-Identifier: Apache-2.0
"""What the conformance tests of barewire-sriov share: a network of one VF, and what an ADD leaves."""
import json
import sqlite3

from bwtest import *
from cnibed import *

SRIOV = "barewire-sriov"
PF, PF2 = "0000:01:00.0", "0000:02:00.0"
VF = "0000:01:10.0"
VALID = "cni.dev/valid-attachments"
TABLES = ("attachment", "address", "used", "vf_hold")


def conf(version=NEWEST, **keys):
    """A network of one VF with the lowest address free; a key of None is left out."""
    doc = {"cniVersion": version, "name": "net", "type": SRIOV, "deviceID": VF, "ipam": pool({"subnet": SUBNET})}
    doc.update(keys)
    return {k: v for k, v in doc.items() if v is not None}


def call(verb, doc, ns=None, **kw):
    return cni(verb, doc, ns, plugin=SRIOV, **kw)


def seen(ns=None):
    out = state(ns)
    out["holds"] = journal_rows(tables=TABLES)
    return out


def no(verb, doc, ns, code, *words, **kw):
    """Refused with this code, naming the words; nothing has changed."""
    before = seen(ns)
    answer = expect_error(call(verb, doc, ns, **kw), code, *words)
    check_error_object(answer)
    expect_same(before, seen(ns))
    return answer


def boot_id():
    with open("/proc/sys/kernel/random/boot_id") as f:
        return f.read().strip()


def journal():
    """Makes the journal, as the first ADD does."""
    ns = Netns("first")
    added(IPAM, ipam_conf(), ns)
    deleted(IPAM, ipam_conf(), ns)
    ns.remove()


def hold(pci, cid, netns, network="net", boot=None, driver="vfio-pci", state=1):
    """What an ADD of a VF for user space leaves in the journal, without settings of the PF."""
    db = sqlite3.connect(JOURNAL)
    n = db.execute("SELECT coalesce(max(id), 0) + 1 FROM vf_hold").fetchone()[0]
    db.execute("INSERT INTO vf_hold VALUES(?, ?, ?, 'eth0', 0, ?, ?, ?, 0, ?, 0, ?, 0, ?)",
               (pci, n, cid, network, boot or boot_id(), netns, PF, state,
                json.dumps({"was": {"driver": driver, "pf": {}}, "what": [], "boot": boot or boot_id()})))
    db.commit()
    db.close()


def holders():
    return sorted(json.loads(r.split(" ", 1)[1])["container_id"] for r in journal_rows(tables=("vf_hold",)))


def gc(valid, **kw):
    return call("GC", {**conf(deviceID=None), VALID: [{"containerID": c, "ifname": "eth0"} for c in valid]}, **kw)


def pf_device(name, up=True):
    run("ip", "link", "add", name, "type", "veth", "peer", "name", name + "x")
    if up:
        run("ip", "link", "set", name + "x", "up")
        run("ip", "link", "set", name, "up")


def status(code=0, *words, journal=True, **keys):
    before = seen() if journal else None
    answer = call("STATUS", conf(deviceID=None, **keys))
    if journal:
        expect_same(before, seen())
    if code:
        check_error_object(expect_error(answer, code, *words))
    else:
        expect_eq(expect_ok(answer).out, "", "stdout")
