# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2154
# netdevsim for the guest: Debian's kernels leave CONFIG_NETDEVSIM out, so this one driver is compiled from
# Debian's own source against Debian's own headers. Sourced by scripts/deps after lib/apt.sh.

NETDEVSIM_OBJECTS='netdev.o dev.o ethtool.o fib.o bus.o health.o hwstats.o udp_tunnels.o bpf.o ipsec.o'

# netdevsim_unpack RELEASE DIR: headers, kernel build scripts and the driver's source, below DIR
netdevsim_unpack() {
	local release=$1 dir=$2 version=${1%-amd64} p
	for p in "linux-headers-$release" "linux-headers-$version-common" "linux-kbuild-$version" \
		linux-source-6.12; do
		suite_download "$(codename)-backports" "$p" "$dir"
	done
	# The package's Makefile names the place where the package is installed.
	sed -i "s,^include /usr/src/,include $dir/usr/src/," "$dir/usr/src/linux-headers-$release/Makefile"
	tar -xJf "$dir/usr/src/linux-source-6.12.tar.xz" -C "$dir" --strip-components=3 \
		linux-source-6.12/drivers/net/netdevsim
}

# netdevsim_build RELEASE: $BW_CACHE/netdevsim-RELEASE/netdevsim.ko for a kernel of the release's backports,
# which keep headers and source of their newest kernel only
netdevsim_build() {
	local release=$1 dir=$BW_CACHE/tmp/netdevsim out=$BW_CACHE/netdevsim-$1
	[ -s "$out/netdevsim.ko" ] && return 0
	rm -rf "$dir" "$out.new"
	mkdir -p "$dir" "$out.new"
	netdevsim_unpack "$release" "$dir"
	printf 'obj-m := netdevsim.o\nnetdevsim-objs := %s\n' "$NETDEVSIM_OBJECTS" >"$dir/netdevsim/Kbuild"
	# Parts that only cost modules to load. The kernel's own headers must see the configuration as it is.
	sed -i 's/CONFIG_PSAMPLE/CONFIG_NETDEVSIM_WITHOUT/; s/CONFIG_MACSEC/CONFIG_NETDEVSIM_WITHOUT/' "$dir"/netdevsim/*.[ch]
	say "compiling netdevsim for Linux $release"
	# Types of the module are of use to nobody and need one more package.
	run netdevsim env -u MAKEFLAGS -u MFLAGS -u MAKELEVEL make -C "$dir/usr/src/linux-headers-$release" "M=$dir/netdevsim" \
		CONFIG_DEBUG_INFO_BTF_MODULES= modules || {
		show_log netdevsim
		die "netdevsim cannot be compiled for Linux $release"
	}
	strip -d -o "$out.new/netdevsim.ko" "$dir/netdevsim/netdevsim.ko"
	rm -rf "$out"
	mv "$out.new" "$out"
	rm -rf "$dir"
}

# netdevsim_release: the newest 6.12 kernel of the release's backports, whose lists suite() has read
netdevsim_release() {
	local cache=(apt-cache "${SUITE[@]:3}")
	"${cache[@]}" depends linux-headers-amd64 2>/dev/null |
		sed -n 's/^ *Depends: linux-headers-\(6\.12\.[^ ]*-amd64\)$/\1/p' | head -n 1
}

# For the guest's kernel. Its headers are gone from the archive as soon as there is a newer one: then that one
# is fetched.
get_netdevsim() {
	local kernel=$BW_CACHE/vm/kernel-6.12 release
	locked kernel-6.12 get_kernel_6_12
	[ -s "$BW_CACHE/netdevsim-$(cat "$kernel/release")/netdevsim.ko" ] && return 0
	apt_install build static
	suite "$(codename)-backports" || die "$SUITE_ERROR"
	release=$(netdevsim_release)
	[ -n "$release" ] || die "$(codename)-backports has no headers of a 6.12 kernel"
	if [ "$release" != "$(cat "$kernel/release")" ]; then
		rm -rf "$kernel"
		locked kernel-6.12 get_kernel_6_12
	fi
	netdevsim_build "$(cat "$kernel/release")"
}
