# SPDX-License-Identifier: Apache-2.0
"""The certificates of a cluster of one day, by openssl: a CA, certificates signed by it, kubeconfigs."""
import base64
import os
import subprocess


def _read64(path):
    with open(path, "rb") as f:
        return base64.b64encode(f.read()).decode()


class Pki:
    """One CA in a folder. Certificates are made once; who comes again finds them."""

    def __init__(self, folder):
        self.folder = folder
        os.makedirs(folder, mode=0o700, exist_ok=True)
        self.ca = self.path("ca.crt")
        if not os.path.exists(self.ca):
            self._req("ca", "/CN=barewire-test-ca", ["basicConstraints=critical,CA:TRUE",
                                                     "keyUsage=critical,keyCertSign,cRLSign"])

    def path(self, name):
        return os.path.join(self.folder, name)

    def _req(self, name, subject, extensions, signed=False):
        argv = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                "-days", "30", "-subj", subject, "-keyout", self.path(name + ".key"), "-out", self.path(name + ".crt")]
        for e in extensions:
            argv += ["-addext", e]
        if signed:
            argv += ["-CA", self.ca, "-CAkey", self.path("ca.key")]
        p = subprocess.run(argv, capture_output=True, text=True, timeout=30)
        if p.returncode:
            raise RuntimeError("openssl req for %s: %s" % (subject, p.stderr))

    def cert(self, name, cn, orgs=(), sans=()):
        """A certificate for both ends of TLS; returns the paths of certificate and key."""
        if not os.path.exists(self.path(name + ".crt")):
            subject = "".join("/O=%s" % o for o in orgs) + "/CN=" + cn
            ext = ["basicConstraints=critical,CA:FALSE", "keyUsage=critical,digitalSignature",
                   "extendedKeyUsage=serverAuth,clientAuth"]
            if sans:
                ext.append("subjectAltName=" + ",".join(sans))
            self._req(name, subject, ext, signed=True)
        return self.path(name + ".crt"), self.path(name + ".key")

    def key_pair(self, name):
        """A key for signing tokens; returns the paths of the public and the private half."""
        key, pub = self.path(name + ".key"), self.path(name + ".pub")
        if not os.path.exists(pub):
            subprocess.run(["openssl", "ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", key],
                           check=True, capture_output=True, timeout=30)
            subprocess.run(["openssl", "ec", "-in", key, "-pubout", "-out", pub],
                           check=True, capture_output=True, timeout=30)
        return pub, key

    def kubeconfig(self, path, server, name, cn, orgs=()):
        """Writes a kubeconfig that holds all it needs, for the user CN with the groups O."""
        crt, key = self.cert(name, cn, orgs)
        text = KUBECONFIG % {"server": server, "ca": _read64(self.ca), "user": name, "crt": _read64(crt), "key": _read64(key)}
        fd = os.open(path + ".new", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(fd, "w") as f:
            f.write(text)
        os.rename(path + ".new", path)
        return path


KUBECONFIG = """apiVersion: v1
kind: Config
clusters:
- name: barewire
  cluster:
    server: %(server)s
    certificate-authority-data: %(ca)s
users:
- name: %(user)s
  user:
    client-certificate-data: %(crt)s
    client-key-data: %(key)s
contexts:
- name: barewire
  context:
    cluster: barewire
    user: %(user)s
current-context: barewire
"""
