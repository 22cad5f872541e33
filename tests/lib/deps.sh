# shellcheck shell=sh
# SPDX-License-Identifier: Apache-2.0
# What a task needs, by package manager. Sourced by ./dev.

deps_manager() {
	for manager in apt-get dnf zypper; do
		command -v "$manager" >/dev/null 2>&1 && {
			echo "$manager"
			return 0
		}
	done
	echo "dev: no apt-get, dnf or zypper here; install by hand: meson ninja clang llvm gcc bpftool, and the headers" \
		"and static libraries of libbpf libelf zlib jansson libcap-ng" >&2
	return 1
}

# deps_list MANAGER SET: the packages, SET being build, test or vm.
deps_list() {
	case $1-$2 in
	apt-get-build)
		echo gcc libc6-dev meson ninja-build pkg-config clang llvm libbpf-dev bpftool libelf-dev zlib1g-dev \
			libjansson-dev libcap-ng-dev libinih-dev libseccomp-dev libsqlite3-dev libssl-dev
		# the demo's clients, and what unit tests compare with
		echo curl wget iproute2 libcmocka-dev libhttp-parser-dev
		;;
	apt-get-test)
		echo git clang-format clang-tidy "libclang-rt-$(deps_clang_version)-dev" shellcheck mandoc man-db \
			busybox-static python3-minimal python3 default-jdk-headless nodejs nginx-light procps \
			util-linux openssl rsyslog rsyslog-openssl logrotate prometheus systemd sqlite3
		;;
	apt-get-vm) echo qemu-system-x86 busybox-static xz-utils zstd ;;
	dnf-build)
		echo gcc meson ninja-build pkgconf clang llvm libbpf-devel libbpf-static bpftool elfutils-libelf-devel \
			elfutils-libelf-devel-static zlib-devel zlib-static jansson-devel libcap-ng-devel \
			libcap-ng-static inih-devel libseccomp-devel libseccomp-static sqlite-devel openssl-devel \
			curl wget iproute libcmocka-devel http-parser-devel
		;;
	dnf-test)
		echo git clang-tools-extra compiler-rt libasan libubsan ShellCheck mandoc busybox python3 \
			java-latest-openjdk-headless nodejs nginx procps-ng util-linux openssl rsyslog rsyslog-openssl logrotate systemd sqlite
		;;
	dnf-vm) echo qemu-system-x86-core busybox xz zstd ;;
	zypper-build)
		echo gcc meson ninja pkgconf clang llvm libbpf-devel libbpf-devel-static bpftool libelf-devel \
			libelf-devel-static zlib-devel zlib-devel-static libjansson-devel libcap-ng-devel \
			inih-devel libseccomp-devel sqlite3-devel \
			libopenssl-devel curl wget \
			iproute2 libcmocka-devel http-parser-devel
		;;
	zypper-test)
		echo git clang-tools ShellCheck mandoc busybox python3 java-17-openjdk-headless nodejs nginx procps \
			util-linux openssl rsyslog logrotate systemd sqlite3
		;;
	zypper-vm) echo qemu-x86 busybox-static xz zstd ;;
	esac
}

# libFuzzer's runtime has clang's version in its name.
deps_clang_version() {
	apt-cache depends clang 2>/dev/null | sed -n 's/.*Depends: clang-\([0-9]*\)$/\1/p' | head -n 1
}

deps_missing_apt() {
	for package in "$@"; do
		dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || echo "$package"
	done
}

deps_run_apt() {
	# shellcheck disable=SC2046
	set -- $(deps_missing_apt "$@")
	[ $# -eq 0 ] && return 0
	echo "dev: installing $*" >&2
	[ "$(id -u)" -eq 0 ] || {
		echo "dev: that needs root; run: sudo ./dev deps" >&2
		return 1
	}
	deps_without_daemons env DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends "$@" \
		>/dev/null || return
	for daemon in nginx prometheus; do
		case " $* " in
		*" $daemon"*) systemctl -q disable "$daemon.service" 2>/dev/null || : ;;
		esac
	done
}

# deps_without_daemons COMMAND...: packages that bring a daemon do not start it. invoke-rc.d(8) asks policy-rc.d; where
# there is one already, it knows better.
deps_without_daemons() {
	policy=/usr/sbin/policy-rc.d
	[ ! -e $policy ] || {
		"$@"
		return
	}
	(
		trap 'rm -f $policy' EXIT
		trap 'exit 130' INT TERM HUP
		printf '#!/bin/sh\nexit 101\n' >$policy
		chmod 755 $policy
		"$@"
	)
}

# deps_install build|test|vm: installs what is missing; a set holds those before it.
deps_install() {
	manager=$(deps_manager) || return 1
	case $1 in
	build) sets=build ;;
	test) sets='build test' ;;
	vm) sets='build test vm' ;;
	*)
		echo "dev: deps takes build, test or vm" >&2
		return 2
		;;
	esac
	[ "$manager" = apt-get ] && deps_update_apt
	packages=
	for set in $sets; do packages="$packages $(deps_list "$manager" "$set" | tr '\n' ' ')"; done
	# shellcheck disable=SC2086
	case $manager in
	apt-get) deps_run_apt $packages ;;
	dnf) dnf -q install -y $packages ;;
	zypper) zypper -q -n install $packages ;;
	esac
}

# The names depend on lists that a fresh machine does not have.
deps_update_apt() {
	[ -n "$(deps_clang_version)" ] || [ "$(id -u)" -ne 0 ] || {
		echo "dev: fetching the package lists" >&2
		apt-get -qq update
	}
}
