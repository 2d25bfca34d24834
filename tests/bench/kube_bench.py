#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""`make bench-kube`: what addresses as Kubernetes objects cost, on a real API server and a real cluster, each beside a
peer of the same run.

    kube_bench.py [SECTION...]     measure; print; write build/bench-kube.json (sections that were not run stay in it)
    kube_bench.py --doc            put the tables of build/bench-kube.json into docs/performance.md

    claims   CLAIMS claims cold: rate, time to Bound, writes per address, memory and CPU, beside two Go controllers
    memory   what addresses and claims take in the API server, and how much of it is its watch cache
    warm     one claim at a time with the controller running
    path     Redis from outside, on one node and across nodes, through the installed plugin, beside the reference bridge
    pods     from creation to Ready, beside the reference bridge with host-local; the plugin's share
    units    UNITS Units to Ready with a fake kubelet, beside a Go controller and a StatefulSet; only when it is named

Environment: CLAIMS (10000), UNITS (2000), BW_BENCH_ROUNDS and BW_BENCH_BEDS (instead of each section's own numbers). Nothing here passes or fails.
"""
import json
import os
import resource
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.abspath(os.path.join(HERE, "..", ".."))
sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(TOP, "tests", "lib"))

import facts  # noqa: E402
import kube_claims  # noqa: E402
import kube_doc  # noqa: E402
import kube_path  # noqa: E402
import kube_pods  # noqa: E402
import kube_units  # noqa: E402
from measure import merge  # noqa: E402

CLAIMS = int(os.environ.get("CLAIMS", "10000"))
UNITS = int(os.environ.get("UNITS", "2000"))
OUT = os.path.join(TOP, "build", "bench-kube.json")
# Name: how it is measured, on a whole bed or with an API server alone, rounds, beds one after the other.
SECTIONS = {
    "claims": (lambda rounds: kube_claims.cold(CLAIMS, rounds), False, 1, 1),
    "memory": (lambda rounds: kube_claims.memory(CLAIMS, rounds), False, 1, 1),
    "warm": (lambda rounds: kube_claims.warm(CLAIMS, rounds), False, 3, 1),
    "path": (lambda rounds: kube_path.path(rounds, 0), True, 3, 3),
    "pods": (lambda rounds: kube_pods.pods(rounds, 0), True, 5, 1),
    "units": (lambda rounds: kube_units.units(UNITS, rounds), False, 2, 1),
}
APART = ("units",)  # by `make bench-units`
SECONDS_MAX = 3600 + CLAIMS // 2 + 2 * UNITS


def rounds_of(name):
    return int(os.environ.get("BW_BENCH_ROUNDS", SECTIONS[name][2]))


def beds_of(name):
    beds = SECTIONS[name][3]
    return beds if beds == 1 else int(os.environ.get("BW_BENCH_BEDS", beds))


def run_inside(name, path):
    """In a sandbox or on a bed of its own."""
    resource.setrlimit(resource.RLIMIT_NOFILE, (4096, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
    measure, on_bed = SECTIONS[name][:2]
    if on_bed:
        attach()
    result = measure(rounds_of(name))
    with open(path, "w") as f:
        json.dump(result, f)
    return 0


def attach():
    """What kubetest.main() does for a test."""
    import kubeproduct
    import kubetest
    from kubebed import Bed
    kubetest.bed = Bed.attach()
    kubetest.api = kubetest.bed.client
    kubeproduct.sys_modules_bed()
    if not kubetest.api.find("/api/v1/namespaces/" + kubetest.NS):
        kubetest.api.create("/api/v1/namespaces", {"metadata": {"name": kubetest.NS}})
    kubetest.api.wait("/api/v1/namespaces/%s/serviceaccounts/default" % kubetest.NS, lambda o: o is not None, 20, "default account")


def command(name, path):
    me = [sys.executable, os.path.abspath(__file__), "--inside", name, path]
    if SECTIONS[name][1]:
        return [os.path.join(TOP, "scripts", "kube-bed"), "run", "-t", str(SECONDS_MAX), *me]
    return ["timeout", "-k", "10", str(SECONDS_MAX), os.path.join(TOP, "tests", "lib", "sandbox"), *me]


def measure(name, folder):
    """What a section measured, of all its beds, or None when one failed."""
    beds = []
    for i in range(beds_of(name)):
        path = os.path.join(folder, "%s-%d" % (name, i))
        if subprocess.run(command(name, path)).returncode or not os.path.exists(path):
            return None
        with open(path) as f:
            beds.append(json.load(f))
    return [merge(list(same)) for same in zip(*beds)] if isinstance(beds[0], list) else beds[0]


def known():
    try:
        with open(OUT) as f:
            return json.load(f)
    except (OSError, ValueError):
        return {}


def main():
    if sys.argv[1:2] == ["--inside"]:
        return run_inside(*sys.argv[2:4])
    if sys.argv[1:2] == ["--doc"]:
        return kube_doc.replace(os.path.join(TOP, "docs", "performance.md"), known())
    wanted = sys.argv[1:] or [name for name in SECTIONS if name not in APART]
    unknown = [w for w in wanted if w not in SECTIONS]
    if unknown:
        print("bench-kube: no section %s; there are: %s" % (", ".join(unknown), " ".join(SECTIONS)), file=sys.stderr)
        return 2
    failed = 0
    with tempfile.TemporaryDirectory(prefix="barewire-bench.") as folder:
        for name in wanted:
            machine, start = facts.machine(), time.monotonic()
            print("\n%s (load %.2f)" % (name, machine["load"]), flush=True)
            result = measure(name, folder)
            if result is None:
                print("bench-kube: %s cannot be measured" % name, file=sys.stderr)
                failed += 1
                continue
            done = known()
            done[name] = {"machine": {**machine, "load_after": os.getloadavg()[0]}, "seconds": time.monotonic() - start,
                          "rounds": rounds_of(name) * beds_of(name), "result": result}
            with open(OUT + ".new", "w") as f:
                json.dump(done, f, indent=1)
            os.rename(OUT + ".new", OUT)
            print("\n" + kube_doc.section(name, done[name]), flush=True)
    print("\nThe same as JSON: build/bench-kube.json. Into docs/performance.md: scripts/bench-kube --doc")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
