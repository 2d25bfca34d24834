# SPDX-License-Identifier: Apache-2.0
"""The tables of `make bench-kube` as Markdown: for the terminal, and between their marks in docs/performance.md."""
import re
import sys

import kube_claims
import kube_path
import kube_pods
import kube_units
from measure import count_text

MIB = 1048576


def table(head, rows):
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return "\n".join(lines + ["| " + " | ".join(r) + " |" for r in rows])


def spread(ratio, digits=2):
    return "{0:.{3}f} ({1:.{3}f}-{2:.{3}f})".format(*ratio, digits)


def claims(part):
    head = ("%d claims cold" % part["claims"], "claims/s", "p50 to Bound", "p99", "writes per address", "memory, peak", "CPU",
            "API server's CPU", "rate, of barewire", "CPU, of barewire", "memory, of barewire")
    rows = []
    for r in kube_claims.cold_rows(part):
        # between() says how many times less than barewire's; shown is how many times barewire's.
        inverse = {k: [1 / x for x in (r["ratio"][k][0], r["ratio"][k][2], r["ratio"][k][1])] for k in r["ratio"]}
        rows.append((r["name"], "%.0f" % r["rate"], "%.1f s" % r["p50"], "%.1f s" % r["p99"], "%.3f" % r["writes_per_address"],
                     "%.1f MiB" % (r["peak"] / MIB), "%.1f s" % r["cpu"], "%.1f s" % r["api_cpu"], spread(inverse["rate"]), spread(inverse["cpu"]),
                     spread(inverse["peak"])))
    worst = [n for n, rounds in part["samples"].items() for r in rounds if r["duplicates"] or r["without"]]
    return table(head, rows) + "\n\n%s" % (
        "No address was given twice and no claim was left without one." if not worst else "WRONG: duplicates or claims without an address: %s" % worst)


def memory(part):
    rows = [(r["name"], "%.1f KB" % (r["heap"] / 1000), "%.1f KB" % (r["cache"] / 1000)) for r in kube_claims.memory_rows(part)]
    rss = {k: [x / MIB for x in part[k]["rss"]] for k in ("with", "without")}
    return table(("of %d each" % part["objects"], "API server's heap, each", "of it the watch cache"), rows) + \
        "\n\nThe API server's resident memory: %.0f MiB without them, %.0f MiB with both; with the watch cache off %.0f and %.0f MiB." % (
            rss["with"][0], rss["with"][2], rss["without"][0], rss["without"][2])


def warm(part):
    rows = [(r["name"], "%.1f ms" % r["p50"], "%.1f ms" % r["p99"], spread(r["ratio"])) for r in kube_claims.warm_rows(part)]
    return table(("one claim at a time", "made to Bound, p50", "p99", "speed, of barewire"), rows)


def path(parts):
    out = []
    for part in parts:
        t = kube_path.path_table(part)
        rows = [(n, "%.2f" % r["value"], "%.2f" % r["p99"], "%.3f (%.3f-%.3f)" % (r["ratio"], r["low"], r["high"]), count_text(r["netif_rx"]))
                for n, r in t["rows"].items()]
        out.append(table((part["title"], "p50 us", "p99 us", "speed, of the bridge", "netif_rx"), rows) + "\n\n" + t["notes"][0] + ".")
    return "\n\n".join(out)


def pods(part):
    what = {"one": "one pod at a time", "batch": "%d pods at once, the last one" % part["batch"]}
    rows = [(what[r["what"]], r["name"], "%.2f s" % r["seconds"], spread(r["ratio"]), "%.0f ms" % (r["network"] * 1000), "%.1f %%" % (r["share"] * 100),
             spread(r["plugin"])) for r in kube_pods.pods_rows(part)]
    return table(("created to Ready", "network", "time", "speed, of the bridge", "of it the plugins", "share", "plugins' speed, of the bridge"), rows) + \
        "\n\n%d sandboxes were refused." % part["refused"]


def units(part):
    head = ("%d Units" % part["units"], "p50 to Ready", "p99", "last", "CPU", "memory, peak", "writes each", "events", "dry runs",
            "refused", "API server's CPU", "time, of barewire", "CPU, of barewire", "memory, of barewire")
    rows = []
    for r in kube_units.units_rows(part):
        rows.append((r["name"], "%.1f s" % r["p50"], "%.1f s" % r["p99"], "%.1f s" % r["seconds"], "%.1f s" % r["cpu"], "%.1f MiB" % (r["peak"] / MIB),
                     "%.2f" % r["per_unit"], "%.2f" % r["events"], "%.2f" % r["dry"], "%.2f" % r["refused"], "%.1f s" % r["api"],
                     spread(r["ratio"]["seconds"]), spread(r["ratio"]["cpu"]), spread(r["ratio"]["peak"])))
    every = [(n, r) for n, rounds in part["samples"].items() for r in rounds]
    wrong = ["%s: %s" % (n, w) for n, r in every for w in r["wrong"]]
    idle = "; ".join("%s %s writes, %.2f s of CPU" % (r["name"], "%d" % r["idle_writes"], r["idle_cpu"]) for r in kube_units.units_rows(part))
    return table(head, rows) + "\n\nIn the %d s after all was at rest: %s.\n\n%s" % (
        kube_units.IDLE_S, idle, "WRONG: %s" % wrong if wrong else "No address was given twice, and there was one pod and one volume of each.")


SECTIONS = {"claims": claims, "memory": memory, "warm": warm, "path": path, "pods": pods, "units": units}


def section(name, record):
    m = record["machine"]
    return "%s\n\n*%s: %d rounds, %s, %d cores, load %.1f before and %.1f after, kernel %s.*" % (
        SECTIONS[name](record["result"]), m["date"], record["rounds"], m["cpu"], m["cpus"], m["load"], m["load_after"], m["kernel"])


def replace(path_, done):
    """Puts each section that was measured between its marks."""
    with open(path_, encoding="utf-8") as f:
        text = f.read()
    for name, record in done.items():
        marks = "<!-- table:kube-%s -->" % name, "<!-- /table:kube-%s -->" % name
        if any(text.count(m) != 1 for m in marks):
            print("%s: no place for %s: %s ... %s" % (path_, name, *marks), file=sys.stderr)
            return 1
        text = re.sub(re.escape(marks[0]) + ".*?" + re.escape(marks[1]), lambda _: "%s\n%s\n%s" % (marks[0], section(name, record), marks[1]), text, flags=re.S)
    with open(path_, "w", encoding="utf-8") as f:
        f.write(text)
    print("%s: %s" % (path_, " ".join(done)))
    return 0
