#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# An interrupt at every instruction of the ways into and out of the kernel: guests that
# run the selftests, the sweep beside each (sweep.h says what it does), and a report on
# the instructions that no path reached.

usage()
{
	cat <<'END'
Usage: sweep.sh [OPTION...]

  --full           all kinds of injections on all machines, on some of them two or one
                   (minutes); otherwise an NMI at each instruction of what one machine has
  --image DIR      where bzImage and vmlinux are (default: build)
  --machine NAME   only this one: intel, nofsgsbase, bhi, pcid, ibrs, ibrs-pcid, ibpb,
                   amd, amd-pcid, amd-no32, amd-pcid-no32, amd-zen2, amd-ibpb, nopti,
                   ibrs-nopti, amd-nopti, amd-zen2-nopti, switched-off, opted-out,
                   opted-out-pcid, opted-out-ibrs, opted-out-amd, opted-out-amd-zen2 or
                   given-up (of the kernel with KUnit, in kunit of DIR); amd-ibpb is not
                   among those of --full
  --paths PATTERN  only paths with such names; several are parted by |
  --kinds LIST     of nmi,mce,held,fault,int3,nested,db; trace: none
  --append "..."   kernel parameters, behind those of the machine
  --plant BREAK    break an instruction of the guest (sweep.mutants lists some)
  --time SECONDS   limit for each guest (default: 800, with --full 700)

Each machine's report is in build/results/sweep-NAME.txt, also of a run that did not
come to its end: that one begins with PARTIAL. What none of them reached is in
sweep-coverage.txt there, of --full. Exit status: 0 nothing found, 1 findings,
2 could not tell.
END
}

set -eu
here=$(cd "$(dirname "$0")" && pwd)
. "$here/lib.sh"

all="intel nofsgsbase bhi pcid ibrs ibrs-pcid ibpb amd amd-pcid amd-no32 amd-zen2"
all="$all amd-pcid-no32 nopti ibrs-nopti amd-nopti amd-zen2-nopti"
all="$all switched-off opted-out opted-out-pcid opted-out-ibrs opted-out-amd"
all="$all opted-out-amd-zen2 given-up"
image=$build full= machines= paths= kinds=nmi limit= some= extra= plant=
while [ $# -gt 0 ]; do
	case $1 in
	--full) full=1; kinds=nmi,mce,held,fault,int3,nested,db; shift; continue ;;
	--help|-h) usage; exit 0 ;;
	esac
	[ $# -ge 2 ] || die "unknown option or no value: $1 (--help lists them)"
	case $1 in
	--image) image=$2 ;;
	--machine) machines=$2 some=1 ;;
	--paths) paths=$2 some=1 ;;
	--kinds) kinds=$2 ;;
	--append) extra=$2 ;;
	--plant) plant=$2 ;;
	--time) limit=$2 ;;
	*) die "unknown option $1 (--help lists them)" ;;
	esac
	shift 2
done
# Without its kernel, the others are swept, and the end says that one was not.
missing=
if [ "$full" ] && [ -z "$machines" ] && [ ! -r "$image/kunit/bzImage" ]; then
	missing=given-up
	all=${all% given-up}
fi
: "${machines:=$([ "$full" ] && echo "$all" || echo intel)}"
: "${limit:=$([ "$full" ] && echo 700 || echo 800)}"
for f in bzImage vmlinux; do
	[ -r "$image/$f" ] || die "no $image/$f: \"make kernel\" or \"make stock\" makes it"
done
need objdump binutils
nm "$image/vmlinux" 2>/dev/null | grep -q ' asm_exc_nmi$' ||
	die "$image/vmlinux has no symbols: \"make kernel\" makes one that has"

work_dir
mkdir -p "$results"
${HOSTCC:-gcc} -std=gnu11 -D_GNU_SOURCE -O2 -Wall -Wextra -Werror -Wno-missing-field-initializers \
	-o "$tmp/sweep" "$here"/sweep.c "$here"/sweep_*.c "$here/walk_remote.c" \
	"$here/walk_table.c" "$here/walk_syms.c" || die "cannot build sweep.c"
# Programs go on while the sweep is not looking: more rounds than it needs.
case $kinds in
*,*) n=100 ;;
*) n=30 ;;
esac
all64="entry_syscall_64 entry_fault_64 entry_trap_64 espfix_64 noldt_64 sigctx_64 dbg_ptrace_64 dbg_break_64"

# one_machine NAME: run its guest; what the sweep says is in the file of results.
one_machine()
{
	kernel=$image
	model=affected pti=pti=on append= by= these='*' not= injected=$kinds allow=$here/allow/sweep.txt
	programs="vsys_64 $all64 entry_irq_64 entry_syscall_32 dbg_step_32"
	case $1 in
	intel) ;;
	# What RDMSR and SWAPGS do where user mode cannot write its GS base.
	nofsgsbase)
		append=nofsgsbase these='NMI*|#MC*|#DB from*|espfix*'
		programs="entry_syscall_64 espfix_64 noldt_64 dbg_break_64"
		;;
	# The loop that clears the branch history, buffers cleared by VERW.
	bhi)
		append="spectre_v2=retpoline,lfence mds=full" these='SYS*|int80*|espfix'
		programs="entry_syscall_64 entry_syscall_32 espfix_64"
		;;
	# CR3 with PCIDs, and without a flush ("make qemu-pcid" builds that emulator); buffers
	# cleared by VERW.
	pcid)
		model=qemu-pcid append=mds=full not=--pcid
		these='SYSCALL, *|SYSENTER, *|int80*|#PF|#DB*|timer from*|espfix*|bad IRET, #GP|fork*|NMI*|#MC*'
		programs="entry_syscall_64 entry_syscall_32 entry_fault_64 dbg_break_64 dbg_step_32 espfix_64 noldt_64 sigctx_64"
		;;
	# IBRS, which the kernel writes where it comes in and goes out; the loop that bhi has
	# would take most of the time.
	ibrs)
		model=qemu-ibrs append="spectre_v2=ibrs spectre_bhi=off" not=--ibrs
		these='SYSCALL, *|SYSENTER, SYSRET exit|int80, 64-bit code|#PF|#DB from*|bad IRET, #GP|fork*|NMI from*|NMI, *|#MC, user table|NMI in SYSRET*|#MC in IRET*'
		programs="entry_syscall_64 entry_syscall_32 entry_fault_64 dbg_break_64 sigctx_64"
		;;
	ibrs-pcid)
		model=qemu-pcid append="spectre_v2=ibrs spectre_bhi=off" not="--pcid --ibrs"
		these='SYSCALL, *exit|SYSENTER, SYSRET exit|NMI in SYSRET*'
		programs="entry_syscall_64 entry_syscall_32"
		[ -z "$full" ] || injected=nmi,mce
		;;
	# IBPB, on the ways in.
	ibpb)
		model=qemu-ibrs append=retbleed=ibpb
		these='SYSCALL, SYSRET exit|SYSENTER, SYSRET exit|int80, 64-bit code|#PF|NMI from*|NMI, user table|bad IRET, #GP'
		programs="entry_syscall_64 entry_syscall_32 entry_fault_64 sigctx_64"
		[ -z "$full" ] || injected=nmi,mce
		;;
	# 32-bit SYSCALL.
	amd)
		model=amd these='32-bit*|SYSCALL*|int80*|#PF|bad IRET*|NMI from*|NMI, *|NMI at*|NMI in *exit|#MC from*|#MC, *|#MC at*|#MC in *exit|timer from kernel|load*'
		programs="entry_syscall_64 entry_syscall_32 entry_fault_64 sigctx_64 dbg_ptrace_64"
		;;
	amd-pcid)
		model=amd-pcid not=--pcid these='32-bit*' programs=entry_syscall_32
		;;
	# SYSCALL from code that the kernel has no calls for, buffers cleared by VERW.
	amd-no32)
		model=amd append="ia32_emulation=off tsa=on" these='refused*|NMI in refused*|#MC in refused*'
		programs=entry_syscall_64
		;;
	amd-pcid-no32)
		model=amd-pcid append=ia32_emulation=off not=--pcid these='NMI in refused*'
		programs=entry_syscall_64
		[ -z "$full" ] || injected=nmi,mce
		;;
	# The first of AMD's CPUs whose predicted returns have to be untrained.
	amd-zen2)
		model=amd-zen2 these='32-bit*|SYSCALL, *|#PF|NMI from*|NMI, *|NMI at*|NMI in *exit|timer from kernel|bad IRET*|load of GS'
		programs="entry_syscall_64 entry_syscall_32 entry_fault_64 sigctx_64 dbg_ptrace_64"
		;;
	# The same where 32-bit SYSCALL is, and where returns are not forgotten by it: an NMI goes
	# through the loop for that itself, many times for each that is in it.
	amd-ibpb)
		model=amd-ibpb append=retbleed=ibpb these='32-bit SYSCALL, SYSRET exit'
		programs=entry_syscall_32
		[ -z "$full" ] || injected=db
		;;
	# What is patched in where nothing is isolated. The other kinds would not find more.
	nopti)
		pti=nopti not=--not-isolated
		[ -z "$full" ] || injected=nmi
		;;
	ibrs-nopti)
		model=qemu-ibrs pti=nopti not="--not-isolated --ibrs" append="spectre_v2=ibrs spectre_bhi=off mds=full"
		these='SYSCALL, *|SYSENTER, SYSRET exit|int80, 64-bit code|#PF|bad IRET, #GP|NMI, user table'
		programs="entry_syscall_64 entry_syscall_32 entry_fault_64 espfix_64 sigctx_64"
		[ -z "$full" ] || injected=nmi
		;;
	amd-nopti|amd-zen2-nopti)
		model=${1%-nopti} pti=nopti not=--not-isolated these='32-bit*|#PF|bad IRET, #GP'
		programs="entry_syscall_32 entry_fault_64 sigctx_64"
		[ -z "$full" ] || injected=nmi
		;;
	# Isolation switched off in the running system: with the heads that it has in both states.
	switched-off)
		pti=pti=off,switchable not=--given-up
		these='SYSCALL, *|SYSENTER, *|int80, 64-bit code|#PF|bad IRET, #GP|espfix*|NMI, *|NMI from*|NMI in IRET*|#MC, user table|#MC in IRET*|#DB from*'
		programs="entry_syscall_64 entry_syscall_32 entry_fault_64 espfix_64 sigctx_64 dbg_break_64"
		[ -z "$full" ] || injected=nmi,mce
		;;
	# Processes without isolation, on a machine that has it. Programs are run so by one that
	# asks for that; opt_change_64 changes it, and back.
	opted-out)
		not=--opted-out append=mds=full by="opt_out_run_64 "
		these='SYSCALL*|SYSENTER, SYSRET exit|SYSENTER, IRET exit|int80*|signal*|ptrace stop|#PF|timer from user|espfix|bad IRET, #GP|#DB from*|NMI from*|NMI, *|NMI in IRET*|NMI at*|#MC from*|#MC, *|#MC at*|*, opted out'
		programs="entry_syscall_64 opt_change_64 entry_fault_64 entry_syscall_32 espfix_64 sigctx_64 dbg_ptrace_64 dbg_break_64"
		;;
	# The same with PCIDs; with IBRS, IBPB and the loop that bhi has; with returns to be
	# untrained: for what is patched into the head and tail of their own.
	opted-out-pcid)
		model=qemu-pcid not="--opted-out --pcid" append=mds=full by="opt_out_run_64 "
		these='SYSCALL, *exit|SYSCALL that*|int80, 64-bit code|NMI, *|NMI in IRET*|*, opted out'
		programs="entry_syscall_64 opt_change_64"
		[ -z "$full" ] || injected=nmi,mce,held
		;;
	opted-out-ibrs)
		model=qemu-ibrs not="--opted-out --ibrs" append="spectre_v2=ibrs retbleed=ibpb" by="opt_out_run_64 "
		these='SYSCALL, *exit|SYSCALL that*' programs="entry_syscall_64 opt_change_64"
		[ -z "$full" ] || injected=nmi,mce
		;;
	opted-out-amd|opted-out-amd-zen2)
		model=${1#opted-out-} not=--opted-out by="opt_out_run_64 "
		these='SYSCALL, SYSRET exit' programs=entry_syscall_64
		[ -z "$full" ] || injected=nmi
		;;
	# Isolation given up at boot, for want of memory: entered by what it has put in place.
	given-up)
		model=affected not=--given-up kernel=$image/kunit allow=$tmp/allow
		append="kunit.enable=0 pti_test_tables=0"
		these='SYSCALL, SYSRET exit|SYSENTER, SYSRET exit|NMI, user table|#MC, user table|#DB from kernel|espfix, #DF*'
		programs="entry_syscall_64 entry_syscall_32 dbg_break_64 espfix_64"
		[ -z "$full" ] || injected=nmi,mce
		cat "$here/allow/sweep.txt" - >"$allow" <<'END'
page tables isolation: row [a-z_]+, CPU 0: no memory for page tables$
page tables isolation: disabled \(no memory for the exposure\)$
END
		;;
	*) die "no machine \"$1\"; there are: $all" ;;
	esac
	[ -r "$kernel/bzImage" ] ||
		die "no $kernel/bzImage for the machine $1: \"make kunit-kernel\" makes it"
	# Of a #DB or of nothing the kernel says nothing, and what is declared has to come.
	case $1:$injected:${paths:-$these} in
	bhi:*|*:\**|*:*NMI*|*:*'#MC'*) ;;
	*:db:*|*:trace:*) allow= ;;
	esac
	cat >"$tmp/attached" <<END
rc=0
trap : TERM
"$tmp/sweep" $not --programs "$build/guest" --run "$programs" --paths '${paths:-$these}' --kinds $injected \\
	--time $((limit - 30)) ${plant:+--plant '$plant'} \\
	--cover "$results/sweep-$1.cover" --out "$results/sweep-$1.txt" 2>&3 || rc=\$?
echo \$rc >"$tmp/status"
exit \$rc
END
	rm -f "$tmp/status" "$results/sweep-$1.txt" "$results/sweep-$1.cover"
	set --
	for p in $programs; do
		set -- "$@" "$by$p $n"
	done
	run_rc=0
	PROGRESS=${PROGRESS:-3} "$here/run.sh" --image "$kernel" --model $model --time "$limit" --name "sweep-$machine" \
		--append "$pti nokaslr no_timer_check $append $extra" --allow "$allow" \
		--quiet --attach "sh '$tmp/attached'" \
		/pti/sweep.sh 200 "$@" 3>&2 2>"$tmp/errors" &
	child=$!
	wait "$child" || run_rc=$?
	child=
}

rc=0
for machine in $machines; do
	begun=$(date +%s)
	echo "sweep: $machine"
	one_machine "$machine"
	cat "$results/sweep-$machine.txt" 2>/dev/null || :
	echo "sweep: $machine took $(($(date +%s) - begun)) s"
	# Of a sweep that could not tell, the rest says nothing.
	case $(cat "$tmp/status" 2>/dev/null)$run_rc in
	00) continue ;;
	0*|1*) rc=1 ;;
	*) [ "$rc" != 0 ] || rc=2 ;;
	esac
	[ "$(cat "$tmp/status" 2>/dev/null)" = 2 ] || cat "$tmp/errors" >&2
	echo "sweep: log: $logs/sweep-$machine.log" >&2
done
# A part of the paths, or of the machines, reaches a part of the instructions: that says nothing.
if [ "$full" ] && [ -z "$some$missing" ]; then
	covers=
	for machine in $machines; do
		case $machine in
		given-up) covers="--also $results/sweep-$machine.cover $covers" ;;
		*) covers="$covers $results/sweep-$machine.cover" ;;
		esac
	done
	cover=0
	"$tmp/sweep" --report --vmlinux "$image/vmlinux" \
		--uncovered "$here/sweep-uncovered.txt" $covers >"$results/sweep-coverage.txt" || cover=$?
	cat "$results/sweep-coverage.txt"
	[ "$cover" = 0 ] || [ "$rc" = 1 ] || rc=$cover
fi
if [ "$missing" ]; then
	echo "sweep: could not tell: $missing was not swept, as there is no $image/kunit/bzImage (\"make kunit-kernel\" makes it)"
	[ "$rc" != 0 ] || rc=2
fi
exit $rc
