#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""CNI 1.1.0 and barewire-sriov: invocation, versions, ADD, DEL and CHECK, as far as they need no virtual
function of a real card. The others are told in the guest with an emulated one."""
import json
import os
import re
import sqlite3
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from bwtest import *
from cnibed import *
from sriovbed import *
from sysfsbed import Card


# Invocation ------------------------------------------------------------------------------------------

@one
def _01_without_a_command_it_says_what_it_is_on_stderr():
    answer = raw(SRIOV, {}, b"garbage")
    expect_eq((answer.code, answer.out), (0, ""), "exit code and stdout")
    expect_in(SRIOV, answer.err, "stderr")


@one
def _02_an_unknown_command_is_error_4_and_named():
    ns = Netns("a")
    for verb in ("FOO", "add", "ADD "):
        no(verb, conf(), ns, 4, "CNI_COMMAND", verb)


@one
def _03_add_and_check_name_all_missing_variables():
    names = ("CNI_CONTAINERID", "CNI_NETNS", "CNI_IFNAME")
    for verb in ("ADD", "CHECK"):
        answer = raw(SRIOV, {"CNI_COMMAND": verb}, json.dumps(conf()).encode())
        expect_error(answer, 4, ",".join(names))


@one
def _04_del_needs_container_and_interface_but_no_netns():
    full = cni_env("DEL", Netns("a"))
    data = json.dumps(conf()).encode()
    for missing in ("CNI_CONTAINERID", "CNI_IFNAME"):
        expect_error(raw(SRIOV, {k: v for k, v in full.items() if k != missing}, data), 4, missing)
    expect_ok(raw(SRIOV, {k: v for k, v in full.items() if k != "CNI_NETNS"}, data))


@one
def _05_cni_path_is_only_needed_for_a_foreign_delegate():
    ns = Netns("a")
    data = json.dumps({**conf(deviceID=None), VALID: []}).encode()
    env = {k: v for k, v in cni_env("ADD", ns).items() if k != "CNI_PATH"}
    for verb in ("STATUS", "GC", "DEL"):
        expect_ok(raw(SRIOV, {**env, "CNI_COMMAND": verb}, data))
    foreign = json.dumps(conf(ipam={"type": "foreign"}, **{VALID: []})).encode()
    expect_error(raw(SRIOV, {**env, "CNI_COMMAND": "GC"}, foreign), 4, "CNI_PATH", "foreign")


@one
def _06_07_names_have_a_fixed_alphabet():
    ns = Netns("a")
    for verb in ("ADD", "DEL", "CHECK"):
        for cid in ("../x", "a b", "", "a" * 257):
            no(verb, conf(), ns, 4, "CNI_CONTAINERID", cid=cid)
        for name in ("..", "a/b", "a:b", "0123456789abcdef"):
            no(verb, conf(), ns, 4, "CNI_IFNAME", ifname=name)


@one
def _08_no_json_on_stdin_is_error_6_and_no_stdin_error_5():
    ns = Netns("a")
    good = json.dumps(conf())
    for verb in ("ADD", "DEL", "CHECK", "GC", "STATUS"):
        for text in ("", "{", good + good, "[]", "null", good + "\x00", "[" * 100000):
            no(verb, text, ns, 6)
        expect_error(raw(SRIOV, cni_env(verb, ns), close_stdin=True), 5)
    no("ADD", good + " " * (1 << 20), ns, 6, "1048576")


@one
def _09_a_missing_or_bad_network_name_is_error_7():
    ns = Netns("a")
    for verb in ("ADD", "CHECK", "GC", "STATUS"):
        no(verb, conf(name=None), ns, 7, "name")
        for name in ("", "a/b", "-a", 5, "a" * 257):
            no(verb, {**conf(), "name": name}, ns, 7, "name")


@one
def _10_an_error_is_one_object_on_stdout():
    ns = Netns("a")
    for answer in (call("ADD", "{", ns), call("ADD", conf("7"), ns), call("FOO", conf(), ns),
                   call("ADD", conf(), "/nowhere"), call("ADD", conf(), ns), call("CHECK", conf(), ns),
                   call("GC", conf()), call("ADD", conf(), ns, args="bad")):
        obj = check_error_object(answer)
        expect(obj["code"] < 100, "a user's mistake got %d: %s" % (obj["code"], answer))


@one
def _11_log_lines_go_to_stderr_or_the_file_that_is_named():
    ns = Netns("a")
    answer = call("ADD", conf(), ns)
    expect(re.search(r"ts=\S+ lvl=error cmd=ADD cid=a if=eth0 code=7 ", answer.err), answer)
    path = "/run/sriov.log"
    answer = call("ADD", conf(logFile=path), ns)
    expect_eq(answer.err, "", "standard error")
    with open(path) as f:
        expect_in("code=7", f.read(), "log file")


@one
def _12_the_plugins_own_namespace_is_error_8_before_any_change():
    for path in ("/proc/self/ns/net", "/proc/1/ns/net"):
        no("ADD", conf(), path, 8, "CNI_NETNS", path, cid="a")
    expect_ok(call("DEL", conf(), "/proc/self/ns/net", cid="a"))


@one
def _13_a_namespace_that_is_gone_is_error_3_and_leaves_nothing():
    for verb in ("ADD", "CHECK"):
        doc = {**conf(), "prevResult": {"cniVersion": NEWEST}} if verb == "CHECK" else conf()
        no(verb, doc, "/run/netns/nowhere", 3, "/run/netns/nowhere", cid="a")


@one
def _14_a_file_that_is_no_network_namespace_leaves_nothing():
    plain = os.path.join(workdir(), "file")
    open(plain, "w").close()
    for path in (plain, os.path.dirname(plain), "/proc/self/ns/mnt"):
        answer = no("ADD", conf(), path, None, cid="a")
        expect(answer.json["code"] < 100, "a wrong path is no internal error: %s" % answer)
        expect_ok(call("DEL", conf(), path, cid="a"))


@one
def _15_a_bad_value_is_error_7_with_key_and_value():
    ns = Netns("a")
    for key, value in (("vlan", 5000), ("vlanQoS", 8), ("spoofchk", "yes"), ("trust", "maybe"), ("link_state", "up"),
                       ("mac", "02:00:00:00:00"), ("deviceID", "01:10"), ("mtu", 67), ("probe", "yes")):
        no("ADD", conf(**{key: value}), ns, 7, key)
        expect_ok(call("DEL", conf(**{key: value}), ns))


@one
def _15_what_a_vf_cannot_do_is_error_2():
    no("ADD", conf(bandwidth={"ingressRate": 1000000, "ingressBurst": 8000}), Netns("a"), 2, "ingressRate")


@one
def _16_a_journal_that_is_locked_is_error_11():
    ns = Netns("a")
    keeper = Netns("keeper")
    added(IPAM, ipam_conf(), keeper)  # makes the journal
    db = sqlite3.connect(JOURNAL, isolation_level=None)
    db.execute("BEGIN IMMEDIATE")
    try:
        with Card() as card:
            card.pf(PF, "pf0", [VF])
            expect_error(call("ADD", conf(), ns), 11, "journal")
            expect_ok(call("STATUS", conf(deviceID=None)))
    finally:
        db.execute("ROLLBACK")
        db.close()
        deleted(IPAM, ipam_conf(), keeper)


@one
def _18_unknown_keys_are_ignored_and_unknown_arguments_are_not():
    ns = Netns("a")
    no("ADD", conf(frobnicate={"x": 1}), ns, 7, VF)
    no("ADD", conf(), ns, 4, "FOO", args="FOO=1")
    no("ADD", conf(), ns, 7, VF, args="IgnoreUnknown=1;FOO=1")
    for args in ("FOO=1", "bad", ";;"):
        expect_ok(call("DEL", conf(), ns, args=args))


# Versions --------------------------------------------------------------------------------------------

@one
def _19_to_21_version_needs_nothing_and_echoes():
    for stdin in (b"", b"garbage", b'{"cniVersion":5}'):
        answer = expect_ok(raw(SRIOV, {"CNI_COMMAND": "VERSION"}, stdin))
        expect_eq((answer.json["cniVersion"], answer.json["supportedVersions"]), (NEWEST, list(VERSIONS)), "versions")
    for version in VERSIONS:
        expect_eq(call("VERSION", {"cniVersion": version}).json["cniVersion"], version, "echo")


@one
def _22_an_unsupported_version_is_error_1_with_both_sides():
    ns = Netns("a")
    for verb in ("ADD", "CHECK", "GC", "STATUS"):
        for version in ("2.0.0", "1.0", "x"):
            no(verb, conf(version), ns, 1, version, VERSIONS[-1])
    expect_ok(call("DEL", conf("2.0.0"), ns))


@one
def _24_check_gc_and_status_need_the_version_that_brought_them():
    ns = Netns("a")
    for verb, versions in (("CHECK", VERSIONS[:4]), ("GC", VERSIONS[:6]), ("STATUS", VERSIONS[:6])):
        for version in versions:
            no(verb, {**conf(version), VALID: [], "prevResult": {}}, ns, 1, verb, version)


# ADD, DEL, CHECK -------------------------------------------------------------------------------------

@one
def _26_a_device_that_is_none_or_no_vf_is_error_7_and_nothing_is_kept():
    ns = Netns("a")
    no("ADD", conf(), ns, 7, VF)
    with Card() as card:
        card.pf(PF, "pf0", [VF])
        no("ADD", conf(deviceID=PF), ns, 7, PF)
        no("ADD", conf(deviceID="0000:01:10.6"), ns, 7, "0000:01:10.6")
        no("ADD", conf(deviceID=None), ns, 7, "deviceID")
        no("ADD", conf(deviceID=None, pf="nosuch0"), ns, 7, "nosuch0")


# A VF of a driver for user space has no device: from ADD to DEL it needs nothing that is not here.

@one
def _26_a_vf_for_user_space_is_reserved_and_reported():
    ns = Netns("a")
    before = ns.snapshot()
    with Card() as card:
        card.pf(PF, "pf0", [VF])
        answer = expect_ok(call("ADD", conf(), ns))
        expect_eq(answer.json["interfaces"], [{"name": "eth0", "sandbox": ns.path, "pciID": VF}], "interfaces")
        expect_eq(answer.json["ips"], [{"interface": 0, "address": "10.1.0.2/24", "gateway": "10.1.0.1"}], "ips")
        expect_eq((holders(), held()), (["a"], ["10.1.0.2"]), "hold and address")
        doc = with_prev(conf(), answer)
        expect_eq(expect_ok(call("CHECK", doc, ns)).out, "", "stdout")
        expect_ok(call("DEL", doc, ns))
        expect_eq((holders(), held(), attachments()), ([], [], []), "what is left")
    expect_same(before, ns.snapshot())


@one
def _16_28_a_vf_that_is_held_is_error_11_for_others_and_7_for_its_holder():
    a, b = Netns("a"), Netns("b")
    with Card() as card:
        card.pf(PF, "pf0", [VF])
        answer = expect_ok(call("ADD", conf(), a))
        no("ADD", conf(), b, 11, VF, "a eth0")
        no("ADD", conf(deviceID=None, resource={"pfNames": ["pf0"], "drivers": ["vfio-pci"]}), b, 11)
        no("ADD", conf(), a, 7, "eth0")
        status(pf="pf0")
        expect_ok(call("CHECK", with_prev(conf(), answer), a))
        expect_ok(call("DEL", conf(), b))
        expect_eq(holders(), ["a"], "holders after somebody else's DEL")
        expect_ok(call("DEL", conf(), a))
        expect_ok(call("ADD", conf(), b))
        expect_ok(call("DEL", conf(), b))


@one
def _44_check_names_each_drift():
    ns = Netns("a")
    with Card() as card:
        card.pf(PF, "pf0", [VF])
        answer = expect_ok(call("ADD", conf(), ns))
        doc = with_prev(conf(), answer)
        other = json.loads(answer.out.replace(VF, "0000:01:10.6"))
        expect_error(call("CHECK", {**doc, "prevResult": other}, ns), 7, "0000:01:10.6", VF)
        driver = os.path.join(card.top, "pci/devices", VF, "driver")
        os.unlink(driver)
        os.symlink("../../drivers/igbvf", driver)
        expect_error(call("CHECK", doc, ns), 7, VF, "driver is igbvf, expected vfio-pci")
        os.unlink(driver)
        expect_error(call("CHECK", doc, ns), 7, VF, "driver is none")
        os.symlink("../../drivers/vfio-pci", driver)
        expect_ok(call("CHECK", doc, ns))
        db = sqlite3.connect(JOURNAL)
        db.execute("UPDATE vf_hold SET state = 0, netns_id = 7")
        db.commit()
        expect_error(call("CHECK", doc, ns), 7, "Intent", "another network namespace")
        record = db.execute("SELECT record FROM vf_hold").fetchone()[0]
        db.execute("UPDATE vf_hold SET record = '{'")
        db.commit()
        expect_error(call("CHECK", doc, ns), 7, "record", VF)
        db.execute("UPDATE vf_hold SET record = ?", (record,))
        db.commit()
        card.pull(PF, "pf0", [VF])
        expect_error(call("CHECK", doc, ns), 7, VF, "is gone")
        expect_ok(call("DEL", conf(), ns))
        expect_error(call("CHECK", doc, ns), 7, "0 VFs of it, expected 1")


@one
def _31_the_delegate_of_a_failed_add_has_nothing_left():
    foreign = Foreign()
    expect_error(call("ADD", conf(ipam={"type": foreign.name}), Netns("a"), path=foreign.path), 7, VF)
    # A VF that is not there is found out before the delegate is asked.
    expect_eq(foreign.verbs(), [], "calls")


@one
def _38_del_is_quiet_success_whatever_is_there():
    ns = Netns("a")
    before = state(ns)
    for where, kw in ((ns, {}), ("", {"cid": "a"}), (None, {"cid": "a"}), ("/run/netns/gone", {"cid": "a"})):
        for doc in (conf(), conf(deviceID=None), conf(ipam=None), {**conf(), "prevResult": {"cniVersion": NEWEST}}):
            for _ in range(2):
                expect_eq(expect_ok(call("DEL", doc, where, **kw)).out, "", "stdout")
    expect_same(before, state(ns))


@one
def _38_a_corrupt_journal_does_not_stop_del():
    ns = Netns("a")
    spoil_journal()
    try:
        expect_in("journal", expect_ok(call("DEL", conf(), ns)).err, "log")
    finally:
        os.unlink(JOURNAL)


@one
def _39_the_delegate_is_told_and_its_error_passed_on():
    foreign = Foreign()
    doc = conf(ipam={"type": foreign.name})
    expect_ok(call("DEL", doc, "", cid="a", path=foreign.path))
    expect_eq(foreign.verbs(), ["DEL"], "calls")
    foreign.answer("DEL", {"cniVersion": NEWEST, "code": 123, "msg": "not yet"}, fail=True)
    expect_error(call("DEL", doc, "", cid="a", path=foreign.path), 123, "not yet")
    expect_ok(call("DEL", doc, "", cid="a", path="/nowhere"))


@one
def _43_check_needs_a_prevresult():
    no("CHECK", conf(), Netns("a"), 7, "prevResult")


@one
def _44_check_of_what_is_not_there_names_each_drift():
    ns = Netns("a")
    prev = {"cniVersion": NEWEST, "ips": [{"address": "10.1.0.9/24", "interface": 0}],
            "interfaces": [{"name": "eth0", "sandbox": ns.path, "mac": "02:00:00:00:00:09", "pciID": VF}]}
    no("CHECK", {**conf(), "prevResult": prev}, ns, 7, "the journal", "eth0 is missing in the container")


@one
def _45_the_delegates_check_is_passed_on():
    foreign = Foreign()
    foreign.answer("CHECK", {"cniVersion": NEWEST, "code": 17, "msg": "lost it"}, fail=True)
    doc = conf(ipam={"type": foreign.name}, prevResult={"cniVersion": NEWEST})
    expect_error(call("CHECK", doc, Netns("a"), path=foreign.path), 17, "lost it")


main()
