#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# scripts/run-tier judges as its head says, and a file that says nothing holds up no other.
cd "$(dirname "$0")/../.." || exit 1
run_tier=$PWD/scripts/run-tier
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
n=0
failed=0
# check NAME COMMAND...: its output explains a failure
check() {
	local name=$1 out
	shift
	n=$((n + 1))
	if out=$("$@" 2>&1); then
		echo "ok $n - $name"
	else
		failed=1
		echo "not ok $n - $name"
		printf '%s\n' "$out" | head -n 60 | sed 's/^/# /'
	fi
}
# tap NAME COMMAND...: a file of one test that runs the command first
tap() {
	local name=$1
	shift
	printf '#!/bin/bash\necho 1..1\n%s && echo ok 1 || echo not ok 1\n' "$*" >"$name"
	chmod +x "$name"
}
says() {
	local want=$1 out rc=0
	shift
	out=$(timeout 120 "$run_tier" "$@" 2>&1) || rc=$?
	printf '%s\nexit %d\n' "$out" "$rc"
	[[ "$out $rc" = *$want* ]]
}

tap good.t true
tap bad.t false
tap first.t 'echo "# begins"; sleep 0.5'
cp first.t second.t
tap third.t touch "$work/third"
# It ends when the other lane's third file has begun.
tap quiet.t "timeout 60 bash -c 'until [ -e $work/third ]; do sleep 0.1; done'"
# shellcheck disable=SC2016 # for the shell that runs it
tap inside.t '[ "$PLACE" = 2 ]'
check 'a good file passes' says '1 passed, 0 failed, 0 skipped*0' -m 1 t good.t
check 'a failed test fails the tier' says '1 passed, 1 failed*1' -m 1 t good.t bad.t
check 'too few tests fail the tier' says 'at least 2 must*1' -m 2 t good.t
check 'a file that breaks off fails the tier' says '0 passed, 1 failed*1' -m 1 t missing.t
check 'a lane goes on while a file of another says nothing' says '4 passed, 0 failed*0' -m 4 t first.t second.t third.t + quiet.t
check 'a lane has a command of its own' says '2 passed, 0 failed*0' -m 2 t good.t + '=env PLACE=2' inside.t
echo "1..$n"
exit $failed
