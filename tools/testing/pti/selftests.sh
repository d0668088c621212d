#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Run the kernel's own selftests, as they stand in the stock tree, on the stock
# kernel and on ours, isolated and not, and compare: nothing that passes on stock
# may fail on ours, and no part of one that prints its parts. Writes
# build/results/selftests-x86.txt or selftests-more.txt, or with --amd, --intel or
# --pcid selftests-x86-intel.txt and so on.
#
# Usage: selftests.sh [--intel|--amd|--pcid] [x86|more]
#
#	--intel	on CPUs of Intel's only, isolated and not; --amd: of AMD's, isolated;
#		--pcid: on the one with PCID ("make qemu-pcid"), isolated
#	x86	all those of x86 (default)
#	more	of mm what is about mremap, mprotect and protection keys; breakpoints,
#		ptrace, seccomp and signal stacks; of kvm those that SVM under TCG runs
#		quickly. They need the kernels of corners.config.

set -eu
here=$(cd "$(dirname "$0")" && pwd)
. "$here/lib.sh"

modes="affected:pti=on affected:nopti amd:pti=on" some=
case ${1:-} in
--intel) some=${1#-} modes="affected:pti=on affected:nopti"; shift ;;
--amd) some=${1#-} modes="amd:pti=on"; shift ;;
--pcid) some=${1#-} modes="qemu-pcid:pti=on"; shift ;;
esac
ours=${PTI_IMAGE:-$build}
stock=${STOCK_IMAGE:-$build/stock}
tree=${STOCK_TREE:-$build/stock/linux}
# How many have to pass on stock in each mode: of fewer, a guest has broken off.
set=${1:-x86} each=60 mem=256 least=40
case $set in
x86) ;;
more)
	ours=$ours/corners stock=$stock/corners each=120 mem=768 least=15
	mm="mremap_test mremap_dontunmap hugepage-mremap mseal_test mdwe_test soft-dirty
		protection_keys_64 protection_keys_32
		pkey_sighandler_tests_64 pkey_sighandler_tests_32"
	kvm="cpuid_test cr4_cpuid_sync_test debug_regs exit_on_emulation_failure_test
		fix_hypercall_test get_msr_index_features hwcr_msr_test kvm_clock_test
		kvm_pv_test monitor_mwait_test nested_exceptions_test platform_info_test
		recalc_apic_map_test set_boot_cpu_id set_sregs_test smm_test state_test
		svm_int_ctl_test svm_nested_shutdown_test svm_nested_soft_inject_test
		svm_vmcall_test sync_regs_test triple_fault_event_test tsc_msrs_test
		userspace_io_test userspace_msr_exit_test xapic_ipi_test xapic_state_test
		xcr0_cpuid_test xss_msr_test"
	;;
*) die "no set \"$set\"; there are: x86 more" ;;
esac
bin=$build/selftests-$set
out=$results/selftests-$set$some.txt
[ -f "$tree/tools/testing/selftests/x86/Makefile" ] ||
	die "no stock tree in $tree: \"make stock\" makes it"
mkdir -p "$bin" "$results" "$logs"
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
trap 'exit 130' INT TERM HUP

# build DIR [TARGET...]: of the selftests, into a directory of that name. All variables
# of an outer make would reach this one, OUTPUT among them.
build_log=$logs/selftests-$set-build.log
: >"$build_log"
build()
{
	dir=$1
	shift
	mkdir -p "$bin/$dir"
	env -u MAKEFLAGS -u MFLAGS -u MAKELEVEL make -C "$tree/tools/testing/selftests/$dir" \
		-j"${J:-$(nproc)}" OUTPUT="$bin/$dir" KHDR_INCLUDES="-isystem $bin/headers/usr/include" \
		"$@" >>"$build_log" 2>&1 || {
		tail -n 5 "$build_log" >&2
		die "the selftests do not build (full log: $build_log)"
	}
}

# under DIR NAME...: the paths of programs there.
under()
{
	dir=$1
	shift
	printf "$bin/$dir/%s\n" "$@"
}

if [ "$set" = x86 ]; then
	build x86
	set -- "$bin"/x86/*_64 "$bin"/x86/*_32
else
	echo "$me: building the selftests"
	env -u MAKEFLAGS -u MFLAGS -u MAKELEVEL make -C "$tree" O="$bin/headers" \
		-j"${J:-$(nproc)}" headers >>"$build_log" 2>&1 || die "no headers (full log: $build_log)"
	set --
	for dir in breakpoints ptrace seccomp sigaltstack; do
		build "$dir"
		set -- "$@" $(find "$bin/$dir" -maxdepth 1 -type f -executable ! -name seccomp_benchmark)
	done
	build mm $(under mm $mm)
	build kvm $(under kvm/x86_64 $kvm)
	set -- "$@" $(under mm $mm) $(under kvm/x86_64 $kvm)
fi

# The programs, and the libraries of those that are not static, at the paths
# where they look for them.
root=$tmp/root
mkdir -p "$root/selftests"
for prog; do
	cp "$prog" "$root/selftests/"
	ldd "$prog" 2>/dev/null | tr ' \t' '\n' | grep '^/' || :
done | sort -u >"$tmp/libs"
for lib in $(cat "$tmp/libs") $(find /lib /lib32 /usr/lib32 /lib/x86_64-linux-gnu \
		-name 'libgcc_s.so.1' 2>/dev/null); do
	mkdir -p "$root$(dirname "$lib")"
	[ -e "$root$lib" ] || cp -L "$lib" "$root$lib"
done
strip --strip-debug "$root"/selftests/* 2>/dev/null || :
# Where QEMU 7.2 is at fault, and takes every kernel down: it reads the stack of
# a far return in user mode as the supervisor would (so no SMAP for these), and
# 32-bit SYSCALL on a CPU of Intel's jumps to 0 (so these run on AMD only).
far_return=
amd_only=
if [ "$set" = x86 ]; then
	far_return="sysret_ss_attrs_64 test_syscall_vdso_32"
	amd_only="syscall_arg_fault_32"
fi
cat >"$root/selftests/all.sh" <<END
each=$each
END
cat >>"$root/selftests/all.sh" <<'END'
cd /selftests
# What only some of them use.
[ ! -e /proc/sys/vm/nr_hugepages ] || echo 16 >/proc/sys/vm/nr_hugepages
for t; do
	from=$(cut -d' ' -f1 /proc/uptime)
	timeout -k 5 "$each" "./$t" >/tmp/out 2>&1 </dev/null
	rc=$?
	cat /tmp/out
	echo
	echo "SELFTEST $t $rc $(grep -c '^\[FAIL\]\|^not ok' /tmp/out) $from $(cut -d' ' -f1 /proc/uptime)"
done
END
(cd "$root" && find . | cpio --quiet -o -H newc -R 0:0) | gzip -1n >"$tmp/add.gz"

# guest KERNEL DIR MODEL COLUMN PARAMETERS TEST...: "KERNEL COLUMN test result",
# a line a test. What the kernel itself says is one result more.
guest()
{
	kernel=$1 dir=$2 model=$3 column=$4 append=$5
	shift 5
	raw=$tmp/raw-$kernel
	rc=0
	PROGRESS=${PROGRESS:-3} "$here/run.sh" --image "$dir" --model "$model" --cpus 2 --append "$append" --mem "$mem" \
		--time 1800 --name "selftests-$set$some-$kernel-$model-$(echo "$append" | tr ' ' +)" \
		--add "$tmp/add.gz" -- sh /selftests/all.sh "$@" 3>&2 >"$raw" 2>"$raw.err" || rc=$?
	awk -v kernel="$kernel" -v column="$column" '
		# A part, in TAP: "ok 1 name" or "not ok 1 name".
		/^(not )?ok [0-9]+ / && !/# SKIP/ {
			part[++parts] = (/^not/ ? $3 " fail" : $2 " pass")
		}
		$1 == "SELFTEST" {
			print kernel, column, $2, $3 == 0 && $4 == 0 ? "pass" : $3 == 4 ? "skip" : "fail"
			for (i = 1; i <= parts; i++)
				print kernel, column, $2 "/" part[i]
			parts = 0
		}' "$raw"
	if [ "$rc" = 0 ]; then
		echo "$kernel $column kernel-log pass"
	else
		echo "$kernel $column kernel-log fail"
		tail -n 4 "$raw.err" >&2
	fi
}

# without LIST TEST...: those that are not in the list.
without()
{
	list=$1
	shift
	for t; do
		case " $list " in
		*" $t "*) ;;
		*) echo "$t" ;;
		esac
	done
}

# run KERNEL DIR: all modes.
run()
{
	tests=$(without "$far_return all.sh" $(ls "$root/selftests"))
	for mode in $modes; do
		model=${mode%:*}
		[ "$model" = amd ] && these=$tests || these=$(without "$amd_only" $tests)
		guest "$1" "$2" "$model" "$mode" "${mode#*:}" $these
		[ -z "$far_return" ] ||
			guest "$1" "$2" "$model" "$mode" "${mode#*:} clearcpuid=smap" $far_return
	done
}

# In a process group of its own, so that an interrupt here can end all of it.
set -m
run stock "$stock" >"$tmp/stock" &
other=$!
set +m
trap 'trap "" TERM; kill -- -$other; wait; exit 130' INT TERM HUP
run ours "$ours" >"$tmp/ours"
wait "$other"
cat "$tmp/stock" "$tmp/ours" >"$tmp/results"

rc=0
awk -v least="$least" -v modes="$(echo "$modes" | wc -w)" '
	{
		if (!($2 in is_mode)) { is_mode[$2] = 1; mode[++nm] = $2 }
		if (!($3 in is_test)) { is_test[$3] = 1; test[++nt] = $3 }
		if (r[$1, $2, $3] != "fail")
			r[$1, $2, $3] = $4
	}
	END {
		printf "%-36s", "stock / ours"
		for (m = 1; m <= nm; m++)
			printf " %-22s", mode[m]
		print ""
		for (t = 1; t <= nt; t++) {
			# Of a part, nothing is said but that it fails on ours only.
			part = test[t] ~ "/"
			line = ""
			shown = !part
			for (m = 1; m <= nm; m++) {
				s = r["stock", mode[m], test[t]]
				o = r["ours", mode[m], test[t]]
				if (s == "") s = "missing"
				if (o == "") o = "missing"
				mark = ""
				if (part) {
					parts++
				} else {
					total[s == o ? "same" : "other"]++
					stock_passes[m] += s == "pass"
					passed += s == "pass" && o == "pass"
				}
				if (s == "pass" && o != "pass") {
					mark = "  <--"
					bad++
					shown = 1
				}
				line = line sprintf(" %-22s", s " / " o mark)
			}
			if (shown)
				printf "%-36s%s\n", test[t], line
		}
		printf "%d results, %d pass on both, %d differ, and %d of parts; %d pass on stock and not on ours\n", \
			total["same"] + total["other"], passed, total["other"], parts, bad
		# Of fewer than there are, a guest has broken off, and shows nothing.
		for (m = 1; m <= nm; m++)
			if (stock_passes[m] < least) {
				printf "%s: only %d pass on stock\n", mode[m], stock_passes[m]
				bad++
			}
		exit bad > 0 || nm != modes
	}' "$tmp/results" >"$tmp/table" || rc=$?
mv "$tmp/table" "$out"
cat "$out"
echo "$me: $out"
exit "$rc"
