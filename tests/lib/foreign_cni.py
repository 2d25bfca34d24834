#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A network plugin that is not ours: it takes a pod's declared address the way Calico's and kube-OVN's do, which ask the
API server for the pod at ADD and do what its annotations say at that moment. The rest is the reference macvlan plugin's.

Its configuration: honours (calico, kube-ovn, or nothing), kubectl, kubeconfig, master, length (of the prefix), and
otherwise: the address of a pod that declares none."""
import json
import os
import subprocess
import sys

ARGS = dict(a.partition("=")[::2] for a in os.environ.get("CNI_ARGS", "").split(";"))


def annotations(conf):
    text = subprocess.run([conf["kubectl"], "--kubeconfig", conf["kubeconfig"], "-n", ARGS["K8S_POD_NAMESPACE"], "get", "pod",
                           ARGS["K8S_POD_NAME"], "-o", "json"], capture_output=True, check=True, timeout=20).stdout
    return json.loads(text)["metadata"].get("annotations", {})


def wanted(conf):
    """Addresses and MAC that the pod declares."""
    if conf["honours"] == "calico":
        notes = annotations(conf)
        return json.loads(notes.get("cni.projectcalico.org/ipAddrs", "[]")), notes.get("cni.projectcalico.org/hwAddr")
    if conf["honours"] == "kube-ovn":
        notes, provider = annotations(conf), conf.get("provider", "ovn") + ".kubernetes.io/"
        return [a for a in notes.get(provider + "ip_address", "").split(",") if a], notes.get(provider + "mac_address")
    return [], None


def main():
    verb, conf = os.environ["CNI_COMMAND"], json.load(sys.stdin)
    real = {k: conf[k] for k in ("cniVersion", "name", "prevResult") if k in conf}
    real.update(type="macvlan", master=conf.get("master"), mode="bridge", ipam={"type": "static"})
    if verb == "ADD":
        ips, mac = wanted(conf)
        real["ipam"]["addresses"] = [{"address": "%s/%d" % (ip, conf["length"])} for ip in ips or [conf["otherwise"]]]
        if mac:
            real["runtimeConfig"] = {"mac": mac}
    path = next(p for p in (os.path.join(d, "macvlan") for d in os.environ["CNI_PATH"].split(":")) if os.path.exists(p))
    sys.exit(subprocess.run([path], input=json.dumps(real), text=True, check=False).returncode)


main()
