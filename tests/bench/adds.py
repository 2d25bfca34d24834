# SPDX-License-Identifier: Apache-2.0
"""The section of `make bench` that measures ADD: process start to end, fresh namespace each time, beside the
reference bridge with host-local, with 1, 10,000 and 60,000 addresses in use."""
import ipaddress
import json
import os
import sqlite3
import statistics
import subprocess

from bed import reference_dir
from bwtest import BUILD, JOURNAL, Netns, cni, expect_ok, tool, workdir
from measure import median_iqr

SUBNET = "10.64.0.0/14"
FIRST = ipaddress.ip_address("10.64.0.2")
IN_USE = (1, 10000, 60000)


def configs(folder):
    def write(name, conf):
        path = os.path.join(folder, name + ".json")
        with open(path, "w") as f:
            json.dump(conf, f)
        return path

    ours = {"cniVersion": "1.0.0", "name": "adds", "type": "barewire-bridge", "bridge": "bw1",
            "ipam": {"type": "barewire-ipam", "ranges": [[{"subnet": SUBNET}]]}}
    theirs = {"cniVersion": "1.0.0", "name": "adds", "type": "bridge", "bridge": "br1",
              "ipam": {"type": "host-local", "ranges": [[{"subnet": SUBNET}]]}}
    return write("barewire", ours), write("reference", theirs), ours, theirs


def fill_host_local(have, count):
    folder = "/var/lib/cni/networks/adds"
    os.makedirs(folder, exist_ok=True)
    for i in range(have, count):
        with open(os.path.join(folder, str(FIRST + i)), "w") as f:
            f.write("filled-%d\r\neth0" % i)
    with open(os.path.join(folder, "last_reserved_ip.0"), "w") as f:
        f.write(str(FIRST + count - 1))


def fill_journal(have, count):
    """Makes rows as a real ADD made one: the same columns, another container and address."""
    db = sqlite3.connect(JOURNAL)
    db.row_factory = sqlite3.Row
    att = dict(db.execute("SELECT * FROM attachment ORDER BY id LIMIT 1").fetchone())
    addr = dict(db.execute("SELECT * FROM address WHERE attachment = ?", (att["id"],)).fetchone())
    base = int.from_bytes(addr["ip"], "big")
    mapped = addr["ip"][:12]
    for i in range(max(have, 1), count):
        a = dict(att, id=att["id"] + i, container_id="filled-%d" % i, host_if="f%d" % i)
        b = dict(addr, attachment=a["id"], ip=(base + i).to_bytes(16, "big"))
        for table, row in (("attachment", a), ("address", b)):
            db.execute("INSERT INTO %s(%s) VALUES(%s)" % (table, ", ".join(row), ", ".join("?" * len(row))),
                       list(row.values()))
    db.execute("DELETE FROM used")
    db.execute("INSERT INTO used(domain, first, last) VALUES(?, ?, ?)",
               (addr["domain"], addr["ip"], (base + count - 1).to_bytes(16, "big")))
    assert (base + count).to_bytes(16, "big")[:12] == mapped
    db.commit()
    db.close()


def measure(rounds, ours, theirs):
    out = subprocess.run(
        [tool("cniexec"), "-n", str(rounds), "-c", "0",
         "barewire=%s:%s:%s" % (os.path.join(BUILD, "barewire-bridge"), ours, BUILD),
         "again=%s:%s:%s" % (os.path.join(BUILD, "barewire-bridge"), ours, BUILD),
         "reference=%s:%s:%s" % (os.path.join(reference_dir(), "bridge"), theirs, reference_dir())],
        capture_output=True, text=True, timeout=600)
    if out.returncode:
        raise RuntimeError(out.stderr)
    return json.loads(out.stdout)


def row(samples, baseline, key):
    mid, low, high = median_iqr([b / s for b, s in zip(baseline[key], samples[key])])
    ms = sorted(samples[key])
    return {"value": statistics.median(ms) / 1e6, "p99": ms[int(len(ms) * 0.99)] / 1000, "ratio": mid, "low": low,
            "high": high, "netif_rx": None}


def syscalls(ours):
    """Counted by the crash driver on a warm ADD."""
    ns = Netns("count")
    env = dict(os.environ, CNI_COMMAND="ADD", CNI_CONTAINERID="count", CNI_NETNS=ns.path, CNI_IFNAME="eth0",
               CNI_PATH=BUILD)
    out = subprocess.run([tool("crashpoint"), "-i", ours, "--", os.path.join(BUILD, "barewire-bridge")], env=env,
                         capture_output=True, text=True, timeout=60)
    with open(ours) as f:
        expect_ok(cni("DEL", json.load(f), ns))
    ns.remove()
    return json.loads(out.stdout)


def adds(n, _):
    folder = workdir()
    ours, theirs, ours_conf, _ = configs(folder)
    holder = Netns("first")
    expect_ok(cni("ADD", ours_conf, holder))  # makes bridge, journal and pins; its row is the pattern
    parts, have = [], 1
    fill_host_local(0, 1)
    for count in IN_USE:
        if count > have:
            fill_journal(have, count)
            fill_host_local(have, count)
            have = count
        parts.append({"title": "ADD with %d addresses in use" % count, "samples": measure(n * 4, ours, theirs)})
    parts[-1]["calls"] = syscalls(ours)
    return parts


def adds_table(part):
    s = part["samples"]
    rows = {"reference bridge + host-local": row(s["reference"], s["reference"], "add"),
            "barewire-bridge": row(s["barewire"], s["reference"], "add"),
            "barewire-bridge, CPU": row(s["barewire"], s["reference"], "add_cpu"),
            "barewire-bridge, DEL": row(s["barewire"], s["reference"], "del")}
    ratio = rows["barewire-bridge"]["ratio"]
    notes = ["barewire is %.1f times faster, budget 5: %s" % (ratio, "met" if ratio >= 5 else "MISSED"),
             "A/A: %.3f (%.3f-%.3f)" % median_iqr([a / b for a, b in zip(s["again"]["add"], s["barewire"]["add"])])]
    c = part.get("calls")
    if c:
        notes.append("system calls of one ADD: %d at process start, %d of SQLite's own, %d besides (budget 60); "
                     "processes: %d" % (c["start"], c["sqlite"], c["rest"], c["processes"]))
    return {"unit": "p50 ms", "rows": rows, "notes": notes}


SECTIONS = {"add": (adds, adds_table, 1)}
