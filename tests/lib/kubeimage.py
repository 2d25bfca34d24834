# SPDX-License-Identifier: Apache-2.0
"""Container images without a container engine: docker-archives of one layer, the same bytes each time.

    image("/tmp/tools.tar", "barewire.invalid/tools:1", programs=["/bin/busybox"], command=["/bin/sh"])
"""
import hashlib
import io
import json
import os
import subprocess
import tarfile
import tempfile

FOLDERS = ("bin", "data", "dev", "etc", "lib", "lib64", "proc", "run", "sys", "tmp", "usr", "usr/bin", "usr/lib", "usr/local",
           "usr/local/bin", "var", "var/lib", "var/log")


def libraries(program):
    """What the dynamic linker would load, by path."""
    p = subprocess.run(["ldd", program], capture_output=True, text=True, timeout=30)
    if p.returncode:
        return []
    words = [w for line in p.stdout.splitlines() for w in line.split() if w.startswith("/")]
    return sorted(set(words))


def _info(name, mode, size=0, kind=tarfile.REGTYPE):
    info = tarfile.TarInfo(name)
    info.mode, info.size, info.type, info.mtime = mode, size, kind, 0
    return info


def _add(tar, name, data, mode=0o644):
    tar.addfile(_info(name, mode, len(data)), io.BytesIO(data))


def layer(files, links):
    """One uncompressed layer. files: {path in the image: bytes or path on this machine}, links: {path: target}."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.GNU_FORMAT) as tar:
        made = set()
        for folder in FOLDERS:
            made.add(folder)
            tar.addfile(_info(folder, 0o1777 if folder in ("tmp", "data") else 0o755, kind=tarfile.DIRTYPE))
        for name in sorted(files):
            name, source = name.lstrip("/"), files[name]
            parent = os.path.dirname(name)
            missing = []
            while parent and parent not in made:
                missing.append(parent)
                parent = os.path.dirname(parent)
            for folder in reversed(missing):
                made.add(folder)
                tar.addfile(_info(folder, 0o755, kind=tarfile.DIRTYPE))
            if isinstance(source, bytes):
                _add(tar, name, source)
            else:
                with open(source, "rb") as f:
                    _add(tar, name, f.read(), 0o755 if os.access(source, os.X_OK) else 0o644)
        for name in sorted(links):
            info = _info(name.lstrip("/"), 0o777, kind=tarfile.SYMTYPE)
            info.linkname = links[name]
            tar.addfile(info)
    return out.getvalue()


def image(path, tag, programs=(), files=None, links=None, command=(), env=()):
    """Writes the archive PATH. programs land in their own folders, with the libraries they need."""
    content = dict(files or {})
    for program in programs:
        content[program] = os.path.realpath(program)
        for lib in libraries(program):
            content[lib] = os.path.realpath(lib)
    blob = layer(content, links or {})
    digest = hashlib.sha256(blob).hexdigest()
    config = json.dumps({"architecture": "amd64", "os": "linux", "created": "1970-01-01T00:00:00Z",
                         "config": {"Cmd": list(command), "Env": ["PATH=/usr/local/bin:/usr/bin:/bin", *env]},
                         "rootfs": {"type": "layers", "diff_ids": ["sha256:" + digest]},
                         "history": [{"created": "1970-01-01T00:00:00Z"}]}).encode()
    name = hashlib.sha256(config).hexdigest()
    manifest = json.dumps([{"Config": name + ".json", "RepoTags": [tag], "Layers": [digest + "/layer.tar"]}]).encode()
    # Two beds may write the same archive at once.
    with tempfile.NamedTemporaryFile(dir=os.path.dirname(path) or ".", prefix=".image.", delete=False) as f:
        with tarfile.open(fileobj=f, mode="w", format=tarfile.GNU_FORMAT) as tar:
            _add(tar, digest + "/layer.tar", blob)
            _add(tar, name + ".json", config)
            _add(tar, "manifest.json", manifest)
        os.fchmod(f.fileno(), 0o644)
    os.rename(f.name, path)
    return tag


PAUSE, TOOLS, REDIS = "barewire.invalid/pause:1", "barewire.invalid/tools:1", "barewire.invalid/redis:1"
# busybox is static, and its wget dies of the C library that it would load to look a name up: fetch is bash's.
FETCH = b"""#!/bin/bash
# fetch HOST PORT [PATH]: what an HTTP server answers, within 5 s; without PATH whether the port is open
exec 3<>"/dev/tcp/$1/$2" || exit 1
[ -n "${3:-}" ] || exit 0
printf 'GET %s HTTP/1.0\\r\\n\\r\\n' "$3" >&3
timeout 5 cat <&3
"""
APPLETS = ("sh", "sleep", "cat", "ls", "ip", "ping", "nslookup", "nc", "timeout", "httpd", "arping", "echo", "true", "env", "id",
           "hostname", "mkdir", "touch", "grep", "ps", "kill", "dd", "date", "tail", "traceroute", "test", "rm", "seq", "awk", "sed")


def bed_images(folder):
    """The images of the bed's own pods; returns the archives' paths."""
    box = {"bin/" + a: "/bin/busybox" for a in APPLETS}
    common = {"etc/passwd": b"root:x:0:0:root:/:/bin/sh\n", "etc/group": b"root:x:0:\n"}
    paths = [os.path.join(folder, n + ".tar") for n in ("pause", "tools", "redis")]
    image(paths[0], PAUSE, ["/bin/busybox"], links={"bin/sleep": "/bin/busybox"}, command=["/bin/sleep", "2147483647"])
    fetch = os.path.join(folder, "fetch")
    with open(fetch, "wb") as f:
        f.write(FETCH)
    os.chmod(fetch, 0o755)
    image(paths[1], TOOLS, ["/bin/busybox", "/bin/bash", "/usr/bin/getent"], files={**common, "bin/fetch": fetch}, links=box, command=["/bin/sleep", "2147483647"])
    image(paths[2], REDIS, ["/bin/busybox", "/usr/bin/redis-server", "/usr/bin/redis-cli"], files=common, links=box,
          command=["/usr/bin/redis-server", "--protected-mode", "no", "--dir", "/data", "--save", "", "--appendonly", "no"])
    return paths
