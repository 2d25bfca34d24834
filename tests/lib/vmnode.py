# SPDX-License-Identifier: Apache-2.0
"""A guest that is a node of a cluster: containerd, the kubelet and barewire-agent in it, against an API server beside it."""
import json
import os

from bwtest import wait_until
from kubeclient import token_of
from kubenode import CONTAINERD
from kubeproc import CACHE, program
from vmbeside import OWN

BOX = "barewire.invalid/box:1"  # the only image: busybox, which sleeps, as pods' pause too
NET_D = "/etc/cni/net.d"
MAKE_BOX = ("import sys; sys.path.insert(0, '/barewire/tests/lib'); import kubeimage; kubeimage.image('/run/box.tar', '%s', "
            "files={'bin/busybox': '/usr/bin/busybox'}, links={'bin/sleep': 'busybox'}, command=['/bin/sleep', '2147483647'])" % BOX)
CONFLIST = {"cniVersion": "1.0.0", "name": "barewire", "plugins": [
    {"type": "barewire-bridge", "claims": True, "capabilities": {"io.kubernetes.cri.pod-annotations": True}, "ipam": {"type": "barewire-ipam"}}]}


def _there(name):
    """Folder of a program of the cache in the guest."""
    return os.path.dirname(program(name)).replace(CACHE, "/var/cache/barewire", 1)


def _kubelet():
    return {"apiVersion": "kubelet.config.k8s.io/v1beta1", "kind": "KubeletConfiguration",
            "authentication": {"anonymous": {"enabled": False}, "webhook": {"enabled": False}}, "authorization": {"mode": "AlwaysAllow"},
            "containerRuntimeEndpoint": "unix:///run/containerd/containerd.sock", "cgroupDriver": "cgroupfs", "enforceNodeAllocatable": [],
            "failSwapOn": False, "evictionHard": {}, "imageGCHighThresholdPercent": 100, "imageGCLowThresholdPercent": 99, "resolvConf": "",
            "nodeStatusUpdateFrequency": "5s", "clusterDNS": ["10.96.0.10"], "clusterDomain": "cluster.local", "healthzBindAddress": "127.0.0.1"}


def make(guest, server, name):
    """Files and programs, and containerd begins."""
    conf = server.pki.kubeconfig(os.path.join(server.folder, "kubelet.kubeconfig"), server.url, "kubelet", "system:node:" + name, ["system:nodes"])
    toml = CONTAINERD.replace("pause:1", "box:1") % {"snapshotter": "native"}
    toml = toml.replace("conf_dir = '%s'" % NET_D, "conf_dir = '%s'\nuse_internal_loopback = true" % NET_D)
    with open(conf) as f:
        guest.write({"/etc/containerd.toml": toml, "/etc/kubelet.kubeconfig": f.read(), "/etc/kubelet.json": json.dumps(_kubelet()),
                     NET_D + "/05-barewire.conflist": json.dumps(CONFLIST)})
    # A machine's /var/run is a link: a pod's namespace has one place.
    guest.sh("rm -rf /var/run && ln -s /run /var/run && mkdir -p /opt/cni/bin /var/lib/containerd && mount -t tmpfs lib /var/lib/containerd && hostname %s && "
             "cd /barewire/build && cp barewire-bridge barewire-sriov barewire-ipam /opt/cni/bin/" % name)
    folder = _there("containerd")
    guest.spawn("containerd", folder + "/containerd", "--config", "/etc/containerd.toml", env="PATH=%s:$PATH" % folder)


def join(guest, api, server, name):
    """The kubelet registers; the agent has a token of its account that names the node. Returns when the node is Ready."""
    ctr = _there("containerd") + "/ctr -n k8s.io "
    wait_until(lambda: guest.ask("sh", "-c", ctr + "version")[0] == 0, 200, guest.logs)
    guest.lap("containerd answers")
    guest.spawn("kubelet", _there("kubelet") + "/kubelet", "--config=/etc/kubelet.json", "--kubeconfig=/etc/kubelet.kubeconfig",
                "--hostname-override=" + name, "--node-ip=" + OWN, "--root-dir=/run/kubelet")
    guest.run("python3", "-c", MAKE_BOX)
    guest.sh(ctr + "images import --local --snapshotter native /run/box.tar", timeout_s=200)
    guest.lap("its image is there")
    node = wait_until(lambda: api.find("/api/v1/nodes/" + name), 300, guest.logs)
    guest.lap("the kubelet has registered")
    guest.write({"/etc/agent.kubeconfig": _agent_conf(api, server, node)})
    guest.spawn("agent", "/barewire/build/barewire-agent", "--kubeconfig", "/etc/agent.kubeconfig", "--node-name", name, "--cni-bin-dir", "/opt/cni/bin")
    api.wait("/api/v1/nodes/" + name, lambda o: any(c["type"] == "Ready" and c["status"] == "True" for c in o["status"].get("conditions", [])), 300,
             "the node is Ready")
    guest.lap("the node is Ready")


def _agent_conf(api, server, node):
    token = token_of(api, "barewire-system", "barewire-agent",
                     {"kind": "Node", "apiVersion": "v1", "name": node["metadata"]["name"], "uid": node["metadata"]["uid"]}, 86400)
    with open(server.admin) as f:
        ca = next(line.split()[1] for line in f if "certificate-authority-data" in line)
    return json.dumps({"apiVersion": "v1", "kind": "Config", "current-context": "c",
                       "clusters": [{"name": "c", "cluster": {"server": server.url, "certificate-authority-data": ca}}],
                       "users": [{"name": "u", "user": {"token": token}}], "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}]})
