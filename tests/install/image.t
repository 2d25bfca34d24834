#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# make image: the archive holds what the programs need, is the same bytes each time, and says its name.
import hashlib
import io
import json
import os
import subprocess
import sys
import tarfile
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from bwtest import BUILD, TOP, Skip, enter_sandbox, expect, expect_eq, expect_in, main, run, test  # noqa: E402

PROGRAMS = ("barewire", "barewire-agent", "barewire-controller", "barewire-bridge", "barewire-sriov", "barewire-ipam")
enter_sandbox()  # before there is a folder that nobody takes away
folder = tempfile.TemporaryDirectory(prefix="barewire-image.", dir="/run")  # the sandbox's own: goes with it


def image(name, build=BUILD):
    out = os.path.join(folder.name, name)
    return subprocess.run([os.path.join(TOP, "scripts", "image"), build, out], capture_output=True, text=True, timeout=120), out


def archive():
    missing = [p for p in PROGRAMS if not os.path.exists(os.path.join(BUILD, p))]
    if missing:
        raise Skip("not built: " + ", ".join(missing))
    p, out = image("a.tar")
    expect_eq((p.returncode, p.stderr), (0, ""), "scripts/image")
    return out


def read(out):
    with tarfile.open(out) as tar:
        manifest = json.load(tar.extractfile("manifest.json"))[0]
        config = json.load(tar.extractfile(manifest["Config"]))
        return manifest, config, tar.extractfile(manifest["Layers"][0]).read()


@test
def the_same_programs_give_the_same_bytes():
    with open(archive(), "rb") as f:
        first = hashlib.sha256(f.read()).hexdigest()
    with open(image("b.tar")[1], "rb") as f:
        expect_eq(hashlib.sha256(f.read()).hexdigest(), first, "the second image")


@test
def the_archive_names_its_version_and_its_layer():
    manifest, config, layer = read(archive())
    version = run(os.path.join(BUILD, "barewire"), "version").split()[1].rstrip(",")
    expect_eq(manifest["RepoTags"], ["barewire.dev/barewire:" + version], "name")
    expect_eq(config["rootfs"]["diff_ids"], ["sha256:" + hashlib.sha256(layer).hexdigest()], "the layer's digest")


@test
def every_program_starts_with_what_is_in_the_image_alone():
    layer = read(archive())[2]
    root = os.path.join(folder.name, "root")
    with tarfile.open(fileobj=io.BytesIO(layer)) as tar:
        tar.extractall(root)
    for name in ("barewire-agent", "barewire-controller"):
        p = subprocess.run(["chroot", root, "/usr/bin/" + name, "--help"], capture_output=True, text=True, timeout=20)
        expect_in("usage: " + name, p.stdout + p.stderr, name)
    expect_in("barewire ", run("chroot", root, "/usr/bin/barewire", "version"), "barewire")
    expect_in("barewire-launch ", run("chroot", root, "/usr/bin/barewire-launch", "version"), "barewire-launch")
    for name in ("barewire-bridge", "barewire-sriov", "barewire-ipam"):
        path = os.path.join(root, "usr", "lib", "barewire", "cni", name)
        expect(os.access(path, os.X_OK), path)
        expect_eq(run("sh", "-c", "readelf -dW %s | grep -c NEEDED || :" % path).strip(), "0", name + " needs no library")


@test
def a_program_that_is_missing_is_named():
    with tempfile.TemporaryDirectory() as empty:
        p, _ = image("c.tar", empty)
        expect_eq(p.returncode, 1, "exit status")
        expect_in("not built: barewire-controller, barewire-agent", p.stderr, "what it says")


main()
