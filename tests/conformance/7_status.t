#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""CNI 1.1.0: STATUS (statements 51 and 52)."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from bwtest import *
from cnibed import *


@both
def _51_ready_is_quiet_success_and_needs_only_stdin(program):
    before = state()
    for env in ({"CNI_COMMAND": "STATUS"}, {"CNI_COMMAND": "STATUS", "CNI_PATH": BUILD}):
        answer = expect_ok(raw(program, env, json.dumps(conf_of(program)).encode()))
        expect_eq(answer.out, "", "stdout")
    expect_same(before, state())


@both
def _51_an_exhausted_pool_is_no_reason_to_take_the_node_out(program):
    conf = conf_of(program, ipam=pool({"subnet": "10.3.0.0/30"}), **({"bridge": "br3"} if program == BRIDGE else {}))
    a, b = Netns("a"), Netns("b")
    added(program, conf, a)
    refused(program, "ADD", conf, b, 11, "10.3.0.")
    expect_ok(plug(program, "STATUS", conf))
    deleted(program, conf, a)


@both
def _51_an_unusable_journal_is_error_50(program):
    spoil_journal()
    try:
        expect_error(plug(program, "STATUS", conf_of(program)), 50, JOURNAL)
    finally:
        os.unlink(JOURNAL)
    os.mkdir(JOURNAL)
    try:
        expect_error(plug(program, "STATUS", conf_of(program)), 50, JOURNAL)
    finally:
        os.rmdir(JOURNAL)
    expect_ok(plug(program, "STATUS", conf_of(program)))


@one
def _51_a_missing_uplink_is_error_50():
    conf = bridge_conf(uplink="nosuch0", isGateway=None)
    before = state()
    expect_error(plug(BRIDGE, "STATUS", conf), 50, "uplink", "nosuch0")
    expect_same(before, state())


@one
def _52_the_delegates_status_is_passed_on():
    foreign = Foreign()
    expect_ok(plug(BRIDGE, "STATUS", foreign.conf(), path=foreign.path))
    expect_eq(foreign.verbs(), ["STATUS"], "calls")
    foreign.answer("STATUS", {"cniVersion": NEWEST, "code": 50, "msg": "no pool here"}, fail=True)
    before = state()
    expect_error(plug(BRIDGE, "STATUS", foreign.conf(), path=foreign.path), 50, "no pool here")
    expect_same(before, state())


@both
def _52_status_changes_nothing_and_nothing_needs_it(program):
    ns = Netns("a")
    conf = conf_of(program)
    answer = added(program, conf, ns)
    before = state(ns)
    for _ in range(3):
        expect_ok(plug(program, "STATUS", conf))
    expect_same(before, state(ns))
    expect_ok(plug(program, "CHECK", with_prev(conf, answer), ns))
    deleted(program, conf, ns)


main()
