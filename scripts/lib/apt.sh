# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# apt as the build uses it: install what is missing, and read other suites without touching the machine's
# own apt configuration. Sourced by scripts/deps; needs bash, apt and what a minimal Debian 12 has.

BW_CACHE=${BW_CACHE:-/var/cache/barewire}
LOG=$BW_CACHE/log

APT=(apt-get -q -y -o DPkg::Lock::Timeout=300 -o Acquire::Retries=3 -o Acquire::http::Timeout=60
	-o APT::Install-Recommends=false -o Dpkg::Use-Pty=0)
export DEBIAN_FRONTEND=noninteractive

# locked NAME FUNCTION ARGUMENTS...: one process at a time, whatever checkout it runs for
locked() {
	local name=$1 fd rc=0
	shift
	exec {fd}>"$BW_CACHE/locks/$name"
	flock "$fd"
	"$@" || rc=$?
	exec {fd}>&-
	return $rc
}

say() {
	printf '  %-7s %s\n' DEPS "$*"
}

die() {
	printf 'barewire: %s\n' "$*" >&2
	exit 1
}

# run NAME COMMAND...: quietly, into a log file; its end is shown when it fails
run() {
	local log=$LOG/$1.log
	shift
	"$@" >"$log" 2>&1 </dev/null
}

show_log() {
	printf -- '--- last lines of %s\n' "$LOG/$1.log" >&2
	tail -n 15 "$LOG/$1.log" >&2
}

# packages_of GROUP...: the names in scripts/packages
packages_of() {
	local group
	for group; do
		grep -q "^$group:" "$HERE/packages" || die "scripts/packages has no group $group"
		sed -n "s/^$group: *//p" "$HERE/packages"
	done | tr ' ' '\n' | sort -u
}

# missing NAME...: those that dpkg does not have installed
missing() {
	local name have
	# dpkg-query fails when it does not know one of them, which is what we ask.
	have=$({ dpkg-query -W -f='${db:Status-Abbrev} ${Package}\n' "$@" 2>/dev/null || :; } |
		sed -n 's/^ii *//p')
	for name; do
		grep -qxF "$name" <<<"$have" || printf '%s\n' "$name"
	done
}

# no_services: what we install must not start daemons on the machine, now or at the next boot
no_services_begin() {
	[ -e /usr/sbin/policy-rc.d ] && return 0
	printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d
	chmod 755 /usr/sbin/policy-rc.d
	POLICY_IS_OURS=1
}

no_services_end() {
	[ -n "${POLICY_IS_OURS:-}" ] && rm -f /usr/sbin/policy-rc.d
	POLICY_IS_OURS=
	local name
	for name; do
		case $name in
		redis-server | containerd)
			update-rc.d "$name" disable >/dev/null 2>&1 || :
			if command -v systemctl >/dev/null; then
				systemctl disable "$name" >/dev/null 2>&1 || :
			fi
			;;
		esac
	done
}

# apt_install GROUP...: install what is missing of the groups
apt_install() {
	local names want
	mapfile -t names < <(packages_of "$@")
	mapfile -t want < <(missing "${names[@]}")
	[ ${#want[@]} -eq 0 ] || locked apt install_missing "$@"
}

install_missing() {
	mapfile -t want < <(missing "${names[@]}")
	[ ${#want[@]} -eq 0 ] && return 0
	[ "$(id -u)" -eq 0 ] ||
		die "these packages are missing and only root can install them: ${want[*]}"
	say "installing ${#want[@]} packages for $*: ${want[*]}"
	no_services_begin
	trap 'no_services_end' EXIT
	# The machine's lists may be old or absent: only a failure is worth the time of an update.
	if ! run "install-$1" "${APT[@]}" install "${want[@]}"; then
		say "reading the package lists"
		run update "${APT[@]}" update || {
			show_log update
			die "apt-get update failed: check this machine's apt sources and its network"
		}
		run "install-$1" "${APT[@]}" install "${want[@]}" || {
			show_log "install-$1"
			die "apt-get cannot install: ${want[*]}"
		}
	fi
	no_services_end "${want[@]}"
	trap - EXIT
}

codename() {
	sed -n 's/^VERSION_CODENAME=//p' /etc/os-release
}

# deb_sources: the machine's own binary sources, one a line: URI SUITE OPTIONS
# (options as between the brackets of a one-line source, blanks as commas; "-" for none)
deb_sources() {
	local f
	for f in /etc/apt/sources.list /etc/apt/sources.list.d/*.list; do
		[ -r "$f" ] && awk '$1 == "deb" {
			opt = "-"; i = 2
			if ($2 ~ /^\[/) {
				opt = ""
				for (; i <= NF; i++) {
					w = $i; gsub(/[][]/, "", w)
					if (w != "") opt = opt (opt == "" ? "" : ";") w
					if ($i ~ /\]$/) { i++; break }
				}
			}
			print $i, $(i + 1), opt
		}' "$f"
	done
	for f in /etc/apt/sources.list.d/*.sources; do
		[ -r "$f" ] && awk '
			function flush(  u, s, i, j) {
				if (types ~ /(^| )deb( |$)/ && tolower(enabled) != "no")
					for (i = split(uris, u, " "); i > 0; i--)
						for (j = split(suites, s, " "); j > 0; j--)
							print u[i], s[j], opt == "" ? "-" : opt
				types = uris = suites = enabled = opt = ""
			}
			/^#/ { next }
			/^[ \t]*$/ { flush(); next }
			{ key = tolower($1); val = $0; sub(/^[^:]*:[ \t]*/, "", val) }
			key == "types:" { types = val }
			key == "uris:" { uris = val }
			key == "suites:" { suites = val }
			key == "enabled:" { enabled = val }
			key == "signed-by:" && val ~ /^\// { opt = opt (opt == "" ? "" : ";") "signed-by=" val }
			key == "trusted:" { opt = opt (opt == "" ? "" : ";") "trusted=" val }
			END { flush() }' "$f"
	done
	return 0
}

# mirrors: where this machine gets Debian from, best first: URI OPTIONS
mirrors() {
	local release
	release=$(codename)
	if [ -n "${BW_MIRROR:-}" ]; then
		printf '%s -\n' "$BW_MIRROR"
		return
	fi
	deb_sources | awk -v r="$release" '
		$1 !~ /^cdrom:/ && ($2 == r || $2 == "stable" || $2 == "oldstable") { print $1, $3 }
		$1 !~ /^cdrom:/ && $2 ~ "^" r "-(updates|backports)" { later[++n] = $1 " " $3 }
		END { for (i = 1; i <= n; i++) print later[i] }' | awk '!seen[$0]++'
}

# suite NAME[+NAME]: read the lists of one more suite, or of several together, into the cache, apart from the
# machine's own apt.
# Sets SUITE, the command that reads it. 0, or 1 when no mirror of this machine has it.
suite() {
	locked "suite-$1" suite_locked "$1"
}

suite_locked() {
	local name=$1 dir=$BW_CACHE/apt/$1 uri opt part tried=
	SUITE=(apt-get -q -y -o "Dir::Etc::SourceList=$dir/sources.list" -o Dir::Etc::SourceParts=/dev/null
		-o "Dir::State::Lists=$dir/lists" -o "Dir::Cache=$dir/cache"
		-o APT::Sandbox::User=root -o Acquire::Retries=3 -o Acquire::http::Timeout=60
		-o Acquire::Languages=none -o APT::Update::Post-Invoke-Success::= )
	[ -e "$dir/ok" ] && return 0
	while read -r uri opt; do
		rm -rf "$dir"
		mkdir -p "$dir/lists/partial" "$dir/cache/archives/partial"
		# A snapshot of the archive is older than its lists allow; its address holds a time.
		[[ $uri =~ /[0-9]{8}T[0-9]{6}Z ]] && opt=$opt\;check-valid-until=no
		opt=${opt#-}
		opt=${opt#;}
		opt=${opt:+[${opt//;/ }] }
		for part in ${name//+/ }; do
			printf 'deb %s%s %s main\ndeb-src %s%s %s main\n' "$opt" "$uri" "$part" \
				"$opt" "$uri" "$part"
		done >"$dir/sources.list"
		say "reading the package lists of $name"
		if run "suite-$name" "${SUITE[@]}" -o APT::Update::Error-Mode=any update; then
			touch "$dir/ok"
			return 0
		fi
		tried="$tried $uri"
	done < <(mirrors)
	rm -f "$dir/ok"
	SUITE_ERROR="the suite $name cannot be read from this machine's Debian mirror (tried:${tried:- none, the apt sources name no Debian mirror}); set BW_MIRROR=<address of a mirror that has it>"
	return 1
}

# suite_download SUITE PACKAGE DIR: one binary package, unpacked below DIR, nothing installed
suite_download() {
	local dir=$3 tmp
	suite "$1" || die "$SUITE_ERROR"
	tmp=$(mktemp -d)
	say "fetching $2 of $1"
	if ! (cd "$tmp" && run "download-$2" "${SUITE[@]}" download "$2"); then
		# The lists may be older than a point release that took this version off the mirror.
		rm -f "$BW_CACHE/apt/$1/ok"
		suite "$1" || die "$SUITE_ERROR"
		(cd "$tmp" && run "download-$2" "${SUITE[@]}" download "$2") || {
			show_log "download-$2"
			rm -rf "$tmp" "$BW_CACHE/apt/$1/ok"
			die "apt-get download $2 of $1 failed"
		}
	fi
	mkdir -p "$dir"
	dpkg-deb -x "$tmp"/*.deb "$dir"
	rm -rf "$tmp"
}
