# shellcheck shell=sh
# SPDX-License-Identifier: Apache-2.0
# The tasks of ./dev, one function each. Sourced by ./dev, which has gone to the root of the tree.

build_dir=build            # optimised: what a user gets
test_dir=build-test        # ASan and UBSan: what the tests run
fuzz_dir=build-fuzz        # clang, libFuzzer, ASan and UBSan
vm_kernels='5.10 6.1 6.12 7.2'
vm_kernels_in_test='5.10 6.1' # for test-all
export vm_kernels_in_test

need_root() {
	[ "$(id -u)" -eq 0 ] && return 0
	echo "dev: $1 needs root; run: sudo ./dev $1" >&2
	exit 3
}

# configure DIR OPTION...: a build directory, made once.
configure() {
	dir=$1
	shift
	[ -f "$dir/build.ninja" ] && return 0
	meson setup "$dir" "$@" >"/tmp/imdsnitch-meson.$$" 2>&1 || {
		cat "/tmp/imdsnitch-meson.$$" >&2
		rm -f "/tmp/imdsnitch-meson.$$"
		return 1
	}
	rm -f "/tmp/imdsnitch-meson.$$"
}

# compile DIR [TARGET]...
compile() {
	dir=$1
	shift
	said=$(ninja -C "$dir" --quiet "$@" 2>&1) || {
		echo "$said" >&2
		return 1
	}
}

task_build() {
	deps_install build
	configure $build_dir --buildtype=release
	compile $build_dir
	echo "dev: $build_dir/imdsnitch is ready" >&2
}

task_demo() {
	need_root demo
	task_build
	$build_dir/imdsnitch demo "$@"
}

build_tests() {
	deps_install test
	configure $test_dir --buildtype=debugoptimized -Db_sanitize=address,undefined
	compile $test_dir
}

build_fuzzers() {
	deps_install test
	CC=clang configure $fuzz_dir --buildtype=debugoptimized -Db_sanitize=address,undefined -Db_lundef=false \
		-Dfuzzers=true
	compile $fuzz_dir fuzzers
}

task_unit() {
	build_tests
	meson test -C $test_dir --no-rebuild --print-errorlogs
}

task_e2e() {
	need_root e2e
	build_tests
	build_dir=$test_dir tests/e2e/run "$@"
}

task_systemd() {
	need_root systemd
	deps_install test
	task_build
	tests/systemd/run $build_dir
}

task_fuzz() {
	build_fuzzers
	tests/fuzz/run $fuzz_dir "${1:-60}"
}

task_bench() {
	need_root bench
	deps_install test
	task_build
	tests/bench/run $build_dir "$@"
}

task_soak() {
	need_root soak
	deps_install test
	task_build
	tests/soak/run $build_dir "$@"
}

task_vm() {
	need_root vm
	deps_install vm
	task_build
	[ $# -gt 0 ] || {
		# shellcheck disable=SC2086
		set -- $vm_kernels
	}
	status=0
	for kernel in "$@"; do
		build_dir=$build_dir tests/vm/e2e "$kernel" || status=1
		build_dir=$build_dir E2E_PROGRAM=tests/e2e/same-with-guard VM_TIMEOUT=${VM_TIMEOUT:-3600} \
			tests/vm/e2e "$kernel" || status=1
	done
	return $status
}

task_format() {
	deps_install test
	git ls-files '*.c' '*.h' | xargs clang-format -i
}

task_golden() {
	build_tests
	tests/golden/run $test_dir --write
}

task_lint() {
	build_tests
	tests/lib/lint $test_dir
}

# Everything. Each step is counted; the last line is what CI reads.
task_test() {
	need_root test
	deps_install test
	deps_install vm || echo "dev: QEMU cannot be installed here: other kernels are skipped" >&2
	exec tests/lib/test-all
}
