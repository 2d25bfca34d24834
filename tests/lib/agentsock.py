# SPDX-License-Identifier: Apache-2.0
"""The agent's socket from a test: one JSON line each way."""
import json
import socket

SOCK = "/run/barewire/agent.sock"


def ask(request, timeout_s=10):
    """The agent's answer; ValueError when it closes without one."""
    with socket.socket(socket.AF_UNIX) as s:
        s.settimeout(timeout_s)
        s.connect(SOCK)
        s.sendall(json.dumps(request).encode() + b"\n")
        data = b""
        while not data.endswith(b"\n"):
            more = s.recv(65536)
            if not more:
                raise ValueError("closed after %r" % data)
            data += more
    return json.loads(data)
