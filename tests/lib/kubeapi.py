# SPDX-License-Identifier: Apache-2.0
"""etcd and kube-apiserver as tests need them: started in a second or two, killed, frozen, restored.

    api = ApiServer(folder).start()      # inside a sandbox: 127.0.0.1:6443
    kubectl(api.admin, "get", "ns")
    Client(api.admin).get("/api/v1/namespaces")
    api.etcd.kill(); api.etcd.start()
    api.stop()
"""
import os
import shutil
import signal
import socket
import subprocess

from kubeclient import Client
from kubepki import Pki
from kubeproc import Proc, program

SERVICE_CIDR = "10.96.0.0/16,fd00:96::/112"  # the first is the one of Services that name no family
SERVICE_IP = "10.96.0.1"
DNS_IP = "10.96.0.10"


def _listens(host, port):
    try:
        socket.create_connection((host, port), 1).close()
        return True
    except OSError:
        return False


class Etcd(Proc):
    """A store that forgets nothing when killed. Its writes are not synced to the disk: only a power failure
    would notice, and no test has one."""

    def __init__(self, folder, port):
        self.data = os.path.join(folder, "etcd")
        self.url, self.port = "http://127.0.0.1:%d" % port, port
        peer = "http://127.0.0.1:%d" % (port + 1)
        super().__init__("etcd", [
            program("etcd"), "--name=bed", "--data-dir=" + self.data, "--unsafe-no-fsync", "--log-level=warn",
            "--listen-client-urls=" + self.url, "--advertise-client-urls=" + self.url, "--listen-peer-urls=" + peer,
            "--initial-advertise-peer-urls=" + peer, "--initial-cluster=bed=" + peer, "--quota-backend-bytes=4294967296",
        ], os.path.join(folder, "etcd.log"))

    def start(self):
        super().start()
        return self.wait_ready(lambda: _listens("127.0.0.1", self.port), 20)

    def snapshot(self, path):
        """A copy of the data as it is on the disk; the store stands still meanwhile."""
        self.signal(signal.SIGSTOP)
        try:
            shutil.copytree(self.data, path)
        finally:
            self.signal(signal.SIGCONT)

    def restore(self, path):
        """The store of that moment, under the same address. The API server must be restarted by the caller."""
        self.kill()
        shutil.rmtree(self.data)
        shutil.copytree(path, self.data)
        return self.start()


class ApiServer(Proc):
    """kube-apiserver with its own etcd. folder: state, logs, certificates and admin.kubeconfig.

    address: where it is reached beside 127.0.0.1, and what it tells of itself. old: the oldest release whose
    wire the client speaks. flags: more of them, the last word."""

    def __init__(self, folder, address="127.0.0.1", port=6443, old=False, flags=()):
        os.makedirs(folder, exist_ok=True)
        self.folder, self.address, self.port = folder, address, port
        self.etcd = Etcd(folder, port + 1)
        self.pki = Pki(os.path.join(folder, "pki"))
        self.url = "https://%s:%d" % (address, port)
        crt, key = self.pki.cert("apiserver", "kube-apiserver", sans=[
            "IP:127.0.0.1", "IP:" + address, "IP:" + SERVICE_IP, "DNS:localhost", "DNS:kubernetes", "DNS:kubernetes.default",
            "DNS:kubernetes.default.svc", "DNS:kubernetes.default.svc.cluster.local"])
        pub, private = self.pki.key_pair("sa")
        kcrt, kkey = self.pki.cert("apiserver-kubelet", "kube-apiserver-kubelet", ["system:masters"])
        super().__init__("kube-apiserver", [
            program("kube-apiserver", old), "--etcd-servers=" + self.etcd.url, "--secure-port=%d" % port,
            "--bind-address=" + ("127.0.0.1" if address == "127.0.0.1" else "0.0.0.0"), "--advertise-address=" + address,
            "--tls-cert-file=" + crt, "--tls-private-key-file=" + key, "--client-ca-file=" + self.pki.ca,
            "--cert-dir=" + os.path.join(folder, "pki"),
            "--service-account-issuer=https://kubernetes.default.svc", "--service-account-key-file=" + pub,
            "--service-account-signing-key-file=" + private, "--service-cluster-ip-range=" + SERVICE_CIDR,
            "--authorization-mode=Node,RBAC", "--enable-admission-plugins=NodeRestriction", "--allow-privileged=true",
            "--kubelet-client-certificate=" + kcrt, "--kubelet-client-key=" + kkey,
            "--kubelet-preferred-address-types=InternalIP", "--kubelet-certificate-authority=" + self.pki.ca,
            "--endpoint-reconciler-type=" + ("none" if address == "127.0.0.1" else "lease"),
            "--shutdown-delay-duration=0s", *flags,
        ], os.path.join(folder, "kube-apiserver.log"))
        self.admin = self.kubeconfig("admin", "admin", ["system:masters"])

    def kubeconfig(self, name, cn, orgs=()):
        """Path of NAME.kubeconfig for the user CN with the groups O."""
        return self.pki.kubeconfig(os.path.join(self.folder, name + ".kubeconfig"), self.url, name, cn, orgs)

    def start(self):
        """Both, ready: with the namespace default made, and every kind that was defined before served again. A server
        that has just begun asks for patience (429) while it still opens a kind's storage."""
        self.etcd.start()
        super().start()
        client = Client(self.admin, timeout_s=2)
        self.wait_ready(lambda: client.ask("GET", "/readyz")[0] == 200, 120)
        self.wait_ready(lambda: client.ask("GET", "/api/v1/namespaces/default/serviceaccounts")[0] == 200, 60)
        for path in self._defined(client):
            self.wait_ready(lambda: client.ask("GET", path + "?limit=1")[0] == 200, 60)
        return self

    def _defined(self, client):
        """Where the kinds of CustomResourceDefinitions are served."""
        for d in client.items("/apis/apiextensions.k8s.io/v1/customresourcedefinitions"):
            if any(c["type"] == "Established" and c["status"] == "True" for c in d.get("status", {}).get("conditions", [])):
                yield "/apis/%s/%s/%s" % (d["spec"]["group"], next(v["name"] for v in d["spec"]["versions"] if v["served"]), d["spec"]["names"]["plural"])

    def stop(self, timeout_s=10):
        super().stop(timeout_s)
        self.etcd.stop()


def kubectl(kubeconfig, *argv, check=True, stdin=None, timeout=60, enter=()):
    """Runs kubectl and returns its stdout, or with check=False what subprocess.run() returns."""
    p = subprocess.run([*enter, program("kubectl"), "--kubeconfig", kubeconfig, "--cache-dir=" + kubeconfig + ".cache", *map(str, argv)],
                       input=stdin, capture_output=True, text=True, timeout=timeout)
    if not check:
        return p
    if p.returncode:
        raise RuntimeError("kubectl %s: exit %d\n%s%s" % (" ".join(map(str, argv)), p.returncode, p.stdout, p.stderr))
    return p.stdout
