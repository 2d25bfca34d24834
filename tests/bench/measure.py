# SPDX-License-Identifier: Apache-2.0
"""Interleaved rounds and honest statistics: each round runs every variant once in shuffled order; what
is reported is the median over rounds of each variant's ratio to the same round's baseline."""
import random
import statistics
import sys
import time

AA = "-again"  # a second bed of the same kind: what its ratio differs from 1 is noise


def quartiles(values):
    values = sorted(values)
    if len(values) < 2:
        return values[0], values[0], values[0]
    q = statistics.quantiles(values, n=4, method="inclusive")
    return q[0], q[1], q[2]


class Progress:
    """A line that moves on a terminal; a few plain lines elsewhere."""

    def __init__(self, what, total):
        self.what, self.total, self.done, self.start = what, total, 0, time.monotonic()
        self.tty = sys.stderr.isatty()
        self.show()

    def step(self):
        self.done += 1
        self.show()

    def show(self):
        took = time.monotonic() - self.start
        left = took / self.done * (self.total - self.done) if self.done else 0
        text = "  %s: round %d of %d" % (self.what, self.done, self.total)
        if self.done and self.done < self.total:
            text += ", %d s left" % (left + 1)
        if self.tty:
            end = "\n" if self.done == self.total else ""
            sys.stderr.write("\r" + text.ljust(70) + end)
        elif self.done in (0, self.total) or self.done % 3 == 0:
            sys.stderr.write(text + "\n")
        sys.stderr.flush()


def rounds(what, runs, n):
    """runs: {name: callable -> sample dict}. The samples of each name, one a round."""
    samples = {name: [] for name in runs}
    progress = Progress(what, n)
    for _ in range(n):
        order = list(runs)
        random.shuffle(order)
        for name in order:
            samples[name].append(runs[name]())
        progress.step()
    return samples


def ratios(samples, baseline, key="p50", faster="lower"):
    """{name: (median ratio, lower quartile, upper quartile)}; above 1 is better than the baseline."""
    return {name: between(samples, name, baseline, key, faster) for name in samples}


def between(samples, a, b, key="p50", faster="lower"):
    """Median and quartiles of a's speed against b's within the same round, where both were in it."""
    pairs = [(x[key], y[key]) for x, y in zip(samples[a], samples[b]) if x and y]
    return median_iqr([y / x if faster == "lower" else x / y for x, y in pairs if x and y])


def median_iqr(values):
    low, mid, high = quartiles(values)
    return mid, low, high


def medians(samples, key):
    return {name: statistics.median(r[key] for r in rows if r) for name, rows in samples.items()}


def with_hooks(variant, fn):
    """fn run by fresh servers, between the variant's own preparation and clean-up (rules that only its
    runs may see)."""
    def call():
        variant.restart_servers()
        if variant.enter_round:
            variant.enter_round()
        try:
            return fn(variant)
        finally:
            if variant.leave_round:
                variant.leave_round()
    return call


def count_text(value):
    """netif_rx per round trip: an integer where it is one; the handshake of a run is below 0.01."""
    return "%d" % round(value) if abs(value - round(value)) < 0.02 else "%.2f" % value


def merge(beds):
    """The parts of one table that several beds measured, as one: their rounds in a row, None where a bed has
    no such variant. A bed's place in memory moves its ratios by a percent or more, so a table is of several."""
    if len(beds) == 1:
        return beds[0]
    samples, counts = {}, {}
    for bed in beds:
        counts.update(bed["counts"] or {})
        for name in bed["samples"]:
            samples.setdefault(name, [])
    for bed in beds:
        n = len(next(iter(bed["samples"].values())))
        for name, rows in samples.items():
            rows += bed["samples"].get(name, [None] * n)
    return dict(beds[0], samples=samples, counts=counts)
