#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Judges what the analyzers said of each C file. `make lint-analysis` (mk/quality.mk) has run them and left
# build/lint/TOOL/FILE.ok or FILE.log; build/lint/list names what must be there.
cd "$(dirname "$0")/../.." || exit 1
n=0
failed=0
mapfile -t entries <build/lint/list
echo "1..${#entries[@]}"
for entry in "${entries[@]}"; do
	n=$((n + 1))
	tool=${entry%% *}
	file=${entry#* }
	if [ -e "build/lint/$tool/$file.ok" ]; then
		echo "ok $n - $tool $file"
	else
		echo "not ok $n - $tool $file"
		failed=1
		head -n 40 "build/lint/$tool/$file.log" 2>/dev/null | sed 's/^/# /'
	fi
done
exit $failed
