# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# TAP for bash tests. Source it first: it moves the test into its sandbox, sets $TOP, $BW_BUILD and
# $WORK (a directory of the test's own, removed at the end). Ends with done_testing or skip_all.
set -u
TOP=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
if [ -z "${BW_SANDBOX:-}" ] && [ -z "${BW_NO_SANDBOX:-}" ]; then
	exec "$TOP/tests/lib/sandbox" ${BW_SANDBOX_OPT:+"$BW_SANDBOX_OPT"} bash "$0" "$@"
fi
BW_BUILD=${BW_BUILD:-$TOP/build}
case $BW_BUILD in /*) ;; *) BW_BUILD=$TOP/$BW_BUILD ;; esac
export TOP BW_BUILD
WORK=$(mktemp -d "/tmp/barewire.$(basename "$0").XXXXXX")
export WORK

TAP_COUNT=0
TAP_FAILED=0
TAP_DONE=0

# Clean-up of the test's own: define a function of this name.
teardown() { :; }

tap_exit() {
	local rc=$?
	teardown
	rm -rf "$WORK"
	if [ $TAP_DONE = 0 ]; then
		echo "Bail out! $(basename "$0") ended early (exit $rc)"
		exit 1
	fi
	[ $TAP_FAILED = 0 ] || exit 1
}
trap tap_exit EXIT

diag() {
	printf '%s\n' "$*" | sed 's/^/# /'
}

pass() {
	TAP_COUNT=$((TAP_COUNT + 1))
	echo "ok $TAP_COUNT - $1"
}

fail() {
	TAP_COUNT=$((TAP_COUNT + 1))
	TAP_FAILED=$((TAP_FAILED + 1))
	echo "not ok $TAP_COUNT - $1"
	shift
	[ $# = 0 ] || diag "$@"
	return 0
}

# ok NAME COMMAND...: passes when the command ends with 0; its output is shown when it does not.
ok() {
	local name=$1 out
	shift
	if out=$("$@" 2>&1); then pass "$name"; else fail "$name" "failed: $*"$'\n'"$out"; fi
}

# nok NAME COMMAND...: passes when the command fails.
nok() {
	local name=$1 out
	shift
	if out=$("$@" 2>&1); then fail "$name" "succeeded: $*"$'\n'"$out"; else pass "$name"; fi
}

# is NAME ACTUAL EXPECTED
is() {
	if [ "$2" = "$3" ]; then pass "$1"; else fail "$1" "expected: $3"$'\n'"actual:   $2"; fi
}

# like NAME ACTUAL REGEX
like() {
	if [[ $2 =~ $3 ]]; then pass "$1"; else fail "$1" "expected: /$3/"$'\n'"actual:   $2"; fi
}

# skip NAME REASON: one test that cannot run here; it is shown, never silent.
skip() {
	TAP_COUNT=$((TAP_COUNT + 1))
	echo "ok $TAP_COUNT - $1 # SKIP $2"
}

skip_all() {
	TAP_DONE=1
	echo "1..0 # SKIP $*"
	exit 0
}

done_testing() {
	TAP_DONE=1
	echo "1..$TAP_COUNT"
	exit 0
}

# wait_for SECONDS COMMAND...: runs it until it succeeds; fails at the deadline.
wait_for() {
	local end=$((SECONDS + $1))
	shift
	until "$@" >/dev/null 2>&1; do
		[ $SECONDS -lt $end ] || return 1
		read -r -t 0.02 _ <> <(:) || true
	done
}

# cni VERB NETNS [CONFIG FILE]: runs $CNI_PLUGIN (default barewire-bridge) with CNI_CONTAINERID
# (default: the namespace's name) and CNI_IFNAME (default eth0). Sets $OUT, $ERR, $RC.
# shellcheck disable=SC2034
cni() {
	local verb=$1 ns=$2 conf=${3:-$WORK/conf.json} plugin=${CNI_PLUGIN:-barewire-bridge}
	case $plugin in /*) ;; *) plugin=$BW_BUILD/$plugin ;; esac
	RC=0
	OUT=$(CNI_COMMAND=$verb CNI_CONTAINERID=${CNI_CONTAINERID:-$ns} CNI_IFNAME=${CNI_IFNAME:-eth0} \
		CNI_NETNS=${CNI_NETNS-/run/netns/$ns} CNI_PATH=${CNI_PATH:-$BW_BUILD} \
		CNI_ARGS=${CNI_ARGS:-} "$plugin" <"$conf" 2>"$WORK/stderr") || RC=$?
	ERR=$(cat "$WORK/stderr")
}
