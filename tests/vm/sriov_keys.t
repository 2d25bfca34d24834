#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# vm: nics=1 kernel=6.12
"""Every key of barewire-sriov with what it refuses: a refused one is named, and the VF is as it was. DEL works
whatever the configuration says."""
import os
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import vfnl
from vfbed import *
from wire import Tap, mac_bytes

MBIT = 1000000


def rate(mbps):
    return {"egressRate": mbps * MBIT, "egressBurst": MBIT}


# (claim, keys, code or None for any below 100, words of the message)
REFUSED = (
    ("vlan below its range", dict(vlan=-1), 7, ["vlan"]),
    ("vlan above its range", dict(vlan=4095), 7, ["vlan", "4095"]),
    ("vlan that is text", dict(vlan="7"), 7, ["vlan"]),
    ("vlan that is a fraction", dict(vlan=1.5), 7, ["vlan"]),
    ("vlanQoS below its range", dict(vlan=5, vlanQoS=-1), 7, ["vlanQoS"]),
    ("vlanQoS above its range", dict(vlan=5, vlanQoS=8), 7, ["vlanQoS", "8"]),
    ("vlanQoS without vlan", dict(vlanQoS=3), 7, ["vlanQoS"]),
    ("vlanQoS with vlan 0", dict(vlan=0, vlanQoS=3), 7, ["vlanQoS"]),
    ("vlanProto that does not exist", dict(vlan=5, vlanProto="802.1x"), 7, ["vlanProto", "802.1x"]),
    ("802.1ad without vlan", dict(vlanProto="802.1ad"), 7, ["vlanProto"]),
    ("802.1ad with vlan 0", dict(vlan=0, vlanProto="802.1ad"), 7, ["vlanProto"]),
    ("802.1ad, which the driver lacks", dict(vlan=5, vlanProto="802.1ad"), 2, ["vlanProto"]),
    ("802.1AD, which the driver lacks, with everything else", dict(vlan=5, vlanProto="802.1AD", spoofchk="off",
     trust="on", max_tx_rate=50, mac="02:77:00:00:00:01"), 2, ["vlanProto"]),
    ("a mac that is none", dict(mac="nonsense"), 7, ["mac", "nonsense"]),
    ("a mac of a group", dict(mac="01:00:5e:00:00:01"), 7, ["mac"]),
    ("a mac of zeros", dict(mac="00:00:00:00:00:00"), 7, ["mac"]),
    ("a mac that is too long", dict(mac="02:77:00:00:00:01:02"), 7, ["mac"]),
    ("a mac of the runtime that is none", dict(runtimeConfig={"mac": "zz"}), 7, ["mac"]),
    ("spoofchk yes", dict(spoofchk="yes"), 7, ["spoofchk", "yes"]),
    ("spoofchk in capitals", dict(spoofchk="ON"), 7, ["spoofchk"]),
    ("spoofchk empty", dict(spoofchk=""), 7, ["spoofchk"]),
    ("spoofchk a number", dict(spoofchk=1), 7, ["spoofchk"]),
    ("trust maybe", dict(trust="maybe"), 7, ["trust", "maybe"]),
    ("trust enabled", dict(trust="enabled"), 7, ["trust"]),
    ("link_state up", dict(link_state="up"), 7, ["link_state", "up"]),
    ("link_state enable, which the driver lacks", dict(link_state="enable"), 2, ["link_state"]),
    ("link_state disable, which the driver lacks, with everything else",
     dict(link_state="disable", vlan=9, spoofchk="off", trust="on", max_tx_rate=50, mac="02:77:00:00:00:01", mtu=1400),
     2, ["link_state"]),
    ("min_tx_rate, which the driver lacks", dict(min_tx_rate=10, max_tx_rate=50), None, ["min_tx_rate"]),
    ("min_tx_rate, which the driver lacks, with everything else",
     dict(min_tx_rate=10, max_tx_rate=50, vlan=9, spoofchk="off", trust="on", mac="02:77:00:00:00:01"), None, ["min_tx_rate"]),
    ("min_tx_rate above max_tx_rate", dict(min_tx_rate=60, max_tx_rate=50), 7, ["min_tx_rate", "max_tx_rate"]),
    ("a negative min_tx_rate", dict(min_tx_rate=-1), 7, ["min_tx_rate"]),
    ("a negative max_tx_rate", dict(max_tx_rate=-1), 7, ["max_tx_rate"]),
    ("a max_tx_rate that is text", dict(max_tx_rate="100"), 7, ["max_tx_rate"]),
    ("a max_tx_rate above the wire's", dict(max_tx_rate=1001, vlan=9, trust="on"), None, ["max_tx_rate"]),
    ("a max_tx_rate of 32 bits", dict(max_tx_rate=1 << 32), 7, ["max_tx_rate"]),
    ("egressRate against max_tx_rate", dict(max_tx_rate=100, bandwidth=rate(99)), 7, ["egressRate", "max_tx_rate"]),
    ("egressRate of the runtime against max_tx_rate", dict(max_tx_rate=100, runtimeConfig={"bandwidth": rate(99)}), 7,
     ["egressRate"]),
    ("ingressRate", dict(bandwidth={"ingressRate": MBIT, "ingressBurst": MBIT}), 2, ["ingressRate"]),
    ("ingressRate of the runtime", dict(runtimeConfig={"bandwidth": {"ingressRate": MBIT, "ingressBurst": MBIT,
     **rate(5)}}), 2, ["ingressRate"]),
    ("a negative egressRate", dict(bandwidth={"egressRate": -1}), 7, ["egressRate"]),
    ("mtu below its range", dict(mtu=67), 7, ["mtu"]),
    ("mtu above the PF's", dict(mtu=1501), 7, ["mtu", "1501", "1500"]),
    ("mtu above the PF's, with everything else", dict(mtu=9001, vlan=9, spoofchk="off", trust="on", max_tx_rate=50,
     mac="02:77:00:00:00:01"), 7, ["mtu"]),
    ("mtu that is text", dict(mtu="1400"), 7, ["mtu"]),
    ("probe that does not exist", dict(probe="maybe"), 7, ["probe"]),
    ("announce that is text", dict(announce="yes"), 7, ["announce"]),
    ("logLevel that does not exist", dict(logLevel="loud"), 7, ["logLevel"]),
    ("an empty deviceID", dict(deviceID=""), 7, ["deviceID"]),
    ("a deviceID that is no address", dict(deviceID="../../etc"), 7, ["deviceID"]),
    ("a deviceID that is a number", dict(deviceID=7), 7, ["deviceID"]),
    ("a deviceID that does not exist", dict(deviceID="0000:7f:10.0"), None, ["0000:7f:10.0"]),
    ("the PF as deviceID", dict(deviceID="PF"), 7, ["virtual function"]),
    ("no deviceID, and nothing to choose by", dict(deviceID=None), 7, ["deviceID"]),
)


@fresh
def what_is_refused_is_named_and_the_VF_is_intact():
    vf, ns, bad = vfs()[0], Netns("a"), []
    before, pod = vf.state(), pod_state(ns)
    for name, keys, code, words in REFUSED:
        if keys.get("deviceID") == "PF":
            keys = dict(deviceID=pfs()[0].pci)
        try:
            answer = expect_error(sriov("ADD", net(vf, [IP4 % 5], **keys), ns), code, *words)
            expect(answer.json["code"] < 100, "a user's mistake has code %d" % answer.json["code"])
            expect_restored(vf, before)
            expect_same(pod, pod_state(ns), "the pod")
            expect_no_rows()
            print("# refused: %s: %s" % (name, answer.json["msg"]), flush=True)
        except Failed as e:
            bad.append("%s: %s" % (name, e))
            if diff(before, vf.state()):
                sriov("DEL", net(vf), ns)
                reset_vf(vf)
                before = vf.state()
    expect(not bad, "%d of %d:\n%s" % (len(bad), len(REFUSED), "\n".join(bad)))


@fresh
def a_refused_key_changes_nothing_even_for_a_moment():
    # Whatever is tried on the PF on the way: a key that is known to be refused is found before the VF is touched.
    vf, ns = vfs()[0], Netns("a")
    with vfnl.Monitor() as host:
        expect_error(sriov("ADD", net(vf, [IP4 % 5], mtu=9001, vlan=9, trust="on"), ns), 7, "mtu")
        expect_eq([x.name for kind, x in host.heard() if kind == vfnl.RTM_DELLINK], [], "devices that went")


@fresh
def DEL_does_not_mind_a_bad_configuration():
    vf = vfs()[0]
    bad = {k: v for _, keys, _, _ in REFUSED for k, v in keys.items() if k not in ("deviceID", "runtimeConfig")}
    bad.update(cniVersion="9.9.9", ipam={"type": "barewire-ipam", "ranges": 7}, runtimeConfig={"mac": "zz"})
    for conf in ({**net(vf), **bad}, {**net(vf), **bad, "deviceID": "no address"}, {**net(None), **bad}):
        before, ns = vf.state(), Netns("a")
        add(net(vf, [IP4 % 5], vlan=9, spoofchk="off", trust="on"), ns)
        delete(conf, ns)
        expect_restored(vf, before)
        expect_no_rows()
        ns.remove()


for key, value in [(k, v) for k in ("spoofchk", "trust") for v in ("maybe", 1, None, True, "")]:
    def one_bad(key=key, value=value):
        vf = vfs()[0]
        before, ns = vf.state(), Netns("a")
        add(net(vf, [IP4 % 5], spoofchk="off", trust="on"), ns)
        delete({**net(vf), key: value}, ns)
        expect_restored(vf, before)
    if value in ("maybe", True):
        fresh_case("DEL with %s %r" % (key, value), one_bad)


@fresh
def null_is_the_same_as_absent():
    vf = vfs()[0]
    before, ns = vf.state(), Netns("a")
    conf = net(vf, [IP4 % 5])
    for key in ("vlan", "vlanQoS", "vlanProto", "mac", "spoofchk", "trust", "link_state", "min_tx_rate", "max_tx_rate",
                "mtu", "probe", "announce", "bandwidth", "bond", "pf", "resource", "numaNode", "logLevel", "logFile"):
        conf[key] = None
    add(conf, ns)
    delete(conf, ns)
    expect_restored(vf, before)


@fresh
def the_runtimes_deviceID_is_taken():
    vf, ns = vfs()[1], Netns("a")
    conf = net(None, [IP4 % 5], runtimeConfig={"deviceID": vf.pci})
    answer = add(conf, ns)
    expect_eq(answer.json["interfaces"][0]["pciID"], vf.pci, "pciID")
    delete(conf, ns)


@fresh
def the_logs_go_where_logFile_says():
    vf, ns = vfs()[0], Netns("a")
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "sriov.log")
        answer = expect_error(sriov("ADD", net(vf, vlanProto="802.1ad", vlan=5, logLevel="debug", logFile=path), ns), 2)
        with open(path) as f:
            expect_in("vlanProto", f.read(), "the log")
        expect_eq(answer.err, "", "stderr")


# Announcements and probes ------------------------------------------------------------------------------

def arps_of(tap, mac, ip):
    """Whether an ARP of that MAC with this sender address comes."""
    want = bytes(map(int, ip.split(".")))
    frame, _ = tap.wait(lambda f: f[6:12] == mac_bytes(mac) and f[12:14] == b"\x08\x06" and f[28:32] == want, 2.0)
    return frame is not None


@fresh
def an_address_is_announced_unless_announce_is_false():
    listener = Pod(vfs()[1], "b", IP4 % 6)
    wait_until(lambda: listener.link.carrier, 5, "carrier")
    for announce in (None, True, False):
        tap = Tap(listener.ns)
        pod = Pod(vfs()[0], "a", IP4 % 5, announce=announce)
        expect_eq(arps_of(tap, pod.link.mac, pod.ips[0]), announce is not False, "announce %s" % announce)
        tap.close()
        pod.delete()
    listener.delete()


def probes(mode, ips, used):
    holder = Pod(vfs()[1], "b", *ips) if used else None
    if holder:
        wait_until(lambda: holder.link.carrier, 5, "carrier")
        lose_row = net(vfs()[0], ips, name="other", probe=mode)
        lose_row["ipam"] = {**lose_row["ipam"], "domain": "other"}
    conf = lose_row if holder else net(vfs()[0], ips, probe=mode)
    ns = Netns("a")
    if used and mode == "enforce":
        expect_refused(conf, ns, 11, ips[0].split("/")[0], holder.link.mac)
    else:
        answer = add(conf, ns)
        if used and mode == "warn":
            expect_in(holder.link.mac, answer.err, "the log names who has it")
        elif not used:
            expect("in use" not in answer.err, "the log: " + answer.err)
        delete(conf, ns)
    if holder:
        holder.delete()


for used in (False, True):
    for mode in ("off", "warn", "enforce"):
        for family in (IP4, IP6):
            if mode == "off" and not used:
                continue
            fresh_case("probe %s with an IPv%s address %s" % (mode, "6" if ":" in family else "4",
                       "in use" if used else "that is free"), probes, mode, [family % 5], used)

main()
