#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The style as executable rules: one test a rule, each violation as file:line. A rule that a line must
break for a reason carries `lint: RULE reason` in a comment on that line or the one before it."""
import json
import os
import re
import subprocess
import sys

TOP = os.path.abspath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".."))
os.chdir(TOP)

FILE_LINES_MAX = 600
FUNCTION_LINES_MAX = 60

# What a component may see of the others; tests may see everything.
LAYERS = {
    "lib/base": {"base"},
    "lib/json": {"base", "json"},
    "lib/net": {"base", "json", "net"},
    "lib/cni": {"base", "json", "cni"},
    "lib/datapath": {"base", "json", "net", "datapath", "abi"},
    "ipam": {"base", "json", "net", "cni", "ipam"},
    "cni/common": {"base", "json", "net", "cni", "ipam", "common"},
    "cni/bridge": {"base", "json", "net", "cni", "ipam", "common", "datapath", "abi", "bridge"},
    "cni/sriov": {"base", "json", "net", "cni", "ipam", "common", "sriov"},
    "controller/cli": {"base", "json", "net", "cni", "ipam", "common", "datapath", "abi", "bridge", "sriov"},
    "bpf": {"abi"},
    "scripts": {"base", "datapath", "abi"},
}
# Which component a header of include/bw belongs to.
HEADERS = {
    "base": "defs err flock log list buf io ip clock undo hash",
    "json": "json",
    "net": "addr announce bond bridge_port link neigh netns nft nl probe pci rdma route sysctl sysfs tc vf",
    "cni": "cni_*",
    "ipam": "ipam journal range alloc",
    "datapath": "datapath",
    "abi": "bpf_abi",
    "common": "attach check drift foreign own plugin_conf pod",
    "bridge": "segment",
    "sriov": "sriov sriov_*",
}


def component(header):
    return next((part for part, names in HEADERS.items() for n in names.split()
                 if n == header or n.endswith("*") and header.startswith(n[:-1])), None)


# The only places where a person or a runtime is spoken to, and where a process is started.
PRINT_ALLOWED = ("lib/cni/plugin.c", "lib/base/log.c", "controller/cli/", "scripts/")
EXEC_ALLOWED = ("lib/cni/delegate.c",)


def tracked():
    out = subprocess.run(["scripts/files"], capture_output=True, text=True, check=True)
    return [f for f in out.stdout.split("\n") if f]


FILES = tracked()
TEXT = {}
for _name in FILES:
    with open(_name, "rb") as _f:
        _data = _f.read()
    if b"\0" not in _data:
        TEXT[_name] = _data.decode(errors="replace")


def is_source(name):
    if name.startswith("tests/fuzz/corpus/"):
        return False
    if name.endswith((".c", ".h", ".py", ".sh", ".mk", ".t", ".pl")) or name == "Makefile":
        return True
    return TEXT[name].startswith("#!")


SOURCES = [f for f in TEXT if is_source(f)]
C = [f for f in SOURCES if f.endswith((".c", ".h"))]
# A program that only the build runs is no part of the product.
PRODUCT = [f for f in C if not f.startswith("tests/") and "/gen/" not in f]
USER = [f for f in PRODUCT if not f.startswith("bpf/") and f != "include/bw/bpf_abi.h"]
SHELL = [f for f in SOURCES if re.match(r"#!.*\b(ba)?sh\b", TEXT[f]) or f.endswith(".sh")]


def blank_comments(text, strings=True):
    """C without comments and, unless asked otherwise, without what is in strings; lines stay lines."""
    out, i, n = [], 0, len(text)
    while i < n:
        c = text[i]
        if text.startswith("/*", i):
            end = text.find("*/", i + 2)
            end = n if end < 0 else end + 2
            out.append(re.sub(r"[^\n]", " ", text[i:end]))
            i = end
        elif text.startswith("//", i):
            end = text.find("\n", i)
            end = n if end < 0 else end
            out.append(" " * (end - i))
            i = end
        elif c in "\"'":
            j = i + 1
            while j < n and text[j] != c and text[j] != "\n":
                j += 2 if text[j] == "\\" else 1
            j = min(j + 1, n)
            out.append(text[i] + " " * (j - i - 2) + text[j - 1:j] if strings and j - i >= 2 else text[i:j])
            i = j
        else:
            out.append(c)
            i += 1
    return "".join(out)


CODE = {f: blank_comments(TEXT[f]) for f in C}


def excused(name, line, rule):
    lines = TEXT[name].split("\n")
    return any("lint: " + rule in lines[i] for i in (line - 1, line - 2) if 0 <= i < len(lines))


def line_of(text, offset):
    return text.count("\n", 0, offset) + 1


def grep(rule, files, pattern, why, source=None, allowed=()):
    bad = []
    for name in files:
        if name.startswith(tuple(allowed)) if allowed else False:
            continue
        text = (source or CODE)[name]
        for m in re.finditer(pattern, text):
            line = line_of(text, m.start())
            if not excused(name, line, rule):
                bad.append("%s:%d: %s: %s" % (name, line, why, " ".join(m.group(0).split())[:80]))
    return bad


RULES = []


def rule(fn):
    RULES.append(fn)
    return fn


@rule
def every_source_starts_with_its_licence():
    bad = []
    for name in SOURCES:
        lines = TEXT[name].split("\n")
        first = lines[1] if lines[0].startswith("#!") and len(lines) > 1 else lines[0]
        # A shell library says to shellcheck what it is before anything else.
        if "SPDX-License-Identifier:" not in first and not (
                "shellcheck" in first and "SPDX-License-Identifier:" in "".join(lines[:3])):
            bad.append("%s:1: no SPDX-License-Identifier in its first line" % name)
    return bad


@rule
def bpf_programs_are_dual_licensed():
    return ["%s:1: BPF code is Dual BSD/GPL" % f for f in C
            if f.endswith(".bpf.c") and not re.search(r"GPL", TEXT[f])]


@rule
def every_source_says_what_it_is_for():
    bad = []
    for name in SOURCES:
        lines = [ln for ln in TEXT[name].split("\n")[:4]
                 if not ln.startswith("#!") and "SPDX" not in ln and not re.match("# shellcheck [a-z]+=", ln)]
        if not lines or not re.match(r'\s*(/\*|#|"""|\*)', lines[0]):
            bad.append("%s:2: the lines after the licence say what the file is for" % name)
    return bad


@rule
def no_file_is_longer_than_600_lines():
    return ["%s: %d lines" % (f, TEXT[f].count("\n")) for f in SOURCES
            if TEXT[f].count("\n") > FILE_LINES_MAX]


@rule
def no_function_is_longer_than_60_lines():
    bad = []
    for name in C:
        start = None
        lines = CODE[name].split("\n")
        for i, text in enumerate(lines, 1):
            if text.startswith("{"):
                start = i
            elif text.startswith("}") and start:
                if i - start - 1 > FUNCTION_LINES_MAX and not excused(name, start - 1, "long"):
                    bad.append("%s:%d: %d lines: %s" % (name, start, i - start - 1, lines[start - 2].strip()))
                start = None
    return bad


@rule
def components_include_only_what_is_below_them():
    bad = []
    for name in PRODUCT:
        if name.startswith("include/bw/"):
            part = component(os.path.basename(name)[:-2])
            if part is None:
                bad.append("%s: which component is it of? tests/lint/style.t, HEADERS" % name)
                continue
            may = next((v for k, v in LAYERS.items() if os.path.basename(k) == part and k != "bpf"), {part})
        else:
            home = next((k for k in sorted(LAYERS, key=len, reverse=True) if name.startswith(k + "/")), None)
            if home is None:
                bad.append("%s: which layer is it in? tests/lint/style.t, LAYERS" % name)
                continue
            may = LAYERS[home]
        for m in re.finditer(r"^#include <bw/(\w+)\.h>", TEXT[name], re.M):
            if component(m.group(1)) not in may:
                bad.append("%s:%d: may not see <bw/%s.h>" % (name, line_of(TEXT[name], m.start()), m.group(1)))
    return bad


@rule
def private_headers_stay_in_their_folder():
    bad = []
    for name in PRODUCT:
        for m in re.finditer(r'^#include "([^"]+)"', TEXT[name], re.M):
            if "/" in m.group(1) and not name.startswith("bpf/"):
                bad.append("%s:%d: %s" % (name, line_of(TEXT[name], m.start()), m.group(0)))
    return bad


@rule
def headers_are_guarded_by_pragma_once():
    return ["%s: no #pragma once" % f for f in C if f.endswith(".h") and "#pragma once" not in TEXT[f]]


@rule
def descriptors_are_opened_with_cloexec():
    bad = []
    calls = r"\b(open|openat|open_by_handle_at|socket|socketpair|accept4|pipe2|epoll_create1|eventfd|" \
            r"timerfd_create|signalfd|memfd_create|inotify_init1|dup3|fcntl)\s*\("
    for name in USER:
        text = CODE[name]
        for m in re.finditer(calls, text):
            depth, j = 1, m.end()
            while depth and j < len(text):
                depth += {"(": 1, ")": -1}.get(text[j], 0)
                j += 1
            args = text[m.end():j]
            line = line_of(text, m.start())
            if m.group(1) == "fcntl":
                if "F_DUPFD" not in args or "CLOEXEC" in args:
                    continue
            elif "CLOEXEC" in args or "flags" in args:
                continue
            before = text[:m.start()].rstrip()[-1:]
            if before in (".", ">") or excused(name, line, "cloexec"):
                continue
            bad.append("%s:%d: %s without CLOEXEC" % (name, line, m.group(1)))
    bad += grep("cloexec", USER, r"\b(accept|dup|pipe|epoll_create|inotify_init|creat)\s*\(",
                "has no CLOEXEC")
    bad += grep("cloexec", USER, r'\bfopen\s*\([^;]*,\s*"[^e"]*"\s*\)', "fopen without e",
                source={f: blank_comments(TEXT[f], strings=False) for f in USER})
    return bad


@rule
def owning_locals_are_set_where_they_are_declared():
    return grep("owner", C, r"\bbw_auto\w+[^;=(){}]*;", "an owning local without a value") + \
        grep("owner", C, r"\bbw_autoclose int \w+ = (?!-1\b|-E[A-Z]+\b|\w+\s*\()[^;]*;", "a descriptor starts as -1 or -E")


def signature(text, offset):
    """Of the function that a line of code is in."""
    start = text.rfind("\n{", 0, offset)
    return text[text.rfind("}", 0, start) + 1:start] if start >= 0 else ""


@rule
def functions_return_minus_e():
    bad = grep("return", USER, r"\breturn (errno|E[A-Z]{2,});", "the sign is missing")
    for name in USER:
        for m in re.finditer(r"\breturn -1;", CODE[name]):
            line = line_of(CODE[name], m.start())
            if "struct bw_err" in signature(CODE[name], m.start()) and not excused(name, line, "return"):
                bad.append("%s:%d: return a -E code, not -1" % (name, line))
    return bad


@rule
def nobody_prints_but_those_who_may():
    return grep("print", USER, r"\b(printf|puts|putchar|vprintf|perror|dprintf|vdprintf)\s*\(|\bf(printf|puts|write)"
                r"\s*\([^;]*\b(stdout|stderr)\b", "prints", allowed=PRINT_ALLOWED)


@rule
def nobody_starts_a_process_but_the_delegate():
    return grep("exec", USER, r"\b(system|popen|fork|vfork|posix_spawnp?|execv[pe]*|execl[pe]*|execvpe|clone3?)\s*\(",
                "starts a process", allowed=EXEC_ALLOWED)


@rule
def nobody_leaves_but_main():
    bad = []
    for name in USER:
        bad += [b for b in grep("exit", [name], r"\b(_?exit|abort)\s*\(", "leaves the process")
                if not re.search(r"^int main\(", CODE[name], re.M)]
    return [b for b in bad if not b.startswith(EXEC_ALLOWED)]


@rule
def unbounded_and_locale_functions_are_not_used():
    return grep("unsafe", USER, r"\b(strcpy|strcat|sprintf|vsprintf|gets|strtok|atoi|atol|atoll|alloca|tmpnam|mktemp|"
                r"setlocale|usleep|sleep)\s*\(", "use a bounded one")


@rule
def no_goto_and_no_double_slash_comments():
    bad = grep("goto", PRODUCT, r"\bgoto \w+", "no goto")
    for name in C:
        for m in re.finditer(r"(?m)(^|[^:\"'])//.*", blank_strings(TEXT[name])):
            bad.append("%s:%d: /* */ only" % (name, line_of(TEXT[name], m.start() + 1)))
    return bad


def blank_strings(text):
    text = re.sub(r"/\*.*?\*/", lambda m: re.sub(r"[^\n]", " ", m.group(0)), text, flags=re.S)
    return re.sub(r'"(\\.|[^"\\\n])*"', '""', text)


def closing(text, start):
    """Behind the parenthesis that closes the one before start."""
    depth = 1
    while depth and start < len(text):
        depth += {"(": 1, ")": -1}.get(text[start], 0)
        start += 1
    return start


def docstring(lines, first):
    """The comment that ends right above a line, or above the group of prototypes the line stands in."""
    i = first - 2
    while i >= 0 and lines[i].strip() and not lines[i].rstrip().endswith("*/"):
        i -= 1
    if i < 0 or not lines[i].strip():
        return None
    start = i
    while start >= 0 and "/*" not in lines[start]:
        start -= 1
    return "\n".join(lines[start:i + 1])


@rule
def public_functions_are_documented():
    bad = []
    for name in [f for f in PRODUCT if f.startswith("include/bw/")]:
        text, lines = CODE[name], TEXT[name].split("\n")
        for m in re.finditer(r"(?m)^(?!static|typedef|#)[A-Za-z_][\w \t\*]*?\b(bw_\w+)\(", text):
            where = "%s:%d: %s()" % (name, line_of(text, m.start()), m.group(1))
            args = text[m.end():closing(text, m.end()) - 1]
            doc = docstring(lines, line_of(text, m.start()))
            if doc is None:
                bad.append(where + " has no docstring")
            elif "/**" in doc and not re.search(r"\b%s\(\)|\b\w+\(\) - " % m.group(1), doc):
                bad.append(where + ": the docstring is another's")
            elif "/**" in doc and m.group(1) + "()" in doc:
                for var in re.findall(r"(?m)^ \* @(\w+):", doc):
                    if not re.search(r"\b%s\b" % var, args):
                        bad.append(where + ": has no @%s" % var)
            elif "struct bw_err" in args and "/**" not in doc and not re.search(r"Return|return|-E[A-Z]|-errno|0 or|0 also|[Tt]he same", doc):
                bad.append(where + " can fail: the docstring says how")
    return bad


@rule
def public_names_carry_the_prefix():
    bad = []
    for name in [f for f in PRODUCT if f.startswith("include/bw/") and "bpf" not in f]:
        for m in re.finditer(r"(?m)^(struct|enum|union) (\w+) \{|^(?:static inline )?[a-z][\w \t\*]*?\b(\w+)\([^;{]*[;{]\s*$",
                             CODE[name]):
            what = m.group(2) or m.group(3)
            if not what.startswith(("bw_", "__")) and not excused(name, line_of(CODE[name], m.start()), "name"):
                bad.append("%s:%d: %s" % (name, line_of(CODE[name], m.start()), what))
    return bad


@rule
def switches_over_our_enums_have_no_default():
    bad = []
    for name in USER:
        for m in re.finditer(r"switch \(.*?\n(\t*)\}", CODE[name], re.S):
            if re.search(r"\bcase BW_\w+:", m.group(0)) and re.search(r"\bdefault:", m.group(0)):
                bad.append("%s:%d: default hides a missing case" % (name, line_of(CODE[name], m.start())))
    return bad


@rule
def bpf_names_are_at_most_15_characters():
    bad = []
    for name in [f for f in C if f.startswith("bpf/")]:
        for m in re.finditer(r"SEC\([^)]*\)\s*(?:int|static [\w ]+) (\w+)\(|\}\s*(\w+)\s+SEC\(", TEXT[name]):
            what = m.group(1) or m.group(2)
            if len(what) > 15:
                bad.append("%s:%d: the kernel cuts %s" % (name, line_of(TEXT[name], m.start()), what))
    return bad


@rule
def no_registry_host_is_named():
    # In pieces, or this file would name them.
    hosts = [".".join(p) for p in (("proxy", "golang", "org"), ("sum", "golang", "org"), ("deb", "debian", "org"),
             ("security", "debian", "org"), ("snapshot", "debian", "org"), ("archive", "debian", "org"),
             ("ftp", "debian", "org"), ("pypi", "org"), ("files", "pythonhosted", "org"), ("crates", "io"),
             ("registry", "npmjs", "org"), ("repo1", "maven", "org"), ("docker", "io"), ("ghcr", "io"), ("quay", "io"),
             ("gcr", "io"), ("registry", "k8s", "io"))]
    bad = []
    for name, text in TEXT.items():
        for i, ln in enumerate(text.split("\n"), 1):
            if any(re.search(r"(?<![\w.-])" + re.escape(h) + r"(?![\w-])", ln) for h in hosts):
                bad.append("%s:%d: %s" % (name, i, ln.strip()[:80]))
    return bad


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


@rule
def text_is_clean():
    bad = []
    for name in SOURCES + [f for f in TEXT if f.endswith(".md")]:
        text = TEXT[name]
        if text and not text.endswith("\n"):
            bad.append("%s: no newline at its end" % name)
        for i, ln in enumerate(text.split("\n"), 1):
            if ln != ln.rstrip() or "\r" in ln:
                bad.append("%s:%d: blanks at the end of the line" % (name, i))
    return bad


@rule
def python_compiles():
    bad = []
    for name in SOURCES:
        if name.endswith(".py") or TEXT[name].startswith("#!/usr/bin/env python3"):
            try:
                compile(TEXT[name], name, "exec")
            except SyntaxError as e:
                bad.append("%s:%s: %s" % (name, e.lineno, e.msg))
    return bad


@rule
def scripts_and_tests_can_be_executed():
    return ["%s: starts with #! and is not executable" % f for f in SOURCES
            if TEXT[f].startswith("#!") and not os.access(f, os.X_OK)]


def main():
    wanted = sys.argv[1:]
    chosen = [r for r in RULES if not wanted or any(w in r.__name__ for w in wanted)]
    print("1..%d" % len(chosen))
    failed = 0
    for n, check in enumerate(chosen, 1):
        bad = check()
        failed += bool(bad)
        print("%s %d - %s" % ("not ok" if bad else "ok", n, check.__name__.replace("_", " ")))
        for text in bad[:60]:
            print("# " + text)
        if len(bad) > 60:
            print("# ... and %d more" % (len(bad) - 60))
    sys.exit(1 if failed else 0)


main()
