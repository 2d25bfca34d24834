# SPDX-License-Identifier: Apache-2.0
"""The sections of `make bench` that measure packets. Each returns {"title", "rows", "notes"}."""
import json
import shutil
import statistics
import subprocess
import time

from bed import Bed, BedError, SameNode, Variant, PORT_ECHO, PORT_REDIS
from bwtest import run
from measure import AA, between, count_text, median_iqr, medians, ratios, rounds, with_hooks

RULES = 200


def rows_of(samples, baseline, key="p50", faster="lower", scale=1000.0, counts=None):
    rel, mid = ratios(samples, baseline, key, faster), medians(samples, key)
    p99 = medians(samples, "p99")
    return {n: {"value": mid[n] / scale, "p99": p99[n] / 1000, "ratio": rel[n][0], "low": rel[n][1],
                "high": rel[n][2], "netif_rx": (counts or {}).get(n)} for n in samples}


def interleave(title, bed, options, n, port=PORT_REDIS, counts=None):
    """What one bed measured of one table."""
    runs = {x: with_hooks(v, lambda v: v.ping(*options, port=port)) for x, v in bed.variants.items()}
    return {"title": title, "samples": rounds(title, runs, n), "counts": counts}


def judge(name, value, bound):
    """A budget's line: said, never enforced."""
    return "%s: %.3f, budget >= %.3f: %s" % (name, value, bound, "met" if value >= bound else "MISSED")


LINKS = "barewire-links"  # after `barewire net reload`


def which_barewire(i):
    """Every other bed has the pods' programs on tcx links."""
    return (LINKS, True) if i % 2 else ("barewire", False)


def budget_datapath(samples, baseline, share):
    """DESIGN.md section 12: a share of the wire, or 0.97 of the floor, whichever is lower."""
    out = []
    for name in ("barewire", LINKS):
        wire, floor = between(samples, name, baseline), between(samples, name, "floor")
        met = wire[0] >= share or floor[0] >= 0.97
        out.append("%s: %.3f of %s (%.3f-%.3f), %.3f of the floor (%.3f-%.3f); budget %.2f or 0.97 of the floor: %s" %
                   (name, *wire[:1], baseline, *wire[1:], *floor, share, "met" if met else "MISSED"))
    out.append(LINKS + ": after `barewire net reload`, which gives the pods' programs tcx links for filters")
    return out


def counts_of(bed):
    return {x: v.netif_rx() for x, v in bed.variants.items()}


def outside(n, i):
    bed = Bed()
    try:
        bed.wire()
        bed.wire("wire" + AA)
        bed.reference("bridge")
        bed.reference("bridge-no-nf", br_netfilter=0)
        bed.reference("macvlan", "macvlan")
        bed.wire("host", conntrack=True)
        bed.barewire(*which_barewire(i))
        bed.floor()
        counts = counts_of(bed)
        return [interleave(title, bed, (*options, "-t", "0.6", "-c", "0"), n, port, counts)
                for title, options, port in (
                    ("from outside: Redis GET, 64 bytes, one connection, one core", ("-m", "get"), PORT_REDIS),
                    ("from outside: TCP ping-pong of 64 bytes, one core", ("-s", "64"), PORT_ECHO),
                    ("from outside: TCP ping-pong of 1 KB, one core", ("-s", "1024"), PORT_ECHO))]
    finally:
        bed.close()


def outside_table(part):
    notes = budget_datapath(part["samples"], "wire", 0.95)
    notes.append("netif_rx per round trip: barewire %s, budget 3" % count_text(part["counts"]["barewire"]))
    return {"unit": "p50 us", "rows": rows_of(part["samples"], "wire", counts=part["counts"]), "notes": notes}


def same_node(n, i):
    bed = SameNode()
    try:
        bed.veth()
        bed.veth("veth" + AA)
        bed.loopback()
        bed.reference("bridge")
        bed.reference("macvlan", "macvlan")
        bed.barewire(*which_barewire(i))
        bed.floor()
        return [interleave("same node, pod to pod: Redis GET, 64 bytes, one connection, one core", bed,
                           ("-m", "get", "-t", "0.6", "-c", "0"), n, counts=counts_of(bed))]
    finally:
        bed.close()


def same_node_table(part):
    notes = budget_datapath(part["samples"], "veth", 0.96)
    notes.append("netif_rx per round trip: barewire %s, budget 2" % count_text(part["counts"]["barewire"]))
    return {"unit": "p50 us", "rows": rows_of(part["samples"], "veth", counts=part["counts"]), "notes": notes}


def rule_text():
    drops = "\n".join("ip daddr 192.0.2.%d tcp dport %d drop" % (i % 250 + 1, 20000 + i) for i in range(RULES))
    return ("table ip bench {\n chain forward {\n type filter hook forward priority 0; policy accept;\n"
            "ct state invalid drop\n%s\n }\n}\n" % drops)


def rules(n, _):
    """Each variant with and without the rules in the same rounds: they come and go around its runs."""
    bed = Bed()
    try:
        bed.wire()
        bed.wire("wire" + AA)
        text = rule_text()
        for make in (lambda: bed.reference("bridge"), bed.barewire):
            plain = make()
            node = plain.netns[1]
            ruled = Variant(plain.name + "+rules", "", plain.client, plain.server, plain.address, plain.netns)
            ruled.enter_round = lambda node=node: node.run("nft", "-f", "-", stdin=text)
            ruled.leave_round = lambda node=node: node.run("nft", "delete", "table", "ip", "bench")
            ruled.restart_servers, ruled.stop = plain.restart_servers, plain.stop
            bed.variants[ruled.name] = ruled
        return [interleave("from outside with %d netfilter rules on the node: Redis GET, one connection, one core" % RULES,
                           bed, ("-m", "get", "-t", "0.6", "-c", "0"), n)]
    finally:
        bed.close()


def rules_table(part):
    s = part["samples"]
    ours, theirs = between(s, "barewire+rules", "barewire"), between(s, "bridge+rules", "bridge")
    notes = ["with the rules against without: barewire %.3f (%.3f-%.3f), bridge %.3f (%.3f-%.3f)" % (*ours, *theirs),
             judge("barewire with the rules", ours[0], 0.98)]
    return {"unit": "p50 us", "rows": rows_of(s, "wire"), "notes": notes}


def many(n, _):
    """Throughput over 50 connections, server and client on their own cores."""
    bed = Bed(cpu=1)
    try:
        bed.wire()
        bed.wire("wire" + AA)
        bed.reference("bridge")
        bed.reference("macvlan", "macvlan")
        bed.barewire()
        bed.floor()
        return [interleave("from outside: Redis %s, 64 bytes, 50 connections, two cores" % mode.upper(), bed,
                           ("-m", mode, "-k", "50", "-t", "0.8", "-c", "0"), n) for mode in ("get", "set")]
    finally:
        bed.close()


def many_table(part):
    s = part["samples"]
    ours, floor = (between(s, "barewire", x, "tps", "higher") for x in ("wire", "floor"))
    return {"unit": "1000/s", "rows": rows_of(s, "wire", "tps", "higher"),
            "notes": [judge("barewire against the wire", ours[0], 0.96),
                      "barewire against the floor: %.3f (%.3f-%.3f)" % floor]}


# Streams -------------------------------------------------------------------------------------------

def stream(client, server, address, seconds, reverse=False, port=5201):
    """Mbit/s of one TCP stream by iperf3, as its receiver counts."""
    daemon = server.popen("iperf3", "-s", "-1", "-p", port, stdout=-3, stderr=-3)
    try:
        for _ in range(200):
            if ":%d " % port in server.run("ss", "-ltn"):
                break
            time.sleep(0.01)
        out = client.run("iperf3", "-c", address, "-p", port, "-t", seconds, "-J", *(["-R"] if reverse else []),
                         timeout=seconds + 20)
        return json.loads(out)["end"]["sum_received"]["bits_per_second"] / 1e6
    except subprocess.TimeoutExpired as e:
        raise BedError("the stream to %s stands still" % address) from e
    finally:
        daemon.kill()
        daemon.wait()


def streams(n, _):
    """A sanity check, no more: noisy on two cores."""
    bed = Bed()
    try:
        bed.wire()
        bed.wire("wire" + AA)
        bed.reference("bridge")
        bed.reference("macvlan", "macvlan")
        bed.barewire()
        bed.floor()
        title = "one TCP stream from outside (iperf3, noisy: a sanity check)"
        runs = {x: lambda v=v: {"mbps": stream(v.client, v.server, v.address, 1), "p99": 0}
                for x, v in bed.variants.items()}
        return [{"title": title, "samples": rounds(title, runs, n), "counts": None}]
    finally:
        bed.close()


def streams_table(part):
    ours = between(part["samples"], "barewire", "bridge", "mbps", "higher")
    return {"unit": "Gbit/s", "rows": rows_of(part["samples"], "wire", "mbps", "higher"),
            "notes": ["barewire against the bridge: %.2f (%.2f-%.2f)" % ours]}


RATE_MBPS, BURST_BITS = 200, 8000000


def limited(bed, name, make):
    """Attaches with runtimeConfig.bandwidth; the rate holds in both directions."""
    limit = {"ingressRate": RATE_MBPS * 1000000, "ingressBurst": BURST_BITS,
             "egressRate": RATE_MBPS * 1000000, "egressBurst": BURST_BITS}
    return make(name, runtimeConfig={"bandwidth": limit}, capabilities={"bandwidth": True})


def reference_limited(bed):
    """The reference: its bandwidth plugin chained after the bridge."""
    from bed import reference_dir
    from bwtest import cni, expect_ok
    v = bed.reference("reference")
    conf, pod, _, path, node, _ = bed.attached[-1]
    prev = bed.last_answer.json
    chained = {"cniVersion": "1.0.0", "name": conf["name"], "type": "bandwidth", "prevResult": prev,
               "ingressRate": RATE_MBPS * 1000000, "ingressBurst": BURST_BITS,
               "egressRate": RATE_MBPS * 1000000, "egressBurst": BURST_BITS}
    expect_ok(cni("ADD", chained, pod, plugin=reference_dir() + "/bandwidth", path=path, node=node))
    return v


def forget_node():
    """Pinned maps know interfaces by index alone: two nodes in one sandbox would take each other's."""
    shutil.rmtree("/sys/fs/bpf/barewire", ignore_errors=True)


def bandwidth(n, _):
    ways = {"reference": (Bed, reference_limited),
            "barewire, fast": (Bed, lambda bed: limited(bed, "barewire", bed.barewire)),
            "barewire, slow": (Bed, lambda bed: limited(
                bed, "barewire", lambda name, **m: bed.barewire(name, accel="off", **m))),
            "barewire, same node": (SameNode, lambda bed: limited(bed, "barewire", bed.barewire))}
    samples = {}
    for name, (make_bed, make) in ways.items():
        bed = make_bed()
        try:
            v = make(bed)
            for direction, reverse in (("to the pod", False), ("from the pod", True)):
                samples["%s, %s" % (name, direction)] = [
                    {"mbps": stream(v.client, v.server, v.address, 3, reverse)} for _ in range(n)]
        finally:
            bed.close()
            forget_node()
    return [{"title": "one TCP stream of a limited pod, 3 s, %d Mbit/s both ways" % RATE_MBPS,
             "samples": samples, "counts": None}]


def bandwidth_table(part):
    rows, notes = {}, ["ratio: of the rate; budget 0.85 to 1.0"]
    for name, taken in part["samples"].items():
        got = [t["mbps"] for t in taken]
        mid, low, high = median_iqr([g / RATE_MBPS for g in got])
        rows[name] = {"value": statistics.median(got), "p99": 0, "ratio": mid, "low": low, "high": high,
                      "netif_rx": None}
        if not name.startswith("reference"):
            notes.append("%s: %.3f: %s" % (name, mid, "met" if 0.85 <= mid <= 1.0 else "MISSED"))
    return {"unit": "Mbit/s", "rows": rows, "notes": notes}


# name: (measure on one bed, make the tables of all beds, beds)
SECTIONS = {"outside": (outside, outside_table, 4), "same-node": (same_node, same_node_table, 4),
            "rules": (rules, rules_table, 3), "redis-50": (many, many_table, 3),
            "bandwidth": (bandwidth, bandwidth_table, 1), "streams": (streams, streams_table, 1)}
