#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""`make demo-kube`: barewire installed on a real Kubernetes of two nodes (docs/design/kube-bed.md), a database that keeps
its address through a pod deletion, a node drain and an API server outage, and a Unit, seen from a machine that is no
part of the cluster. Each step says what it ran and what was seen; what is not seen ends the demo with status 1."""
import contextlib
import glob
import json
import os
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.abspath(os.path.join(HERE, "..", ".."))
sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(TOP, "tests", "lib"))
from kube_demo_unit import UnitSteps  # noqa: E402
from kubeproc import versions, wait  # noqa: E402
from prober import Prober  # noqa: E402

ADDRESS = "10.99.2.10"
OUTSIDE = "/run/netns/outside"
MINUTES = 8  # the whole demo takes one; a machine that is busy may need more
BOLD, GREEN, RED, DIM, END = ("\033[1m", "\033[32m", "\033[31m", "\033[2m", "\033[0m") if sys.stdout.isatty() else ("",) * 5

POOL = """apiVersion: net.barewire.dev/v1alpha1
kind: NetworkPool
metadata: {name: lan}
spec:
  domain: lan                            # the segment's name
  prefix: 10.99.0.0/16                   # as its routers know it
  ranges: ["10.99.2.1-10.99.3.250"]      # ours to give
  uplink: data0                          # the nodes' card on that segment
"""
REDIS = """apiVersion: apps/v1
kind: StatefulSet
metadata: {name: redis}
spec:
  serviceName: redis
  replicas: 1
  selector: {matchLabels: {app: redis}}
  template:
    metadata:
      labels: {app: redis}
      annotations:
        net.barewire.dev/network: lan
        net.barewire.dev/address: %s   # declared
        net.barewire.dev/retain: ordinal      # redis-0's, whatever pod is called so
    spec:
      terminationGracePeriodSeconds: 0
      containers:
      - {name: redis, image: "barewire.invalid/redis:1", imagePullPolicy: Never}
""" % ADDRESS


class NotSeen(Exception):
    """What a step claims was not observed."""


def say(text="", end="\n"):
    print(text, end=end, flush=True)


def command(text):
    say("   %s$ %s%s" % (DIM, text, END))


def shown(text):
    for line in text.rstrip("\n").split("\n"):
        say("     " + line)


def seen(text):
    say("   %sseen%s  %s" % (GREEN, END, text))


def expect(cond, text):
    if not cond:
        raise NotSeen(text)


def comm(pid):
    with open("/proc/%d/comm" % pid) as f:
        return f.read().strip()


class Demo:
    """The steps, in order; each works on what the last one left."""

    def __init__(self, bed, prepare):
        self.bed, self.api, self.prepare = bed, bed.client, prepare
        self.mac = self.claim_uid = self.lock_uid = None
        self.facts, self.steps = [], 0

    command, seen, expect = staticmethod(command), staticmethod(seen), staticmethod(expect)

    def step(self, title):
        self.steps += 1
        say("\n%s%d. %s%s" % (BOLD, self.steps, title, END))

    # What is asked ----------------------------------------------------------------------------------

    def kubectl(self, words, stdin=None, show=True, timeout=120):
        command("kubectl " + words)
        out = self.bed.kubectl(*words.split(), stdin=stdin, timeout=timeout)
        if show and out:
            shown(out)
        return out

    def pod(self):
        return self.api.find("/api/v1/namespaces/default/pods/redis-0")

    def running(self, uid_not=None, timeout_s=90):
        import kubetest
        return kubetest.running("redis-0", "default", timeout_s, uid_not)

    def apply(self, name, text):
        command("kubectl apply -f " + name)
        shown(text)
        self.bed.kubectl("apply", "-f", "-", stdin=text)

    def ask(self, *words):
        program = os.path.join(os.path.realpath(os.environ.get("BW_BUILD", os.path.join(TOP, "build"))), "kubectl-barewire")
        return subprocess.run([program, *words], capture_output=True, text=True, timeout=180, env={**os.environ, "KUBECONFIG": self.bed.admin})

    def barewire(self, *words):
        command("kubectl barewire " + " ".join(words))
        p = self.ask(*words)
        shown(p.stdout + p.stderr)
        expect(p.returncode == 0, "exit status %d" % p.returncode)

    def redis(self, *words, address=ADDRESS):
        command("redis-cli -h %s %s            # on the machine outside" % (address, " ".join(words)))
        p = self.bed.outside("timeout", "5", "redis-cli", "-h", address, *words, check=False)
        shown(p.stdout or p.stderr)
        return p.stdout.strip()

    def answers(self, address):
        with Prober(OUTSIDE, address, 6379) as probe:
            return probe.wait_answer(0, 20)

    def mac_outside(self):
        words = self.bed.outside("ip", "neigh", "show", ADDRESS).split()
        return words[words.index("lladdr") + 1] if "lladdr" in words else None

    def identity(self):
        """UIDs of the claim and of the lock: the very objects, not ones made again."""
        net = "/apis/net.barewire.dev/v1alpha1"
        claim = self.api.get(net + "/namespaces/default/networkclaims/redis-0")
        lock = self.api.get(net + "/networkaddresses/lan." + ADDRESS.replace(".", "-"))
        expect(lock["spec"]["claim"]["uid"] == claim["metadata"]["uid"], "the lock of %s names another claim" % ADDRESS)
        return claim["metadata"]["uid"], lock["metadata"]["uid"]

    def same(self, pod):
        """Address, MAC, claim and lock are what they were."""
        expect(pod["status"].get("podIP") == ADDRESS, "the pod has %s, declared was %s" % (pod["status"].get("podIP"), ADDRESS))
        mac = self.mac_outside()
        expect(mac == self.mac, "outside sees the MAC %s, before it was %s" % (mac, self.mac))
        expect(self.identity() == (self.claim_uid, self.lock_uid), "claim or address are not the objects they were")
        return "%s, MAC %s, the same claim" % (ADDRESS, mac)

    # The steps --------------------------------------------------------------------------------------

    def install(self):
        self.step("Install barewire")
        for n in self.bed.nodes:
            self.bed.ready(n.name, False, 30)
        seen("%s are NotReady: they have no network plugin" % " and ".join(n.name for n in self.bed.nodes))
        command("ctr -n k8s.io images import build/image.tar            # on each node")
        self.prepare()
        start = time.monotonic()
        made = self.kubectl("apply --server-side -k conf/deploy", show=False)
        shown("%d objects" % len(made.splitlines()))
        for n in self.bed.nodes:
            self.bed.ready(n.name, True, 120)
        seen("both nodes are Ready %.1f s later, because of it" % (time.monotonic() - start))
        self.kubectl("-n barewire-system rollout status deployment/barewire-controller --timeout=120s", show=False)
        self.kubectl("-n barewire-system get pods -o custom-columns=POD:.metadata.name,NODE:.spec.nodeName,PHASE:.status.phase")

    def declare(self):
        self.step("Declare a pool and a database")
        self.apply("pool.yaml", POOL)
        start = time.monotonic()
        self.apply("redis.yaml", REDIS)
        pod = self.running()
        took = time.monotonic() - start
        expect(pod["status"]["podIP"] == ADDRESS, "the pod has %s" % pod["status"]["podIP"])
        expect(self.answers(ADDRESS), "no answer outside within 20 s after the pod runs")
        expect(self.redis("set", "greeting", "hello") == "OK", "Redis does not answer outside")
        expect(self.redis("get", "greeting") == "hello", "what was written is not read")
        self.mac = self.mac_outside()
        expect(self.mac, "outside knows no MAC of %s" % ADDRESS)
        self.claim_uid, self.lock_uid = self.identity()
        self.kubectl("get netclaim,netaddr")
        seen("redis-0 runs on %s after %.1f s at its declared address %s, MAC %s" % (pod["spec"]["nodeName"], took, ADDRESS, self.mac))

    def watched(self, what, act):
        """act() returns the pod when it runs again; meanwhile outside asks Redis twenty times a second."""
        old = self.pod()["metadata"]["uid"]
        with Prober(OUTSIDE, ADDRESS, 6379) as probe:
            start = time.monotonic()
            pod = act(old)
            running = time.monotonic()
            expect(probe.wait_answer(running, 10), "no answer outside within 10 s after the pod runs")
            late = max(0.0, probe.answered_after(running) - running)
            gap = probe.gap()
        expect(self.redis("ping") == "PONG", "Redis does not answer outside")
        kept = self.same(pod)
        seen("redis-0 runs again on %s after %.1f s: %s" % (pod["spec"]["nodeName"], running - start, kept))
        seen("outside had no answer for %.1f s in all, and its first one %.2f s after the pod was Ready" % (gap, late))
        self.facts.append((what, kept, "no answer for %.1f s" % gap))
        return pod

    def delete(self):
        self.step("Delete the pod")

        def act(old):
            self.kubectl("delete pod redis-0 --wait=false")
            return self.running(uid_not=old)
        self.watched("pod deleted", act)

    def drain(self):
        node = self.pod()["spec"]["nodeName"]
        self.step("Drain the node it runs on, %s" % node)

        def act(old):
            out = self.kubectl("drain %s --ignore-daemonsets --delete-emptydir-data --timeout=120s" % node, show=False)
            shown("\n".join(l for l in out.splitlines() if "evict" in l or "drained" in l))
            return self.running(uid_not=old)
        try:
            pod = self.watched("node drained", act)
        finally:
            self.bed.kubectl("uncordon", node, timeout=30)
        expect(pod["spec"]["nodeName"] != node, "it runs on the drained node")
        command("kubectl uncordon " + node)
        seen("the address moved from %s to %s" % (node, pod["spec"]["nodeName"]))

    def outage(self):
        from kubetest import pod_pids
        self.step("Stop the API server, and then kill the pod's sandbox as well")
        pod = self.pod()
        node = pod["spec"]["nodeName"]
        sandbox = [p for p in pod_pids(pod) if comm(p) != "redis-server"]
        namespaces = self.namespaces(node)
        expect(self.redis("set", "greeting", "still here") == "OK", "Redis does not answer")
        command("kill -9 $(pidof kube-apiserver)")
        self.bed.api.kill()
        try:
            expect(self.redis("get", "greeting") == "still here", "Redis does not answer without the API server")
            seen("the database answers: nothing of its path asks the API server")
            with Prober(OUTSIDE, ADDRESS, 6379) as probe:
                command("kill -9 %s            # the sandbox of redis-0, on %s" % (" ".join(map(str, sandbox)), node))
                for pid in sandbox:
                    os.kill(pid, 9)
                wait(lambda: self.namespaces(node) - namespaces, 60, "a new sandbox without the API server")
                # The old one's Redis is gone by then: two sandboxes of one pod never run at once.
                expect(probe.wait_answer(time.monotonic(), 60), "no answer within 60 s from the new sandbox")
                gap = probe.gap()
            mac = self.mac_outside()
            expect(mac == self.mac, "outside sees the MAC %s, before it was %s" % (mac, self.mac))
            seen("a new sandbox, its ADD made with the API server away, answers at %s, MAC %s" % (ADDRESS, mac))
            seen("outside had no answer for %.1f s in all" % gap)
        finally:
            command("systemctl start kube-apiserver            # so to say")
            self.bed.api.start()
        pod = self.running()
        self.redis("ping")
        kept = self.same(pod)
        seen("the API server is back: the same pod object, %s" % kept)
        self.facts.append(("API server stopped, sandbox killed", kept, "no answer for %.1f s" % gap))

    def namespaces(self, node):
        """Network namespaces of sandboxes on a node, by their names, which the runtime never gives twice."""
        return set(self.bed.node(node).run("ls", "/run/netns").split())

    def judge(self):
        self.step("What the tools say")
        # What the agents publish of the last step may still be on its way.
        with contextlib.suppress(RuntimeError):
            wait(lambda: self.ask("check").returncode == 0, 30, "no difference")
        for words in (["check"], ["who", ADDRESS], ["unit", "describe", "db-0"], ["pool", "map", "lan"]):
            self.barewire(*words)
        events = [e for e in self.api.items("/api/v1/namespaces/default/events") if e.get("reason") == "FailedCreatePodSandBox"]
        expect(not events, "refused sandboxes: %s" % [e["message"] for e in events])
        seen("no sandbox was refused in all this: no FailedCreatePodSandBox event")

    def run(self):
        self.install()
        self.declare()
        self.delete()
        self.drain()
        self.outage()
        with contextlib.closing(UnitSteps(self)) as unit:
            unit.run()
            self.judge()


def inside():
    """On the bed."""
    import kubeproduct
    import kubetest
    from kubebed import Bed
    from kubetest import BUILD
    bed = Bed.attach()
    kubetest.bed, kubetest.api = bed, bed.client
    kubeproduct.sys_modules_bed()
    os.chdir(TOP)

    def prepare():
        subprocess.run([os.path.join(TOP, "scripts", "image"), BUILD], check=True, stdout=subprocess.DEVNULL, timeout=120)
        for n in bed.nodes:
            n.load(kubeproduct.IMAGE)
    demo = Demo(bed, prepare)
    try:
        demo.run()
    except Exception as e:  # whatever it is, the claim was not seen
        say("\n   %sNOT SEEN%s  %s" % (RED, END, e))
        with contextlib.suppress(Exception):
            kubetest.NS = "default"
            say(kubetest.state_of_the_bed())
        return 1
    say("\n%sOne address through it all%s" % (BOLD, END))
    for what, kept, how in demo.facts:
        say("   %-35s %s; %s" % (what, kept, how))
    return 0


# Outside: the bed comes and goes ----------------------------------------------------------------------

def links():
    return sorted(json.dumps(l["ifname"]) for l in json.loads(subprocess.run(["ip", "-j", "link"], capture_output=True, text=True).stdout))


def leftovers(folder):
    """What a bed of this folder would have left on the machine."""
    name = os.path.basename(folder)
    left = [p for p in [folder, *glob.glob("/sys/fs/cgroup/" + name), *glob.glob("/sys/fs/cgroup/*/" + name)] if os.path.exists(p)]
    for path in glob.glob("/proc/[0-9]*/environ"):
        with contextlib.suppress(OSError):
            with open(path, "rb") as f:
                if b"BW_KUBE=" + folder.encode() in f.read():
                    left.append(path)
    return left


def main():
    if sys.argv[1:2] == ["--inside"]:
        with open(sys.argv[2], "w") as f:
            f.write(os.environ["BW_KUBE"])
        return inside()
    started, before = time.monotonic(), links()
    v = versions()
    say("%sA database keeps its address%s: barewire on a real Kubernetes %s of two nodes, etcd %s, containerd %s, all in\n"
        "namespaces of this machine. Outside is a third machine, on the database segment alone." %
        (BOLD, END, v["KUBE_VERSION"], v["ETCD_VERSION"], v["CONTAINERD_VERSION"]))
    with tempfile.NamedTemporaryFile("r", prefix="barewire-demo.") as name:
        code = subprocess.call([os.path.join(TOP, "scripts", "kube-bed"), "run", "-t", str(MINUTES * 60), sys.executable,
                                os.path.abspath(__file__), "--inside", name.name])
        folder = name.read()
    left = leftovers(folder) if folder else []
    more = sorted(set(links()) - set(before))
    if left or more:
        say("\n%sLEFT BEHIND%s  %s" % (RED, END, " ".join(left + more)))
        return 1
    if code:
        say("\n%sFAILED%s: the demo did not show what it claims (status %d)" % (RED, END, code))
        return 1
    say("\nThe cluster is gone, and nothing of it is left on this machine.  (%d s)" % (time.monotonic() - started))
    return 0


if __name__ == "__main__":
    sys.exit(main())
