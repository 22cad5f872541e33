# shellcheck shell=sh disable=SC2154 # variables of the file that reads this one
# SPDX-License-Identifier: Apache-2.0
#
# Boots one kernel, runs one command in it and tells how it ended. The guest's two streams come
# over two virtio serial ports: "output" is COMMAND's stdout and stderr, "status" gets one line
# "ready UPTIME" and one "exit STATUS UPTIME". Without that last line the run has failed, however
# QEMU ended. Kernel messages go to the serial console, into a file of their own.
# Expects: $here, $cache, $kernel, $out, $limit, say, die, misuse, need, fetch_kernel.

# In the initramfs; those built into a kernel are skipped.
boot_modules='virtio_pci virtio_console 9pnet_virtio 9p overlay'

run_guest() {
	need qemu-system-x86_64 qemu-system-x86 busybox busybox-static timeout coreutils
	kernel_cached "$kernel" || fetch_kernel "$kernel" || exit
	check_directory
	prepare_out
	tree=$cache/$kernel
	release=$(ls "$tree/lib/modules") || die "$kernel: the cache is broken; run: rm -r $tree"
	reproduce=$(reproduce_line "$@")
	work=$(mktemp -d "${TMPDIR:-/tmp}/imdsnitch-vm.XXXXXX") || die "no temporary folder"
	guest='' reader='' follower=''
	trap 'end_guest' EXIT
	trap 'exit 130' INT
	trap 'exit 143' TERM HUP
	build_initramfs "$@"
	boot
	judge
}

# The guest sees what is on / and below; it mounts its own file systems over these. (A directory in /tmp it keeps.)
check_directory() {
	directory=$(pwd -P)
	case $directory/ in
	/tmp/ | /run/* | /proc/* | /sys/* | /dev/*)
		misuse "the guest mounts its own file system over $directory; change to a directory elsewhere"
		;;
	esac
}

prepare_out() {
	[ -n "$out" ] || return 0
	mkdir -p "$out" || die "cannot create $out"
	out=$(CDPATH='' cd -- "$out" && pwd -P) || die "cannot enter $out"
}

# quote ARGUMENT...: prints them as one line a shell reads back as they are.
quote() {
	for argument in "$@"; do
		case $argument in
		'' | *[!A-Za-z0-9_./:=@%+,-]*)
			printf "'%s' " "$(printf '%sx' "$argument" | sed "s/'/'\\\\''/g" | sed '$s/x$//')" ;;
		*) printf '%s ' "$argument" ;;
		esac
	done
}

reproduce_line() {
	quote cd "$directory"
	printf '&& '
	for name in VM_CPUS VM_MEMORY IMDSNITCH_VM_CACHE; do
		eval "value=\${$name-}"
		[ -z "$value" ] || printf '%s=%s' "$name" "$(quote "$value")"
	done
	quote "$here/vm" run ${out:+--out "$out"} --timeout "$limit" "$kernel" -- "$@" | sed '$s/ $//'
}

build_initramfs() {
	root=$work/root
	mkdir -p "$root/bin" "$root/vm" "$root/lib/modules/$release"
	cp "$(command -v busybox)" "$root/bin/busybox" || die "cannot copy busybox"
	ln -s busybox "$root/bin/sh"
	cp "$here/init" "$root/" || die "cannot copy $here/init"
	cp "$here/guest" "$root/vm/" || die "cannot copy $here/guest"
	chmod 755 "$root/init"
	modules=$tree/lib/modules/$release
	cp "$modules/modules.dep" "$root/lib/modules/$release/"
	for module in $(boot_module_files); do
		mkdir -p "$root/lib/modules/$release/${module%/*}"
		cp "$modules/$module" "$root/lib/modules/$release/$module" || die "cannot copy $module"
	done
	write_job "$@"
	(cd "$root" && find . | busybox cpio -o -H newc 2>/dev/null) >"$work/initramfs" ||
		die "cannot write the initramfs"
}

# The modules and all they depend on; modules.dep lists a module's dependencies transitively.
boot_module_files() {
	awk -v wanted="$boot_modules" '
		BEGIN { split(wanted, names, " "); for (i in names) is_wanted[names[i]] = 1 }
		{
			name = $1
			sub(/.*\//, "", name)
			sub(/\.ko:$/, "", name)
			if (!(name in is_wanted)) next
			sub(/:/, "")
			for (i = 1; i <= NF; i++) print $i
		}' "$modules/modules.dep" | sort -u
}

# What the guest reads: settings, and the command as arguments of its shell.
write_job() {
	{
		printf 'vm_kernel=%s\nvm_directory=%s\n' "$kernel" "$(quote "$directory")"
		printf 'vm_out=%s\nvm_modules=%s\n' "${out:+yes}" "$(quote "$boot_modules")"
		printf 'set -- %s\n' "$(quote "$@")"
	} >"$root/vm/job"
}

boot() {
	mkfifo "$work/output" || die "cannot create $work/output"
	: >"$work/status"
	: >"$work/console"
	# When our own stdout is closed early, the guest goes on and the rest is dropped.
	{ cat || cat >/dev/null; } <"$work/output" &
	reader=$!
	if [ "${VM_CONSOLE:-0}" = 1 ]; then
		tail -n +1 -f "$work/console" >&2 &
		follower=$!
	fi
	# -accel tcg: under hardware virtualisation inside a virtual machine stock kernels may hang.
	# erms=off: kernels clear and copy pages by "rep stosb" then, which is emulated byte by byte;
	# without it 5.10 starts programs twice as fast. la57=off: a page walk of four levels, not five.
	set -- -accel tcg,thread=multi -cpu max,erms=off,la57=off -smp "${VM_CPUS:-2}" -m "${VM_MEMORY:-2G}" \
		-machine pc,usb=off,vmport=off -nodefaults -no-user-config -display none -nic none -no-reboot \
		-kernel "$tree/vmlinux" -initrd "$work/initramfs" -append "$(kernel_command_line)" \
		-chardev "file,id=console,path=$(no_comma "$work/console")" -serial chardev:console \
		-device virtio-serial-pci \
		-chardev "file,id=output,path=$(no_comma "$work/output")" \
		-device virtserialport,chardev=output,name=output \
		-chardev "file,id=status,path=$(no_comma "$work/status")" \
		-device virtserialport,chardev=status,name=status \
		-virtfs local,path=/,mount_tag=root,security_model=none,readonly=on,multidevs=remap \
		-virtfs "local,path=$(no_comma "$tree/lib/modules"),mount_tag=modules,security_model=none,readonly=on"
	if [ -n "$out" ]; then
		set -- "$@" -virtfs "local,path=$(no_comma "$out"),mount_tag=exchange,security_model=none"
	fi
	timeout --foreground -k 5 "$limit" qemu-system-x86_64 "$@" </dev/null 2>"$work/qemu" >&2 &
	guest=$!
	started=$(date +%s)
	wait "$guest"
	ended=$?
	guest=''
	finish_output
	case $ended in
	124 | 137) [ $(($(date +%s) - started)) -lt "$limit" ] || ended=timeout ;;
	esac
}

# QEMU reads a doubled comma as one inside an option's value.
no_comma() { printf '%s' "$1" | sed 's/,/,,/g'; }

# panic=-1 with -no-reboot ends QEMU at once; an oops is a failed run too.
kernel_command_line() {
	echo console=ttyS0 loglevel=5 panic=-1 oops=panic nokaslr tsc=reliable no_timer_check \
		random.trust_cpu=on rcupdate.rcu_expedited=1 audit=0 nowatchdog rdinit=/init
}

# QEMU may die before it opens the pipe: opening it here too lets the reader end then.
finish_output() {
	: 1<>"$work/output"
	wait "$reader"
	reader=''
}

end_guest() {
	for process in $guest $follower $reader; do
		kill "$process" 2>/dev/null
	done
	[ -z "$guest" ] || wait "$guest"
	rm -rf "$work"
}

# Exits as the guest's command did, or tells why that is not known.
judge() {
	[ -z "$out" ] || cp "$work/console" "$out/console.log"
	result=$(sed -n 's/^exit \([0-9][0-9]*\) .*$/\1/p' "$work/status")
	ready=$(sed -n 's/^ready //p' "$work/status")
	total=$(sed -n 's/^exit [0-9]* //p' "$work/status")
	if [ "$ended" = timeout ]; then
		say "$kernel: ended by the time limit of $limit s${ready:+ (user space at $ready s)}"
		result=124
	elif [ -z "$result" ]; then
		say "$kernel: the guest died before the command ended (QEMU's exit status $ended)"
		result=125
	else
		say "$kernel: $release: exit $result (user space at $ready s, end at $total s)"
	fi
	[ "$result" = 0 ] && exit 0
	show_console
	say "reproduce: $reproduce"
	exit "$result"
}

# Kernel messages are of use when the guest did not end by itself or the kernel complained.
show_console() {
	[ ! -s "$work/qemu" ] || sed 's/^/vm: qemu: /' "$work/qemu" >&2
	[ "${VM_CONSOLE:-0}" != 1 ] || return 0
	case $result in
	124 | 125) ;;
	*) grep -q 'Call Trace' "$work/console" || return 0 ;;
	esac
	[ -s "$work/console" ] || return 0
	say "$kernel: last kernel messages:"
	tail -n 40 "$work/console" | tr -d '\r' | sed 's/^/vm: | /' >&2
}
