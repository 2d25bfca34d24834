#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# clang-format over all C, shellcheck over all shell, cppcheck over the product, man pages and headers alone.
cd "$(dirname "$0")/../.." || exit 1
files() {
	scripts/files "$@"
}
shell_files() {
	files '*.sh' '*.t' 'scripts/*' '.ci/*' 'tests/lib/*' 'tests/tools/*' | while IFS= read -r f; do
		case $(head -n 1 "$f") in
		'#!'*sh | *shellcheck*) printf '%s\n' "$f" ;;
		*) case $f in *.sh) printf '%s\n' "$f" ;; esac ;;
		esac
	done | sort -u
}
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

mapfile -t c < <(files '*.c' '*.h')
mapfile -t sh < <(shell_files)
mapfile -t man < <(files 'docs/man/*.[1-8]')
dirs=()
for d in lib cni ipam controller; do [ -n "$(files "$d/*.c" | head -n 1)" ] && dirs+=("$d"); done

check "C is formatted (make format)" clang-format-14 --dry-run -Werror "${c[@]}"
check "shell scripts are clean" shellcheck -e SC2317 -x -P SCRIPTDIR -P . "${sh[@]}"
check "cppcheck finds nothing" cppcheck -q -j 2 --std=c11 -Iinclude -Icontroller/ipam -D__GNUC__ -D__x86_64__ \
	--library=tests/lint/cppcheck.cfg --inline-suppr \
	--enable=warning,performance,portability --error-exitcode=1 --suppress=missingInclude \
	-i lib/datapath/gen --suppressions-list=tests/lint/cppcheck.txt "${dirs[@]}"
headers_alone() {
	local h rc=0
	while IFS= read -r h; do
		gcc -std=gnu11 -D_GNU_SOURCE -Iinclude -I"${BW_BUILD:-build}" -Wall -Wextra -Werror -fsyntax-only -include "$h" \
			-x c /dev/null || rc=1
	done < <(files 'include/bw/*.h')
	return "$rc"
}
check "each public header compiles alone" headers_alone
man_clean() {
	local m out
	[ $# -gt 0 ] || { echo "no man page in docs/man"; return 1; }
	for m; do
		out=$(man --warnings -E UTF-8 -l -Tutf8 -Z "$m" 2>&1 >/dev/null)
		[ -z "$out" ] || { printf '%s: %s\n' "$m" "$out"; return 1; }
	done
}
check "man pages are clean" man_clean "${man[@]}"
echo "1..$n"
exit $failed
