#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The build as a user meets it: a second make does nothing, every program needs what it may need and no more,
# make install puts everything in its place, and a copy of the sources builds in any folder, dynamically too.
. "$(dirname "$0")/../lib/tap.sh"
cd "$TOP" || exit 1
unset MAKEFLAGS MFLAGS MAKELEVEL

CNI_PROGRAMS="barewire-bridge barewire-sriov barewire-ipam"
PROGRAMS="$CNI_PROGRAMS barewire barewire-launch"

needed() {
	readelf -dW "$1" | sed -n 's/.*(NEEDED).*\[\(.*\)\.so.*\]/\1/p' | sort | tr '\n' ' '
}
# only ALLOWED... -- FOUND...: what of FOUND is not allowed
not_among() {
	local allowed=" $1 " name
	for name in $2; do [[ $allowed == *" $name "* ]] || printf '%s ' "$name"; done
}
# no_rebuild DIR ARGUMENT...: make finds nothing to do
no_rebuild() {
	local dir=$1 out
	shift
	out=$(make -C "$dir" --no-print-directory "$@" 2>&1) || { echo "$out"; return 1; }
	[[ $out == "make: Nothing to be done for 'all'." ]] || { echo "$out"; return 1; }
}

for p in $PROGRAMS; do
	ok "$p was built" test -x "build/$p"
	is "$p needs no library" "$(needed "build/$p")" ""
	like "$p is a static-pie" "$(file -b "build/$p")" 'static-pie linked'
	is "$p has no interpreter" "$(readelf -lW "build/$p" | grep -c INTERP)" 0
	like "$p is fully relocated before it starts" "$(readelf -dW "build/$p")" 'BIND_NOW|NOW'
	like "$p has no executable stack" "$(readelf -lW "build/$p" | grep GNU_STACK)" ' RW '
	is "$p has no text relocations" "$(readelf -dW "build/$p" | grep -c TEXTREL)" 0
done
for p in $CNI_PROGRAMS; do
	calls=$(CNI_COMMAND=VERSION "build/tools/crashpoint" -i /dev/null -o /dev/null -- "$TOP/build/$p" |
		sed -n 's/^{[^{]*"start": \([0-9]*\).*/\1/p' | head -n 1)
	if [ "${calls:-99}" -le 20 ]; then
		pass "$p starts with at most 20 system calls"
	else
		fail "$p starts with at most 20 system calls" "counted: ${calls:-none}"
	fi
done

ok "a second make does nothing" no_rebuild .
ok "nor does make -j2" no_rebuild . -j2

# Installing, and taking it away again.
dest=$WORK/dest
ok "make install" make -s install DESTDIR="$dest" PREFIX=/usr
for p in $CNI_PROGRAMS; do
	ok "$p is where runtimes look" test -x "$dest/opt/cni/bin/$p"
	like "the installed $p runs" "$(echo '{"cniVersion":"1.1.0"}' | CNI_COMMAND=VERSION "$dest/opt/cni/bin/$p")" \
		'"supportedVersions":'
done
ok "the command is in PREFIX/bin" test -x "$dest/usr/bin/barewire"
ok "the installed command helps" "$dest/usr/bin/barewire" --help
for p in $PROGRAMS; do
	ok "$p has a man page" test -s "$dest/usr/share/man/man8/$p.8"
done
ok "the licence is installed" test -s "$dest/usr/share/doc/barewire/LICENSE"
ok "the documents are installed" test -s "$dest/usr/share/doc/barewire/README.md"
ok "examples are installed" test -n "$(ls "$dest/usr/share/doc/barewire/examples" 2>/dev/null)"
ok "what a cluster is given is installed" diff -r -x kinds -x cni conf "$dest/usr/share/barewire"
ok "CNI_BIN_DIR is honoured" make -s install DESTDIR="$WORK/other" CNI_BIN_DIR=/usr/libexec/cni
ok "and used" test -x "$WORK/other/usr/libexec/cni/barewire-bridge"
ok "make uninstall" make -s uninstall DESTDIR="$dest" PREFIX=/usr
is "leaves no file" "$(find "$dest" -type f)" ""

# A checkout elsewhere, with a blank in its name, built dynamically.
copy="$WORK/a copy"
mkdir "$copy"
scripts/files | tar -c -T - -f - | tar -x -C "$copy"
ok "a copy builds in any folder, dynamically" make -s -C "$copy" -j2 STATIC=0
ok "a second make there does nothing" no_rebuild "$copy" STATIC=0
base="libc libelf libz libm libpthread ld-linux-x86-64"
is "dynamic barewire-ipam needs only what it may" "$(not_among "$base libcjson libsqlite3 libmnl" "$(needed "$copy/build/barewire-ipam")")" ""
is "dynamic barewire-bridge needs only what it may" \
	"$(not_among "$base libcjson libsqlite3 libmnl libbpf" "$(needed "$copy/build/barewire-bridge")")" ""
is "dynamic barewire-sriov needs only what it may" \
	"$(not_among "$base libcjson libsqlite3 libmnl" "$(needed "$copy/build/barewire-sriov")")" ""
is "dynamic barewire-launch needs only libc" "$(not_among "$base" "$(needed "$copy/build/barewire-launch")")" ""
is "dynamic barewire needs only what it may" \
	"$(not_among "$base libcjson libsqlite3 libmnl libbpf" "$(needed "$copy/build/barewire")")" ""
ok "make help names the goals" make -s help
done_testing
