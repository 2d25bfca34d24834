# SPDX-License-Identifier: Apache-2.0
"""Faults on the kube bed: who is killed and how he comes back, and CNI calls that stand still while it happens.

    with Hold(node) as hold:
        hold.close("ADD")                    # from now on each ADD on the node waits
        ... delete a pod ...
        hold.reached("ADD")                  # one stands still there
        killed_together([(target, ("containerd", "etcd"))])
    target.heal()                            # and come back as a supervisor would have them

What is killed is killed by SIGKILL, and started again at once: there is no fault that nobody repairs. A node that
dies for good is Node.kill().
"""
import fcntl
import json
import os
import signal
from concurrent.futures import ThreadPoolExecutor

from bwtest import expect, wait_until
import kubeproduct
from kubeclient import MERGE
from kubeproduct import LEASE, leader, system_pods
from kubetest import pod_pids

VICTIMS = ("agent", "containerd", "kubelet", "leader", "api", "etcd")

# A plugin that is ours, but for a door before it and one behind it. $0 is in /opt/cni/bin.
WRAPPER = """#!/bin/sh
# Test only: holds barewire-bridge's verbs while a test kills others (tests/lib/kubefault.py).
d=/opt/cni/faults
gate() {
	[ -e $d/$1.$CNI_COMMAND ] || return 0
	: >$d/in.$1.$CNI_COMMAND.$CNI_CONTAINERID
	flock -s $d/$1.$CNI_COMMAND true
}
[ -d $d ] || exec /opt/cni/bin/barewire-bridge
gate before
/opt/cni/bin/barewire-bridge >$d/out.$$
code=$?
gate after
cat $d/out.$$
rm -f $d/out.$$
exit $code
"""


class Hold:
    """Doors in the way of barewire-bridge on one node. at: "before" the program runs, or "after" it has done its work
    and before the runtime hears of it."""

    def __init__(self, node, at="before"):
        self.node, self.at, self.open = node, at, {}
        self.dir = node.path("cni/faults")

    def __enter__(self):
        os.makedirs(self.dir, exist_ok=True)
        path = self.node.path("cni/bin/faults-bridge")
        with open(path, "w") as f:
            f.write(WRAPPER)
        os.chmod(path, 0o755)
        conf = json.loads(self.node.run("cat", "/etc/cni/net.d/05-barewire.conflist"))["plugins"]
        conf[0]["type"] = "faults-bridge"
        self.node.conflist("04-faults.conflist", conf)
        return self

    def __exit__(self, *exc):
        for verb in list(self.open):
            self.release(verb)

    def remove(self):
        """The node's own conflist again."""
        self.node.conflist("04-faults.conflist", None)

    def file(self, verb):
        return os.path.join(self.dir, "%s.%s" % (self.at, verb))

    def close(self, verb):
        f = open(self.file(verb), "w")
        fcntl.flock(f, fcntl.LOCK_EX)
        self.open[verb] = (f, set(os.listdir(self.dir)))

    def reached(self, verb, timeout_s=30):
        """One more call of this verb stands at the door."""
        seen = self.open[verb][1]
        head = "in.%s.%s." % (self.at, verb)
        wait_until(lambda: any(n.startswith(head) and n not in seen for n in os.listdir(self.dir)), timeout_s,
                   "a call of %s at the door" % verb)

    def release(self, verb):
        f, _ = self.open.pop(verb)
        os.unlink(self.file(verb))
        f.close()


def program_of(pod, program):
    """Pid of a program in a pod, on this machine; None when it does not run."""
    for pid in pod_pids(pod):
        try:
            with open("/proc/%d/comm" % pid) as f:
                if f.read().strip() == program[:15]:
                    return pid
        except OSError:
            pass
    return None


def running_program(pods, program):
    """The first of the pods in which it runs, whatever its probes say; None."""
    return next((p for p in pods if p and program_of(p, program)), None)


def agents_on(node):
    return [p for p in system_pods("barewire-agent") if p["spec"].get("nodeName") == node]


class Target:
    """Who is meant by each name: the node's own programs, and what there is once. Found while the API server answers."""

    def __init__(self, node):
        self.node, self.bed = node, kubeproduct.bed
        self.agent = wait_until(lambda: running_program(agents_on(node.name), "barewire-agent"), 60, "an agent on " + node.name)
        self.leader = wait_until(lambda: running_program([leader()], "barewire-controller"), 60, "a leader")
        self.identity = kubeproduct.api.get(LEASE)["spec"].get("holderIdentity")

    def kill(self, name):
        if name == "agent":
            kill_in(self.agent, "barewire-agent")
        elif name == "leader":
            kill_in(self.leader, "barewire-controller")
        else:
            {"containerd": self.node.containerd, "kubelet": self.node.kubelet, "api": self.bed.api, "etcd": self.bed.api.etcd}[name].kill()

    def heal(self):
        """What a supervisor would start is started; agent and controller are the kubelet's."""
        if not self.node.containerd.alive:
            self.node.containerd.start()
            self.node.containerd_ready()
        if not self.node.kubelet.alive:
            self.node.kubelet.start()
        if not (self.bed.api.etcd.alive and self.bed.api.alive):
            self.bed.api.start()


def give_up_lease(identity):
    """What a leader does that ends in peace, done for one that was killed: no other waits until its Lease has run out."""
    lease = kubeproduct.api.get(LEASE)
    if lease["spec"].get("holderIdentity") == identity:
        kubeproduct.api.ask("PATCH", LEASE, {"metadata": {"resourceVersion": lease["metadata"]["resourceVersion"]},
                                             "spec": {"holderIdentity": ""}}, MERGE)


def kill_in(pod, program):
    pid = program_of(pod, program)
    expect(pid, "no %s runs in %s" % (program, pod["metadata"]["name"]))
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: not os.path.exists("/proc/%d" % pid) or program_of(pod, program) != pid, 10, "the end of " + program)


def killed_together(what):
    """All of them die this moment: (target, names) for each node."""
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda tn: tn[0].kill(tn[1]), [(t, name) for t, names in what for name in names]))
