#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# The status page in a real browser, without a cluster: what it shows, that it changes by itself, how it looks by day,
# by night and on a phone, that nothing comes from elsewhere; and who may see it beyond loopback.
import os
import re
import ssl
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "..", "lib"), HERE]
from bwtest import enter_sandbox, expect, expect_eq, expect_in, main, test  # noqa: E402

enter_sandbox()
import pagebed as bed  # noqa: E402
import webdriver  # noqa: E402

LIVE = "return document.getElementById('live').className == 'on'"
# Every text that is seen: its colour against the first background behind it that is not transparent.
CONTRAST = """
function rgb(s) { return s.match(/[\\d.]+/g).map(Number); }
function light(c) {
	const v = c.slice(0, 3).map(function (x) { x /= 255; return x <= .03928 ? x / 12.92 : Math.pow((x + .055) / 1.055, 2.4); });
	return .2126 * v[0] + .7152 * v[1] + .0722 * v[2];
}
const bad = [];
let n = 0;
const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
while (walk.nextNode()) {
	const e = walk.currentNode.parentElement;
	if (!walk.currentNode.data.trim() || !e.checkVisibility() || e.closest('.sr, .skip, svg, noscript, thead')) continue;
	let back = e;
	while (back && (rgb(getComputedStyle(back).backgroundColor)[3] === 0)) back = back.parentElement;
	const a = light(rgb(getComputedStyle(e).color)), b = light(rgb(getComputedStyle(back || document.body).backgroundColor));
	const ratio = (Math.max(a, b) + .05) / (Math.min(a, b) + .05);
	n++;
	if (ratio < 4.5) bad.push(ratio.toFixed(2) + ' ' + e.className + ' ' + walk.currentNode.data.slice(0, 40));
}
return [n, bad];
"""

folder = tempfile.TemporaryDirectory(prefix="bw-page.", dir="/run")  # the sandbox's own: goes with it
CERT, KEY = folder.name + "/cert.pem", folder.name + "/key.pem"


def make_cert(name):
    """A new pair, and its certificate's text."""
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                    "-days", "2", "-subj", "/CN=" + name, "-keyout", KEY + ".new", "-out", CERT + ".new"],
                   check=True, capture_output=True, timeout=60)
    os.replace(KEY + ".new", KEY)
    os.replace(CERT + ".new", CERT)
    with open(CERT) as f:
        return f.read()


def fill(page):
    for name, taints in (("node-1", ()), ("node-2", ("unschedulable",)), ("node-3", ("unreachable",))):
        page.put("nodes", bed.node(name, *taints))
    page.put("networkpools", bed.pool(ranges=["10.99.2.1-10.99.3.250"], default=True))
    page.put("networkpools", bed.pool("six", ["fd00:99::1-fd00:99::ffff:ffff"], "fd00:99::/64"))
    page.put("networkpools", bed.pool("small", ["10.98.0.10-10.98.0.17"], "10.98.0.0/24", conditions=[
        bed.condition("Exhausted", "True", "NoFreeAddress", "0 of 8 free, 1 cooling")]))
    page.put("networkreservations", bed.reservation("routers", ["10.99.2.1-10.99.2.9"]))
    for i, state in enumerate(["Bound"] * 20 + ["Cooling", "Quarantined", "Retained"]):
        page.put("networkaddresses", bed.address("10.99.2.%d" % (20 + 2 * i), state=state))
    for i in range(12):
        page.put("units", bed.unit("redis-%d" % i, node="node-%d" % (i % 2 + 1), ip="10.99.2.%d" % (20 + 2 * i)))
    page.put("units", bed.unit("lost", node="node-3", phase="Unknown", task="waiting for node node-3", conditions=[
        bed.condition("Ready", "False", "NodeUnreachable", "node node-3 does not answer")]))
    page.put("units", bed.unit("waits", node=None, ip=None, phase="Pending", task="waiting for an address", conditions=[
        bed.condition("ClaimBound", "False", "PoolExhausted", "pool small: 0 of 8 free")]))
    page.put("units", bed.unit("stopped", "ledger", phase="Stopped", startup=False, conditions=[
        bed.condition("Stopped", "True", "Stopped")]))
    page.put("networkclaims", {"metadata": bed.meta("web", "shop"), "spec": {"interfaces": [{"name": "eth0"}]},
                               "status": {"phase": "Pending", "conditions": [
                                   bed.condition("Bound", "False", "AddressInUse", "10.99.2.20 is taken")]}})
    page.say("sync")
    page.say("lead barewire-controller-0_1")


first_cert = make_cert("first")
secret = bed.Page("127.0.0.1:0", CERT, KEY)
secret.put("units", bed.unit("redis-0"))
secret.say("sync")
page = bed.Page()
fill(page)
browser = webdriver.Browser()


def open_page(path="", width=1200, height=900, mobile=False, scheme="light"):
    browser.scheme(scheme)
    browser.size(width, height, mobile)
    browser.go(page.url + path)
    expect(browser.wait(LIVE), "it is live")


def text():
    return browser.js("return document.body.innerText")


@test
def tokens_are_asked_for_beyond_loopback():
    tls = bed.unverified()
    status, headers, _ = secret.get(tls=tls)
    expect_eq((status, headers.get("WWW-Authenticate")), (401, 'Bearer realm="barewire"'))
    expect_eq(secret.get(headers={"Authorization": "Bearer nobodys"}, tls=tls)[0], 401)
    status, _, said = secret.get(headers={"Authorization": "Bearer weak"}, tls=tls)
    expect_eq(status, 403)
    expect_in("get units.db.barewire.dev", said)
    status, headers, said = secret.get(headers={"Authorization": "Bearer good"}, tls=tls)
    expect_eq(status, 200)
    expect_in("redis-0", said)
    expect_in("default-src 'self'", headers["Content-Security-Policy"])
    for path in ("/events", "/page.css", "/page.js"):
        expect_eq(secret.get(path, tls=tls)[0], 401, path)
    make_cert("second")  # what comes of it the last test sees


@test
def units_stand_by_node_with_what_waits_above():
    open_page()
    said = text()
    for word in ("15\nUnits", "12\nready", "2\nin trouble", "On no node", "cordoned", "unreachable", "which leads",
                 "NodeUnreachable", "PoolExhausted", "AddressInUse", "NoFreeAddress", "To do", "shop/redis-11",
                 "one address a cell", "quarantined"):
        expect_in(word, said)
    expect(said.index("What waits, and why") < said.index("Units by node") < said.index("Pools"), "the order")


@test
def a_change_arrives_without_the_page_being_loaded_again():
    open_page()
    browser.js("window.mark = 1")
    page.change("units", bed.unit("redis-3", node="node-2", phase="Running", task="restarting", conditions=[
        bed.condition("Ready", "False", "Starting", "container redis is starting")]))
    expect(browser.wait("return document.body.innerText.includes('restarting')"), "the change")
    page.put("units", bed.unit("redis-99", node="node-9"))
    expect(browser.wait("return document.body.innerText.includes('redis-99')"), "the new Unit and its node")
    page.gone("units", bed.unit("redis-99", node="node-9"))
    expect(browser.wait("return !document.body.innerText.includes('redis-99')"), "it is gone")
    page.put("networkaddresses", bed.address("10.99.3.1", state="Quarantined"))
    expect(browser.wait("return document.getElementById('part-pools').innerText.includes('2 quarantined')"), "the pool")
    page.change("units", bed.unit("redis-3", node="node-2"))
    expect(browser.wait("return !document.body.innerText.includes('restarting')"), "and back")
    expect_eq(browser.js("return window.mark"), 1, "it is the same page")


@test
def colours_follow_the_browser_and_can_be_read():
    backs = []
    for scheme in ("light", "dark"):
        open_page(scheme=scheme)
        backs.append(browser.js("return getComputedStyle(document.body).backgroundColor"))
        n, bad = browser.js(CONTRAST)
        expect(n > 80, "%d texts were looked at" % n)
        expect_eq(bad, [], scheme)
    expect(backs[0] != backs[1], "light and dark differ: %s" % backs)


@test
def a_phone_shows_it_without_scrolling_sideways():
    long = "a-rather-long-name-of-a-database-of-somebody-else-0"
    page.put("units", bed.unit(long, "a-namespace-with-a-long-name", node="node-with-a-rather-long-name.example.org",
                               ip=["10.99.3.240", "fd00:99:1234:5678:9abc:def0:1234:5678"], task="x" * 300))
    open_page(width=360, height=740, mobile=True)
    expect(browser.wait("return document.body.innerText.includes(arguments[0])", long), "it is there")
    expect_eq(browser.js("return [document.documentElement.scrollWidth, innerWidth]"), [360, 360])
    wide = browser.js("return [...document.querySelectorAll('main *')].filter(e => e.getBoundingClientRect().right > 361 "
                      "&& !e.closest('.sr, thead, svg')).map(e => e.outerHTML.slice(0, 80))")
    expect_eq(wide, [])
    page.gone("units", bed.unit(long, "a-namespace-with-a-long-name"))


@test
def names_and_messages_of_others_stay_texts():
    evil = "<img src=x onerror=window.pwned=1><script>window.pwned=1</script>"
    open_page()
    page.put("units", bed.unit("evil", ip=[evil], task=evil, phase="Pending", conditions=[
        bed.condition("Ready", "False", evil, evil + "\nid: 1\ndata: " + evil, evil)]))
    expect(browser.wait("return document.body.innerText.includes('onerror=window.pwned')"), "it is shown as it is, live")
    expect_eq(browser.js("return [document.querySelectorAll('main img, main script').length, window.pwned === undefined]"),
              [0, True])
    open_page()
    expect_eq(browser.js("return [document.querySelectorAll('main img, main script').length, window.pwned === undefined]"),
              [0, True])
    page.gone("units", bed.unit("evil"))


@test
def it_can_be_used_by_ear_and_by_keyboard():
    open_page()
    expect_eq(browser.js("return document.documentElement.lang"), "en")
    expect_eq(browser.js("return [...document.querySelectorAll('svg:not([aria-hidden])')].filter(s => s.getAttribute('role')"
                         " != 'img' || !s.getAttribute('aria-label')).length"), 0, "pictures without words")
    expect_eq(browser.js("return [...document.querySelectorAll('th')].filter(t => !t.scope).length"), 0)
    expect_eq(browser.js("const i = [...document.querySelectorAll('[id]')].map(e => e.id);"
                         "return i.length - new Set(i).size"), 0, "ids that stand twice")
    expect_eq(browser.js("return document.querySelector('[aria-live]').getAttribute('aria-live')"), "polite")
    expect_eq(browser.js("return document.querySelector('a').className"), "skip", "the first stop of the keyboard")
    browser.cdp("Emulation.setEmulatedMedia", features=[{"name": "prefers-reduced-motion", "value": "reduce"}])
    expect_eq(browser.js("document.querySelector('tbody tr').classList.add('fresh');"
                         "return getComputedStyle(document.querySelector('tbody tr')).transitionDuration"), "0s")


@test
def without_scripts_it_is_a_page_too():
    browser.scripts(False)
    try:
        browser.go(page.url)
        said = browser.source()
    finally:
        browser.scripts(True)
    for word in ("redis-11", "PoolExhausted", 'http-equiv="refresh"', "every 30 seconds"):
        expect_in(word, said)


@test
def a_lost_connection_is_said_and_found_again():
    global page
    open_page()
    port = page.port
    expect_eq(page.close(), 0)
    expect(browser.wait("return document.getElementById('live').className == 'lost'"), "it says so")
    expect_in("Not live", text())
    page = bed.Page("127.0.0.1:%d" % port)
    fill(page)
    page.put("units", bed.unit("newer"))
    expect(browser.wait("return document.body.innerText.includes('newer')", timeout=120), "all of it is told again")
    expect(browser.wait(LIVE), "and it is live")


@test
def ten_thousand_units_make_a_page_of_bounded_size():
    for i in range(10000):
        page.put("units", bed.unit("many-%05d" % i, node="node-%d" % (i % 40), ip="10.96.%d.%d" % (i // 250, i % 250)))
    began = time.monotonic()
    status, _, said = page.get("/?page=3")
    took = time.monotonic() - began
    expect_eq(status, 200)
    expect_in("Shown are 401 to 600 of 100", said)
    expect(len(said) < 400000, "%d bytes" % len(said))
    print("# %d bytes in %.2f s" % (len(said), took))
    expect_in("no such name", page.get("/?page=0")[2])


@test
def nothing_came_from_elsewhere_and_nothing_was_refused():
    logs = [e["message"] for e in browser.logs("browser") if "chrome://" not in e["message"]]
    expect_eq([m for m in logs if "ERR_CONNECTION" not in m and "ERR_INCOMPLETE" not in m and "ERR_EMPTY" not in m], [])
    urls = set(re.findall(r'"requestWillBeSent".*?"url":"(https?://[^"]+)"',
                          "\n".join(e["message"] for e in browser.logs("performance"))))
    urls |= set(browser.js("return performance.getEntriesByType('resource').map(e => e.name)"))
    expect_eq([u for u in urls if not u.startswith("http://127.0.0.1:")], [])
    expect_eq(page.say("asked"), "0", "calls of the API server")


@test
def another_certificate_takes_effect():
    deadline = time.monotonic() + 120
    while True:
        now = ssl.get_server_certificate(("127.0.0.1", secret.port))
        if now.strip() != first_cert.strip() or time.monotonic() > deadline:
            break
        time.sleep(0.5)  # the file is looked at twice a minute; a deadline, no duration
    with open(CERT) as f:
        expect_eq(now.strip(), f.read().strip())
    expect_eq(secret.get(headers={"Authorization": "Bearer good"}, tls=bed.unverified())[0], 200)


try:
    main()
finally:
    browser.close()
    page.close()
    secret.close()
