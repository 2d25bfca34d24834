# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2154
# The programs of the kube bed: Kubernetes, etcd and CoreDNS, pinned, built once from the Go module proxy into
# BW_CACHE. A program found in KUBEBUILDER_ASSETS is taken from there instead. Sourced by scripts/deps after
# lib/go.sh; scripts/kube-api and the tests (tests/lib/kube.py) look in the same folders.

KUBE_VERSION=1.36.4
KUBE_OLD_VERSION=1.30.14
ETCD_VERSION=3.6.8
COREDNS_VERSION=1.15.0

# kube_asset NAME: does the user bring this program?
kube_asset() {
	[ -n "${KUBEBUILDER_ASSETS:-}" ] && [ -x "$KUBEBUILDER_ASSETS/$1" ]
}

# kube_module VERSION: the current folder becomes a module that may build k8s.io/kubernetes, whose own go.mod
# replaces its staging modules by folders that the proxy does not have: v1.X.Y goes with v0.X.Y of each.
kube_module() {
	local version=$1 gomod name edits=()
	"$GO" mod init barewire.invalid/kube
	gomod=$("$GO" mod download -json "k8s.io/kubernetes@v$version" | sed -n 's/^\t"GoMod": "\(.*\)",*$/\1/p')
	[ -s "$gomod" ] || return 1
	while read -r name; do
		edits+=("-replace=$name=$name@v0.${version#1.}")
	done < <(sed -n 's,^\t*\(replace \)\?\(k8s\.io/[a-z0-9-]*\) => \./staging/.*,\2,p' "$gomod")
	[ ${#edits[@]} -gt 10 ] || return 1
	"$GO" mod edit "-require=k8s.io/kubernetes@v$version" "${edits[@]}"
}

# kube_build VERSION PROGRAM...: of k8s.io/kubernetes, each in place as soon as it is built
kube_build() {
	local version=$1 dir=$BW_CACHE/kube-$1 src=$BW_CACHE/tmp/kube-$1 log=kube-$1 cmd want=() cmds=() minor
	shift
	for cmd; do
		[ -x "$dir/$cmd" ] || want+=("$cmd")
	done
	[ ${#want[@]} -gt 0 ] || return 0
	apt_install go
	find_go
	minor=${version#1.}
	cmds=("${want[@]/#/k8s.io/kubernetes/cmd/}")
	rm -rf "$src"
	mkdir -p "$src/out" "$dir"
	say "building ${want[*]} $version from the Go module proxy (minutes, once)"
	if ! (
		set -e
		cd "$src"
		go_environment
		# Without a version go get would take the newest. A failure must not hide behind the || of the caller: each step is judged by itself.
		run "$log" kube_module "$version" || exit 1
		run "$log" "$GO" get "${cmds[@]/%/@v$version}" || exit 1
		for cmd in "${want[@]}"; do
			run "$log" "$GO" build -trimpath -o "out/$cmd" -ldflags "-s -w
				-X k8s.io/component-base/version.gitVersion=v$version
				-X k8s.io/component-base/version.gitMajor=1
				-X k8s.io/component-base/version.gitMinor=${minor%%.*}" \
				"k8s.io/kubernetes/cmd/$cmd" || exit 1
			mv "out/$cmd" "$dir/$cmd"
		done
	); then
		show_log "$log"
		die "kubernetes $version cannot be built: is the Go module proxy within reach?"
	fi
	rm -rf "$src"
}

# What a person or a test needs to talk to an API server, and no more.
get_kube_api() {
	local cmd want=()
	get_etcd
	for cmd in kube-apiserver kubectl; do
		kube_asset "$cmd" || want+=("$cmd")
	done
	[ ${#want[@]} -eq 0 ] || locked "kube-$KUBE_VERSION" kube_build "$KUBE_VERSION" "${want[@]}"
}

get_kube() {
	get_kube_api
	locked "kube-$KUBE_VERSION" kube_build "$KUBE_VERSION" \
		kube-controller-manager kube-scheduler kubelet kube-proxy
}

get_kube_old() {
	locked "kube-$KUBE_OLD_VERSION" kube_build "$KUBE_OLD_VERSION" kube-apiserver
}

get_etcd() {
	kube_asset etcd || locked "etcd-$ETCD_VERSION" build_etcd
}

build_etcd() {
	local dir=$BW_CACHE/etcd-$ETCD_VERSION
	[ -x "$dir/etcd" ] && return 0
	# The module's own folder is the program; Go names it after the folder.
	go_build etcd "$BW_CACHE/tmp/etcd-out" go.etcd.io/etcd/server/v3 "$ETCD_VERSION" ''
	mkdir -p "$dir"
	mv "$BW_CACHE/tmp/etcd-out/server" "$dir/etcd"
	rm -rf "$BW_CACHE/tmp/etcd-out"
}

get_coredns() {
	local dir=$BW_CACHE/coredns-$COREDNS_VERSION
	[ -x "$dir/coredns" ] && return 0
	go_build coredns "$dir" github.com/coredns/coredns "$COREDNS_VERSION" ''
}

# The small Go controllers that `make bench-kube` compares with, of tests/peers: versions pinned there, built anew when
# a file there changes.
get_kube_peers() {
	local dir=$BW_CACHE/kube-peers src=$HERE/../tests/peers sum
	sum=$(cd "$src" && find . -type f | LC_ALL=C sort | xargs sha256sum | sha256sum)
	[ "$(cat "$dir/sources" 2>/dev/null)" != "$sum" ] || return 0
	apt_install go
	find_go
	say "building the Go peers of make bench-kube from the Go module proxy"
	rm -rf "$dir.new"
	mkdir -p "$dir.new"
	if ! (
		cd "$src"
		go_environment
		run kube-peers "$GO" build -mod=readonly -trimpath -ldflags '-s -w' -o "$dir.new/" ./informer ./runtime ./units
	); then
		show_log kube-peers
		die "the Go peers cannot be built: is the Go module proxy within reach?"
	fi
	printf '%s\n' "$sum" >"$dir.new/sources"
	rm -rf "$dir"
	mv "$dir.new" "$dir"
}
