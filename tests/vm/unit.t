#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# vm: kernel=6.12 mem=1536 with=kubelet beside=1
"""Units on a card's virtual function: the guest is a node with the card, a kubelet, containerd and barewire-agent; API server,
scheduler and barewire-controller run beside it. The claim's declared address and MAC are on the function in the pod, on the
pool's VLAN; who finds none left says so and gets it when it is given back; in the end it is as it was."""
import os
import sys
import threading

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from bwtest import *  # noqa: E402
import vmbeside  # noqa: E402

if __name__ == "__main__":
    vmbeside.enter()

from kubeapi import ApiServer, kubectl  # noqa: E402
from kubeclient import Client  # noqa: E402
from kubeproc import Proc, program  # noqa: E402
import vmnode  # noqa: E402

NET, DB, NS, NODE = "/apis/net.barewire.dev/v1alpha1", "/apis/db.barewire.dev/v1alpha1", "default", "guest"
RESOURCE = "net.barewire.dev/vf-san"
A, B = "10.99.65.5", "10.99.65.6"
MAC = "02:77:00:00:00:05"
VLAN = 65
SNAPSHOT = "import sys; sys.path.insert(0, '/barewire/tests/lib'); from vmnic import *; print(json.dumps(Pf().create(1)[0].snapshot()))"
folder = tempfile.TemporaryDirectory(prefix="barewire-vm.")
guest = api = None
state = {}


def setup():
    global guest, api
    guest = vmbeside.Beside(os.path.abspath(__file__))
    atexit.register(guest.close)
    booting = threading.Thread(target=guest.boot)
    booting.start()
    server = ApiServer(os.path.join(folder.name, "api"), address=vmbeside.HOST)
    atexit.register(server.stop)
    server.start()
    api = Client(server.admin)
    kubectl(server.admin, "create", "namespace", "barewire-system")
    for part in ("crds", "rbac", "policies"):
        kubectl(server.admin, "apply", "--server-side", "-k", os.path.join(TOP, "conf", part))
    kubectl(server.admin, "wait", "--for=condition=Established", "crd", "--all")
    api.create("/api/v1/namespaces/%s/serviceaccounts" % NS, {"metadata": {"name": "default"}})
    start(server)
    guest.lap("what runs beside it stands")
    booting.join()
    vmnode.make(guest, server, NODE)
    state["before"] = json.loads(guest.run("python3", "-c", SNAPSHOT))
    guest.lap("a function")
    vmnode.join(guest, api, server, NODE)
    # The machine outside, on the pool's VLAN.
    guest.sh("ip netns add outside && ip link set peer0 netns outside && ip -n outside link set peer0 up && "
             "ip -n outside link add link peer0 name v type vlan id %d && ip -n outside addr add 10.99.0.9/16 dev v && ip -n outside link set v up" % VLAN)


def start(server):
    """The scheduler and the controller."""
    conf = server.kubeconfig("kube-scheduler", "system:kube-scheduler")
    for name, argv in (("kube-scheduler", [program("kube-scheduler"), "--kubeconfig=" + conf, "--authentication-kubeconfig=" + conf,
                                           "--authorization-kubeconfig=" + conf, "--leader-elect=false", "--bind-address=127.0.0.1"]),
                       ("barewire-controller", [os.path.join(BUILD, "barewire-controller"), "--kubeconfig", server.admin])):
        p = Proc(name, argv, os.path.join(folder.name, name + ".log"))
        p.start()
        atexit.register(p.stop)


def at(kind, name, group=DB):
    return "%s/namespaces/%s/%s/%s" % (group, NS, kind, name)


def condition(o, kind, field="status"):
    return next((c.get(field) for c in o.get("status", {}).get("conditions", []) if c["type"] == kind), None)


def declare(name, address, **more):
    box = {"name": "box", "image": vmnode.BOX, "imagePullPolicy": "Never"}
    api.create("%s/namespaces/%s/units" % (DB, NS), {"apiVersion": "db.barewire.dev/v1alpha1", "kind": "Unit", "metadata": {"name": name}, "spec": {
        "networking": {"mode": "sriov", "network": "san", "address": address, **more},
        "template": {"spec": {"terminationGracePeriodSeconds": 1, "automountServiceAccountToken": False, "containers": [box],
                              "tolerations": [{"operator": "Exists"}]}}}})


def ready(name):
    def is_ready():
        return api.get(at("units", name)).get("status", {}).get("phase") == "Ready"
    wait_until(is_ready, 300, lambda: "%s is Ready\n%s\n%s" % (name, told(), guest.logs()))
    guest.lap(name + " is Ready")


def told():
    return "\n".join("%s %s" % (e.get("reason"), e.get("message")) for e in api.items("/api/v1/namespaces/%s/events" % NS))


def attached(name, yes):
    """The claim, once its agent has said so: what it has let go of is its token, detachedToken."""
    def says(o):
        st = o["status"]
        token = st["holder"]["token"]
        return st.get("attached", {}).get("token") == token and (st.get("detachedToken") == token) != yes
    return api.wait(at("networkclaims", name, NET), says, 120, "%s attached: %s" % (name, yes))


def interface():
    """Of the one pod: what its eth0 is."""
    spaces = [line.split()[0] for line in guest.run("ip", "netns", "list").splitlines() if line.startswith("cni-")]
    expect_eq(len(spaces), 1, "namespaces of pods")
    return json.loads(guest.run("ip", "-n", spaces[0], "-j", "-d", "addr", "show", "eth0"))[0]


def function():
    """What the PF shows of it."""
    return json.loads(guest.run("ip", "-j", "-d", "link", "show", "pf0"))[0]["vfinfo_list"][0]


def is_on_it(address, mac):
    eth0 = interface()
    expect_eq((eth0["address"], [a["local"] for a in eth0["addr_info"] if a["family"] == "inet"]), (mac, [address]), "MAC and address in the pod")
    expect_eq(eth0["parentdev"], state["pci"], "the device")
    expect_eq((function()["vlan_list"][0]["vlan"], function()["address"]), (VLAN, mac), "VLAN and MAC at the PF")
    guest.sh("nsenter --net=/run/netns/outside ping -n -c 3 -i 0.2 -w 60 " + address)
    expect_in(mac, guest.sh("ip -n outside neigh show " + address), "the MAC that is seen outside")


@test
def the_node_has_as_many_as_its_card():
    state["pci"] = os.path.basename(guest.sh("realpath /sys/class/net/pf0/device/virtfn0").strip())
    api.create(NET + "/networkpools", {"apiVersion": "net.barewire.dev/v1alpha1", "kind": "NetworkPool", "metadata": {"name": "san"}, "spec": {
        "domain": "san", "prefix": "10.99.0.0/16", "ranges": ["10.99.65.1-10.99.65.20"], "mode": "sriov", "uplink": "pf0", "vlan": VLAN,
        "cooldownSeconds": 1}})
    api.wait("/api/v1/nodes/" + NODE, lambda o: [o["status"][k].get(RESOURCE) for k in ("capacity", "allocatable")] == ["1", "1"], 120, RESOURCE)
    guest.lap("the resource is there")


@test
def a_unit_has_its_address_and_mac_on_a_function():
    declare("r", A, mac=MAC)
    ready("r")
    expect_eq(api.get("/api/v1/namespaces/%s/pods/r" % NS)["status"]["podIP"], A, "address of the pod")
    c = attached("r", True)["status"]
    expect_eq((c["attached"]["node"], c["attached"]["token"], c["holder"]["node"]), (NODE, c["holder"]["token"], NODE), "who has it")
    is_on_it(A, MAC)
    api.wait(NET + "/nodenetworks/" + NODE, lambda o: o["status"]["vfs"] == [{"domain": "san", "total": 1, "free": 0}], 60, "none is free")


@test
def who_finds_none_says_so():
    declare("s", B)
    u = api.wait(at("units", "s"), lambda o: condition(o, "NoVirtualFunction") == "True", 60, "NoVirtualFunction")
    expect_eq(condition(u, "NoVirtualFunction", "message"), "the pod needs 1 of %s; node %s has 1, in use by %s/r" % (RESOURCE, NODE, NS), "what is said")
    expect_eq(u["status"]["claim"]["phase"], "Bound", "its claim")


@test
def it_gets_it_when_it_is_given_back():
    api.patch(at("units", "r"), {"spec": {"startup": False}})
    c = attached("r", False)["status"]
    expect_eq([i["ips"] for i in c["interfaces"]], [[A]], "the address stays with the claim")
    guest.lap("given back")
    ready("s")
    expect_eq(condition(api.get(at("units", "s")), "NoVirtualFunction"), None, "the condition")
    is_on_it(B, attached("s", True)["status"]["interfaces"][0]["mac"])


@test
def in_the_end_it_is_as_it_was():
    for name in ("s", "r"):
        api.delete(at("units", name))
    for name in ("s", "r"):
        api.wait_gone(at("networkclaims", name, NET), 120)
    guest.lap("both are gone")
    expect_same(state["before"], json.loads(guest.run("python3", "-c", SNAPSHOT)), "the function")
    api.wait(NET + "/nodenetworks/" + NODE, lambda o: o["status"]["vfs"] == [{"domain": "san", "total": 1, "free": 1}], 60, "it is free")
    expect("cni-" not in guest.run("ip", "netns", "list"), "a namespace is left")
    diag("emulated for %.0f s of processor time" % guest.guest.cpu_s())


main(setup=setup)
