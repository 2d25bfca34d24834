# SPDX-License-Identifier: Apache-2.0
"""The few calls of the container runtime interface that a kubelet makes for a pod's network, over the
daemon's socket: HTTP/2 frames and protobuf fields by hand, because only the standard library is at hand."""
import io
import json
import os
import socket
import struct
import tarfile

from ctrd import CGROUP, CNI_BIN, NET_D, Failed

PAUSE = "barewire.invalid/pause:1"

CRI_TOML = """
[plugins.'io.containerd.cri.v1.runtime']
restrict_oom_score_adj = true
disable_apparmor = true
[plugins.'io.containerd.cri.v1.runtime'.cni]
bin_dirs = ['%s']
conf_dir = '%s'
[plugins.'io.containerd.cri.v1.images']
snapshotter = 'native'
[plugins.'io.containerd.cri.v1.images'.pinned_images]
sandbox = '%s'
""" % (CNI_BIN, NET_D, PAUSE)

# HTTP/2 frame types and flags: RFC 9113, section 6.
DATA, HEADERS, SETTINGS, PING, GOAWAY, WINDOW_UPDATE = 0, 1, 4, 6, 7, 8
END_STREAM, END_HEADERS, ACK = 1, 4, 1


def varint(n):
    out = b""
    while n > 0x7f:
        out += bytes([n & 0x7f | 0x80])
        n >>= 7
    return out + bytes([n])


def field(number, value):
    """One protobuf field: text, bytes (a message) or a number; a list is repeated, a dict a string map."""
    if value is None:
        return b""
    if isinstance(value, list):
        return b"".join(field(number, v) for v in value)
    if isinstance(value, dict):
        return b"".join(field(number, field(1, k) + field(2, v)) for k, v in value.items())
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    data = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(data)) + data


def fields(data):
    """[(number, value)]: numbers as int, all else as bytes."""
    out, i = [], 0

    def number():
        nonlocal i
        n = shift = 0
        while True:
            n |= (data[i] & 0x7f) << shift
            shift += 7
            i += 1
            if not data[i - 1] & 0x80:
                return n
    while i < len(data):
        key = number()
        if key & 7 == 0:
            out.append((key >> 3, number()))
        elif key & 7 == 2:
            size = number()
            out.append((key >> 3, data[i:i + size]))
            i += size
        else:
            i += {1: 8, 5: 4}[key & 7]
    return out


def get(data, *path):
    """The value at a path of field numbers, the first of each; None when there is none."""
    for n in path:
        data = next((v for k, v in fields(data) if k == n), None)
        if data is None:
            return None
    return data


def frame(kind, flags, stream, payload=b""):
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload


def call(sock_path, method, request, timeout=60):
    """One unary call on a connection of its own. Returns the response's bytes."""
    head = b""
    for k, v in ((":method", "POST"), (":scheme", "http"), (":path", "/runtime.v1.RuntimeService/" + method),
                 (":authority", "localhost"), ("content-type", "application/grpc"), ("te", "trailers")):
        # Literal header field without indexing, new name: RFC 7541, 6.2.2. All are shorter than 127 bytes.
        head += b"\0" + bytes([len(k)]) + k.encode() + bytes([len(v)]) + v.encode()
    with socket.socket(socket.AF_UNIX) as s:
        s.settimeout(timeout)
        s.connect(sock_path)
        s.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(SETTINGS, 0, 0) + frame(HEADERS, END_HEADERS, 1, head) +
                  frame(DATA, END_STREAM, 1, b"\0" + struct.pack(">I", len(request)) + request))
        stream = s.makefile("rb")
        body = b""
        while True:
            top = stream.read(9)
            if len(top) < 9:
                raise Failed("%s: the daemon closed the connection" % method)
            kind, flags = top[3], top[4]
            payload = stream.read(int.from_bytes(top[:3], "big"))
            if kind == SETTINGS and not flags & ACK:
                s.sendall(frame(SETTINGS, ACK, 0))
            elif kind == PING and not flags & ACK:
                s.sendall(frame(PING, ACK, 0, payload))
            elif kind == DATA:
                body += payload
                if payload:
                    s.sendall(frame(WINDOW_UPDATE, 0, 0, struct.pack(">I", len(payload))))
            elif kind == GOAWAY:
                raise Failed("%s: the daemon went away" % method)
            if kind in (DATA, HEADERS) and flags & END_STREAM:
                break
    if len(body) < 5:
        raise Failed("%s failed" % method)  # its text is in the daemon's log
    return body[5:5 + struct.unpack(">I", body[1:5])[0]]


class Cri:
    """The calls, on one daemon."""

    def __init__(self, daemon):
        self.daemon = daemon

    def call(self, method, request):
        try:
            return call(self.daemon.sock, method, request)
        except Failed as e:
            raise Failed("%s\n%s" % (e, self.daemon.tail()))

    def conditions(self):
        """{type: (status, reason, message)} of the runtime."""
        status = get(self.call("Status", b""), 1) or b""
        out = {}
        for _, c in fields(status):
            out[get(c, 1).decode()] = (bool(get(c, 2)), (get(c, 3) or b"").decode(), (get(c, 4) or b"").decode())
        return out

    def config(self, name, namespace="default"):
        meta = field(1, name) + field(2, "uid-" + name) + field(3, namespace)
        linux = field(1, "/%s/%s" % (CGROUP, name))
        return field(1, meta) + field(2, name) + field(3, self.daemon.dir + "/logs") + field(8, linux)

    def run(self, name, namespace="default"):
        return get(self.call("RunPodSandbox", field(1, self.config(name, namespace))), 1).decode()

    def address(self, pod):
        net = get(self.call("PodSandboxStatus", field(1, pod)), 1, 5)
        return [get(net, 1).decode()] + [get(v, 1).decode() for k, v in fields(net) if k == 2]

    def stop(self, pod):
        self.call("StopPodSandbox", field(1, pod))

    def remove(self, pod):
        self.call("RemovePodSandbox", field(1, pod))


def import_pause(daemon, root):
    """A local image of one layer, the busybox root, that waits for ever."""
    import hashlib
    layer = io.BytesIO()
    with tarfile.open(fileobj=layer, mode="w") as tar:
        tar.add(root, arcname=".")
    layer = layer.getvalue()
    config = json.dumps({"architecture": "amd64", "os": "linux", "config": {"Entrypoint": ["/bin/tail", "-f", "/dev/null"]},
                         "rootfs": {"type": "layers", "diff_ids": ["sha256:" + hashlib.sha256(layer).hexdigest()]}}).encode()
    manifest = json.dumps([{"Config": "config.json", "RepoTags": [PAUSE], "Layers": ["layer.tar"]}]).encode()
    path = os.path.join(daemon.dir, "pause.tar")
    with tarfile.open(path, "w") as tar:
        for name, data in (("config.json", config), ("layer.tar", layer), ("manifest.json", manifest)):
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    daemon.ctr("-n", "k8s.io", "images", "import", "--local", "--snapshotter", "native", path)
