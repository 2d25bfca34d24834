#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# The status page of two real controllers on a real API server: the one that leads on loopback, the other beyond it,
# where real tokens of service accounts are asked for.
import http.client
import os
import ssl
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from bwtest import BUILD, TOP, enter_sandbox, expect, expect_eq, expect_in, main, test  # noqa: E402

enter_sandbox()  # before there is a folder that nobody takes away
from kubeapi import ApiServer, kubectl  # noqa: E402
from kubeclient import Client, token_of  # noqa: E402

WAIT_S = 90
PLAIN, SECRET = 9701, 9702
folder = tempfile.TemporaryDirectory(prefix="barewire-page.", dir="/run")
programs = []


def until(fn, what):
    """fn's value once it is true."""
    end = time.monotonic() + WAIT_S
    while True:
        try:
            value = fn()
        except (OSError, http.client.HTTPException):
            value = None
        if value:
            return value
        expect(time.monotonic() < end, what)
        time.sleep(0.2)  # another process's doing: looked for, with a deadline


def get(port, path="/", token=None):
    headers = {"Authorization": "Bearer " + token} if token else {}
    if port == SECRET:
        tls = ssl.create_default_context(cafile=folder.name + "/cert.pem")
        tls.check_hostname = False
        conn = http.client.HTTPSConnection("127.0.0.1", port, timeout=30, context=tls)
    else:
        conn = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        conn.request("GET", path, headers=headers)
        r = conn.getresponse()
        return r.status, r.read().decode()
    finally:
        conn.close()


def controller(name, kubeconfig, *flags):
    log = open("%s/%s.log" % (folder.name, name), "w")
    p = subprocess.Popen([BUILD + "/barewire-controller", "--kubeconfig", kubeconfig, "--identity", name, "--no-exec", *flags],
                         stdout=log, stderr=log)
    programs.append(p)


def write_kubeconfig():
    """That of the controller's own service account: what it may do is what conf/rbac says."""
    admin = open(server.admin).read()
    line = {k: next(w for w in admin.split("\n") if k in w).strip() for k in ("server:", "certificate-authority-data:")}
    path = folder.name + "/controller.kubeconfig"
    with open(path, "w") as f:
        f.write("apiVersion: v1\nkind: Config\nclusters:\n- name: c\n  cluster:\n    %s\n    %s\nusers:\n- name: u\n"
                "  user:\n    token: %s\ncontexts:\n- name: x\n  context: {cluster: c, user: u}\ncurrent-context: x\n" %
                (line["server:"], line["certificate-authority-data:"], token_of(api, "barewire-system", "barewire-controller")))
    return path


def k(*argv, **kw):
    return kubectl(server.admin, *argv, **kw)


server = ApiServer(folder.name + "/api", port=7463)
api = None


def setup():
    global api
    os.makedirs(folder.name + "/api", exist_ok=True)
    server.start()
    api = Client(server.admin)
    k("create", "namespace", "barewire-system")
    for part in ("crds", "rbac"):
        k("apply", "--server-side", "-k", os.path.join(TOP, "conf", part))
    for name in ("networkpools.net", "networkclaims.net", "networkaddresses.net", "networkreservations.net",
                 "nodenetworks.net", "networkepochs.net", "units.db"):
        k("wait", "--for=condition=Established", "crd/%s.barewire.dev" % name)
    for name in ("default", "may", "may-not", "goes"):  # nobody makes the first one here
        k("create", "serviceaccount", name, "-n", "default")
    k("create", "clusterrolebinding", "page-may", "--clusterrole=barewire-view", "--serviceaccount=default:may",
      "--serviceaccount=default:goes")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                    "-days", "2", "-subj", "/CN=page", "-keyout", folder.name + "/key.pem", "-out",
                    folder.name + "/cert.pem"], check=True, capture_output=True, timeout=60)
    config = write_kubeconfig()
    controller("first", config, "--page-address", "127.0.0.1:%d" % PLAIN)
    until(lambda: "first, which leads" in get(PLAIN)[1], "the first one leads, and says so")
    controller("second", config, "--page-address", "0.0.0.0:%d" % SECRET, "--page-tls-cert", folder.name + "/cert.pem",
               "--page-tls-key", folder.name + "/key.pem")
    until(lambda: get(SECRET)[0] == 401, "the second one serves")


@test
def without_the_role_nobody_is_let_in_and_with_it_who_may_get_units():
    token = token_of(api, "default", "may")
    status, said = get(SECRET, token=token)
    expect_eq(status, 503)
    expect_in("could not be reviewed", said)
    k("apply", "-f", os.path.join(TOP, "conf", "rbac", "page.yaml"))
    until(lambda: get(SECRET, token=token)[0] == 200, "it is let in")


@test
def tokens_without_the_right_and_those_of_nobody_are_refused():
    status, said = get(SECRET, token=token_of(api, "default", "may-not"))
    expect_eq(status, 403)
    expect_in("get units.db.barewire.dev in all namespaces", said)
    expect_eq(get(SECRET, token="garbage")[0], 401)
    expect_eq(get(SECRET)[0], 401)
    gone = token_of(api, "default", "goes")
    k("delete", "serviceaccount", "goes", "-n", "default")
    expect_eq(get(SECRET, token=gone)[0], 401, "an account that is deleted")


@test
def the_one_that_follows_serves_it_and_says_who_leads():
    token = token_of(api, "default", "may")
    until(lambda: "second, which follows; " in get(SECRET, token=token)[1], "who follows")
    expect_in("first leads", get(SECRET, token=token)[1])
    expect_in("There is no NetworkPool", get(PLAIN)[1])


try:
    setup()
    main()
finally:
    for p in programs:
        p.terminate()
    for p in programs:
        p.wait(60)
    server.stop()
