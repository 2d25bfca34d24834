#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Documents against the code: keys, messages, examples and links, each violation as file:line."""
import json

from lint import *

# What a program reads, its reference, and what of the man page is its keys: all of them, or only the suite's own.
KEYS = {
    "bridge": (("cni/bridge/conf", "cni/common/conf.c"), "docs/reference/bridge.md", "docs/man/barewire-bridge.8", False),
    "sriov": (("cni/sriov/conf", "cni/common/conf.c"), "docs/reference/sriov.md", "docs/man/barewire-sriov.8", True),
}


def keys_read(folders):
    """Names in the field tables, and those of the top one. The frame of all programs reads two more."""
    every, top = set(), set()
    for name in C:
        if not name.startswith(tuple(folders)):
            continue
        text = blank_comments(TEXT[name], strings=False)
        named = r'\b(?:BW_JSON_FIELD|FLAG|LIST|REFUSED)\((?:[^"();]|\([^()]*\))*?"(\w+)"'
        every |= set(re.findall(named, text))
        table = re.search(r"struct bw_json_field fields\[\] = \{(.*?)\n\};", text, re.S)
        top |= set(re.findall(named, table.group(1))) if table else set()
    frame = set(re.findall(r'log_key\(req, "(\w+)"', TEXT["lib/cni/plugin.c"]))
    return every | frame, top | frame


def keys_told(page):
    """Words in the first column of tables of keys, and all words set as code."""
    told, header = set(), ""
    for line in TEXT[page].split("\n"):
        if not line.startswith("|"):
            header = ""
        elif not header:
            header = line.split("|")[1].strip()
        elif header == "key":
            told |= set(re.findall(r"`(\w+)`", line.split("|")[1]))
    return told, {w for code in re.findall(r"`([^`\n]+)`", TEXT[page]) for w in re.findall(r"\w+", code)}


@rule
def metrics_are_documented_and_what_is_documented_is_measured():
    page, measured = "docs/metrics.md", set()
    for name in C:
        text = blank_comments(TEXT[name], strings=False)
        if name.startswith(("lib/kube/", "controller/", "ipam/agent/")):
            measured |= set(re.findall(r'struct bw_metric_family \w+ = \{\s*"(\w+)"', text))
            measured |= set(re.findall(r'\{ "(process_\w+)"', text))
        if name == "ipam/agent/monitor.c":
            measured |= {"barewire_agent_" + n for n in re.findall(r'=\s*[CG]\(\s*"(\w+)"', text)}
    told = set(re.findall(r"\b(?:barewire_(?:agent|controller|pool)|controller_runtime|workqueue|stale_cache|leader_election|rest_client|kube|process)_\w+",
                          TEXT[page]))
    bad = ["%s: nothing of the metric %s" % (page, m) for m in sorted(measured - told)]
    bad += ["%s: nobody measures %s" % (page, m) for m in sorted(told - measured)]
    if len(measured) < 40:
        bad.append("%s: only %d metrics found, the test looks in the wrong place" % (page, len(measured)))
    return bad


@rule
def keys_are_documented_and_what_is_documented_is_read():
    bad = []
    for program, (folders, page, man, whole) in KEYS.items():
        if not any(f.startswith(folders[0]) for f in C):
            continue
        every, top = keys_read(folders)
        told, words = keys_told(page)
        pages = set(re.findall(r"[\w.]+", " ".join(re.findall(r"(?m)^\.(?:It )?Ic (.*)$", TEXT[man]))))
        pages = {w.split(".")[-1] for w in pages if w not in (".", "Pq", "No", "Ql")}
        bad += ["%s: nothing of the key %s" % (page, k) for k in sorted(top - told)]
        bad += ["%s: nothing of the key %s" % (page, k) for k in sorted(every - told - words)]
        bad += ["%s: %s is no key of barewire-%s" % (page, k, program) for k in sorted(told - every)]
        bad += ["%s: %s is no key of barewire-%s" % (man, k, program) for k in sorted(pages - every)]
        bad += ["%s: nothing of the key %s" % (man, k) for k in sorted(top - pages) if whole]
        if len(top) < 15:
            bad.append("cni/%s: only %d keys found, the test looks in the wrong place" % (program, len(top)))
    return bad


LITERALS = r'"(?:\\.|[^"\\\n])*"(?:\s*"(?:\\.|[^"\\\n])*")*'


def as_read(literals):
    """A text as a reader may meet it: adjacent literals joined, values as dots."""
    joined = "".join(re.findall(r'"((?:\\.|[^"\\\n])*)"', literals)).replace("\\\"", '"')
    return re.sub(r"%[-0-9.*]*(?:hh|h|ll|l|z)?[a-z]", "...", joined)


def messages():
    return [as_read(m.group(0)) for name in PRODUCT
            for m in re.finditer(LITERALS, blank_comments(TEXT[name], strings=False))]


@rule
def messages_that_documents_explain_are_said():
    """Where a table's first column is `message`: each text set as code, with values as dots, is in the code."""
    bad, known = [], messages()
    for name in [f for f in TEXT if f.startswith("docs/") and f.endswith(".md")]:
        header = ""
        for i, line in enumerate(TEXT[name].split("\n"), 1):
            if not line.startswith("|"):
                header = ""
            elif not header:
                header = line.split("|")[1].strip()
            elif header == "message":
                for text in re.findall(r"`([^`]+)`", line.split("|")[1]):
                    if not any(text in m for m in known):
                        bad.append("%s:%d: nobody says: %s" % (name, i, text))
    return bad


@rule
def every_error_of_barewire_sriov_is_explained():
    """What it refuses by itself has a row in docs/sriov.md; rules of two keys speak for themselves."""
    page, bad = "docs/sriov.md", []
    told = {t for line in TEXT.get(page, "").split("\n") if line.startswith("|")
            for t in re.findall(r"`([^`]+)`", line.split("|")[1])}
    for name in [f for f in C if f.startswith("cni/sriov/")]:
        text = blank_comments(TEXT[name], strings=False)
        for m in re.finditer(r"\bbw_reject\(\s*&?[\w>-]+,\s*(BW_ERR_\w+),\s*[\w>-]+,\s*(" + LITERALS + ")", text):
            said = as_read(m.group(2))
            if m.group(1) != "BW_ERR_INTERNAL" and said.strip(".: ") and not any(t in said for t in told):
                bad.append("%s:%d: not in %s: %s" % (name, line_of(text, m.start()), page, said))
    return bad


def examples(page):
    """The configurations of a document: objects that begin a line, or a quoted text of YAML."""
    text, end = TEXT[page], 0
    for m in re.finditer(r"(?m)(?:^ *|config: ')(?=\{)", text):
        if m.end() < end:
            continue
        try:
            doc, end = json.JSONDecoder().raw_decode(text, m.end())
        except ValueError as e:
            doc = e if '"type": "barewire-' in text[m.end():m.end() + 200] else {}
        yield line_of(text, m.end()), doc


@rule
def examples_in_documents_have_keys_that_are_read():
    bad, seen = [], 0
    frame = {"cniVersion", "name", "type", "capabilities"}
    for name in [f for f in TEXT if f.endswith(".md")]:
        for line, doc in examples(name):
            where = "%s:%d" % (name, line)
            if isinstance(doc, ValueError):
                bad.append("%s: is no JSON: %s" % (where, doc))
                continue
            for plugin in doc.get("plugins", [doc]):
                program = str(plugin.get("type", "")).partition("barewire-")[2]
                if program in KEYS:
                    seen += 1
                    bad += ["%s: %s is no key of barewire-%s" % (where, k, program)
                            for k in sorted(set(plugin) - frame - keys_read(KEYS[program][0])[1])]
    return bad + ([] if seen > 4 else ["only %d examples were found" % seen])


FAILURES, CLASSES = "docs/design/failures.md", 27


def has_test(where):
    """`file: name` or `file` of a test: a function, a case(), or an entry of a C table. None when it is there, else why not."""
    path, _, name = where.partition(": ")
    path = path if "/" in path else "tests/kube/" + path
    if path not in TEXT:
        return "there is no " + path
    ident = re.sub(r"\W", "_", name)
    if not name or re.search(r"(?im)^(def|static void) %s\(" % ident, TEXT[path]) or '"%s"' % name in TEXT[path]:
        return None
    return "%s has no test %s" % (path, name)


@rule
def each_class_of_failure_names_tests_that_exist():
    bad, seen = [], []
    for i, line in enumerate(TEXT.get(FAILURES, "").split("\n"), 1):
        cells = [c.strip() for c in line.strip("|").split("|")]
        if not line.startswith("|") or len(cells) != 5 or not cells[0].isdigit():
            continue
        seen.append(int(cells[0]))
        sims = ["tests/sim/scenarios.c: " + t for t in re.findall(r"`([^`]+)`", cells[3])]
        tests = re.findall(r"`([^`]+)`", cells[2])
        if not tests and cells[2] != "not yet":
            bad.append("%s:%d: no test on the bed, and it does not say so" % (FAILURES, i))
        bad += ["%s:%d: %s" % (FAILURES, i, why) for why in map(has_test, tests + sims + re.findall(r"`([^`]+)`", cells[4])) if why]
    return bad + ([] if seen == list(range(1, CLASSES + 1)) else ["%s: has the classes %s" % (FAILURES, seen)])


def anchors(page):
    """Those that a heading becomes: lower case, blanks as dashes, without the rest."""
    heads = re.findall(r"(?m)^#+ (.*)$", TEXT[page])
    return {re.sub(r"[^\w -]", "", h.lower()).replace(" ", "-") for h in heads}


@rule
def links_of_documents_lead_somewhere():
    bad = []
    for name in [f for f in TEXT if f.endswith(".md")]:
        for m in re.finditer(r"\]\(([^)\s]+)\)", TEXT[name]):
            path, _, anchor = m.group(1).partition("#")
            to = os.path.normpath(os.path.join(os.path.dirname(name), path)) if path else name
            if ":" in path:
                continue
            if not os.path.exists(to) or anchor and anchor not in anchors(to):
                bad.append("%s:%d: %s" % (name, line_of(TEXT[name], m.start()), m.group(1)))
    return bad


main()
