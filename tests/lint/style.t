#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The style as executable rules: one test a rule, each violation as file:line."""
from lint import *

FILE_LINES_MAX = 600
FUNCTION_LINES_MAX = 60

# What a component may see of the others; tests may see everything.
LAYERS = {
    "lib/base": {"base"},
    "lib/json": {"base", "json"},
    "lib/net": {"base", "json", "net"},
    "lib/cni": {"base", "json", "cni"},
    "lib/datapath": {"base", "json", "net", "datapath", "abi"},
    "lib/kube": {"base", "json", "kube"},
    "lib/tmpl": {"base", "tmpl"},
    "lib/view": {"base", "json", "kube", "ipam", "view"},
    "ipam": {"base", "json", "net", "cni", "ipam"},
    "ipam/agent": {"base", "json", "net", "cni", "ipam", "datapath", "abi", "bridge", "kube"},
    "cni/common": {"base", "json", "net", "cni", "ipam", "common"},
    "cni/bridge": {"base", "json", "net", "cni", "ipam", "common", "datapath", "abi", "bridge"},
    "cni/sriov": {"base", "json", "net", "cni", "ipam", "common", "sriov"},
    "controller/cli": {"base", "json", "net", "cni", "ipam", "common", "datapath", "abi", "bridge", "sriov", "kube",
                       "view"},
    "controller/ipam": {"base", "json", "kube", "ipam", "view"},
    "controller/unit": {"base", "json", "kube", "ipam", "tmpl"},
    "controller/page": {"base", "json", "kube", "ipam", "view"},
    "controller/unitd": {"base", "kube"},
    "bpf": {"abi"},
    "scripts": {"base", "datapath", "abi"},
}
# Which component a header of include/bw belongs to.
HEADERS = {
    "base": "defs err flock log list buf io ip clock undo hash utf8 version",
    "json": "json",
    "net": "addr announce bond bridge_port link neigh netns nft nl probe pci rdma route sysctl sysfs tc vf",
    "cni": "cni_*",
    "kube": "loop kube_*",
    "tmpl": "tmpl",
    "view": "view_*",
    "ipam": "ipam journal range alloc journal_claim binding agent_sock",
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
EXEC_ALLOWED = ("lib/cni/delegate.c", "lib/kube/exec.c", "controller/cli/main.c", "ipam/agent/run.c",
                "controller/unitd/proc.c")


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
def no_file_has_the_marks_of_a_merge():
    found = ((name, re.search(r"^(<{7} |={7}$|>{7} )", text, re.M)) for name, text in TEXT.items())
    return ["%s:%d: a merge did not end" % (name, line_of(TEXT[name], m.start())) for name, m in found if m]


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
def every_cmocka_test_speaks_tap():
    return ["%s: needs cmocka_set_message_output(CM_OUTPUT_TAP)" % f for f in C
            if "cmocka_run_group_tests(" in TEXT[f] and "cmocka_set_message_output(CM_OUTPUT_TAP)" not in TEXT[f]]


@rule
def scripts_and_tests_can_be_executed():
    return ["%s: starts with #! and is not executable" % f for f in SOURCES
            if TEXT[f].startswith("#!") and not os.access(f, os.X_OK)]


main()
