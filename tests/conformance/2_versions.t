#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""CNI 1.1.0: versions (statements 19 to 25)."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from bwtest import *
from cnibed import *


@both
def _19_version_needs_no_other_variable_and_no_sound_stdin(program):
    for stdin in (b"", b"garbage", b"{}", b"[]", b'{"cniVersion":5}', b"\xff", b'{"cniVersion":"1.1.0"'):
        answer = expect_ok(raw(program, {"CNI_COMMAND": "VERSION"}, stdin))
        expect_eq(sorted(answer.json), ["cniVersion", "supportedVersions"], "keys")
        expect_eq(answer.json["cniVersion"], NEWEST, "cniVersion for %r" % stdin)
    expect_ok(raw(program, {"CNI_COMMAND": "VERSION"}, close_stdin=True))
    expect_ok(raw(program, {"CNI_COMMAND": "VERSION", "CNI_CONTAINERID": "../x", "CNI_IFNAME": "/"}, b""))


@both
def _20_version_echoes_a_supported_version_else_names_its_newest(program):
    for version in VERSIONS:
        expect_eq(plug(program, "VERSION", {"cniVersion": version}).json["cniVersion"], version, "echo")
    for version in ("2.0.0", "1.0", "", "0.5.0", "x"):
        expect_eq(plug(program, "VERSION", {"cniVersion": version}).json["cniVersion"], NEWEST, version)


@both
def _21_all_released_versions_are_supported(program):
    answer = plug(program, "VERSION", {"cniVersion": "1.0.0"})
    expect_eq(answer.json["supportedVersions"], list(VERSIONS), "supportedVersions")


@both
def _22_an_unsupported_version_is_error_1_with_both_sides(program):
    ns = Netns("a")
    with unchanged(ns):
        for verb in ("ADD", "CHECK", "GC", "STATUS"):
            for version in ("2.0.0", "1.0", "x", "", "0.5.0", "1.1", "1.1.0 ", "v1.1.0"):
                answer = refused_only(program, verb, conf_of(program, version), ns, 1, version)
                expect_in("0.1.0, 0.2.0, 0.3.0, 0.3.1, 0.4.0, 1.0.0, 1.1.0", answer.json["details"], "details")
    deleted(program, conf_of(program, "2.0.0"), ns)


@both
def _22_no_version_means_0_1_0(program):
    ns = Netns("a")
    conf = conf_of(program)
    del conf["cniVersion"]
    answer = added(program, conf, ns)
    expect_eq(answer.json["cniVersion"], "0.1.0", "cniVersion")
    expect_eq(answer.json["ip4"]["ip"], "10.1.0.2/24", "ip4")
    deleted(program, conf, ns)


def shape(program, version):
    """Statement 23: the result has the shape of the version that was asked for."""
    ns = Netns("a")
    ipam = pool({"subnet": SUBNET}, {"subnet": "fd00:1::/64"},
                routes=[{"dst": "192.0.2.0/24", "gw": "10.1.0.9", "mtu": 1300, "advmss": 1200,
                         "priority": 7, "table": 100, "scope": 0}, {"dst": "2001:db8::/32"}])
    conf = conf_of(program, version, ipam=ipam, dns={"nameservers": ["10.1.0.1"]})
    answer = added(program, conf, ns)
    doc = answer.json
    expect_eq(doc["cniVersion"], version, "cniVersion")
    if version < "0.3.0":
        expect_eq(sorted(set(doc) - {"dns", "cniVersion"}), ["ip4", "ip6"], "keys")
        expect_eq(doc["ip4"]["ip"], "10.1.0.2/24", "ip4.ip")
        expect_eq(doc["ip4"]["gateway"], "10.1.0.1", "ip4.gateway")
        expect_eq(doc["ip4"]["routes"], [{"dst": "192.0.2.0/24", "gw": "10.1.0.9"}], "ip4.routes")
        expect_eq(doc["ip6"]["ip"], "fd00:1::2/64", "ip6.ip")
        expect_eq([r["dst"] for r in doc["ip6"]["routes"]], ["2001:db8::/32"], "ip6.routes")
    else:
        expect_eq([ip["address"] for ip in doc["ips"]], ["10.1.0.2/24", "fd00:1::2/64"], "ips")
        versions = [ip.get("version") for ip in doc["ips"]]
        expect_eq(versions, ["4", "6"] if version < "1.0.0" else [None, None], "ips[].version")
        route = next(r for r in doc["routes"] if r["dst"] == "192.0.2.0/24")
        extra = {"mtu": 1300, "advmss": 1200, "priority": 7, "table": 100, "scope": 0}
        expect_eq(route, {"dst": "192.0.2.0/24", "gw": "10.1.0.9", **(extra if version >= "1.1.0" else {})}, "route")
        for i in doc.get("interfaces", []):
            allowed = {"name", "mac", "sandbox"} | ({"mtu", "socketPath", "pciID"} if version >= "1.1.0" else set())
            expect(set(i) <= allowed, "an interface of %s has %s" % (version, sorted(i)))
        if program == BRIDGE:
            expect_eq(doc["interfaces"][doc["ips"][0]["interface"]]["name"], "eth0", "ips[0].interface")
            if version >= "1.1.0":
                expect_eq([i["mtu"] for i in doc["interfaces"]], [1500] * 3, "interfaces[].mtu")
    if program == BRIDGE:
        expect_eq(doc["dns"], {"nameservers": ["10.1.0.1"]}, "dns")
    deleted(program, conf, ns)


for _program in PROGRAMS:
    for _version in VERSIONS:
        case("23 the result has the shape of %s: %s" % (_version, _program), shape, _program, _version)


def converted(program, prev_version, version):
    """Statement 24: CHECK takes the result of ADD in whatever version it was written."""
    ns = Netns("a")
    answer = added(program, conf_of(program, prev_version), ns)
    conf = conf_of(program, version)
    expect_eq(expect_ok(plug(program, "CHECK", with_prev(conf, answer), ns)).out, "", "stdout")
    wrong = json.loads(answer.out.replace("10.1.0.2/24", "10.1.0.3/24"))
    expect_error(plug(program, "CHECK", {**conf, "prevResult": wrong}, ns), None, "10.1.0.")
    deleted(program, with_prev(conf, answer), ns)


for _program in PROGRAMS:
    # Before 0.3.0 a result has no interfaces: nothing that the bridge could compare.
    for _prev in VERSIONS[1 if _program == IPAM else 3:]:
        for _now in VERSIONS[4:]:
            case("24 a result of %s is converted for CHECK with %s: %s" % (_prev, _now, _program), converted, _program,
                 _prev, _now)


@both
def _24_check_gc_and_status_need_the_version_that_brought_them(program):
    ns = Netns("a")
    for verb, versions in (("CHECK", VERSIONS[:4]), ("GC", VERSIONS[:6]), ("STATUS", VERSIONS[:6])):
        for version in versions:
            conf = {**conf_of(program, version), "cni.dev/valid-attachments": [], "prevResult": {}}
            refused(program, verb, conf, ns, 1, verb, version)


@both
def _25_only_cniversion_counts_not_the_lists_cniversions(program):
    ns = Netns("a")
    conf = conf_of(program, "1.0.0", cniVersions=["0.4.0", "1.0.0", "1.1.0", "9.0.0"])
    expect_eq(added(program, conf, ns).json["cniVersion"], "1.0.0", "cniVersion")
    deleted(program, conf, ns)


main()
