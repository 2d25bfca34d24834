# SPDX-License-Identifier: Apache-2.0
"""A node of the bed from below: its journal, and the plugin that the agent installed, called as the runtime calls it.

    rows(node, "SELECT container_id FROM attachment")
    call(node, "DEL", cid="0123", pod="redis-0", ns="default")
"""
import json
import sqlite3
import subprocess

from bwtest import Answer

BIN = "/opt/cni/bin"
PLUGIN = BIN + "/barewire-bridge"


def rows(node, sql, *args):
    """A question to a node's journal."""
    db = sqlite3.connect("file:%s?mode=ro" % node.path("lib/barewire/journal.db"), uri=True, timeout=10)
    try:
        return db.execute(sql, args).fetchall()
    finally:
        db.close()


def attachments(node, claim_uid):
    """Container IDs that hold a claim on this node."""
    return [cid for cid, in rows(node, "SELECT container_id FROM attachment WHERE claim_uid = ?", claim_uid)]


def config(node, notes=None, **more):
    """What the runtime hands to the first plugin of the conflist."""
    conflist = json.loads(node.run("cat", "/etc/cni/net.d/05-barewire.conflist"))
    plugin = {k: v for k, v in conflist["plugins"][0].items() if k != "capabilities"}
    return {"cniVersion": conflist["cniVersion"], "name": conflist["name"], **plugin, **more,
            "runtimeConfig": {"io.kubernetes.cri.pod-annotations": notes or {}}}


def environment(verb, cid, pod, ns, netns="", ifname="eth0", uid="none"):
    return ["CNI_COMMAND=" + verb, "CNI_CONTAINERID=" + cid, "CNI_NETNS=" + netns, "CNI_IFNAME=" + ifname, "CNI_PATH=" + BIN,
            "CNI_ARGS=IgnoreUnknown=1;K8S_POD_NAMESPACE=%s;K8S_POD_NAME=%s;K8S_POD_UID=%s;K8S_POD_INFRA_CONTAINER_ID=%s" % (ns, pod, uid, cid)]


def call(node, verb, cid, pod, ns, netns="", notes=None, timeout=60, **more):
    """One verb of the plugin on a node."""
    p = subprocess.run([*node.enter, "env", *environment(verb, cid, pod, ns, netns), PLUGIN], input=json.dumps(config(node, notes, **more)),
                       capture_output=True, text=True, timeout=timeout)
    return Answer(verb, p.returncode, p.stdout, p.stderr)
