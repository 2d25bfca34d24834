#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The status page as it is installed: each controller's on its own node, and the life of Units as it arrives at a page that
is open. How it looks in a browser is shown by tests/page, who may see it by page.t."""
import os
import subprocess
import sys
import threading

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from kubeunit import *  # noqa: E402

A = "10.99.2.48"
ADDRESS = "http://127.0.0.1:9674/"
READ = "import sys, urllib.request as u\nfor l in u.urlopen(sys.argv[1], timeout=60): sys.stdout.write(l.decode()); sys.stdout.flush()"


def setup():
    pool(cooldownSeconds=1)
    atexit.register(delete_claims)
    atexit.register(delete_units)


def node_of(p):
    return bed.node(p["spec"]["nodeName"])


def page(p, query=""):
    """What the controller in that pod serves to its own node."""
    return node_of(p).run(sys.executable, "-c", READ, ADDRESS + query, timeout=90)


class Stream(threading.Thread):
    """An open page: what has arrived, line by line."""

    def __init__(self, p):
        super().__init__(daemon=True)
        self.lines, self.news = [], threading.Condition()
        self.program = node_of(p).popen(sys.executable, "-c", READ, ADDRESS + "events", stdout=subprocess.PIPE, text=True)
        self.start()

    def run(self):
        for line in self.program.stdout:
            with self.news:
                self.lines.append(line)
                self.news.notify_all()

    def wait(self, what, *texts, timeout_s=90):
        """A line that came, now or later, with all of these."""
        with self.news:
            expect(self.news.wait_for(lambda: any(all(t in line for t in texts) for line in self.lines), timeout_s),
                   "%s: no line with %s came; the last are %s" % (what, texts, self.lines[-3:]))

    def forget(self):
        with self.news:
            self.lines.clear()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.program.terminate()
        self.program.wait(30)
        self.join(30)


@test
def each_controller_serves_it_on_its_node_and_one_says_that_it_leads():
    def said():
        pods = system_pods("barewire-controller")
        return sorted(next((w for w in ("which leads", "which follows") if w in page(p)), "neither") for p in pods)
    wait_until(lambda: said() == ["which follows", "which leads"], 60, lambda: "said: %s" % said())


@test
def the_life_of_units_arrives_at_a_page_that_is_open():
    p = wait_until(leader, 60, "a leader")
    name = lambda n: "%s/</a>%s</th>" % (NS, n)  # noqa: E731
    with Stream(p) as s:
        s.wait("the first of all", "id=\"part-units\"")
        make_unit("r", A, volumes=())
        s.wait("a Unit that is Ready", name("r"), ">Ready<", A, "class=\"ok\"")
        make_unit("second", A, wait=False, volumes=())
        said("second", "ClaimBound", "AddressInUse")
        s.wait("what waits, why, and what to do", "<li ", "%s/</span>second" % NS, "AddressInUse", "%s/r" % NS, "To do")
        s.forget()
        delete_unit("r")
        s.wait("it is Ready once it can be", name("second"), ">Ready<", A)
        wait_until(lambda: "%s/</span>second" % NS not in page(p), 60, lambda: "what waits: " + page(p).split("</section>")[1])
        now = page(p)
        expect_in(name("second"), now)
        expect(name("r") not in now, "a Unit that is gone is shown")
        delete_unit("second")


@test
def a_page_that_is_open_costs_no_write():
    def ours():
        """The kubelet writes its pod's status when it likes."""
        return [api.get(path)["metadata"]["resourceVersion"] for path in (unit_path("r"), claim_path("r"))]
    make_unit("r", A, volumes=())
    with Stream(wait_until(leader, 60, "a leader")) as s:
        s.wait("the first of all", "id=\"part-units\"")
        quiet = ours()
        s.forget()
        s.wait("a sign of life", ":")
        expect_eq(ours(), quiet, "writes of a Unit at rest while it is looked at")


main(setup=setup)
