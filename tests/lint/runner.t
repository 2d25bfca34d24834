#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# scripts/run-tier judges as its head says, and a file that says nothing holds up no other.
BW_NO_SANDBOX=1
# shellcheck source=tests/lib/tap.sh
. "$(dirname "$0")/../lib/tap.sh"
cd "$WORK" || exit 1

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
	out=$(timeout 120 "$TOP/scripts/run-tier" "$@" 2>&1) || rc=$?
	printf '%s\nexit %d\n' "$out" "$rc"
	[[ "$out $rc" = *$want* ]]
}

tap good.t true
tap bad.t false
tap first.t 'echo "# begins"; sleep 0.5'
cp first.t second.t
tap third.t touch "$WORK/third"
# It ends when the other lane's third file has begun.
tap quiet.t "timeout 60 bash -c 'until [ -e $WORK/third ]; do sleep 0.1; done'"
# shellcheck disable=SC2016 # for the shell that runs it
tap inside.t '[ "$PLACE" = 2 ]'
ok 'a good file passes' says '1 passed, 0 failed, 0 skipped*0' -m 1 t good.t
ok 'a failed test fails the tier' says '1 passed, 1 failed*1' -m 1 t good.t bad.t
ok 'too few tests fail the tier' says 'at least 2 must*1' -m 2 t good.t
ok 'a file that breaks off fails the tier' says '0 passed, 1 failed*1' -m 1 t missing.t
ok 'a lane goes on while a file of another says nothing' says '4 passed, 0 failed*0' -m 4 t first.t second.t third.t + quiet.t
ok 'a lane has a command of its own' says '2 passed, 0 failed*0' -m 2 t good.t + '=env PLACE=2' inside.t
done_testing
