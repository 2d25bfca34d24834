#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""CNI 1.1.0: invocation and errors (statements 1 to 18)."""
import fcntl
import os
import re
import sqlite3
import subprocess
import sys
import threading

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from bwtest import *
from cnibed import *


@both
def _01_without_a_command_it_says_what_it_is_on_stderr(program):
    for env in ({}, {"CNI_COMMAND": ""}):
        answer = raw(program, env, b"garbage")
        expect_eq((answer.code, answer.out), (0, ""), "exit code and stdout")
        expect_in(program, answer.err, "stderr")
        for version in VERSIONS:
            expect_in(version, answer.err, "stderr")


@both
def _02_an_unknown_command_is_error_4_and_named(program):
    ns = Netns("a")
    with unchanged(ns):
        for verb in ("FOO", "add", "Add", "ADD ", "CHECK,DEL"):
            refused_only(program, verb, conf_of(program), ns, 4, "CNI_COMMAND", verb)


@both
def _03_add_and_check_name_all_missing_variables(program):
    names = ("CNI_CONTAINERID", "CNI_NETNS", "CNI_IFNAME")
    ns = Netns("a")
    for verb in ("ADD", "CHECK"):
        full = cni_env(verb, ns)
        for mask in range(1, 8):
            missing = [n for i, n in enumerate(names) if mask >> i & 1]
            for env in ({k: v for k, v in full.items() if k not in missing},
                        {**full, **{n: "" for n in missing}}):
                answer = raw(program, env, json.dumps(conf_of(program)).encode())
                expect_error(answer, 4, ",".join(missing))
                for name in names:
                    if name not in missing:
                        expect(name not in answer.json["msg"], "%s is not missing: %s" % (name, answer))


@both
def _04_del_needs_container_and_interface_but_no_netns(program):
    ns = Netns("a")
    data = json.dumps(conf_of(program)).encode()
    full = cni_env("DEL", ns)
    for missing in ("CNI_CONTAINERID", "CNI_IFNAME"):
        answer = raw(program, {k: v for k, v in full.items() if k != missing}, data)
        expect_error(answer, 4, missing)
    for env in ({k: v for k, v in full.items() if k != "CNI_NETNS"}, {**full, "CNI_NETNS": ""}):
        answer = raw(program, env, data)
        expect_eq((answer.code, answer.out), (0, ""), "DEL without CNI_NETNS")


@both
def _05_cni_path_is_only_needed_for_a_foreign_delegate(program):
    ns = Netns("a")
    conf = conf_of(program)
    gone = {k: v for k, v in cni_env("ADD", ns).items() if k != "CNI_PATH"}
    answer = expect_ok(raw(program, gone, json.dumps(conf).encode()))
    chained = json.dumps({**conf, "prevResult": answer.json, "cni.dev/valid-attachments": []}).encode()
    for verb in ("CHECK", "STATUS", "GC", "DEL"):
        expect_ok(raw(program, {**gone, "CNI_COMMAND": verb}, chained))


@one
def _05_a_foreign_delegate_without_cni_path_is_an_error(program=BRIDGE):
    foreign = Foreign()
    ns = Netns("a")
    before = state(ns)
    env = {k: v for k, v in cni_env("ADD", ns).items() if k != "CNI_PATH"}
    answer = raw(program, env, json.dumps(foreign.conf()).encode())
    expect_error(answer, 4, "CNI_PATH", "foreign")
    expect_same(before, state(ns))
    refused(program, "ADD", foreign.conf(), ns, 7, "ipam.type", "foreign", path="/nowhere:/tmp")


@both
def _06_a_container_id_has_a_fixed_alphabet(program):
    ns = Netns("a")
    with unchanged(ns):
        for verb in ("ADD", "DEL", "CHECK"):
            for cid in ("../x", "a/b", ".a", "-a", "_a", "a b", "a\n", "a:b", "a" * 257, "\u00e9"):
                refused_only(program, verb, conf_of(program), ns, 4, "CNI_CONTAINERID", cid=cid)
    for cid in ("a", "0", "A1_.-", "a" * 256):
        deleted(program, conf_of(program), ns, cid=cid)


@both
def _07_an_interface_name_is_one_the_kernel_takes(program):
    ns = Netns("a")
    with unchanged(ns):
        for verb in ("ADD", "DEL", "CHECK"):
            for name in (".", "..", "a/b", "a:b", "a b", "a\t", "a\n", "0123456789abcdef", "\u00e9"):
                refused_only(program, verb, conf_of(program), ns, 4, "CNI_IFNAME", ifname=name)
    for name in ("e", "0123456789abcde", "eth0.5", "..."):
        deleted(program, conf_of(program), ns, ifname=name)


@both
def _08_no_json_on_stdin_is_error_6_and_no_stdin_error_5(program):
    ns = Netns("a")
    good = json.dumps(conf_of(program))
    with unchanged(ns):
        for verb in ("ADD", "DEL", "CHECK", "GC", "STATUS"):
            for text in ("", " ", "{", good[:-1], good + "x", good + good, "[]", "5", '"a"', "null",
                         good.replace('"net"', "'net'"), "\x00" + good, good + "\x00", b"\xff\xfe" + good.encode(),
                         '{"name":"n","name":"\x01"}', "[" * 100000):
                refused_only(program, verb, text, ns, 6)
            env = cni_env(verb, ns)
            answer = raw(program, env, close_stdin=True)
            expect_error(answer, 5)
            check_error_object(answer)


@both
def _08_more_than_a_mebibyte_on_stdin_is_refused(program):
    ns = Netns("a")
    text = json.dumps(conf_of(program))
    refused(program, "ADD", text + " " * (1 << 20), ns, 6, "1048576")
    padded = text + " " * ((1 << 20) - len(text))
    added(program, padded, ns)
    deleted(program, padded, ns)


@both
def _09_a_missing_or_bad_network_name_is_error_7(program):
    ns = Netns("a")
    with unchanged(ns):
        for verb in ("ADD", "CHECK", "GC", "STATUS"):
            conf = conf_of(program)
            del conf["name"]
            refused_only(program, verb, conf, ns, 7, "name")
            for name in ("", "a/b", "../x", "-a", ".a", "a b", "\u00e9", 5, None, ["a"], "a" * 257):
                words = [name] if isinstance(name, str) and len(name) < 10 else []
                refused_only(program, verb, {**conf, "name": name}, ns, 7, "name", *words)


@both
def _10_an_error_is_one_object_on_stdout(program):
    ns = Netns("a")
    conf = conf_of(program)
    for answer in (plug(program, "ADD", "{", ns), plug(program, "ADD", {**conf, "cniVersion": "7"}, ns),
                   plug(program, "FOO", conf, ns), plug(program, "ADD", {**conf, "name": "/"}, ns),
                   plug(program, "ADD", conf, "/nowhere"), plug(program, "CHECK", conf, ns),
                   plug(program, "GC", conf), plug(program, "ADD", conf, ns, args="bad")):
        obj = check_error_object(answer)
        expect(obj["code"] < 100, "a user's mistake got %d: %s" % (obj["code"], answer))
    old = plug(program, "ADD", {**conf, "cniVersion": "0.4.0", "name": "/"}, ns)
    expect_eq(old.json["cniVersion"], "0.4.0", "the version of an error object")


@both
def _11_stdout_holds_the_document_and_nothing_else(program):
    ns = Netns("a")
    conf = conf_of(program, logLevel="debug")
    answer = added(program, conf, ns)
    expect_eq(answer.out.count("\n"), 1, "lines on stdout")
    for verb, doc in (("CHECK", with_prev(conf, answer)), ("STATUS", conf),
                      ("GC", {**conf, "cni.dev/valid-attachments": [{"containerID": "a", "ifname": "eth0"}]}),
                      ("DEL", conf)):
        expect_eq(expect_ok(plug(program, verb, doc, ns)).out, "", "stdout of " + verb)


@both
def _11_log_lines_go_to_the_file_that_is_named(program):
    ns = Netns("a")
    path = "/run/%s.log" % program
    conf = conf_of(program, logFile=path)
    added(program, conf, ns)
    again = expect_error(plug(program, "ADD", conf, ns), 7)
    expect_eq(again.err, "", "standard error")
    with open(path) as f:
        last = f.read().splitlines()[-1]
    expect(re.match(r"ts=\S+ lvl=error cmd=ADD cid=a if=eth0 code=7 ", last), last)
    again = expect_error(plug(program, "ADD", {**conf, "logFile": "/run/none/x.log"}, ns), 7)
    expect_in("cannot open logFile", again.err, "standard error")
    expect_in("code=7", again.err, "standard error")
    expect_ok(plug(program, "DEL", {**conf, "logFile": 7}, ns))


@both
def _11_closed_standard_descriptors_do_not_become_the_journal(program):
    ns = Netns("a")
    conf = conf_of(program)
    data = json.dumps(conf).encode()
    for fds in ((1,), (2,), (1, 2)):
        for verb in ("ADD", "DEL"):
            p = subprocess.Popen([os.path.join(BUILD, program)], env=cni_env(verb, ns), stdin=subprocess.PIPE,
                                 stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                 preexec_fn=lambda: [os.close(fd) for fd in fds])
            p.communicate(data, timeout=60)
            expect_eq(p.returncode, 0, "exit code of %s without %s" % (verb, fds))
            rows = attachments()  # the journal is sound and says what it must
            expect_eq(rows, [("a", "eth0")] if verb == "ADD" else [], "attachments")


@both
def _12_the_plugins_own_namespace_is_error_8_before_any_change(program):
    conf = conf_of(program)
    before = state()
    for path in ("/proc/self/ns/net", "/proc/1/ns/net"):
        answer = plug(program, "ADD", conf, path, cid="a")
        expect_error(answer, 8, "CNI_NETNS", path)
        check_error_object(answer)
    expect_same(before, state())
    expect_ok(plug(program, "DEL", conf, "/proc/self/ns/net", cid="a"))
    expect_same(before, state())


@one
def _12_cni_netns_override_disables_the_check(program=IPAM):
    conf = ipam_conf()
    for value in ("1", "true", "TRUE"):
        extra = {"CNI_NETNS_OVERRIDE": value}
        expect_ok(plug(program, "ADD", conf, "/proc/self/ns/net", cid="a", extra=extra))
        expect_ok(plug(program, "DEL", conf, "/proc/self/ns/net", cid="a", extra=extra))
    expect_error(plug(program, "ADD", conf, "/proc/self/ns/net", cid="a", extra={"CNI_NETNS_OVERRIDE": "0"}), 8)


@both
def _13_a_namespace_that_is_gone_is_error_3_and_leaves_nothing(program):
    for verb in ("ADD", "CHECK"):
        before = state()
        answer = plug(program, verb, conf_of(program), "/run/netns/nowhere", cid="a")
        expect_error(answer, 3, "/run/netns/nowhere")
        check_error_object(answer)
        expect_same(before, state())


@both
def _14_a_file_that_is_no_network_namespace_leaves_nothing(program):
    plain = os.path.join(workdir(), "file")
    open(plain, "w").close()
    for path in (plain, os.path.dirname(plain), "/proc/self/ns/mnt"):
        before = state()
        answer = plug(program, "ADD", conf_of(program), path, cid="a")
        obj = check_error_object(answer)
        expect(obj["code"] < 100, "a wrong path is no internal error: %s" % answer)
        expect_same(before, state())
        expect_ok(plug(program, "DEL", conf_of(program), path, cid="a"))


@both
def _15_a_bad_value_is_error_7_with_key_and_value(program):
    ns = Netns("a")
    refused(program, "ADD", conf_of(program, ipam={"type": IPAM, "ranges": [[{"subnet": "10.1.0.0/33"}]]}), ns, 7,
            "ipam.ranges[0][0].subnet", "10.1.0.0/33")


@one
def _15_what_the_kernel_cannot_do_is_error_2(program=BRIDGE):
    ns = Netns("a")
    if run("ip", "link", "add", "nk0", "type", "netkit", check=False) == "" and "nk0" in links():
        run("ip", "link", "del", "nk0")
        raise Skip("this kernel has netkit")
    refused(program, "ADD", bridge_conf(link="netkit"), ns, 2, "link", "netkit")


@both
def _16_what_may_pass_later_is_error_11(program):
    a, b = Netns("a"), Netns("b")
    wish = {"runtimeConfig": {"ips": ["10.1.0.77"]}}
    added(program, conf_of(program, **wish), a)
    refused(program, "ADD", conf_of(program, **wish), b, 11, "10.1.0.77", "container a")
    deleted(program, conf_of(program), a)
    added(program, conf_of(program, **wish), b)
    deleted(program, conf_of(program), b)


def lock(path):
    f = open(path, "w")
    fcntl.flock(f, fcntl.LOCK_EX)
    return f


@one
def _16_no_lock_is_waited_for_without_end():
    data_dir = "/var/lib/barewire/other"
    alone = ipam_conf(ipam=pool({"subnet": SUBNET}, dataDir=data_dir))
    calls = {"bridge br7 is locked": (BRIDGE, bridge_conf(bridge="br7")),
             "the datapath is locked": (BRIDGE, bridge_conf()),
             data_dir + "/journal.db is locked": (IPAM, alone)}
    pods = [Netns(n) for n in "abc"]
    for (program, conf), ns in zip(calls.values(), pods):
        added(program, conf, ns)
        deleted(program, conf, ns)
    held_locks = [lock("/run/barewire/br7.lock"), lock("/run/barewire/datapath.lock")]
    db = sqlite3.connect(data_dir + "/journal.db", isolation_level=None)
    db.execute("BEGIN IMMEDIATE")
    before = state()
    answers = {}

    def work(text, ns):
        answers[text] = plug(*calls[text][:1], "ADD", calls[text][1], ns)

    threads = [threading.Thread(target=work, args=(text, ns)) for text, ns in zip(calls, pods)]
    for t in threads:
        t.start()
    for t in threads:
        t.join(60)
    db.close()
    for f in held_locks:
        f.close()
    for text, answer in answers.items():
        expect_error(answer, 11, text)
        check_error_object(answer)
    expect_eq(len(answers), 3, "answers")
    expect_same(before, state())


@both
def _17_an_internal_failure_is_100_or_above(program):
    ns = Netns("a")
    spoil_journal()
    try:
        obj = check_error_object(plug(program, "ADD", conf_of(program), ns))
        expect(obj["code"] >= 100, "code %d" % obj["code"])
        expect_in("repair", obj["msg"] + obj.get("details", ""), "what to do about it")
    finally:
        os.unlink(JOURNAL)


@both
def _18_unknown_keys_are_ignored(program):
    ns = Netns("a")
    conf = conf_of(program, noSuchKey={"a": [1]}, cniVersions=["1.0.0"])
    conf["ipam"]["noSuchKey"] = 5
    added(program, conf, ns, args="NoSuchKey=1;IgnoreUnknown=1")
    deleted(program, conf, ns)


@both
def _18_unknown_args_are_an_error_on_add_and_none_on_del(program):
    ns = Netns("a")
    conf = conf_of(program)
    for args in ("NoSuchKey=1", "IgnoreUnknown=0;NoSuchKey=1", "broken", "=x", "IgnoreUnknown=maybe"):
        refused(program, "ADD", conf, ns, None, "CNI_ARGS", args=args)
    added(program, conf, ns, args="K8S_POD_NAME=p;K8S_POD_NAMESPACE=n;K8S_POD_UID=u")
    deleted(program, conf, ns, args="NoSuchKey=1;broken")


main()
