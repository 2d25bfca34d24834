#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Commands in containers through lib/kube on a real API server and kubelet, and barewire-launch in a real pod: the
process stops and starts, the sandbox and its address stay."""
import atexit
import os
import shutil
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from bwtest import BUILD  # noqa: E402
from kubetest import *  # noqa: E402

LAUNCH = "/barewire/barewire-launch"
folder = None


def kubeexec(name, *argv, stdin="-", config=None):
    return run(tool("kubeexec"), config or bed.api.kubeconfig("exec", "exec", ["system:masters"]), NS, name, stdin, *argv)


def container(name):
    return api.get(pod_path(name))["status"]["containerStatuses"][0]


@test
def a_command_has_output_input_and_an_exit_status():
    pod("teller", node="node1")
    expect_eq(kubeexec("teller", "sh", "-c", "echo said; echo warned >&2; exit 7"),
              'ok http=0 exit=7 reason=NonZeroExitCode message="command terminated with non-zero exit code: '
              'command terminated with exit code 7"\nOUT said\nERR warned\n\n')
    expect_in("ok http=0 exit=0", kubeexec("teller", "cat", stdin="what came"))
    expect_in("OUT what came", kubeexec("teller", "cat", stdin="what came"))
    # Through many frames.
    many = kubeexec("teller", "sh", "-c", "i=0; while [ $i -lt 20000 ]; do echo 0123456789; i=$((i+1)); done")
    expect_eq(many.count("0123456789\n"), 20000, "lines")


@test
def what_cannot_run_is_told_apart():
    expect_in("not-found http=404", kubeexec("nobody", "true"))
    out = kubeexec("teller", "/nonexistent/command")
    expect("exit=0 " not in out and "nonexistent" in out, out)


@test
def stop_and_start_of_the_process_keep_the_sandbox_and_its_address():
    script = "echo $$ >/tmp/pid; exec httpd -f -p 8080 -h /etc"
    pod("database", node="node2", volumes=[{"name": "barewire", "hostPath": {"path": folder}}],
        containers=[{"name": "main", "image": TOOLS, "imagePullPolicy": "Never",
                     "command": [LAUNCH, "run", "--", "sh", "-c", script],
                     "env": [{"name": "POD_IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}}],
                     "readinessProbe": {"periodSeconds": 1, "exec": {"command": [LAUNCH, "probe", "readiness", "tcp", ":8080"]}},
                     "livenessProbe": {"periodSeconds": 1, "failureThreshold": 1,
                                       "exec": {"command": [LAUNCH, "probe", "-g", "30", "liveness", "tcp", ":8080"]}},
                     "volumeMounts": [{"name": "barewire", "mountPath": "/barewire"}]}])
    before, ip = container("database"), pod_ip("database")
    expect_in('"state":"Running"', kubeexec("database", LAUNCH, "status"))
    expect_in('exit=0', kubeexec("database", LAUNCH, "stop"))
    expect_in("ok http=0 exit=3", kubeexec("database", LAUNCH, "status"))
    api.wait(pod_path("database"), lambda o: not is_running(o), 30, "not Ready")
    # The sandbox answers, its process does not; the kubelet has probed meanwhile and killed nothing.
    expect_in("1 packets received", pod_run("teller", "ping", "-c", "1", "-W", "5", ip))
    expect(pod_run("teller", "fetch", ip, 8080, "/passwd", check=False).returncode != 0, "it still serves")
    expect_in('"starts":2', kubeexec("database", LAUNCH, "start"))
    running("database")
    expect_in("root", pod_run("teller", "fetch", ip, 8080, "/passwd"))
    after = container("database")
    expect_eq((after["restartCount"], after["containerID"], pod_ip("database")), (0, before["containerID"], ip),
              "restarts, container, address")


def setup():
    global folder
    folder = tempfile.mkdtemp(prefix="bw-exec-")
    atexit.register(shutil.rmtree, folder, True)
    shutil.copy(os.path.join(BUILD, "barewire-launch"), folder)
    os.chmod(folder, 0o777)


main(cni="reference", setup=setup)
