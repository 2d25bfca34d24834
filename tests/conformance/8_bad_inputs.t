#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Bad input gets one error object that names the key, the value and what is allowed, and changes nothing.

The table is bad_inputs.json. A row changes a good configuration ("set": by dotted path, null takes a key
away; "range": keys of the first range; "stdin": other text altogether) or the environment ("env"), and
says the code and the words the message must have ("a|b": one of them)."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from bwtest import *
from cnibed import *

HERE = os.path.dirname(os.path.abspath(__file__))
VERBS = {"gc": "GC"}
SRIOV = "barewire-sriov"
ALL = (*PROGRAMS, SRIOV)
WHO = {"common": ALL, "ipam": ALL, "bridge": (BRIDGE,), "sriov": (SRIOV,), "gc": ALL}
LEAST = 150


def put(conf, path, value):
    """Sets a dotted path; a key with a slash is one key."""
    keys = [path] if "/" in path else path.split(".")
    for key in keys[:-1]:
        conf = conf.setdefault(key, {})
    if value is None:
        conf.pop(keys[-1], None)
    else:
        conf[keys[-1]] = value


def row_conf(program, row):
    if "stdin" in row:
        return row["stdin"]
    conf = conf_of(program)
    if program == SRIOV:
        conf.update(type=SRIOV, deviceID="0000:01:10.0")
    for key, value in row.get("range", {}).items():
        conf["ipam"]["ranges"][0][0][key] = value
    for path, value in row.get("set", {}).items():
        put(conf, path, value)
    return conf


def folders():
    """Files that a plugin could have made: the journal, pins; a lock's file is no change."""
    out = []
    for top in ("/var/lib/barewire", "/run/barewire", BPF_ROOT):
        for folder, names, files in os.walk(top):
            out += [os.path.join(folder, n) for n in names + files]
    return sorted(f for f in out if not f.endswith(".lock"))


class Bed:
    ns = None
    clean = None


def everything():
    return {**state(Bed.ns), "files": folders()}


def prepare():
    """Links that an uplink or a bridge may wrongly be; nothing of ours exists yet."""
    run("ip link add plain0 type veth peer name plain1")
    run("ip link add other0 type bridge")
    run("ip link add addr0 type veth peer name addr1")
    for name in ("plain0", "plain1", "addr0", "addr1"):
        run("ip", "link", "set", name, "up")
    run("ip addr add 192.0.2.1/24 dev addr0")


def bad(program, group, row):
    if Bed.ns is None or not os.path.exists(Bed.ns.path):
        Bed.ns = Netns("bad")
        Netns._all.pop("bad")  # it stays from row to row
        Bed.clean = everything()
    env = dict(row.get("env", {}))
    verb = env.pop("CNI_COMMAND", VERBS.get(group, "ADD"))
    conf = row_conf(program, row)
    answer = plug(program, verb, conf, Bed.ns, extra=env)
    obj = check_error_object(answer)
    expect_eq(obj["code"], row["code"], "code of %s" % answer)
    text = obj["msg"] + " " + obj.get("details", "")
    for word in row["says"]:
        expect(any(w in text for w in word.split("|")), "the message does not say %r\n%s" % (word, answer))
    if program == SRIOV and verb == "ADD" and not env and obj["code"] != 6:
        expect_ok(plug(program, "DEL", conf, Bed.ns))  # what ADD refuses stops no DEL
    after = everything()
    changes = diff(Bed.clean, after)
    if row.get("late"):  # what a failed ADD may leave: the journal's files, without a row
        changes = [c for c in changes if not c.startswith("+ files: " + JOURNAL)]
        Bed.clean = after
    if changes:
        Bed.clean = after
        raise Failed("it changed:\n%s\n%s" % ("\n".join(changes), answer))


def title(row):
    what = row.get("stdin", row.get("set", row.get("range", row.get("env", "the key is missing"))))
    text = what if isinstance(what, str) else json.dumps(what)
    return "".join(c if c.isprintable() and c != "#" else "?" for c in text)[:90]


def load():
    total = 0
    with open(os.path.join(HERE, "bad_inputs.json")) as f:
        for group, rows in json.load(f):
            for row in rows:
                total += 1
                for program in WHO[group]:
                    case("%s: %s: error %d" % (program, title(row), row["code"]), bad, program, group, row)
    expect(total >= LEAST, "only %d rows" % total)
    return total


load()
main(setup=prepare)
