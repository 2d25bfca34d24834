#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""barewire pool, claim, who, release and simulate against an API server's answers."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from bwtest import *
from clicluster import *


@test
def pools_are_listed_and_told_in_full():
    c = sound()
    code, out, _ = c.run("pool")
    expect_eq(code, 0)
    expect_in("lan", out)
    expect_in("NoFreeAddress", out)
    code, out, _ = c.run("pool", "lan")
    expect_in("10.99.2.1-10.99.2.10", out)
    code, _, err = c.run("pool", "nothing")
    expect_eq(code, 1)
    expect_in("there is no NetworkPool nothing", err)


@test
def the_map_shows_every_state():
    c = sound()
    c.pool(excludes=["10.99.2.10"])
    for ip, state in (("10.99.2.4", "Cooling"), ("10.99.2.5", "Retained"), ("10.99.2.6", "Quarantined"), ("10.99.9.9", "Bound")):
        c.address(ip, state)
    c.put("networkreservations", "r", {"domain": "lan", "addresses": ["10.99.2.7"], "reason": "printer"})
    code, out, _ = c.run("pool", "map", "lan")
    expect_eq(code, 0)
    expect_in("###~=!r.. \n", out)
    expect_in("out of range 1", out)
    code, svg, _ = c.run("pool", "map", "lan", "-o", "svg")
    expect_eq(code, 0)
    expect_eq(svg.count("<title>"), 10)
    expect_in("<title>10.99.2.6 quarantined</title>", svg)
    import xml.dom.minidom
    xml.dom.minidom.parseString(svg)


@test
def a_large_pool_is_drawn_in_cells_of_several():
    c = sound()
    c.pool(ranges=["10.99.0.0-10.99.255.255"])
    code, out, _ = c.run("pool", "map", "lan")
    expect_in("65536 addresses, 16 a character", out)
    c.put("networkpools", "six", {"domain": "six", "prefix": "fd00::/64", "ranges": ["fd00::1-fd00::ffff:ffff:ffff:ffff"]})
    code, out, _ = c.run("pool", "map", "six")
    expect_eq(code, 0)
    expect_in("'.' free", out)


@test
def simulate_tells_which_would_be_given():
    c = sound()
    code, out, _ = c.run("simulate", "lan", "2")
    expect_eq(code, 0)
    expect_in("7 of 10 addresses are free; 2 more fit\n10.99.2.4\n10.99.2.5\n", out)
    code, out, _ = c.run("simulate", "lan", "8")
    expect_eq(code, 1)
    expect_in("1 would wait", out)


@test
def claims_of_the_namespace_or_of_all():
    c = sound()
    code, out, _ = c.run("claim")
    expect_eq(code, 0)
    expect_eq(len(out.splitlines()), 4)
    expect_eq(len(c.run("claim", "-n", "other")[1].splitlines()), 1)
    expect_eq(len(c.run("claim", "-A", "-n", "other")[1].splitlines()), 4)
    expect_in("node node1, token 1", c.run("claim", "redis-0")[1])
    expect_in("node node1, token 1", c.run("claim", "db/redis-0")[1])
    expect_in("name two namespaces", c.run("claim", "db/redis-0", "-n", "other")[2])


@test
def who_names_the_claim_and_says_when_it_is_gone():
    c = sound()
    code, out, _ = c.run("who", "10.99.2.2")
    expect_eq(code, 0)
    for word in ("Bound since", "claim db/redis-1", "node node1"):
        expect_in(word, out)
    code, out, _ = c.run("who", "10.99.2.9")
    expect_eq((code, "nobody" in out), (1, True))
    c.address("10.99.2.8", claim="gone")
    expect_in("does not exist", c.run("who", "10.99.2.8")[1])
    expect_eq(c.run("who", "x")[0], 64)


@test
def release_wants_every_word_of_it():
    c = sound()
    c.node(ready="Unknown")
    words = ["redis-0", "--token", "1", "--confirm-powered-off", "--reason", "node1 burned"]
    for missing in ("--token", "--confirm-powered-off", "--reason"):
        args = list(words)
        i = args.index(missing)
        del args[i:i + (1 if missing == "--confirm-powered-off" else 2)]
        code, _, err = c.run("release", *args)
        expect_eq(code, 64)
        expect_in(missing, err)
    code, _, err = c.run("release", *[w.replace("1", "2") if w == "1" else w for w in words])
    expect_in("not the token it has now", err)
    expect_eq(c.patches, [])
    c.node(ready="True")
    expect_in("node node1 is Ready: it is not powered off", c.run("release", *words)[2])
    expect_eq(c.patches, [])
    expect_eq(c.run("release", *words, "--although-ready")[0], 0)
    c.patches.clear()
    c.node(ready="Unknown")
    code, out, _ = c.run("release", *words)
    expect_eq(code, 0)
    expect_in("token 1 of node node1 is given up", out)
    expect_eq(c.patches, [("networkclaims", "db", "redis-0", {"metadata": {"resourceVersion": "5", "annotations": {
        "net.barewire.dev/release-token": "1", "net.barewire.dev/release-reason": "node1 burned",
        "net.barewire.dev/released-by": "lab"}}})])


@test
def formats_are_kubectls():
    c = sound()
    pools = json.loads(c.run("pool", "-o", "json")[1])
    expect_eq([(o["kind"], o["metadata"]["name"]) for o in pools["items"]], [("NetworkPool", "lan")])
    expect_eq(json.loads(c.run("pool", "lan", "-ojson")[1])["spec"]["prefix"], "10.99.0.0/16")
    expect_in("\n  prefix: \"10.99.0.0/16\"\n", c.run("pool", "lan", "-o=yaml")[1])
    expect_eq(c.run("pool", "--output", "name")[1], "networkpool.net.barewire.dev/lan\n")
    expect_in("FENCING", c.run("pool", "-o", "wide")[1])
    expect_eq(len(json.loads(c.run("claim", "-A", "-o", "json")[1])["items"]), 3)
    expect_eq(c.run("claim", "redis-1", "-oname")[1], "networkclaim.net.barewire.dev/redis-1\n")
    expect_in("ATTACHED", c.run("claim", "-owide")[1])
    expect_eq([o["kind"] for o in json.loads(c.run("who", "10.99.2.2", "-o", "json")[1])["items"]], ["NetworkAddress", "NetworkClaim"])
    expect_eq(json.loads(c.run("simulate", "lan", "8", "-o", "json")[1]),
              {"pool": "lan", "total": 10, "free": 7, "wanted": 8, "waiting": 1, "fits": False})
    expect_eq(json.loads(c.run("uninstall", "--check", "-o", "json")[1])["attachments"], 3)
    for args, text in ((("pool", "-o", "svg"), '-o: expected wide, json, yaml or name, got "svg"'),
                       (("pool", "map", "lan", "-o", "json"), '-o: expected svg, got "json"'), (("who", "1.2.3.4", "-o", "wide"), "expected json or yaml")):
        code, _, err = c.run(*args)
        expect_eq(code, 64)
        expect_in(text, err)


@test
def what_was_probably_meant_is_done_or_named():
    c = sound()
    for words in (("pools",), ("netpool",), ("get", "pools"), ("describe", "networkpool")):
        expect_in("lan", c.run(*words, program="kubectl-barewire")[1])
    expect_in("#", c.run("pool", "map", "lan")[1])
    for words, text in ((("chek",), "did you mean barewire check?"), (("simul", "lan", "1"), "did you mean barewire simulate?"),
                        (("pool", "--contxt", "x"), "did you mean --context?"), (("claim", "--all"), "did you mean --all-namespaces?"),
                        (("check", "--token", "1"), "barewire check: --token is no option of it"),
                        (("simulate", "lan"), "an argument is missing\nusage: barewire simulate POOL COUNT"),
                        (("simulate", "lan", "many"), 'expected a number above 0, got "many"'),
                        (("simulate", "lan", "-5"), "unknown option: -5"), (("pool", "lan", "x"), "too many arguments"),
                        (("who", "redis-0"), 'expected an address such as 10.99.2.77 or fd00::77, got "redis-0"'),
                        (("claim", "redis-0", "-A"), "a name and -A exclude each other"), (("uninstall",), "expected --check"),
                        (("pool", "-o"), "a value is missing after: -o")):
        code, _, err = c.run(*words, program="kubectl-barewire")
        expect_eq(code, 64, "%s: %s" % (words, err))
        expect_in(text, err)
    code, _, err = c.run("claim", "redis-7")
    expect_eq(code, 1)
    expect_in("there is no NetworkClaim redis-7 in namespace db; barewire claim -A lists all", err)


@test
def help_suffices():
    def plugin(*args):
        p = subprocess.run([os.path.join(BUILD, "kubectl-barewire"), *args], capture_output=True, text=True)
        expect_eq((p.returncode, p.stderr), (0, ""))
        return p.stdout
    every = plugin("--help")
    for name in ("pool", "pool-map", "claim", "who", "check", "repair", "release", "simulate", "import", "uninstall"):
        expect_in("\n  %s " % name, every)
        text = plugin(name, "--help")
        expect_eq(text, plugin("help", name))
        expect_in("usage: barewire " + name, text)
        expect_in("\n  barewire ", text, "an example")
        for option in ("--kubeconfig", "--context"):
            expect_eq(option in text, name != "import", "%s in the help of %s" % (option, name))
        p = subprocess.run([os.path.join(BUILD, "barewire"), "help", name], capture_output=True, text=True)
        expect_eq(p.stdout, text, "barewire help " + name)


@test
def bad_usage_is_told():
    c = Cluster()
    expect_eq(c.run("pool", "--nonsense")[0], 64)
    expect_eq(c.run("who")[0], 64)
    expect_eq(c.run("nonsense", program="kubectl-barewire")[0], 64)
    expect_in("usage: barewire pool [NAME]", c.run("pool", "--help")[1])
    expect_in("kubectl barewire COMMAND", c.run("--help", program="kubectl-barewire")[1])
    p = subprocess.run([os.path.join(BUILD, "barewire"), "pool", "--kubeconfig", "/nonexistent"], capture_output=True, text=True)
    expect_eq(p.returncode, 2)


main()
