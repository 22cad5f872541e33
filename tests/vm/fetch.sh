# shellcheck shell=sh disable=SC2154 # variables of the file that reads this one
# SPDX-License-Identifier: Apache-2.0
#
# Gets Debian's kernels into the cache. Owns $cache/KERNEL/: version (written last), vmlinux and
# lib/modules/RELEASE/. apt runs with private state: the machine's own package database, package
# lists and sources stay as they are; only its mirror, its keys and its proxy are used.
# Expects: $cache, say, die, need.

kernel_cached() { [ -s "$cache/$1/version" ]; }

# Where a kernel is to be found, the preferred suite first.
kernel_suites() {
	case $1 in
	5.10) echo bullseye ;;
	6.1) echo bookworm ;;
	6.12) echo bookworm-backports trixie ;;
	7.2) echo sid ;;
	esac
}

# fetch_kernel KERNEL: does nothing when it is there. Two calls at a time wait for one another, and
# a call that was killed leaves only a .new folder, which the next one removes.
fetch_kernel() {
	if kernel_cached "$1"; then
		say "$1: cached: $(cat "$cache/$1/version")"
		return
	fi
	need apt-get apt dpkg-deb dpkg flock util-linux xz xz-utils zstd zstd busybox busybox-static
	mkdir -p "$cache" || die "cannot create $cache"
	(
		flock 9 || die "cannot lock $cache/.lock-$1"
		kernel_cached "$1" || fetch_locked "$1"
	) 9>"$cache/.lock-$1"
}

fetch_locked() {
	new=$cache/.new-$1
	rm -rf "$new"
	mkdir -p "$new/apt/lists/partial" "$new/apt/archives/partial" "$new/kernel" ||
		die "cannot create $new"
	find_mirror
	find_release "$1"
	find_packages "$1"
	download_packages "$1"
	unpack_kernel "$1"
	rm -rf "${cache:?}/$1"
	mv "$new/kernel" "$cache/$1" || die "cannot move the kernel to $cache/$1"
	rm -rf "$new"
	say "$1: ready: $(cat "$cache/$1/version")"
}

# Sets mirror and keyring (may be empty: apt's own trusted keys) from the machine's first source of
# Debian's packages. IMDSNITCH_VM_MIRROR is for a suite which has left that mirror.
find_mirror() {
	# shellcheck disable=SC2016 # apt's variables, not the shell's
	source_line=$(apt-get indextargets --format '$(ORIGIN) $(REPO_URI) $(SOURCESENTRY)' \
		'Created-By: Packages' | awk '$1 == "Debian" && $2 !~ /security/ { print $2, $3; exit }')
	mirror=${source_line%% *}
	[ -n "$mirror" ] || die "apt has no source of Debian's packages; run: apt-get update"
	source_file=${source_line##* }
	mirror=${IMDSNITCH_VM_MIRROR:-$mirror}
	keyring=$(sed -n -e 's/^Signed-By: *\(\/[^ ]*\).*/\1/p' \
		-e 's/^deb .*signed-by=\(\/[^], ]*\).*/\1/p' "${source_file%:*}" | head -n 1)
}

private_apt() {
	program=$1
	shift
	"$program" -o Dir::State="$new/apt" -o Dir::State::lists="$new/apt/lists" \
		-o Dir::State::status="$new/apt/status" -o Dir::Cache="$new/apt" \
		-o Dir::Etc::sourcelist="$new/apt/sources.list" -o Dir::Etc::sourceparts=/dev/null \
		-o Dir::Etc::preferences=/dev/null -o Dir::Etc::preferencesparts=/dev/null \
		-o APT::Architecture=amd64 -o APT::Architectures::=amd64 \
		-o APT::Sandbox::User= -o Acquire::Languages=none -o Acquire::Retries=3 "$@"
}

# Sets suite and release, such as 6.1.0-47-amd64.
find_release() {
	for suite in $(kernel_suites "$1"); do
		say "$1: reading the package list of $suite"
		printf 'deb [arch=amd64%s] %s %s main\n' "${keyring:+ signed-by=$keyring}" \
			"$mirror" "$suite" >"$new/apt/sources.list"
		: >"$new/apt/status"
		private_apt apt-get -qq update -o APT::Update::Error-Mode=any >&2 || continue
		release=$(private_apt apt-cache depends linux-image-amd64 |
			sed -n 's/^ *Depends: linux-image-\([0-9].*\)$/\1/p')
		if release_fits "$1"; then
			return
		fi
		say "$1: $suite has ${release:-no kernel}, not $1"
	done
	die "$1: no kernel found on $mirror"
}

# The newest kernel is a moving one: whatever comes after it does too.
release_fits() {
	case $release in
	"$1".*) return 0 ;;
	'') return 1 ;;
	esac
	[ "$1" = 7.2 ] && dpkg --compare-versions "$release" gt "$1" || return 1
	say "$1: $suite has moved on; taking its $release"
}

# Sets packages. Since Linux 7 Debian's linux-image-* is empty and depends on three parts.
find_packages() {
	packages=linux-image-$release
	if private_apt apt-cache show "linux-binary-$release" >/dev/null 2>&1; then
		packages="linux-binary-$release linux-modules-$release linux-base-$release"
	fi
	package_version=$(private_apt apt-cache show "${packages%% *}" | sed -n 's/^Version: //p')
	[ -n "$package_version" ] || die "$1: $suite has no package ${packages%% *}"
}

download_packages() {
	for package in $packages; do
		size=$(private_apt apt-cache show "$package" | sed -n 's/^Size: //p')
		say "$1: downloading $package $package_version ($((size / 1000000)) MB)"
		(cd "$new/apt/archives" && private_apt apt-get -qq download "$package" >&2) ||
			die "$1: downloading $package failed"
	done
}

unpack_kernel() {
	say "$1: unpacking"
	for deb in "$new"/apt/archives/*.deb; do
		dpkg -x "$deb" "$new/tree" || die "$1: cannot unpack $deb"
	done
	from=$new/tree/lib/modules/$release
	[ -d "$from" ] || from=$new/tree/usr/lib/modules/$release
	to=$new/kernel/lib/modules/$release
	mkdir -p "$to"
	take_first "$new/vmlinuz" "$from/vmlinuz" "$new/tree/boot/vmlinuz-$release"
	extract_vmlinux "$new/vmlinuz" >"$new/kernel/vmlinux" || die "$1: cannot decompress the kernel"
	take_first "$to/config" "$from/config" "$new/tree/boot/config-$release"
	keep_modules || die "$1: the package $packages holds no modules we know"
	# Decompressed once here: in the guest it would be emulated, at every boot.
	find "$to" -name '*.xz' -exec xz -d {} + || die "$1: cannot decompress the modules"
	busybox depmod -b "$new/kernel" "$release" || die "$1: depmod failed"
	printf '%s (%s %s, %s)\n' "$release" "${packages%% *}" "$package_version" "$suite" \
		>"$new/kernel/version"
}

# number FILE OFFSET BYTES: the little-endian number there.
number() { od -An -j "$2" -N "$3" -t "u$3" "$1" | tr -d ' '; }

# The kernel proper, out of the file for boot loaders (Linux: Documentation/arch/x86/boot.rst,
# setup_sects, payload_offset, payload_length; the last 4 bytes are not part of the stream). QEMU
# starts it by its PVH entry: decompressing in the guest took half of the time of a boot.
extract_vmlinux() {
	start=$((($(number "$1" 497 1) + 1) * 512 + $(number "$1" 584 4)))
	length=$(($(number "$1" 588 4) - 4))
	case $(od -An -j "$start" -N 4 -t x1 "$1" | tr -d ' ') in
	fd377a58) decompress=xz ;;
	28b52ffd) decompress=zstd ;;
	1f8b*) decompress=gzip ;;
	*) return 1 ;;
	esac
	tail -c "+$((start + 1))" "$1" | head -c "$length" | $decompress -dc
}

# take_first TARGET CANDIDATE...
take_first() {
	target=$1
	shift
	for candidate in "$@"; do
		[ -f "$candidate" ] || continue
		mv "$candidate" "$target"
		return
	done
	die "$release: $* not in the package"
}

# No guest has graphics, sound or disks: three quarters of the modules stay behind.
keep_modules() {
	for part in arch block crypto drivers/block drivers/char drivers/net drivers/virtio fs lib mm net; do
		[ -d "$from/kernel/$part" ] || continue
		mkdir -p "$(dirname "$to/kernel/$part")"
		mv "$from/kernel/$part" "$to/kernel/$part"
	done
	rm -rf "$to"/kernel/drivers/net/ethernet "$to"/kernel/drivers/net/wireless
	for index in "$from"/modules.*; do
		[ -f "$index" ] && mv "$index" "$to/"
	done
	[ -d "$to/kernel/fs/9p" ]
}
