# SPDX-License-Identifier: Apache-2.0
"""`make bench`: the ratios the design promises, each beside its peers in the same interleaved run. Prints a
report and writes build/bench.json. Nothing here passes or fails. Each section runs in a sandbox of
its own."""
import json
import os
import subprocess
import sys
import time

import adds
import datapath
import facts
from bed import BedError, foreign_programs
from bwtest import TOP, Failed, workdir
from measure import count_text

SECTIONS = {**datapath.SECTIONS, **adds.SECTIONS}
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


def run_section(name, path):
    """In its own sandbox: one section."""
    try:
        result = SECTIONS[name](ROUNDS)
    except (BedError, Failed, RuntimeError, OSError) as e:
        print("\n%s: cannot be measured: %s" % (name, e), file=sys.stderr)
        return 1
    for section in result:
        report(section)
    with open(path, "w") as f:
        json.dump(result, f)
    return 0


def main():
    if sys.argv[1:2] == ["--section"]:
        return run_section(*sys.argv[2:4])
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
    print("Ratios are speed against the first row of each table, medians over %d interleaved rounds." % ROUNDS,
          flush=True)
    folder = workdir()
    for name in wanted:
        start, path = time.monotonic(), os.path.join(folder, name + ".json")
        box = os.path.join(TOP, "tests", "lib", "sandbox")
        if subprocess.run([box, sys.executable, __file__, "--section", name, path]).returncode:
            failed += 1
            continue
        with open(path) as f:
            done[name] = json.load(f)
        print("  (%d s)" % (time.monotonic() - start), flush=True)
    with open(os.path.join(TOP, "build", "bench.json"), "w") as f:
        json.dump({"machine": machine, "rounds": ROUNDS, "sections": done}, f, indent=1)
    print("\nThe same as JSON: build/bench.json")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
