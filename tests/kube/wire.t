#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# lib/kube's wire on real API servers, the newest and the oldest release it speaks: every verb, paging, watches, and
# what each kind of failure looks like from there. build/tools/kubecall sends one request and prints what became of it.
import os
import re
import signal
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from bwtest import *  # noqa: E402,F401,F403
from bwtest import BUILD, TOP, case, expect, expect_eq, expect_in, main, tool  # noqa: E402
from kubeapi import ApiServer, kubectl  # noqa: E402

folder = None
servers = {}
KIND = "wire.barewire.dev/v1/things/namespaced"

CRD = """
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: things.wire.barewire.dev}
spec:
  group: wire.barewire.dev
  scope: Namespaced
  names: {plural: things, singular: thing, kind: Thing, listKind: ThingList}
  versions:
  - name: v1
    served: true
    storage: true
    subresources: {status: {}}
    schema:
      openAPIV3Schema:
        type: object
        properties:
          spec:
            type: object
            properties:
              num: {type: integer, maximum: 100}
              list: {type: array, maxItems: 8, items: {type: string}}
          status:
            type: object
            properties:
              num: {type: integer}
"""


class Answer:
    def __init__(self, text, code):
        self.text, self.code = text, code
        self.pieces = re.findall(r"^PIECE (.*)$", text, re.M)
        self.rest = (re.findall(r"^REST (.*)$", text, re.M) or [""])[0]
        m = re.search(r"^([a-z-]+) http=(\d+) retry=(\d+) reason=(\S*) message=\"(.*)\" body=(.*)", text, re.M | re.S)
        self.result = m.group(1) if m else None
        self.http, self.retry = (int(m.group(2)), int(m.group(3))) if m else (None, None)
        self.reason, self.message, self.body = m.groups()[3:6] if m else ("", text, "")


def call(server, verb, kind=KIND, config=None, wait_s=40, **keys):
    argv = [tool("kubecall"), config or server.admin, verb, kind]
    if "namespaced" in kind:
        keys.setdefault("namespace", "default")
    argv += ["%s=%s" % k for k in keys.items()]
    p = subprocess.run(argv, capture_output=True, text=True, timeout=wait_s)
    return Answer(p.stdout, p.returncode)


def expect_result(answer, result):
    expect_eq(answer.result, result, "result (%s)" % answer.text[:600])
    return answer


def rv(answer):
    return re.search(r'"resourceVersion":"(\d+)"', answer.body).group(1)


def make(server, name, n=1):
    return call(server, "create", manager="t",
                body='{"apiVersion":"wire.barewire.dev/v1","kind":"Thing","metadata":{"name":"%s"},"spec":{"num":%d}}' % (name, n))


def setup():
    global folder  # made inside the sandbox: whoever enters it by exec() cleans nothing up
    folder = tempfile.TemporaryDirectory(prefix="barewire-wire.")
    for name, port, old in (("1.36", 7543, False), ("1.30", 7643, True)):
        s = servers[name] = ApiServer(os.path.join(folder.name, name), port=port, old=old).start()
        kubectl(s.admin, "apply", "-f", "-", stdin=CRD)
        kubectl(s.admin, "wait", "--for=condition=Established", "crd/things.wire.barewire.dev")


def every_write_is_told_apart(s):
    a = expect_result(make(s, "a"), "ok")
    expect_eq(a.http, 201, "HTTP status")
    expect_result(make(s, "a"), "exists")
    old = rv(a)
    b = expect_result(call(s, "merge", name="a", body='{"metadata":{"resourceVersion":"%s"},"spec":{"num":2}}' % old), "ok")
    expect_result(call(s, "merge", name="a", body='{"metadata":{"resourceVersion":"%s"},"spec":{"num":3}}' % old), "conflict")
    c = expect_result(call(s, "merge", name="a", sub="status", body='{"status":{"num":7}}'), "ok")
    expect(int(rv(c)) > int(rv(b)), "the resource version moves on")
    expect_in('"generation":2', c.body, "generation of a status write")
    expect_result(call(s, "json-patch", name="a", body='[{"op":"test","path":"/spec/num","value":2},{"op":"replace","path":"/spec/num","value":4}]'), "ok")
    expect_result(call(s, "json-patch", name="a", body='[{"op":"test","path":"/spec/num","value":2}]'), "invalid")
    expect_result(call(s, "apply", name="b", manager="m", body='{"apiVersion":"wire.barewire.dev/v1","kind":"Thing","metadata":{"name":"b"},"spec":{"num":1}}'), "ok")
    uid = re.search(r'"uid":"([^"]+)"', a.body).group(1)
    expect_result(call(s, "delete", name="a", uid="0" + uid[1:] if uid[0] != "0" else "1" + uid[1:]), "conflict")
    expect_result(call(s, "delete", name="a", uid=uid, rv=old), "conflict")
    expect_result(call(s, "delete", name="a", uid=uid), "ok")
    expect_result(call(s, "delete", name="a", uid=uid), "not-found")
    expect_result(call(s, "merge", name="a", sub="status", body='{"status":{"num":7}}'), "not-found")


def wrong_objects_are_invalid(s):
    a = expect_result(make(s, "big", 101), "invalid")
    expect_eq(a.http, 422, "HTTP status")
    expect_in("spec.num", a.message, "message")
    expect_result(call(s, "create", body='{"apiVersion":"wire.barewire.dev/v1","kind":"Thing","metadata":{"name":"x"},"spec":{"m":1}}'), "invalid")
    expect_result(call(s, "create", body="{"), "invalid")
    expect_result(call(s, "merge", name="b", flags="d", body='{"spec":{"num":9}}'), "ok")
    expect_in('"num":1', call(s, "get", name="b").body, "what a dry run leaves")


def list_comes_in_pages(s):
    for i in range(5):
        expect_result(make(s, "p%d" % i), "ok")
    names, cont, pages = [], None, 0
    while pages < 9:
        a = expect_result(call(s, "list", limit=2, **({"cont": cont} if cont else {})), "ok")
        names += [re.search(r'"name":"([^"]+)"', p).group(1) for p in a.pieces]
        cont = (re.findall(r'"continue":"([^"]+)"', a.rest) or [None])[0]
        pages += 1
        if not cont:
            break
    expect_eq(names, ["b", "p0", "p1", "p2", "p3", "p4"], "names")
    expect_eq(pages, 3, "pages")
    meta = call(s, "list", flags="m").pieces[0]
    expect("spec" not in meta and "PartialObjectMetadata" in meta or "managedFields" in meta, meta)
    expect_in('"columnDefinitions"', call(s, "get", name="b", flags="t").body, "a table")
    selected = call(s, "list", fields="metadata.name=p3")
    expect_eq(len(selected.pieces), 1, "objects selected")


def watch_goes_on_from_a_version(s):
    a = call(s, "list")
    start = re.search(r'"resourceVersion":"(\d+)"', a.rest).group(1)
    make(s, "w")
    call(s, "merge", name="w", body='{"spec":{"num":2}}')
    call(s, "delete", name="w")
    w = expect_result(call(s, "watch", flags="b", rv=start, timeout=2000), "ok")
    types = re.findall(r'^\{"type":"([A-Z]+)"', "\n".join(w.pieces), re.M)
    expect_eq(types[:3], ["ADDED", "MODIFIED", "DELETED"], "events")


def watch_list_where_the_server_has_it(s, old):
    w = call(s, "watch", flags="bi", timeout=2000)
    if old:
        # What a reflector falls back to a list on.
        expect_result(w, "invalid")
        expect_eq(w.http, 422, "HTTP status")
        return
    expect_result(w, "ok")
    expect_in('"k8s.io/initial-events-end":"true"', w.pieces[-1], "the last initial event")


def version_of_the_future_is_too_new(s):
    a = expect_result(call(s, "list", rv="999999999", match="NotOlderThan", limit=10), "too-new")
    expect_eq(a.http, 504, "HTTP status")


def who_may_not_is_forbidden_and_who_is_nobody_unauthorized(s):
    nobody = s.kubeconfig("nobody", "nobody", [])
    expect_result(call(s, "list", config=nobody), "forbidden")
    path = os.path.join(folder.name, "bad")
    with open(s.admin) as f:
        text = re.sub(r"    client-.*\n", "", f.read()).replace("  user:\n", "  user:\n    token: wrong\n", 1)
    with open(path, "w") as f:
        f.write(text)
    expect_result(call(s, "list", config=path), "unauthorized")


def version_is_checked(s, old):
    p = subprocess.run([tool("kubecall"), s.admin, "version"], capture_output=True, text=True, timeout=30)
    if old:
        expect(re.search(r"^error: the API server is Kubernetes v1\.30\.\d+\S*, barewire needs 1\.31 or newer$", p.stdout, re.M), p.stdout)
    expect_eq(p.returncode, 1 if old else 0, "exit code (%s)" % p.stdout)


def programs_refuse_it_in_one_sentence(s):
    """And nothing of theirs is on the machine then, no network that a runtime would take for one."""
    sentence = re.compile(r"the API server is Kubernetes v1\.30\.\d+, barewire needs 1\.31 or newer")
    os.mkdir(os.path.join(folder.name, "net.d"))
    agent = ["--node-name=n1", "--journal-dir=" + os.path.join(folder.name, "journal"), "--socket=" + os.path.join(folder.name, "sock"),
             "--install-from=" + BUILD, "--cni-bin-dir=" + os.path.join(folder.name, "bin"), "--cni-conf-dir=" + os.path.join(folder.name, "net.d"),
             "--cni-conf=" + os.path.join(TOP, "conf/cni/05-barewire.conflist")]
    for name, flags in (("barewire-controller", []), ("barewire-agent", agent)):
        p = subprocess.run([os.path.join(BUILD, name), "--kubeconfig=" + s.admin, *flags], capture_output=True, text=True, timeout=60)
        expect_eq(p.returncode, 1, "exit code of %s (%s)" % (name, p.stderr))
        errors = [line for line in p.stderr.splitlines() if "lvl=error" in line]
        expect(len(errors) == 1 and sentence.search(errors[0]), "%s says: %s" % (name, p.stderr))
    expect_eq(os.listdir(os.path.join(folder.name, "net.d")), [], "configurations")
    expect(not os.path.exists(os.path.join(folder.name, "bin")), "no programs")


def frozen_server_is_unknown_and_dead_one_refused(s):
    s.signal(signal.SIGSTOP)
    try:
        expect_result(call(s, "get", name="b", timeout=1500), "refused")
    finally:
        s.signal(signal.SIGCONT)
    w = subprocess.Popen([tool("kubecall"), s.admin, "watch", KIND, "namespace=default", "flags=b", "rv=0", "timeout=60000"],
                         stdout=subprocess.PIPE, text=True)
    expect_in("PIECE", w.stdout.readline(), "the watch")
    s.kill()
    out = w.communicate(timeout=30)[0]
    expect(re.search(r"^(ok|unknown) http=200", out, re.M), "a watch whose server dies: " + out[-300:])
    expect_result(call(s, "get", name="b"), "refused")
    s.start()
    expect_result(call(s, "get", name="b"), "ok")


def version_from_before_a_restart_is_gone(s):
    """The cache of a server that has just started knows no older events."""
    a = expect_result(call(s, "watch", flags="b", rv="1", timeout=2000), "ok")
    expect_in('"code":410', a.pieces[0], "the stream's first line")


BOTH = [every_write_is_told_apart, wrong_objects_are_invalid, list_comes_in_pages, watch_goes_on_from_a_version,
        version_of_the_future_is_too_new, who_may_not_is_forbidden_and_who_is_nobody_unauthorized]

for release in ("1.36", "1.30"):
    for fn in BOTH:
        case("%s: %s" % (release, fn.__name__.replace("_", " ")), lambda fn=fn, r=release: fn(servers[r]))
    for fn in (watch_list_where_the_server_has_it, version_is_checked):
        case("%s: %s" % (release, fn.__name__.replace("_", " ")), lambda fn=fn, r=release: fn(servers[r], r == "1.30"))
case("1.30: programs refuse it in one sentence", lambda: programs_refuse_it_in_one_sentence(servers["1.30"]))
for fn in (frozen_server_is_unknown_and_dead_one_refused, version_from_before_a_restart_is_gone):
    case("1.36: " + fn.__name__.replace("_", " "), lambda fn=fn: fn(servers["1.36"]))

try:
    main(setup=setup)
finally:
    for running in servers.values():
        running.stop(5)
