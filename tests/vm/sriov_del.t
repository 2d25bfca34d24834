#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# vm: nics=1 kernel=6.12
"""DEL and GC of barewire-sriov when the world has changed since ADD: the VF comes back as it was, or is left to
whom it belongs now."""
import os
import sys
import threading

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import vfnl
import vmnic
from vfbed import *


def nothing(pod):
    pass


def kill_namespace(pod):
    pod.ns.remove()


def rename_in_pod(pod):
    for line in ("link set eth0 down", "link set eth0 name mine", "link set mine up"):
        pod.ns.ip(line)


def rename_and_kill(pod):
    rename_in_pod(pod)
    pod.ns.remove()


def change_in_pod(pod):
    pod.ns.ip("link set eth0 mtu 1200")
    pod.ns.ip("link set eth0 address 02:99:00:00:00:01")
    pod.ns.ip("addr add 10.99.0.1/24 dev eth0")
    pod.ns.ip("link property add dev eth0 altname put-here-by-the-pod")


def send_home(pod):
    pod.ns.ip("link set eth0 netns 1")


def send_home_renamed(pod):
    pod.ns.ip("link set eth0 down")
    pod.ns.ip("link set eth0 netns 1 name stray0")


def change_on_pf(pod):
    pod.vf.set("vlan", 77)
    pod.vf.set("trust", "off")


def move_on(pod):
    """The container has put the device into a namespace of its own."""
    other = Netns("inner")
    pod.ns.ip("link set eth0 netns inner")
    other.remove()


def comes_back(arrange, netns=None, keys=FULL, prepare=dirty, conf=None):
    """ADD, something happens, DEL twice: the VF is as it was."""
    vf = vfs()[0]
    prepare(vf)
    pod = Pod(vf, "a", IP4 % 5, **keys)
    arrange(pod)
    where = pod.ns.path if netns is None else netns
    for _ in range(2):
        delete({**pod.conf, **(conf or {})}, where, cid="a")
        expect_restored(vf, pod.before)
        expect_no_rows()


for name, arrange, netns in (
        ("DEL brings the VF back", nothing, None),
        ("DEL with an empty namespace that lives", nothing, ""),
        ("DEL with an empty namespace that is gone", kill_namespace, ""),
        ("DEL after its namespace was deleted", kill_namespace, None),
        ("DEL with a namespace that is the node's own", nothing, "/proc/self/ns/net"),
        ("DEL with a namespace path that never was", nothing, "/run/netns/never"),
        ("DEL after a rename inside the pod", rename_in_pod, None),
        ("DEL after a rename inside the pod, namespace empty and alive", rename_in_pod, ""),
        ("DEL after a rename inside the pod and its death", rename_and_kill, ""),
        ("DEL after the pod changed MTU, MAC, addresses and altnames", change_in_pod, None),
        ("DEL after somebody moved the VF back", send_home, None),
        ("DEL after somebody moved the VF back under another name", send_home_renamed, ""),
        ("DEL after the PF's settings were changed", change_on_pf, None),
        ("DEL after the VF went through another namespace that died", move_on, None)):
    fresh_case(name, comes_back, arrange, netns)

fresh_case("DEL of an attachment without any key", comes_back, kill_namespace, "", {}, lambda vf: None)
fresh_case("DEL without deviceID in its configuration", comes_back, nothing, None, FULL, dirty, {"deviceID": None})
fresh_case("DEL with another deviceID in its configuration", comes_back, nothing, None, FULL, dirty,
           {"deviceID": "0000:7f:10.0"})


@fresh
def DEL_while_the_PF_is_down():
    vf = vfs()[0]
    dirty(vf)
    pod = Pod(vf, "a", IP4 % 5, **FULL)
    run("ip", "link", "set", vf.pf.name, "down")
    try:
        delete(pod.conf, pod.ns)
        after = vf.state()
    finally:
        vmnic.up(vf.pf.name)
    # A PF that is down forgets the MACs of its VFs and shows zeros, and refuses rates: those wait for a GC or an ADD.
    for state in (pod.before, after):
        state["pf"] = [line for line in state["pf"] if not line.startswith(("mac", "max_tx_rate"))]
    expect_same(pod.before, after)
    expect_ok(gc(pod.conf))
    expect_eq(vf.seen()["max_tx_rate"], 300, "the rate, when the PF is up again")
    expect_no_rows()


@fresh
def DEL_with_the_deviceID_of_another_pods_VF_leaves_that_alone():
    a, b = Pod(vfs()[0], "a", IP4 % 5, **FULL), Pod(vfs()[1], "b", IP4 % 6, vlan=7)
    delete({**a.conf, "deviceID": b.vf.pci}, a.ns)
    expect_restored(a.vf, a.before)
    expect_ok(b.check())
    b.delete()


@fresh
def DEL_of_what_was_never_added_touches_nothing():
    vf, ns = vfs()[0], Netns("a")
    dirty(vf)
    before = vf.state()
    for where in (ns, "", "/run/netns/never"):
        delete(net(vf, vlan=9), where, cid="a")
        expect_restored(vf, before)
    other = Pod(vf, "b", IP4 % 5, vlan=9)
    for where in (ns, "", other.ns.path):
        delete(net(vf), where, cid="a")
        expect_ok(other.check())
    other.delete()


@fresh
def a_failed_delegate_does_not_keep_the_VF():
    vf, ns, folder = vfs()[0], Netns("a"), workdir()
    conf = net(vf, ipam=fake_ipam(folder, fail=["DEL"]), **FULL)
    before = vf.state()
    add(conf, ns, path=folder)
    expect_error(sriov("DEL", conf, ns, path=folder), 123, "today")
    expect_restored(vf, before)
    os.unlink(os.path.join(folder, "fake-ipam"))
    delete(conf, ns, path=folder)


# A namespace's name and number are used again ------------------------------------------------------------

def reused(empty):
    """The pod died without a DEL; another one lives under the same path, often with the same inode."""
    vf = vfs()[0]
    dirty(vf)
    pod = Pod(vf, "a", IP4 % 5, **FULL)
    inode = os.stat(pod.ns.path).st_ino
    pod.ns.remove()
    wait_until(lambda: vf.name, 5, "the kernel gives the VF back")
    ns = Netns("a")
    for line in ("link add eth0 type veth peer name other", "addr add %s dev eth0" % (IP4 % 5), "link set eth0 up"):
        ns.ip(line)
    diag("inode %s" % ("reused" if os.stat(ns.path).st_ino == inode else "not reused"))
    before = ns.snapshot()
    delete(pod.conf, "" if empty else ns, cid="a")
    expect_restored(vf, pod.before)
    expect_same(before, ns.snapshot(), "the other pod")
    expect_no_rows()


fresh_case("another pod under the same path is left alone", reused, False)
fresh_case("another pod under the same path is left alone, namespace empty", reused, True)


def late(same_path, empty):
    """ADD, the pod dies without DEL, its VF serves the next one; then the DEL comes."""
    vf = vfs()[0]
    dirty(vf)
    old = Pod(vf, "old", IP4 % 5, **FULL)
    path = old.ns.path
    old.ns.remove()
    if same_path:
        ns = Netns("old")
        conf = net(vf, [IP4 % 6], vlan=9)
        new_cid = "new"
        answer = add(conf, ns, cid=new_cid)
    else:
        ns = Netns("new")
        conf = net(vf, [IP4 % 6], vlan=9)
        new_cid = "new"
        answer = add(conf, ns)
    seen, link = vf.seen(), pod_state(ns)
    delete(old.conf, "" if empty else path, cid="old")
    expect_eq(vf.seen(), seen, "the PF's view")
    expect_same(link, pod_state(ns), "the new owner")
    expect_ok(sriov("CHECK", with_prev(conf, answer), ns, cid=new_cid))
    expect_eq(holds(), {vf.pci: "new"}, "holds")
    delete(conf, ns, cid=new_cid)
    expect_restored(vf, old.before, "the first originals")
    expect_no_rows()


for same_path in (False, True):
    for empty in (False, True):
        fresh_case("a late DEL never touches the new owner%s%s" % (", same path" if same_path else "",
                   ", namespace empty" if empty else ""), late, same_path, empty)


@fresh
def DEL_lost_and_the_next_ADD_takes_the_VF_back_with_the_first_originals():
    vf = vfs()[0]
    dirty(vf)
    before = vf.state()
    for n in range(3):
        pod = Pod(vf, "lost%d" % n, IP4 % 5, **FULL)
        pod.ns.remove()
    last = Pod(vf, "last", IP4 % 5)
    expect_eq({k: v for k, v in vf.seen().items() if k in ("vlan", "qos", "max_tx_rate", "trust", "spoofchk")},
              {"vlan": 55, "qos": 2, "max_tx_rate": 300, "trust": 0, "spoofchk": 1}, "nothing is left of the lost ones")
    delete(last.conf, last.ns)
    expect_restored(vf, before)


@fresh
def DEL_lost_and_GC_takes_the_VF_back():
    vf, other = vfs()[:2]
    dirty(vf)
    pod, kept = Pod(vf, "a", IP4 % 5, **FULL), Pod(other, "b", IP4 % 6, vlan=7)
    pod.ns.remove()
    expect_ok(gc(pod.conf, "b"))
    expect_restored(vf, pod.before)
    expect_eq(holds(), {other.pci: "b"}, "holds")
    expect_ok(kept.check())
    kept.delete()
    expect_no_rows()


@fresh
def GC_takes_back_what_is_not_valid_though_its_namespace_lives():
    vf = vfs()[0]
    pod = Pod(vf, "a", IP4 % 5, **FULL)
    expect_ok(gc(pod.conf, "a"))
    expect_ok(pod.check())
    expect_ok(gc({**pod.conf, "name": "other"}))
    expect_ok(pod.check())
    expect_ok(gc(pod.conf))
    expect_restored(vf, pod.before)
    expect_no_rows()


@fresh
def GC_without_its_list_is_an_error_and_collects_nothing():
    pod = Pod(vfs()[0], "a", IP4 % 5)
    pod_conf = {k: v for k, v in pod.conf.items() if k != "cni.dev/valid-attachments"}
    expect_error(sriov("GC", pod_conf), 7, "valid-attachments")
    expect_ok(pod.check())
    pod.delete()


@fresh
def a_namespace_that_lives_on_without_its_path():
    """Something holds it open: the VF comes when that dies, and until then DEL says so or waits."""
    vf = vfs()[0]
    dirty(vf)
    pod = Pod(vf, "a", IP4 % 5, **FULL)
    holder = pod.ns.popen("sleep", "60")
    pod.ns.remove()
    deleting = threading.Thread(target=lambda: sriov("DEL", pod.conf, "", cid="a"), daemon=True)
    deleting.start()
    deleting.join(1.0)
    holder.kill()
    holder.wait()
    deleting.join(30)
    delete(pod.conf, "", cid="a")
    expect_restored(vf, pod.before)
    expect_no_rows()


# The journal is lost -------------------------------------------------------------------------------------

PLAIN = dict(vlan=100, vlanQoS=3, spoofchk="off", trust="on", max_tx_rate=200)


def journal_lost(arrange, how, netns=None, conf=None):
    vf = vfs()[0]
    pod = Pod(vf, "a", IP4 % 5, **PLAIN)
    arrange(pod)
    how()
    delete({**pod.conf, **(conf or {})}, pod.ns.path if netns is None else netns, cid="a")
    expect_restored(vf, pod.before)


def corrupt_journal():
    lose_journal()
    with open(JOURNAL, "w") as f:
        f.write("no database at all, whatever its name says; " * 400)


for name, arrange, how, netns, conf in (
        ("alive", nothing, lose_journal, None, None),
        ("alive, renamed in the pod", rename_in_pod, lose_journal, None, None),
        ("alive, without deviceID", nothing, lose_journal, None, {"deviceID": None}),
        ("gone", kill_namespace, lose_journal, None, None),
        ("gone, namespace empty", kill_namespace, lose_journal, "", None),
        ("gone, namespace empty, without deviceID", kill_namespace, lose_journal, "", {"deviceID": None}),
        ("gone, renamed before", rename_and_kill, lose_journal, "", None),
        ("alive, journal corrupt", nothing, corrupt_journal, None, None),
        ("gone, journal corrupt", kill_namespace, corrupt_journal, "", None)):
    fresh_case("journal lost: " + name, journal_lost, arrange, how, netns, conf)


@fresh
def journal_lost_and_the_VF_is_anothers():
    vf = vfs()[0]
    pod = Pod(vf, "b", IP4 % 5, **PLAIN)
    lose_journal()
    seen, link = vf.seen(), pod_state(pod.ns)
    running = [threading.Thread(target=delete, args=(pod.conf, where), kwargs={"cid": "a"}, daemon=True)
               for where in ("", pod.ns.path, "/run/netns/never")]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join(60)
    expect_eq(vf.seen(), seen, "the PF's view")
    expect_same(link, pod_state(pod.ns), "the owner")
    delete(pod.conf, pod.ns)
    expect_restored(vf, pod.before)


@fresh
def journal_lost_and_the_VF_is_nobodys():
    vf = vfs()[0]
    dirty(vf)
    run("ip", "link", "set", vf.name, "alias", "a person's own text")
    before = vf.state()
    delete(net(vf), "", cid="a")
    expect_restored(vf, before)


@fresh
def journal_lost_and_GC_finds_the_VF_by_its_alias():
    vf, other = vfs()[:2]
    pod, kept = Pod(vf, "a", IP4 % 5, **PLAIN), Pod(other, "b", IP4 % 6, **PLAIN)
    pod.ns.remove()
    wait_until(lambda: vf.name, 5, "the kernel gives the VF back")
    lose_journal()
    expect_ok(gc(pod.conf, "b"))
    expect_restored(vf, pod.before)
    expect(other.in_ns(kept.ns), "the other's VF is where it was")
    delete(kept.conf, kept.ns)
    expect_restored(other, kept.before)


@fresh
def two_pods_die_and_their_VFs_come_back_under_one_name():
    """The kernel calls the second one dev and a number."""
    pods = [Pod(vf, "ab"[n], IP4 % (5 + n), **(FULL if n else {})) for n, vf in enumerate(vfs()[:2])]
    for pod in pods:
        pod.ns.remove()
    for pod in pods:
        pod.vf.wait_home()
    expect(pods[0].vf.name != pods[1].vf.name, "names")
    for pod in pods:
        delete(pod.conf, "", cid="ab"[pods.index(pod)])
        expect_restored(pod.vf, pod.before)
    expect_no_rows()


# Reboots -------------------------------------------------------------------------------------------------

BOOT_ID = "/proc/sys/kernel/random/boot_id"


@contextlib.contextmanager
def another_boot(pod):
    """As after a reboot: namespaces are gone, VFs are new, the boot id is another. The journal stays."""
    folder = workdir()
    pod.ns.remove()
    pod.vf.wait_home()
    reset_vf(pod.vf)
    write_file(os.path.join(folder, "boot_id"), "11111111-2222-3333-4444-555555555555\n")
    run("mount", "--bind", os.path.join(folder, "boot_id"), BOOT_ID)
    try:
        yield
    finally:
        run("umount", BOOT_ID)


def write_file(path, text):
    with open(path, "w") as f:
        f.write(text)


def rebooted(netns):
    vf = vfs()[0]
    dirty(vf)
    pod = Pod(vf, "a", IP4 % 5, **FULL)
    path = pod.ns.path
    with another_boot(pod):
        vf.set("vlan", 77)
        vf.set("spoofchk", "off")
        run("ip", "link", "set", vf.name, "mtu", 1444)
        before = vf.state()
        delete(pod.conf, path if netns is None else netns, cid="a")
        expect_restored(vf, before)
        expect_no_rows()


fresh_case("a DEL from before a reboot touches nothing of this boot", rebooted, None)
fresh_case("a DEL from before a reboot, namespace empty", rebooted, "")


@fresh
def an_ADD_after_a_reboot_starts_from_what_this_boot_shows():
    vf = vfs()[0]
    dirty(vf)
    pod = Pod(vf, "a", IP4 % 5, **FULL)
    with another_boot(pod):
        vf.set("vlan", 77)
        again = Pod(vf, "b", IP4 % 5, **FULL)
        delete(pod.conf, "", cid="a")
        expect_ok(again.check())
        again.delete()
        expect_eq(vf.seen()["vlan"], 77, "what this boot had set")


@fresh
def GC_after_a_reboot_touches_nothing_of_this_boot():
    vf = vfs()[0]
    pod = Pod(vf, "a", IP4 % 5, **FULL)
    with another_boot(pod):
        vf.set("vlan", 77)
        before = vf.state()
        expect_ok(gc(pod.conf))
        expect_restored(vf, before)
        expect_no_rows()


# The hardware changes ------------------------------------------------------------------------------------

@fresh
def the_VF_is_no_more():
    pf = pfs()[0]
    pods = [Pod(vf, "ab"[n], IP4 % (5 + n), **(FULL if n else {})) for n, vf in enumerate(vfs()[:2])]
    pf.remove()
    try:
        delete(pods[0].conf, pods[0].ns)
        delete(pods[1].conf, "", cid="b")
        expect_no_rows()
        expect_error(sriov("ADD", pods[0].conf, pods[0].ns), None, pods[0].vf.pci)
        expect_no_rows()
    finally:
        pf.renew(7)
    pod = Pod(vfs()[0], "c", IP4 % 5)
    pod.delete()


@fresh
def the_number_of_VFs_was_changed_between_ADD_and_DEL():
    pf = pfs()[0]
    pods = [Pod(vfs()[0], "a", IP4 % 5, **FULL), Pod(vfs()[6], "b", IP4 % 6)]
    pf.renew(3)
    try:
        before = [x.state() for x in vfs()]
        expect_error(pods[0].check(), 7)
        delete(pods[0].conf, pods[0].ns)
        delete(pods[1].conf, "", cid="b")
        # The MAC of the new device may be its own or the one that was there before.
        for x, was in zip(vfs(), before):
            now = x.state()
            for state in (was, now):
                for section in ("pf", "link"):
                    state[section] = [line for line in state[section] if not line.startswith("mac")]
            expect_same(was, now, repr(x))
            expect_eq(x.seen()["mac"], x.link.mac, "MAC of " + repr(x))
        expect_no_rows()
        pod = Pod(vfs()[0], "c", IP4 % 5)
        pod.delete()
    finally:
        pf.renew(7)


@fresh
def the_PFs_driver_is_unloaded():
    pf = pfs()[0]
    pods = [Pod(vf, "ab"[n], IP4 % (5 + n)) for n, vf in enumerate(vfs()[:2])]
    write("/sys/bus/pci/drivers/igb/unbind", pf.pci)
    try:
        delete(pods[0].conf, pods[0].ns)
        delete(pods[1].conf, "", cid="b")
        expect_no_rows()
        expect_error(sriov("ADD", pods[0].conf, pods[0].ns), None, pods[0].vf.pci)
        expect_ok(gc(pods[0].conf))
    finally:
        pf.bind()
        pf.renew(7)
    pod = Pod(vfs()[0], "c", IP4 % 5)
    pod.delete()


main()
