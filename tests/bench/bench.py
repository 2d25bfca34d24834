# SPDX-License-Identifier: Apache-2.0
"""`make bench`: the ratios the design promises, each beside its peers in the same interleaved run. Prints a
report and writes build/bench.json. Nothing here passes or fails. Each bed is in a sandbox of its
own, or in a guest (sriov.NEEDS)."""
import json
import os
import subprocess
import sys
import time

import adds
import datapath
import facts
import sriov
from bed import BedError, foreign_programs
from bwtest import TOP, Failed, workdir
from measure import count_text, merge

SECTIONS = {**datapath.SECTIONS, **adds.SECTIONS, **sriov.SECTIONS}
ROUNDS = int(os.environ.get("BW_BENCH_ROUNDS", "9"))


def report(section):
    width = max(12, *(len(n) for n in section["rows"]))
    print("\n%s" % section["title"])
    print("  %s  %10s  %9s  %7s  %15s  %8s" % ("path".ljust(width), section["unit"], "p99 us", "ratio", "spread",
                                             "netif_rx"))
    for name, r in section["rows"].items():
        print("  %s  %10.2f  %9s  %7.3f  %15s  %8s" % (
            name.ljust(width), r["value"], "%.2f" % r["p99"] if r["p99"] else "-", r["ratio"],
            "%.3f-%.3f" % (r["low"], r["high"]), count_text(r["netif_rx"]) if r["netif_rx"] else "-"))
    for note in section["notes"]:
        print("  " + note)
    sys.stdout.flush()


def run_bed(name, i, n, path):
    """In its own sandbox or guest: one bed of one section. The path - is standard output."""
    try:
        parts = SECTIONS[name][0](int(n), int(i))
    except (BedError, Failed, RuntimeError, OSError) as e:
        print("\n%s: cannot be measured: %s" % (name, e), file=sys.stderr)
        return 1
    if path == "-":
        json.dump(parts, sys.stdout)
        return 0
    with open(path, "w") as f:
        json.dump(parts, f)
    return 0


def bed_command(name, i, n):
    """Where a bed is built; what it measured comes on standard output of a guest."""
    if name in sriov.NEEDS:
        return [os.path.join(TOP, "scripts", "vm"), "exec", *sriov.NEEDS[name], "--", "python3",
                "/barewire/tests/bench/bench.py", "--bed", name, str(i), str(n), "-"]
    return [os.path.join(TOP, "tests", "lib", "sandbox"), sys.executable, __file__, "--bed", name, str(i), str(n), "-"]


def run_section(name, folder):
    """The tables of a section, or None when a bed failed."""
    _, table, beds = SECTIONS[name]
    path, parts = os.path.join(folder, name), []
    for i in range(beds):
        n = max(1, ROUNDS // min(beds, 3))
        with open(path, "w") as f:
            if subprocess.run(bed_command(name, i, n), stdout=f).returncode:
                return None
        with open(path) as f:
            parts.append(json.load(f))
    merged = [merge(list(same)) for same in zip(*parts)]
    return [{"title": part["title"], "beds": beds, **table(part), "samples": part["samples"]} for part in merged]


def main():
    if sys.argv[1:2] == ["--bed"]:
        return run_bed(*sys.argv[2:6])
    wanted = sys.argv[1:] or list(SECTIONS)
    unknown = [w for w in wanted if w not in SECTIONS]
    if unknown:
        print("bench: no section %s; there are: %s" % (", ".join(unknown), " ".join(SECTIONS)), file=sys.stderr)
        return 2
    foreign = foreign_programs()
    if foreign:
        print("bench: programs of others are attached to this machine's sockets: %s; detach them first" %
              ", ".join(foreign), file=sys.stderr)
        return 1
    machine, done, failed = facts.machine(), {}, 0
    print("Kernel %(kernel)s, %(cpu)s, %(cpus)d cores, load %(load).2f; Redis %(redis)s; reference plugins "
          "%(reference)s; %(date)s" % machine)
    print("Ratios are speed against the first row of each table, medians over at least %d interleaved "
          "rounds, of datapaths on three or four beds built one after the other." % ROUNDS,
          flush=True)
    folder = workdir()
    for name in wanted:
        start = time.monotonic()
        done[name] = run_section(name, folder)
        if done[name] is None:
            failed += 1
            continue
        for section in done[name]:
            report(section)
        print("  (%d s)" % (time.monotonic() - start), flush=True)
    with open(os.path.join(TOP, "build", "bench.json"), "w") as f:
        json.dump({"machine": machine, "rounds": ROUNDS, "sections": done}, f, indent=1)
    print("\nThe same as JSON: build/bench.json")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
