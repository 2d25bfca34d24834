# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2154
# Go programs of others that the tests compare with or run, built once from the Go module proxy into
# BW_CACHE. Sourced by scripts/deps after lib/apt.sh.

CNI_PLUGINS_VERSION=1.9.1
CONTAINERD_VERSION=2.4.2
MULTUS_VERSION=4.2.0
# Any Go since 1.21 fetches the newer one that a module asks for.
GO_OLDEST=1.21

# go_usable PATH: is this Go new enough?
go_usable() {
	local v
	v=$(GOTOOLCHAIN=local "$1" env GOVERSION 2>/dev/null) || return 1
	v=${v#go}
	[ "$(printf '%s\n%s\n' "$GO_OLDEST" "${v%%[!0-9.]*}" | sort -V | head -n 1)" = "$GO_OLDEST" ]
}

# Sets GO: the machine's own Go if it will do, else the one of the release's backports, unpacked.
find_go() {
	local try
	for try in "$(command -v go || :)" /usr/local/go/bin/go /usr/lib/go-1.2*/bin/go \
		"$BW_CACHE"/go/root/usr/lib/go-1.23/bin/go; do
		[ -x "$try" ] && go_usable "$try" && GO=$try && return 0
	done
	locked go-root unpack_go
	GO=$BW_CACHE/go/root/usr/lib/go-1.23/bin/go
	go_usable "$GO" || die "Go of $(codename)-backports does not run: $GO"
}

unpack_go() {
	local p
	for p in golang-1.23-src golang-1.23-go; do
		suite_download "$(codename)-backports" "$p" "$BW_CACHE/go/root"
	done
}

# What go reads from its environment; for a subshell
go_environment() {
	export GOTOOLCHAIN=auto CGO_ENABLED=0 GOFLAGS='-buildvcs=false -modcacherw' GOWORK=off
	export GOCACHE=$BW_CACHE/go/build GOMODCACHE=$BW_CACHE/go/mod HOME=${HOME:-/root}
}

# go_build NAME DIR MODULE VERSION PACKAGE...: one module of our own in the cache, programs into DIR
# ('' is the package that the module itself is)
go_build() {
	local name=$1 dir=$2 module=$3 version=$4 src=$BW_CACHE/tmp/$1 pkgs=()
	shift 4
	apt_install go
	find_go
	pkgs=("${@/#/$module/}")
	pkgs=("${pkgs[@]%/}")
	rm -rf "$src" "$dir.new"
	mkdir -p "$src" "$dir.new"
	say "building $name $version from the Go module proxy"
	if ! (
		cd "$src"
		go_environment
		run "$name" "$GO" mod init barewire.invalid/"$name" &&
			run "$name" "$GO" get "${pkgs[@]/%/@v$version}" &&
			run "$name" "$GO" build -trimpath -ldflags '-s -w' -o "$dir.new/" "${pkgs[@]}"
	); then
		show_log "$name"
		die "$name $version cannot be built: is the Go module proxy within reach?"
	fi
	rm -rf "$dir" "$src"
	mv "$dir.new" "$dir"
}

get_go_plugins() {
	local dir=$BW_CACHE/go-plugins-$CNI_PLUGINS_VERSION
	[ -x "$dir/bridge" ] && return 0
	go_build go-plugins "$dir" github.com/containernetworking/plugins "$CNI_PLUGINS_VERSION" \
		plugins/main/{bridge,macvlan,ipvlan,ptp,host-device,loopback} \
		plugins/ipam/{host-local,static} \
		plugins/meta/{bandwidth,portmap,tuning,firewall,sbr}
}

get_deb_plugins() {
	local dir=$BW_CACHE/deb-plugins
	[ -x "$dir/bridge" ] && return 0
	rm -rf "$BW_CACHE/tmp/deb-plugins"
	suite_download "$(codename)" containernetworking-plugins "$BW_CACHE/tmp/deb-plugins"
	rm -rf "$dir"
	mv "$BW_CACHE/tmp/deb-plugins/usr/lib/cni" "$dir"
	rm -rf "$BW_CACHE/tmp/deb-plugins"
}

get_containerd2() {
	local dir=$BW_CACHE/containerd-$CONTAINERD_VERSION
	[ -x "$dir/containerd" ] && return 0
	go_build containerd2 "$dir" github.com/containerd/containerd/v2 "$CONTAINERD_VERSION" \
		cmd/{containerd,containerd-shim-runc-v2,ctr}
}

# The thin plugin alone: it asks the API server itself, no daemon beside it.
get_multus() {
	local dir=$BW_CACHE/multus-$MULTUS_VERSION
	[ -x "$dir/multus" ] && return 0
	go_build multus "$dir" gopkg.in/k8snetworkplumbingwg/multus-cni.v4 "$MULTUS_VERSION" cmd/multus
}
