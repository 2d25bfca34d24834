#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# run.t [SECONDS]: each fuzz target of build/fuzz from its seeds for a bounded time; in `make test` for less where
# its source says "fuzz seconds: N", since small parsers are walked through sooner. What it finds is kept in
# build/fuzz/found/TARGET, what it learns in build/fuzz/corpus/TARGET, never in the sources.
cd "$(dirname "$0")/../.." || exit 1
seconds=${1:-${BW_FUZZ_SECONDS:-10}}
targets=(tests/fuzz/*_fuzz.c)
# Not strict_string_checks: it takes strndup() of an input without NUL for an overflow.
export ASAN_OPTIONS=handle_segv=2:detect_leaks=1 UBSAN_OPTIONS=print_stacktrace=1
echo "1..${#targets[@]}"

# $1 its number, $2 its source, $3 the seconds that somebody asked for: prints its line of TAP.
try() {
	local n=$1 src=$2 bin name seeds learned found log why='' few bound runs
	bin=$(basename "$src" .c)
	name=${bin%_fuzz}
	seeds=tests/fuzz/corpus/$name
	learned=build/fuzz/corpus/$name
	found=build/fuzz/found/$name
	mkdir -p "$learned" "$found"
	log=build/fuzz/$name.log
	few=$(sed -n 's/.*fuzz seconds: \([0-9]*\).*/\1/p' "$src")
	if [ -z "$3" ] && [ -n "$few" ] && [ "$few" -lt "$seconds" ]; then bound=$few; else bound=$seconds; fi
	if [ -z "$(ls "$seeds" 2>/dev/null)" ]; then
		why="no seeds in $seeds"
	elif ! timeout -k 5 $((bound + 60)) "build/fuzz/$bin" -max_total_time="$bound" -timeout=10 -rss_limit_mb=2048 \
		-max_len=65536 -print_final_stats=1 -artifact_prefix="$found/" "$learned" "$seeds" >"$log" 2>&1; then
		why="see $log, $found"
	fi
	runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log" 2>/dev/null)
	if [ -z "$why" ] && [ "${runs:-0}" -lt 1000 ]; then
		why="only ${runs:-0} runs"
	fi
	if [ -z "$why" ]; then
		echo "ok $n - $name: $runs runs in $bound s"
	else
		echo "not ok $n - $name: $why"
		tail -n 40 "$log" 2>/dev/null | sed 's/^/# /'
	fi
}

# As many at a time as there are processors: each is one thread.
jobs=$(nproc)
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
for i in "${!targets[@]}"; do
	[ "$(jobs -rp | wc -l)" -lt "$jobs" ] || wait -n
	try $((i + 1)) "${targets[i]}" "${1:-}" >"$out/$i" &
done
wait
for i in "${!targets[@]}"; do
	cat "$out/$i"
done
! grep -q '^not ok' "$out"/*
