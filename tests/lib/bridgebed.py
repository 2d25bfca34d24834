# SPDX-License-Identifier: Apache-2.0
"""Networks, pods and the state of a node for the tests of barewire-bridge."""
import os
import shutil
import stat
import subprocess

from bwtest import *

BRIDGE = "bw0"
V4, V6 = "10.88.0.0/24", "fd88::/64"
RATE = {"ingressRate": 10**8, "ingressBurst": 10**6, "egressRate": 10**8, "egressBurst": 10**6}


def net(*subnets, ipam=None, **keys):
    """A network's configuration; without subnets and ipam it has no IPAM."""
    conf = {"cniVersion": "1.1.0", "name": "net", "type": "barewire-bridge", "bridge": BRIDGE}
    if subnets:
        conf["ipam"] = {"type": "barewire-ipam", "ranges": [[{"subnet": s}] for s in subnets]}
    if ipam is not None:
        conf["ipam"] = {**conf.get("ipam", {}), **ipam}
    conf.update(keys)
    return conf


def with_prev(conf, answer):
    return {**conf, "prevResult": answer.json}


def host_if(answer):
    return answer.json["interfaces"][1]["name"]


def pod_mac(answer):
    return answer.json["interfaces"][2]["mac"]


def links():
    return sorted(link["ifname"] for link in run_json("ip", "-j", "link"))


def port(name):
    """Details of a bridge's port."""
    return run_json("ip", "-j", "-d", "link", "show", "dev", name)[0]["linkinfo"]["info_slave_data"]


def clean():
    """The node as before the first ADD; also what a failed test has left."""
    for ns in list(Netns._all.values()):
        ns.remove()
    for name in links():
        if name.startswith(("bw", "up")):
            run("ip", "link", "del", name, check=False)
    run("nft", "flush", "ruleset", check=False)
    shutil.rmtree("/sys/fs/bpf/barewire", True)
    shutil.rmtree("/var/lib/barewire", True)
    os.mkdir("/var/lib/barewire")


def fresh(fn):
    """A @test that begins on a fresh node."""
    def run_fresh(*args):
        clean()
        fn(*args)
    run_fresh.__name__ = fn.__name__
    return test(run_fresh)


def leftovers():
    """What no DEL may leave: interfaces, rows, link pins, map entries, rules."""
    out = [name for name in links() if name.startswith("bw") and len(name) == 13]
    out += [row for row in journal_rows() if row.startswith(("attachment", "address", "used"))]
    out += [pin for pin in pins() if "/links/" in pin]
    out += [entry for entry in map_entries() if entry.startswith(("bw_ep", "bw_fdb", "bw_port"))]
    out += [line for line in run("nft", "list", "ruleset").splitlines() if "comment" in line]
    return out


def expect_clean(what="left behind"):
    left = leftovers()
    expect(not left, "%s:\n%s" % (what, "\n".join(left)))


def ping(ns, ip, count=1):
    p = subprocess.run(["ip", "netns", "exec", ns.name, "ping", "-n", "-c", str(count), "-W", "2", "-i", "0.05", ip],
                       capture_output=True, text=True)
    return p.returncode == 0


SERVER = """
import socket, sys
s = socket.socket(socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET)
s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
s.bind((sys.argv[1], 6379))
s.listen()
print("ready", flush=True)
c = s.accept()[0]
c.sendall(c.recv(64))
"""
CLIENT = """
import socket, sys
c = socket.create_connection((sys.argv[1], 6379), 3)
c.sendall(b"PING")
print(c.recv(64).decode())
"""


def tcp(server, client, ip):
    """One request from client (None: the node) to server over TCP."""
    p = server.popen(sys.executable, "-c", SERVER, ip, stdout=subprocess.PIPE, text=True)
    try:
        p.stdout.readline()
        at = ["ip", "netns", "exec", client.name] if client else []
        q = subprocess.run([*at, sys.executable, "-c", CLIENT, ip], capture_output=True, text=True, timeout=10)
        return q.stdout.strip() == "PING"
    finally:
        p.kill()
        p.wait()


def fake_ipam(folder, add='{"cniVersion": "1.0.0", "ips": [{"address": "10.7.0.5/24"}]}', fail=()):
    """A foreign IPAM plugin that writes down its verbs and fails at some of them."""
    path = os.path.join(folder, "fake-ipam")
    with open(path, "w") as f:
        f.write("""#!/bin/sh
cat >/dev/null
echo $CNI_COMMAND >>%s/calls
case " %s " in *" $CNI_COMMAND "*) echo '{"cniVersion":"1.0.0","code":123,"msg":"no %s today"}'; exit 1;; esac
[ $CNI_COMMAND != ADD ] || echo '%s'
""" % (folder, " ".join(fail), "$CNI_COMMAND", add))
    os.chmod(path, 0o755 | stat.S_IXUSR)
    return path


def calls(folder):
    path = os.path.join(folder, "calls")
    return open(path).read().split() if os.path.exists(path) else []
