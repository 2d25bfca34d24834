#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# vm: nics=1 kernel=6.12
"""A failed ADD leaves the VF as it was, with all that is restored: whatever the reason, and whichever of its calls
to the kernel and to the disk is the one that fails."""
import errno
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import vfnl
from crash import crash
from vfbed import *


def refused(code, words, conf=None, arrange=None, keys=FULL, **kw):
    """conf: more keys. A DEL afterwards changes nothing either."""
    vf, ns = vfs()[0], Netns("a")
    dirty(vf)
    full = {**net(vf, [IP4 % 5], **keys), **(conf or {})}
    if arrange:
        arrange(vf, ns)
    before = vf.state()
    expect_refused(full, ns, code, *words, vf=vf, **kw)
    if code != 123:  # what the delegate says at DEL too
        expect_ok(sriov("DEL", full, ns, **kw))
    expect_restored(vf, before, "after a DEL")
    expect_no_rows()


def name_taken(vf, ns):
    ns.ip("link add eth0 type veth peer name other")


def altname_taken(vf, ns):
    ns.ip("link add other type veth peer name another")
    ns.ip("link property add dev other altname eth0")


def ipam(**keys):
    return {"ipam": {"type": "barewire-ipam", "ranges": [[{"subnet": V4}]], **keys}}


def foreign(**kw):
    folder = workdir()
    return folder, {"ipam": fake_ipam(folder, **kw), "runtimeConfig": None}


def refused_by_delegate(code, words, keys=FULL, **kw):
    folder, conf = foreign(**kw)
    refused(code, words, conf, None, keys, path=folder)
    expect_eq(calls(folder)[:2], ["ADD", "DEL"], "the plugin is told to forget")


for name, code, words, conf, arrange in (
        ("the name is taken in the pod", 7, ["eth0"], None, name_taken),
        ("the name is taken by an altname in the pod", 7, ["eth0"], None, altname_taken),
        ("the MTU is too big", 7, ["mtu"], dict(mtu=9500), None),
        ("the rate is more than the wire's", None, ["max_tx_rate"], dict(max_tx_rate=4000), None),
        ("the driver has no link state", 2, ["link_state"], dict(link_state="disable"), None),
        ("the driver has no lowest rate", None, ["min_tx_rate"], dict(min_tx_rate=5), None),
        ("the driver has no 802.1ad", 2, ["vlanProto"], dict(vlanProto="802.1ad"), None),
        ("the MAC is a group's", 7, ["mac"], dict(mac="01:00:5e:00:00:01"), None),
        ("the address is outside the pool", 7, ["192.0.2.5"], dict(runtimeConfig={"ips": ["192.0.2.5"]}), None),
        ("a route that cannot be set", None, ["route"], ipam(routes=[{"dst": "10.99.0.0/16", "gw": "192.0.2.1"}]), None),
        ("the IPAM plugin is missing", 7, ["no-such-ipam"], dict(ipam={"type": "no-such-ipam"}, runtimeConfig=None), None)):
    fresh_case(name, refused, code, words, conf, arrange)

for keys, text in ((FULL, "with trust"), (NO_TRUST, "with a MAC without trust")):
    fresh_case("the IPAM plugin fails, " + text, lambda k=keys: refused_by_delegate(123, ["today"], k, fail=["ADD"]))
fresh_case("the IPAM plugin answers nonsense", lambda: refused_by_delegate(999, ["fake-ipam"], add="nonsense"))
fresh_case("the IPAM plugin gives no address", lambda: refused_by_delegate(
    7, ["fake-ipam"], add='{"cniVersion": "1.0.0", "ips": []}'))
fresh_case("the IPAM plugin gives a route that cannot be set", lambda: refused_by_delegate(
    None, ["route"], add='{"cniVersion": "1.0.0", "ips": [{"address": "10.7.0.5/24"}], '
                         '"routes": [{"dst": "10.99.0.0/16", "gw": "192.0.2.1"}]}'))


@fresh
def the_address_is_in_use_and_probe_enforces():
    holder = Pod(vfs()[1], "b", IP4 % 5, vlan=100)
    wait_until(lambda: holder.link.carrier, 5, "carrier")
    other = {**ipam(domain="other"), "name": "other", "probe": "enforce"}
    refused_conf = {**net(vfs()[0], [IP4 % 5], **FULL), **other}
    dirty(vfs()[0])
    ns = Netns("a")
    expect_refused(refused_conf, ns, 11, "10.77.0.5", holder.link.mac)
    holder.delete()


@fresh
def the_address_is_another_pods():
    holder = Pod(vfs()[1], "b", IP4 % 5)
    dirty(vfs()[0])
    answer = expect_refused(net(vfs()[0], [IP4 % 5], **FULL), Netns("a"), None, "10.77.0.5")
    expect(answer.json["code"] in (7, 11), "code: %s" % answer)
    holder.delete()


# Names in the pod that are in the way of the VF's own names, which it loses there anyway.
def in_the_way(command):
    vf, ns = vfs()[0], Netns("a")
    dirty(vf)
    for line in command.split(" ; "):
        ns.ip(line.replace("VF", vf.name))
    before, pod = vf.state(), pod_state(ns)
    conf = net(vf, [IP4 % 5], **FULL)
    answer = sriov("ADD", conf, ns)
    if answer.code:
        expect_error(answer, 7)
        diag("refused: " + answer.json["msg"])
    else:
        expect_eq(vf.in_ns(ns).name, "eth0", "name in the pod")
        delete(conf, ns)
    expect_restored(vf, before)
    expect_same(pod, pod_state(ns), "the pod")


for name, command in (
        ("the VF's name is another device's in the pod", "link add VF type veth peer name other"),
        ("the VF's name is an altname in the pod",
         "link add other type veth peer name another ; link property add dev other altname VF"),
        ("the VF's altname is a name's altname in the pod", "link add other type veth peer name another ; "
         "link property add dev other altname a-very-long-name-of-a-VF")):
    fresh_case(name, in_the_way, command)


@fresh
def after_failed_ADDs_the_next_one_works():
    vf, ns = vfs()[0], Netns("a")
    dirty(vf)
    conf = net(vf, [IP4 % 5], **FULL)
    for more in (dict(link_state="disable"), dict(min_tx_rate=5), dict(vlanProto="802.1ad"), dict(ipam={"type": "no-such-ipam"}),
                 ipam(routes=[{"dst": "10.99.0.0/16", "gw": "192.0.2.1"}])):
        expect_error(sriov("ADD", {**conf, **more}, ns))
        pod = Pod(vf, "ok", IP4 % 5, **FULL)
        expect_ok(pod.check())
        pod.delete()


# Namespaces ----------------------------------------------------------------------------------------------

def bad_namespace(path, codes):
    vf = vfs()[0]
    dirty(vf)
    before = vf.state()
    answer = expect_error(sriov("ADD", net(vf, [IP4 % 5], **FULL), path, cid="a"))
    expect_in(answer.json["code"], codes, "code of: %s" % answer)
    expect_restored(vf, before)
    expect_no_rows()


fresh_case("a namespace that is not there", bad_namespace, "/run/netns/never", (3, 4))
fresh_case("a file that is no namespace", bad_namespace, "/etc/passwd", (3, 4, 8))
fresh_case("the node's own namespace", bad_namespace, "/proc/self/ns/net", (8,))


# The VF is not as it should be ---------------------------------------------------------------------------

@fresh
def a_VF_that_somebody_moved_away_is_refused():
    vf, ns, there = vfs()[0], Netns("a"), Netns("there")
    vf.move(there, "mine")
    seen, pod = vf.seen(), pod_state(there)
    answer = expect_error(sriov("ADD", net(vf, [IP4 % 5], **FULL), ns), None, vf.pci)
    expect(answer.json["code"] < 100, "code: %s" % answer)
    expect_eq(vf.seen(), seen, "the PF's view")
    expect_same(pod, pod_state(there), "where it is")
    expect_no_rows()


@fresh
def a_VF_without_a_driver_is_refused():
    vf, ns = vfs()[0], Netns("a")
    write(vf.path + "/driver/unbind", vf.pci)
    seen = vf.seen()
    answer = expect_error(sriov("ADD", net(vf, [IP4 % 5], **FULL), ns), None, vf.pci)
    expect(answer.json["code"] < 100, "code: %s" % answer)
    expect_eq((vf.seen(), vf.driver), (seen, None), "the VF")
    expect_no_rows()


@fresh
def a_second_ADD_is_refused_and_the_first_stays():
    pod = Pod(vfs()[0], "a", IP4 % 5, **FULL)
    for vf in vfs()[:2]:
        seen, link, before = vfs()[0].seen(), pod_state(pod.ns), vfs()[1].state()
        answer = expect_error(sriov("ADD", net(vf, [IP4 % 6], vlan=9), pod.ns))
        expect_in(answer.json["code"], (7, 11), "code")
        expect_eq(vfs()[0].seen(), seen, "the PF's view")
        expect_same(link, pod_state(pod.ns), "the pod")
        expect_restored(vfs()[1], before)
        expect_ok(pod.check())
    pod.delete()


# The disk ------------------------------------------------------------------------------------------------

@fresh
def the_journals_disk_is_full():
    vf, ns = vfs()[0], Netns("a")
    dirty(vf)
    before = vf.state()
    conf = net(vf, [IP4 % 5], **FULL)
    run("mount", "-t", "tmpfs", "-o", "size=2m", "full", "/var/lib/barewire")
    try:
        for fill in (2 << 20, 64 << 10, 128 << 10):  # bytes that are left: none, some at the first ADD
            with contextlib.suppress(OSError):
                with open("/var/lib/barewire/filler", "wb") as f:
                    f.write(b"x" * ((2 << 20) - (0 if fill == 2 << 20 else fill)))
            answer = sriov("ADD", conf, ns)
            if answer.code:
                expect(answer.json["code"] < 100, "code: %s" % answer)
                expect_restored(vf, before)
                expect_eq(pod_state(ns)["link"].count("name: eth0"), 0, "eth0 in the pod")
            else:
                delete(conf, ns)
            os.unlink("/var/lib/barewire/filler")
        expect_restored(vf, before)
        # A full disk must not keep a pod from going either: what DEL cannot write it says, and a retry completes.
        add(conf, ns)
        with contextlib.suppress(OSError):
            with open("/var/lib/barewire/filler", "wb") as f:
                while True:
                    f.write(b"x" * 4096)
                    f.flush()
        answer = sriov("DEL", conf, ns)
        expect(answer.code == 0 or answer.json["code"] < 100, "code: %s" % answer)
        os.unlink("/var/lib/barewire/filler")
        delete(conf, ns)
        expect_restored(vf, before)
        expect_no_rows()
    finally:
        run("umount", "-l", "/var/lib/barewire")


# Each call in turn ---------------------------------------------------------------------------------------

SWEEP_MAX = 400


def each_call_fails(keys, code, step=1):
    """ADD with its n-th call that changes something failing, for every n: it fails and all is as before, or it
    succeeds without that call and DEL gives everything back."""
    vf, ns = vfs()[0], Netns("a")
    dirty(vf)
    add(net(vf), ns)  # the journal is there
    delete(net(vf), ns)
    conf = net(vf, [IP4 % 5], **keys)
    before, pod = vf.state(), pod_state(ns)
    bad, went, n = [], 0, 0
    for n in range(1, SWEEP_MAX, step):
        p = crash(n, [os.path.join(BUILD, PLUGIN)], conf, cni_env("ADD", ns), from_main=False, state_only=True, error=code)
        if "failed" not in p:
            break
        where = "%s, call %d" % (p["call"], n)
        try:
            answer = Answer("ADD", p["exit"], p["stdout"], p["out"])
            if answer.code == 0:
                went += 1
            elif p["call"] not in ("write", "execve"):  # the answer itself could not be written
                expect_error(answer)
                expect_restored(vf, before)
                expect_same(pod, pod_state(ns), "the pod")
            delete(conf, ns)
            expect_restored(vf, before, "after DEL")
            expect_same(pod, pod_state(ns), "the pod after DEL")
            expect_no_rows()
        except Failed as e:
            bad.append("%s: %s" % (where, e))
            if len(bad) > 9:
                break
            clean()
            dirty(vf)
            ns = Netns("a")
            before = vf.state()
    delete(conf, ns)
    diag("%d calls, %d that ADD can do without" % (n - 1, went))
    expect(not bad, "%d of %d:\n%s" % (len(bad), n - 1, "\n".join(bad[:6])))
    expect(10 < n < SWEEP_MAX - step, "calls")


def move_refused(attribute, keys):
    """The kernel moves the device, then refuses its address or MTU, and leaves it in the pod's namespace."""
    vf, ns = vfs()[0], Netns("a")
    dirty(vf)
    conf = net(vf, [IP4 % 5], **keys)
    before, pod = vf.state(), pod_state(ns)
    p = crash(0, [os.path.join(BUILD, PLUGIN)], conf, cni_env("ADD", ns), from_main=False, spoil=attribute)
    expect(p["spoilt"], "there was a message to spoil")
    answer = expect_error(Answer("ADD", p["exit"], p["stdout"], p["out"]))
    expect(answer.json["code"] < 100 or answer.json["code"] == 999, "code: %s" % answer)
    expect_restored(vf, before)
    expect_same(pod, pod_state(ns), "the pod")
    expect_no_rows()


fresh_case("the kernel refuses the MAC after the move", move_refused, vfnl.ADDRESS, FULL)
fresh_case("the kernel refuses the MTU after the move", move_refused, vfnl.MTU, {**FULL, "mac": None})
fresh_case("any one call of ADD fails", each_call_fails, FULL, errno.ENOMEM)
fresh_case("any one call of ADD with a MAC without trust fails", each_call_fails, NO_TRUST, errno.EIO, 4)

main()
