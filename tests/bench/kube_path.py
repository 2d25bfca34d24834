# SPDX-License-Identifier: Apache-2.0
"""The datapath as a cluster has it: pods that the DaemonSet-installed plugin attached, beside pods of the reference
bridge plugin on the same nodes and the same segment. Runs on the kube bed.

Each node gets a second card on the segment, data1, a port of the reference plugin's bridge, as data0 is of ours.
"""
import json
import os
import subprocess
import time

import kubeproduct
import kubetest
from bed import Variant, congestion_control, set_br_netfilter
from bwtest import BUILD, run
from datapath import interleave, rows_of
from kubetest import PAUSE, pod_pids
from measure import AA, between

BASE = "bridge"


class Place:
    """A network namespace that something else made, with what a Variant asks of one."""

    def __init__(self, path):
        self.path, self.enter = path, ["nsenter", "--net=" + path, "--"]

    def run(self, *argv, **kw):
        return run(*self.enter, *argv, **kw)

    def popen(self, *argv, **kw):
        return subprocess.Popen([*self.enter, *map(str, argv)], **kw)


def place_of(pod):
    return Place("/proc/%d/ns/net" % pod_pids(pod)[0])


def reference_conflist(number):
    """The reference bridge on the segment: no gateway and no masquerading, as barewire on an uplink."""
    return [{"type": "bridge", "bridge": "ref0", "ipam": {"type": "host-local", "ranges": [[{
        "subnet": "10.99.0.0/16", "rangeStart": "10.99.%d.10" % (7 + number), "rangeEnd": "10.99.%d.99" % (7 + number)}]]}}]


class PathBed:
    """Pods of both kinds, where they are needed: servers and a client on node1, a client on node2."""

    def __init__(self):
        self.bed, self.api = kubetest.bed, kubetest.api
        self.pods, self.variants = {}, {}
        for n in self.bed.nodes:
            far = n.name + "-ref"
            self.bed.ip("link add %s type veth peer name data1 netns %s" % (far, n.name))
            self.bed.port(far, "fab1")
            self.bed.ip("-n %s link set data1 up" % n.name)
            set_br_netfilter(Place("/run/netns/" + n.name), 1)
        self.outside = Place("/run/netns/outside")
        self.bare = self.bare_machine()

    def bare_machine(self):
        """A machine on the segment with nothing between its card and its Redis: the wire."""
        ip = self.bed.ip
        ip("netns add bare")
        ip("link add bare type veth peer name eth0 netns bare")
        self.bed.port("bare", "fab1")
        for words in ("link set lo up", "addr add 10.99.0.7/16 dev eth0", "link set eth0 up"):
            ip("-n bare " + words)
        return Place("/run/netns/bare")

    def make(self, name, node, **annotations):
        self.pods[name] = kubetest.pod(name, image=PAUSE, node=node, annotations=annotations)

    def reference_pods(self):
        for n in self.bed.nodes:
            n.conflist("00-reference.conflist", reference_conflist(n.number))
        self.until_taken("10.99.8.", "10.99.9.")
        for name, node in (("ref-a", "node1"), ("ref-b", "node1"), ("ref-near", "node1"), ("ref-far", "node2")):
            self.make(name, node)
        for n in self.bed.nodes:
            self.bed.ip("-n %s link set data1 master ref0" % n.name)

    def until_taken(self, *prefixes):
        """The runtime reads a changed folder in its own time: ask it by pods."""
        for n, prefix in zip(self.bed.nodes, prefixes):
            end = time.monotonic() + 60
            while True:
                pod = kubetest.pod("canary", image=PAUSE, node=n.name)
                kubetest.delete_pod("canary")
                if pod["status"]["podIP"].startswith(prefix):
                    break
                if time.monotonic() > end:
                    raise RuntimeError("%s goes on with another network: %s" % (n.name, pod["status"]["podIP"]))

    def barewire_pods(self):
        # The plugin's DEL is of the configuration that is there: the reference pods stay until the bed ends.
        for n in self.bed.nodes:
            n.conflist("00-reference.conflist", None)
        self.until_taken("10.99.2.", "10.99.2.")
        for name, node in (("bw-a", "node1"), ("bw-near", "node1"), ("bw-far", "node2")):
            self.make(name, node)

    def hooks(self):
        """How our programs are attached, once the agent has brought them up to date."""
        node, end = self.bed.node("node1"), time.monotonic() + 40
        while True:
            found = [p["hook"] for p in json.loads(node.run(os.path.join(BUILD, "barewire"), "net", "show", "-o", "json"))["endpoints"]]
            if all(h == "tcx" for h in found) or time.monotonic() > end:
                return sorted(set(found))
            time.sleep(0.5)

    def variant(self, name, client, server, netns):
        if server is self.bare:
            address = "10.99.0.7"
        else:
            address, server = self.pods[server]["status"]["podIP"], place_of(self.pods[server])
        v = Variant(name, "", client, server, address, netns + [server])
        for place in (client, server):
            congestion_control(place)
        self.variants[name] = v

    def from_outside(self):
        node = Place("/run/netns/node1")
        self.variants = {}
        self.variant("wire", self.outside, self.bare, [self.outside])
        for name, server in ((BASE, "ref-a"), (BASE + AA, "ref-b"), ("barewire", "bw-a")):
            self.variant(name, self.outside, server, [self.outside, node])
        return self.variants

    def from_pod(self, where, nodes):
        self.variants = {}
        for name, client, server in ((BASE, "ref-" + where, "ref-a"), (BASE + AA, "ref-" + where, "ref-b"), ("barewire", "bw-" + where, "bw-a")):
            client = place_of(self.pods[client])
            self.variant(name, client, server, [client, *[Place("/run/netns/" + n) for n in nodes]])
        return self.variants


def counted(bed):
    """Stack entries per round trip, with servers of their own."""
    out = {}
    for name, v in bed.variants.items():
        v.restart_servers()
        out[name] = v.netif_rx()
        v.stop()
    return out


def path(rounds, _):
    kubeproduct.install()
    kubeproduct.pool(default=True)
    bed = PathBed()
    bed.reference_pods()
    bed.barewire_pods()
    parts = []
    hooks = bed.hooks()
    for title, make in (("from outside", bed.from_outside),
                        ("pod to pod on one node", lambda: bed.from_pod("near", ["node1"])),
                        ("pod to pod, from the other node", lambda: bed.from_pod("far", ["node2", "node1"]))):
        make()
        counts = counted(bed)
        part = interleave("on the kube bed, %s: Redis GET, 64 bytes, one connection, one core" % title, bed,
                          ("-m", "get", "-t", "0.6", "-c", "0"), rounds, counts=counts)
        for v in bed.variants.values():
            v.stop()
        parts.append({**part, "hooks": hooks})
    return parts


def path_table(part):
    ours, again = between(part["samples"], "barewire", BASE), between(part["samples"], BASE + AA, BASE)
    return {"unit": "p50 us", "rows": rows_of(part["samples"], BASE, counts=part["counts"]), "notes": [
        "barewire (%s) is %.3f times as fast as the reference bridge (%.3f-%.3f); A/A %.3f (%.3f-%.3f)" % (
            "+".join(part["hooks"]), *ours, *again)]}
