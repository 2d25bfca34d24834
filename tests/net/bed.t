#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The bed itself: a sandbox hides everything, the crash driver counts and kills where it says.
# shellcheck source=tests/lib/tap.sh
. "$(dirname "$0")/../lib/tap.sh"
tools=$BW_BUILD/tools
[ -x "$tools/crashpoint" ] || tools=$TOP/build/tools

is "only lo in a sandbox" "$(ip -o link | wc -l)" 1
is "nothing in bpffs" "$(find /sys/fs/bpf -type f ! -name '*.debug' | wc -l)" 0
is "/var/lib/barewire is empty" "$(ls -A /var/lib/barewire)" ""
is "a nested sandbox is the same one" "$("$TOP/tests/lib/sandbox" readlink /proc/self/ns/net)" \
	"$(readlink /proc/self/ns/net)"
ip link add d0 type bridge
touch /run/left-behind
is "a sandbox of its own sees neither link nor file" \
	"$(env -u BW_SANDBOX "$TOP/tests/lib/sandbox" sh -c 'ip -o link | wc -l; ls /run | grep -c left' | tr '\n' ' ')" "1 0 "
is "--no-bpffs leaves /sys/fs/bpf bare" \
	"$(env -u BW_SANDBOX "$TOP/tests/lib/sandbox" --no-bpffs stat -f -c %T /sys/fs/bpf)" sysfs
env -u BW_SANDBOX "$TOP/tests/lib/sandbox" sh -c 'exit 7'
is "the command's exit code is the sandbox's" $? 7

# crashpoint
total=$("$tools/crashpoint" -- /bin/true | sed 's/.*"total": \([0-9]*\).*/\1/')
like "calls are counted" "$total" '^[1-9][0-9]*$'
"$tools/crashpoint" -k "$total" -- /bin/true >/dev/null
is "the last call can be killed" $? 137
"$tools/crashpoint" -k $((total + 1)) -- /bin/true >"$WORK/out"
is "one more is too many" "$? $(cut -d, -f1 "$WORK/out")" '0 {"killed": 0'
echo 0 >"$WORK/n"
for n in $(seq 1 200); do
	rm -f "$WORK/a" "$WORK/b"
	"$tools/crashpoint" -k "$n" -- sh -c "echo >'$WORK/a'; echo >'$WORK/b'" >/dev/null && break
	[ ! -e "$WORK/b" ] || [ -e "$WORK/a" ] || echo 1 >"$WORK/n"
done
is "a kill never lets a later effect come before an earlier one" "$(cat "$WORK/n")" 0
ok "the sweep ends with the whole command done" test -e "$WORK/b"
like "children are followed" "$("$tools/crashpoint" -- sh -c '/bin/true; /bin/true; :')" '"processes": 3'
like "the exit code is told" "$("$tools/crashpoint" -- sh -c 'exit 9')" '"exit": 9'

done_testing
