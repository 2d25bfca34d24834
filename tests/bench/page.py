# SPDX-License-Identifier: Apache-2.0
"""build/demo.html: the demo's numbers as one page with inline SVG; nothing is loaded from elsewhere."""
from html import escape

from measure import AA, count_text

STYLE = """
:root { --ink: #1c2430; --soft: #5b6675; --line: #d9dee5; --paper: #fbfbf9; --card: #fff; --ours: #0a7d5c;
  --other: #8fa1b5; --base: #33506e; --floor: #c9a227; }
@media (prefers-color-scheme: dark) { :root { --ink: #e8ebef; --soft: #9aa5b3; --line: #313a46;
  --paper: #14181d; --card: #1b2128; --ours: #35c398; --other: #5d6f84; --base: #8fb4d9; --floor: #d8b84a; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink);
  font: 16px/1.55 system-ui, -apple-system, "Segoe UI", "DejaVu Sans", sans-serif; }
main { max-width: 60rem; margin: 0 auto; padding: 2.5rem 1.25rem 4rem; }
h1 { font-size: 2rem; line-height: 1.2; margin: 0 0 .5rem; letter-spacing: -.01em; }
h2 { font-size: 1.2rem; margin: 2.5rem 0 .25rem; }
p { margin: .4rem 0; max-width: 46rem; } .soft { color: var(--soft); }
.tiles { display: flex; flex-wrap: wrap; gap: 1rem; margin: 1.5rem 0; }
.tile { flex: 1 1 10rem; background: var(--card); border: 1px solid var(--line); border-radius: .6rem;
  padding: .9rem 1.1rem; } .tile b { display: block; font-size: 1.7rem; font-variant-numeric: tabular-nums; }
figure { margin: .75rem 0 0; background: var(--card); border: 1px solid var(--line); border-radius: .6rem;
  padding: 1rem; overflow-x: auto; }
svg { display: block; width: 100%; min-width: 34rem; height: auto; }
svg text { fill: var(--ink); font: 13px system-ui, "DejaVu Sans", sans-serif; }
svg .soft { fill: var(--soft); } svg .grid { stroke: var(--line); }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { text-align: right; padding: .35rem .6rem; border-bottom: 1px solid var(--line); }
th:first-child, td:first-child, td:last-child, th:last-child { text-align: left; }
tr.ours td { font-weight: 650; color: var(--ours); }
code { font: .9em ui-monospace, "DejaVu Sans Mono", monospace; }
li { margin: .3rem 0; max-width: 46rem; }
details { margin-top: 1rem; } summary { cursor: pointer; }
"""

COLORS = {"wire": "var(--base)", "barewire": "var(--ours)", "floor": "var(--floor)"}
LEFT, WIDTH, RIGHT, ROW = 90, 760, 90, 34


def color(name):
    return COLORS.get(name, "var(--other)")


def text(x, y, value, anchor="start", cls=""):
    return '<text x="%.1f" y="%.1f" text-anchor="%s"%s>%s</text>' % (
        x, y, anchor, ' class="%s"' % cls if cls else "", escape(value))


def line(x1, y1, x2, y2, style='class="grid"'):
    return '<line x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f" %s/>' % (x1, y1, x2, y2, style)


def svg(title, rows, body, axis):
    height = len(rows) * ROW + 34
    names = "".join(text(LEFT - 10, i * ROW + 26, r["name"], "end") for i, r in enumerate(rows))
    return ('<figure><svg viewBox="0 0 %d %d" role="img" aria-label="%s">%s%s%s</svg></figure>' %
            (LEFT + WIDTH + RIGHT, height, escape(title), axis, names, "".join(body)))


def ticks(low, high, count=6):
    """Round steps from low to high."""
    raw = (high - low) / count
    scale = 10 ** len(str(int(1 / raw))) if raw < 1 else 1
    step = next(s / scale for s in (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 10 ** 9) if s / scale >= raw)
    first = int(low / step + 0.9999)
    return [round(k * step, 6) for k in range(first, int(high / step + 1e-9) + 1)]


def axis(rows, low, high, fmt):
    bottom = len(rows) * ROW + 8
    parts = []
    for t in ticks(low, high):
        x = LEFT + (t - low) / (high - low) * WIDTH
        parts += [line(x, 4, x, bottom), text(x, bottom + 18, fmt % t, "middle", "soft")]
    return "".join(parts)


def latency_chart(rows):
    """Bar: p50; the thin line ends at p99. From zero, so lengths compare."""
    top = max(r["p99"] for r in rows) * 1.02
    body = []
    for i, r in enumerate(rows):
        y, w, end = i * ROW + 10, r["p50"] / top * WIDTH, LEFT + r["p99"] / top * WIDTH
        body.append('<rect x="%d" y="%d" width="%.1f" height="22" rx="3" fill="%s"/>' % (LEFT, y, w, color(r["name"])))
        style = 'stroke="%s" stroke-width="2"' % color(r["name"])
        body += [line(LEFT + w, y + 11, end, y + 11, style), line(end, y + 5, end, y + 17, style),
                 text(end + 8, y + 16, "%.2f · %.2f" % (r["p50"], r["p99"]), "start", "soft")]
    return svg("p50 and p99 of a round trip in microseconds", rows, body, axis(rows, 0, top, "%g"))


def ratio_chart(rows, aa):
    """Point: median ratio to the wire; bar: the middle half of the rounds; band: a second wire."""
    low = min(min(r["low"] for r in rows) - 0.02, 0.9)
    high = max(max(r["high"] for r in rows), aa[2]) + 0.02

    def x(value):
        return LEFT + (value - low) / (high - low) * WIDTH

    bottom = len(rows) * ROW + 4
    body = ['<rect x="%.1f" y="4" width="%.1f" height="%d" fill="var(--base)" opacity=".15"/>' %
            (x(aa[1]), max(x(aa[2]) - x(aa[1]), 1), bottom), line(x(1), 4, x(1), bottom + 4,
                                                                  'stroke="var(--base)" stroke-dasharray="4 3"')]
    for i, r in enumerate(rows):
        y, ink = i * ROW + 21, color(r["name"])
        body += [line(x(r["low"]), y, x(r["high"]), y, 'stroke="%s" stroke-width="6" opacity=".45"' % ink),
                 '<circle cx="%.1f" cy="%d" r="6" fill="%s"/>' % (x(r["ratio"]), y, ink),
                 text(x(max(r["high"], r["ratio"])) + 12, y + 5, "%.3f" % r["ratio"])]
    return svg("ratio to the wire", rows, body, axis(rows, low, high, "%.2f"))


def count_chart(rows):
    """One square for each time a packet is handed to a stack's backlog in a round trip."""
    body = []
    for i, r in enumerate(rows):
        n = round(r["netif_rx"])
        for k in range(n):
            body.append('<rect x="%d" y="%d" width="44" height="22" rx="3" fill="%s"/>' %
                        (LEFT + k * 52, i * ROW + 10, color(r["name"])))
        body.append(text(LEFT + n * 52 + 8, i * ROW + 26, count_text(r["netif_rx"])))
    return svg("stack entries per round trip", rows, body, "")


def table(rows):
    cells = "".join(
        '<tr%s><td>%s</td><td>%.2f</td><td>%.2f</td><td>%.3f</td><td>%.3f–%.3f</td><td>%s</td><td>%s</td></tr>' %
        (' class="ours"' if r["name"] == "barewire" else "", escape(r["name"]), r["p50"], r["p99"], r["ratio"],
         r["low"], r["high"], count_text(r["netif_rx"]), escape(r["about"])) for r in rows)
    return ('<figure><table><thead><tr><th>path</th><th>p50 µs</th><th>p99 µs</th><th>ratio</th><th>spread</th>'
            '<th>netif_rx</th><th>what it is</th></tr></thead><tbody>%s</tbody></table></figure>' % cells)


def samples_table(samples):
    rows = "".join("<tr><td>%s</td>%s</tr>" % (
        escape(name.replace(AA, " again (A/A)")), "".join("<td>%.2f</td>" % (v / 1000) for v in values))
        for name, values in samples.items())
    return "<details><summary>p50 of every round, in microseconds</summary><figure><table>%s</table></figure></details>" % rows


def method(d):
    notes = [
        "Client and server run on one core, one connection, one request at a time: this isolates the path and "
        "is its hardest case. With many connections or a real network the differences shrink.",
        "Each way has its own client, node and wire (a veth pair) in network namespaces of this machine. All "
        "exist at once; %d rounds run every way for %g s in shuffled order, on %d beds built one after the other: "
        "where a bed lies in memory moves its ratios by a percent or more." % (d["rounds"], d["seconds"], d["beds"]),
        "A ratio is the wire's p50 divided by this way's p50 in the same round; shown is the median, the spread "
        "is the middle half of the rounds. Absolute times hold for this machine and minute only.",
        "A second wire, built like the first and run in the same rounds (A/A), reads %.3f, spread %.3f–%.3f: "
        "smaller differences are noise. The servers start anew for each run, for the same reason." % d["aa"],
        "“wire” is a process on the node itself without any netfilter table; “host” is the same with one "
        "conntrack rule, which most nodes have. “floor” is the least an eBPF redirect can cost: it checks no "
        "address and knows no table. The bridge runs with br_netfilter, as kubelets ask for. "
        "barewire is measured after `barewire net reload`, which gives a pod's programs tcx links for the filters "
        "that ADD attaches.",
        "netif_rx counts how often a packet is handed to a stack's backlog per round trip (a kernel "
        "tracepoint), an integer that does not depend on the machine's speed.",
        "Kernel %s, %s, %d cores, load %.2f; Redis %s; reference plugins %s; congestion control %s; %s." %
        (d["kernel"], d["cpu"], d["cpus"], d["load"], d["redis"], d["reference"], d["congestion"], d["date"]),
    ]
    if d.get("foreign"):
        notes.append("Programs of others were attached to this machine's sockets and bend all rows alike: " +
                     ", ".join(d["foreign"]))
    return "<ul>%s</ul>" % "".join("<li>%s</li>" % escape(n) for n in notes)


def tile(number, label):
    return '<div class="tile"><b>%s</b><span class="soft">%s</span></div>' % (escape(number), escape(label))


def render(d):
    rows = d["rows"]
    by = {r["name"]: r for r in rows}
    ours, bridge = by["barewire"], by["bridge"]
    tiles = "".join((
        tile("%.1f %%" % (ours["ratio"] * 100), "of the bare wire's speed"),
        tile("%.1f %%" % (d["of_floor"][0] * 100), "of the floor: a redirect that checks nothing"),
        tile("%.2f ×" % (bridge["p50"] / ours["p50"]), "the speed of the reference bridge"),
        tile(count_text(ours["netif_rx"]), "stack entries per round trip (bridge %s, wire %s)" % (
            count_text(bridge["netif_rx"]), count_text(by["wire"]["netif_rx"])))))
    body = """<h1>Redis at its declared address</h1>
<p>A real Redis %s in its own network namespace behind <code>barewire-bridge</code>, at the address its pod
declares, <code>%s</code>, beside five other ways to reach the same Redis.</p>
<div class="tiles">%s</div>
<h2>Round trip</h2><p class="soft">GET of 64 bytes, microseconds. Bar: half of the requests are faster (p50).
Line: 99 of 100 are (p99).</p>%s
<h2>Speed against the wire</h2><p class="soft">1.00 is the bare machine. Bar: the middle half of the rounds.
Band: a second wire beside the first. The axis does not begin at zero.</p>%s
<h2>Stack entries per round trip</h2><p class="soft">Why: each one is a pass through a backlog.</p>%s
<h2>The numbers</h2>%s%s
<h2>How it was measured</h2>%s""" % (
        escape(d["redis"]), escape(d["address"]), tiles, latency_chart(rows), ratio_chart(rows, d["aa"]),
        count_chart(rows), table(rows), samples_table(d["samples"]), method(d))
    return ('<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>barewire: Redis at its declared '
            'address</title><meta name="viewport" content="width=device-width, initial-scale=1"><style>%s</style>'
            '</head><body><main>%s</main></body></html>\n' % (STYLE, body))
