# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2154
# What the guests of the vm tier are made of: QEMU and Debian's kernels, unpacked below BW_CACHE/vm and never
# installed or booted here. Sourced by scripts/deps after lib/apt.sh.

# newest_kernel VERSION: the name of a series' newest package in the lists that suite() has read
newest_kernel() {
	apt-cache "${SUITE[@]:3}" search --names-only "^linux-image-$1\\.[0-9][^-]*(-[0-9]+)?-amd64$" |
		sed 's/ .*//' | sort -V | tail -n 1
}

# get_kernel SUITE VERSION: the newest Debian kernel of a series as vmlinux, with its modules
get_kernel() {
	local dir=$BW_CACHE/vm/kernel-$2 tmp=$BW_CACHE/tmp/kernel-$2 package
	[ -s "$dir/vmlinux" ] && return 0
	apt_install vm
	suite "$1" || die "$SUITE_ERROR"
	package=$(newest_kernel "$2")
	[ -n "$package" ] || die "no package linux-image-$2.*-amd64 in $1"
	rm -rf "$tmp" "$dir.new"
	suite_download "$1" "$package" "$tmp"
	mkdir -p "$dir.new"
	basename "$tmp"/lib/modules/* >"$dir.new/release"
	run "depmod-$2" depmod -b "$tmp" "$(cat "$dir.new/release")"
	mv "$tmp/lib" "$dir.new/lib"
	mv "$tmp"/boot/config-* "$dir.new/config"
	"$HERE/lib/vmlinux" "$tmp"/boot/vmlinuz-* "$dir.new/vmlinux" || die "$package holds no vmlinux"
	rm -rf "$tmp" "$dir"
	mv "$dir.new" "$dir"
}

get_kernel_6_12() {
	get_kernel "$(codename)-backports" 6.12
}

get_kernel_6_1() {
	get_kernel "$(codename)" 6.1
}

qemu_runs() {
	LD_LIBRARY_PATH=$1/usr/lib/x86_64-linux-gnu:$1/lib/x86_64-linux-gnu QEMU_MODULE_DIR=$1/usr/lib/x86_64-linux-gnu/qemu \
		"$1/usr/bin/qemu-system-x86_64" --version >/dev/null 2>&1
}

# QEMU of the backports, the first in Debian 12 with the igb device, and the libraries this machine lacks.
get_qemu() {
	local dir=$BW_CACHE/vm/qemu release deb
	qemu_runs "$dir" && return 0
	release=$(codename)
	apt_install vm
	suite "$release+$release-backports" || die "$SUITE_ERROR"
	say "fetching QEMU of $release-backports"
	run qemu "${SUITE[@]}" -o APT::Install-Recommends=false -t "$release-backports" \
		--download-only install qemu-system-x86 || {
		show_log qemu
		rm -f "$BW_CACHE/apt/$release+$release-backports/ok"
		die "qemu-system-x86 of $release-backports cannot be downloaded"
	}
	rm -rf "$dir.new"
	mkdir -p "$dir.new"
	for deb in "$BW_CACHE/apt/$release+$release-backports/cache/archives"/*.deb; do
		dpkg-deb -x "$deb" "$dir.new"
	done
	rm -rf "$dir" "$BW_CACHE/apt/$release+$release-backports/cache/archives"/*.deb \
		"$dir.new"/usr/share/{doc,man,locale}
	mv "$dir.new" "$dir"
	qemu_runs "$dir" || die "QEMU of $release-backports does not run: $dir"
}
