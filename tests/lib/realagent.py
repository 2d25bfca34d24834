# SPDX-License-Identifier: Apache-2.0
"""barewire-agent itself on a node of its own whose API server never answers: what it does by its journal alone.

    with RealAgent() as agent:
        ... put(binding(...)) ... cni("ADD", CLAIMS, ns, args=pod("redis-0")) ...
        agent.wait_log("is held")
"""
import json
import os
import socket
import subprocess
import tempfile

from bwtest import BUILD, Failed, wait_until
from fakeagent import SOCK

KUBECONFIG = """apiVersion: v1
kind: Config
current-context: c
clusters: [{name: c, cluster: {server: "https://127.0.0.1:9", insecure-skip-tls-verify: true}}]
users: [{name: u, user: {token: t}}]
contexts: [{name: c, context: {cluster: c, user: u}}]
"""


class RealAgent:
    def __init__(self, *flags):
        self.folder = tempfile.TemporaryDirectory(prefix="barewire-agent.")
        self.log = os.path.join(self.folder.name, "agent.log")
        conf = os.path.join(self.folder.name, "kubeconfig")
        with open(conf, "w") as f:
            f.write(KUBECONFIG)
        self.argv = [os.path.join(BUILD, "barewire-agent"), "--kubeconfig", conf, "--node-name", "n1", "--log-level", "debug",
                     "--cni-bin-dir", BUILD, *flags]
        self.proc = None
        self.start()

    def start(self):
        with open(self.log, "a") as f:
            self.proc = subprocess.Popen(self.argv, stdout=f, stderr=f)
        wait_until(self.answers, 60, lambda: "the agent's socket; it said:\n" + self.said())

    def answers(self):
        if self.proc.poll() is not None:
            raise Failed("the agent ended:\n" + self.said())
        try:
            with socket.socket(socket.AF_UNIX) as s:
                s.settimeout(5)
                s.connect(SOCK)
                s.sendall(b'{"op":"status"}\n')
                return json.loads(s.recv(65536))["ok"]
        except (OSError, ValueError):
            return False

    def said(self, lines=30):
        with open(self.log) as f:
            return "".join(f.readlines()[-lines:])

    def count(self, text):
        with open(self.log) as f:
            return f.read().count(text)

    def wait_log(self, text, timeout_s=30, n=1):
        wait_until(lambda: self.count(text) >= n, timeout_s, lambda: "%r in the agent's log; it said:\n%s" % (text, self.said()))

    def kill(self):
        self.proc.kill()
        self.proc.wait()

    def close(self):
        """SIGTERM; its leak checker has its say."""
        if self.proc.poll() is None:
            self.proc.terminate()
        code = self.proc.wait(20)
        if code not in (0, -9):
            raise Failed("the agent ended with %d:\n%s" % (code, self.said(80)))
        self.folder.cleanup()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
