# SPDX-License-Identifier: Apache-2.0
"""`make demo`: a Redis in its own network namespace at its declared address, measured against the bare
wire and its peers. Prints one table, writes build/demo.html. Each bed is in a sandbox of its own."""
import json
import os
import subprocess
import sys
import time

import facts
import page
from bed import Bed, BedError, KEY_NAME, KEY_NAMESPACE, foreign_programs
from bwtest import TOP, Failed, workdir
from measure import AA, count_text, median_iqr, medians, merge, ratios, rounds, with_hooks

ROUNDS = int(os.environ.get("BW_DEMO_ROUNDS", "9"))
BEDS = min(3, ROUNDS)
SECONDS = os.environ.get("BW_DEMO_SECONDS", "0.6")
ROWS = ("wire", "bridge", "macvlan", "host", "barewire", "floor")


def say(text=""):
    print(text, flush=True)


def show_barewire(bed):
    """Declares the pool and the address, attaches the pod, starts Redis, and asks it from outside."""
    net = bed.network()
    say("A pool %s.5 to %s.99 on network %s.0/24, and in it one address that belongs to" % (net, net, net))
    say("the pod %s/%s: %s.7 (a reservation of barewire-ipam)." % (KEY_NAMESPACE, KEY_NAME, net))
    v = bed.barewire(links=True)
    got = v.answer.ips
    if got != [v.address + "/24"]:
        raise BedError("the pod got %s, declared was %s" % (got, v.address))
    mac = [i["mac"] for i in v.answer.json["interfaces"] if i.get("sandbox")][0]
    say("barewire-bridge ADD: the pod's eth0 has %s, MAC %s, on bridge bw0 with uplink wire." % (got[0], mac))
    say("barewire net reload: its programs are on tcx links now, which cost less than the filters of an ADD.")
    say("redis-server %s runs in the pod's namespace. From the machine at the other end of the wire:" %
        facts.redis_version())
    say()
    say("    $ redis-cli -h %s PING" % v.address)
    answer = v.redis_cli("PING")
    say("    " + answer)
    if answer != "PONG":
        raise BedError("Redis does not answer at its declared address")
    say()
    return v


def build(bed, show):
    makers = {
        "wire": bed.wire,
        "bridge": lambda: bed.reference("bridge"),
        "macvlan": lambda: bed.reference("macvlan", "macvlan"),
        "host": lambda: bed.wire("host", conntrack=True),
        "floor": bed.floor,
    }
    if show:
        show_barewire(bed)
        say("Measuring %d ways to the same Redis: %d rounds, each runs all of them %s s in changing order," %
            (len(ROWS), ROUNDS, SECONDS))
        say("on %d beds built one after the other." % BEDS)
    else:
        bed.barewire(links=True)
    for name in ROWS:
        if name in makers:
            makers[name]()
    bed.wire("wire" + AA)


def measure(bed, what, n):
    options = ("-m", "get", "-t", SECONDS, "-c", "0")
    runs = {x: with_hooks(v, lambda v: v.ping(*options)) for x, v in bed.variants.items()}
    counts = {x: bed.variants[x].netif_rx() for x in ROWS}
    return {"samples": rounds(what, runs, n), "counts": counts, "congestion": bed.congestion,
            "address": bed.variants["barewire"].address, "about": {x: bed.variants[x].about for x in ROWS}}


def one_bed(which, n, path):
    """In a sandbox of its own: builds all ways, shows the first time that it works, and measures."""
    bed = Bed()
    try:
        build(bed, which == "1")
        part = measure(bed, "bed %s of %d" % (which, BEDS), int(n))
    except (BedError, Failed) as e:
        print("demo: %s" % e, file=sys.stderr)
        return 1
    finally:
        bed.close()
    with open(path, "w", encoding="utf-8") as f:
        json.dump(part, f)
    return 0


def all_beds(folder):
    parts, path = [], os.path.join(folder, "part")
    for i in range(BEDS):
        n = max(1, (ROUNDS + i) // BEDS)
        box = os.path.join(TOP, "tests", "lib", "sandbox")
        argv = [box, sys.executable, __file__, "--bed", str(i + 1), str(n), path]
        if subprocess.run(argv).returncode:
            return None
        with open(path, encoding="utf-8") as f:
            parts.append(json.load(f))
    return merge(parts)


def summarize(part):
    samples, counts = part["samples"], part["counts"]
    rel, p50, p99 = ratios(samples, "wire"), medians(samples, "p50"), medians(samples, "p99")
    rows = [{"name": n, "about": part["about"][n], "p50": p50[n] / 1000, "p99": p99[n] / 1000,
             "ratio": rel[n][0], "low": rel[n][1], "high": rel[n][2], "netif_rx": counts[n]} for n in ROWS]
    pairs = zip(samples["floor"], samples["barewire"])
    return {"rows": rows, "aa": rel["wire" + AA], "rounds": len(samples["wire"]), "beds": BEDS,
            "seconds": float(SECONDS), "of_floor": median_iqr([f["p50"] / b["p50"] for f, b in pairs]),
            "congestion": part["congestion"], "address": part["address"],
            "samples": {n: [r["p50"] for r in s] for n, s in samples.items()}, **facts.machine()}


def print_table(data):
    say()
    say("Round trip of a Redis GET of 64 bytes over one connection, microseconds; ratio: speed against the wire.")
    say()
    say("%-10s  %8s  %8s  %7s  %9s" % ("path", "p50", "p99", "ratio", "netif_rx"))
    for r in data["rows"]:
        say("%-10s  %8.2f  %8.2f  %7.3f  %9s" %
            (r["name"], r["p50"], r["p99"], r["ratio"], count_text(r["netif_rx"])))
    say()
    spread = ", ".join("%s %.3f-%.3f" % (r["name"], r["low"], r["high"]) for r in data["rows"][1:])
    say("Ratios are medians over %d rounds. Half of the rounds lie within: %s." % (data["rounds"], spread))
    say("A/A, a second wire beside the first: %.3f (%.3f-%.3f). What is closer than that is equal." % data["aa"])
    wire = next(r for r in data["rows"] if r["name"] == "barewire")
    say("barewire is at %.3f (%.3f-%.3f) of the floor, %.3f of the wire." % (*data["of_floor"], wire["ratio"]))


def main():
    if sys.argv[1:2] == ["--bed"]:
        return one_bed(*sys.argv[2:5])
    started = time.monotonic()
    foreign = foreign_programs()
    if foreign:
        say("Note: programs of others see this machine's sockets and bend all rows alike: " + ", ".join(foreign))
    part = all_beds(workdir())
    if part is None:
        return 1
    data = summarize(part)
    data["foreign"] = foreign
    print_table(data)
    with open(os.path.join(TOP, "build", "demo.html"), "w", encoding="utf-8") as f:
        f.write(page.render(data))
    say("Charts of the same numbers: build/demo.html  (%d s)" % (time.monotonic() - started))
    return 0


if __name__ == "__main__":
    sys.exit(main())
