#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# vm: nics=1 kernel=6.12
"""SIGKILL before every call of ADD and DEL that changes something outside the process (netlink send, write, sync,
unlink, ioctl, ...): a DEL then gives the VF back exactly as it was, and the next ADD succeeds."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import vfnl
from crash import crash
from vfbed import *

POINTS_MAX = 400
SHOWN_MAX = 6


class Sweep:
    """ADD and DEL of one attachment, each killed before its n-th change in turn."""

    def __init__(self, conf, empty=False, path=None, every=1):
        self.vf, self.conf, self.empty, self.path, self.every = vfs()[0], conf, empty, path, every
        self.bad, self.points = [], {"ADD": 0, "DEL": 0}
        self.make()

    def make(self):
        clean()
        dirty(self.vf, up=False)
        self.ns = Netns("a")
        add(net(self.vf), self.ns)  # the journal is there
        delete(net(self.vf), self.ns)
        self.before, self.pod = self.vf.state(), pod_state(self.ns)

    def kill(self, verb, n):
        """True when there was an n-th change."""
        env = cni_env(verb, self.where(verb), cid="a", path=self.path)
        answer = crash(n, [os.path.join(BUILD, PLUGIN)], self.conf, env, from_main=False, state_only=True)
        self.call = answer.get("call", "end")
        if answer["killed"]:
            self.points[verb] += 1
        else:
            expect_eq(answer["exit"], 0, "exit of the undisturbed %s: %s" % (verb, answer["out"]))
        return bool(answer["killed"])

    def where(self, verb):
        return "" if verb == "DEL" and self.empty else self.ns

    def restored(self):
        delete(self.conf, self.where("DEL"), cid="a", path=self.path)
        expect_restored(self.vf, self.before)
        expect_same(self.pod, pod_state(self.ns), "the pod")
        expect_no_rows()

    def step(self, verb, n):
        """One kill, judged by itself. False when the verb has no n-th change."""
        self.call = "preparation"
        try:
            if verb == "DEL":  # the ADD that the one before had to leave possible
                answer = add(self.conf, self.ns, path=self.path)
                if n % 5 == 1:
                    expect_ok(check(self.conf, answer, self.ns, path=self.path))
            more = self.kill(verb, n)
            self.restored()
            return more
        except Failed as e:
            self.bad.append("%s killed before %s, change %d:\n%s" % (verb, self.call, n, e))
            if len(self.bad) > 20:
                raise Failed("\n".join(self.bad[:SHOWN_MAX])) from None
            self.make()
            return self.call not in ("preparation", "end")

    def run(self):
        todo = {"ADD", "DEL"}
        for n in range(1, POINTS_MAX, self.every):
            todo = {verb for verb in sorted(todo) if self.step(verb, n)}
            if not todo:
                break
        else:
            raise Failed("not finished after %d points" % POINTS_MAX)
        diag("%d changes of ADD, %d of DEL" % (self.points["ADD"], self.points["DEL"]))
        expect(not self.bad, "%d points fail\n%s" % (len(self.bad), "\n".join(self.bad[:SHOWN_MAX])))
        expect(min(self.points.values()) > 5, "points: %s" % self.points)
        add(self.conf, self.ns, path=self.path)
        self.restored()


def sweep(*families, keys=FULL, **kw):
    Sweep(net(vfs()[0], [f % 5 for f in families], **keys), **kw).run()


def with_delegate():
    folder = workdir()
    Sweep(net(vfs()[0], ipam=fake_ipam(folder), **NO_TRUST), empty=True, path=folder, every=4).run()


case("ADD and DEL, dual stack with every key, killed at any change", sweep, IP4, IP6)
case("ADD and DEL with a MAC without trust, a delegate, and an empty namespace at DEL, killed at every fourth change",
     with_delegate)


@fresh
def ADD_was_killed_and_its_namespace_died_before_the_DEL():
    vf = vfs()[0]
    dirty(vf)
    conf = net(vf, [IP4 % 5], **FULL)
    add(conf, Netns("a"))
    delete(conf, Netns._all["a"])
    before, n, bad = vf.state(), 0, []
    for n in range(1, POINTS_MAX, 5):
        ns = Netns("b")
        answer = crash(n, [os.path.join(BUILD, PLUGIN)], conf, cni_env("ADD", ns), from_main=False, state_only=True)
        ns.remove()
        try:
            if n % 2:
                delete(conf, "", cid="b")
                expect_restored(vf, before)
            # Else DEL is lost: the next ADD takes the VF back with the first originals.
            ns = Netns("c")
            add(conf, ns)
            delete(conf, ns)
            ns.remove()
            expect_restored(vf, before)
        except Failed as e:
            bad.append("%s, change %d:\n%s" % (answer.get("call", "end"), n, e))
            Netns.remove_all()
            clean()
            dirty(vf)
            before = vf.state()
        if not answer["killed"]:
            break
    expect(not bad, "\n".join(bad[:SHOWN_MAX]))


main()
