# SPDX-License-Identifier: Apache-2.0
"""What the lint tests share: the checkout's files, C without comments, rules and their running. A rule that a
line must break for a reason carries `lint: RULE reason` in a comment on that line or the one before it."""
import os
import re
import subprocess
import sys

TOP = os.path.abspath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".."))
os.chdir(TOP)

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
PRODUCT = [f for f in C if not f.startswith("tests/") and "/kgen/" not in f]
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

