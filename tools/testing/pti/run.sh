#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Boot a kernel on an emulated machine, run one program in it, judge the log.
# Every other script of the test bed starts its guests through this one.

usage()
{
	cat <<'END'
Usage: run.sh [OPTION...] PROGRAM [ARGUMENT...]

PROGRAM is a path in the guest (/pti holds the tests) or, alone, any shell text.

  --image DIR      where bzImage is (default: build)
  --model NAME     the machine, from models.txt (default: affected)
  --emu NAME       tcg, bochs or qemu-pcid; the model decides if not given
  --cpus N         number of CPUs (default: 1; auto: 2 where the emulator can)
  --mem MB         memory of the guest (default: 256)
  --append ARGS    more kernel parameters
  --time SECONDS   limit for the whole run (default: 180, on Bochs 900)
  --name NAME      name of the log in build/logs
  --initramfs FILE the initramfs (default: build/initramfs.cpio.gz)
  --add FILE       one more cpio archive, unpacked over it; can be repeated
  --attach CMD     run the host command CMD beside the guest; it finds PTI_MEM_MB,
                   PTI_VMLINUX, PTI_MODEL, PTI_CPUS and PTI_LOG in its environment,
                   on QEMU PTI_MEM (file with the guest's memory), PTI_QMP and
                   PTI_GDB (Unix sockets), on Bochs PTI_BOCHS: PTI_BOCHS.in and .out
                   are pipes to its debugger, which waits for commands, .pid says
                   which process it is; CMD's exit status counts too
  --stopped        the guest does not start before CMD lets it run (QEMU)
  --until-attach   the guest's program is ended, and that is well, when CMD ends
  --allow FILE     messages that the test means to provoke (see scan.sh)
  --reboots        a reset starts the guest again (QEMU); a triple fault fails, unless
                   --triple-fault says that it is how the guest resets
  --efi            boot through the UEFI firmware (QEMU)
  --xen            boot as the first guest of Debian's Xen, paravirtualised (QEMU)
  --dimm MB        have a socket for so much more memory; the attached command finds
                   PTI_MONITOR, a pipe to QEMU's monitor, to plug it by
  --roots          judge each page table that is loaded into CR3: see roots.awk
                   (QEMU, one CPU)
  --icount         count instructions: rdtsc is exact (QEMU, one CPU)
  --ips N          instructions in a second of the guest's time (Bochs; default: 50000000):
                   with more of them there are more between two timer interrupts
  --check-options  only say whether model, emulator and CPUs are known
  --interactive    a shell on this terminal instead of PROGRAM
  --quiet          do not repeat what the program printed

Every ten seconds a line on stderr says that the guest still runs.

Environment: ACCEL=kvm uses KVM instead of TCG, BUILD=DIR replaces build,
PROGRESS=no leaves the lines away; PROGRESS=N writes them to the descriptor N.
Exit status: 0 passed, 1 failed, 2 could not tell (no end, time limit, ...).
END
}

set -eu
here=$(cd "$(dirname "$0")" && pwd)
. "$here/lib.sh"

image=$build model=affected cpus=1 emu='' append='' mem=256 limit='' name=''
attach='' allow='' icount='' interactive='' quiet='' until_attach='' stopped='' adds='' check='' efi=''
reboots='' triple='' xen='' dimm='' roots='' ips=''
initramfs=$build/initramfs.cpio.gz
accel=${ACCEL:-tcg}

while [ $# -gt 0 ]; do
	case $1 in
	--icount) icount=1; shift; continue ;;
	--efi) efi=1; shift; continue ;;
	--xen) xen=1; shift; continue ;;
	--roots) roots=1; shift; continue ;;
	--reboots) reboots=1; shift; continue ;;
	--triple-fault) triple=1; shift; continue ;;
	--interactive) interactive=1; shift; continue ;;
	--check-options) check=1; shift; continue ;;
	--quiet) quiet=1; shift; continue ;;
	--until-attach) until_attach=1; shift; continue ;;
	--stopped) stopped=1; shift; continue ;;
	--help|-h) usage; exit 0 ;;
	--) shift; break ;;
	--*) [ $# -ge 2 ] || die "$1 needs a value" ;;
	*) break ;;
	esac
	case $1 in
	--image) image=$2 ;;
	--model) model=$2 ;;
	--cpus) cpus=$2 ;;
	--emu) emu=$2 ;;
	--append) append=$2 ;;
	--mem) mem=$2 ;;
	--time) limit=$2 ;;
	--name) name=$2 ;;
	--initramfs) initramfs=$2 ;;
	--add) adds="$adds $2" ;;
	--attach) attach=$2 ;;
	--dimm) dimm=$2 ;;
	--ips) ips=$2 ;;
	--allow) allow=$2 ;;
	*) die "unknown option $1 (--help lists them)" ;;
	esac
	shift 2
done
[ $# -gt 0 ] || [ "$interactive$check" ] || die "no program given (--help explains)"
[ -z "$stopped" ] || [ "$attach" ] || die "--stopped needs --attach"

# The machine.
row=$(model_row "$model") || exit 2
model_emu=$(column "$row" 2)
cpu=$(column "$row" 6)
case ${emu:=$model_emu} in
tcg|bochs|qemu-pcid) ;;
*) die "no emulator \"$emu\"; there are: tcg bochs qemu-pcid" ;;
esac
[ "$emu" = "$model_emu" ] ||
	die "the model $model is one of $model_emu, not of $emu (\"make help\" lists the models)"
# The emulator with PCID is QEMU with patches; all else is the same.
qemu=qemu-system-x86_64
if [ "$emu" = qemu-pcid ]; then
	emu=tcg qemu=$build/qemu/qemu-system-x86_64
	[ -x "$qemu" ] || [ "$check" ] ||
		die "the model $model needs $qemu: \"make qemu-pcid\" builds it"
fi
if [ "$cpus" = auto ]; then
	cpus=2
	[ "$emu" = tcg ] || cpus=1
fi
case $cpus$mem${limit:-1}$ips in
*[!0-9]*) die "--cpus, --mem, --time and --ips take numbers" ;;
esac
[ "$cpus" -ge 1 ] || die "--cpus $cpus: a machine has one at least"
case $accel in
tcg) ;;
kvm)
	[ "$model_emu" = tcg ] || die "ACCEL=kvm needs a model of Debian's QEMU, not $model"
	[ -w /dev/kvm ] || die "ACCEL=kvm, but /dev/kvm is not there or not writable"
	;;
*) die "no accelerator \"$accel\"; there are: tcg kvm" ;;
esac
if [ "$emu" = bochs ]; then
	[ -z "$stopped" ] || die "--stopped is for QEMU"
	[ "$cpus" = 1 ] || die "Bochs as Debian builds it has one CPU, not $cpus"
	[ -z "$until_attach$icount$efi$interactive$xen$dimm$roots" ] ||
		die "--until-attach, --icount, --efi, --xen, --dimm, --roots and --interactive need QEMU, not the model $model"
	[ "$check" ] || need bochs-bin bochs
	[ "$check" ] || need xorriso xorriso
	: "${limit:=900}"
else
	[ -z "$ips" ] || die "--ips needs Bochs, not the model $model"
	[ "$check" ] || need qemu-system-x86_64 qemu-system-x86
	: "${limit:=180}"
fi
if [ "$icount" ] && [ "$cpus$accel" != 1tcg ]; then
	die "--icount needs one CPU and TCG"
fi
if [ "$roots" ] && [ "$cpus$accel" != 1tcg ]; then
	die "--roots needs one CPU and TCG"
fi
if [ "$interactive" ] && ! { [ -t 0 ] && [ -t 1 ]; }; then
	die "an interactive shell needs a terminal"
fi
[ -z "$check" ] || exit 0
for f in "$image/bzImage" "$initramfs" $adds; do
	[ -r "$f" ] || die "no $f: \"make boot\" makes kernel and initramfs"
done
if [ "$allow" ] && [ ! -r "$allow" ]; then
	die "no file $allow"
fi

# Where things of this run go, and that they go away.
: "${name:=$(basename "${1:-shell}" | tr -c 'A-Za-z0-9._\n-' _ | cut -c1-40)-$model-$cpus}"
log=$logs/$name.log
mkdir -p "$logs"
tmp=$(mktemp -d "${TMPDIR:-/tmp}/pti-run.XXXXXX") ||
	die "cannot write to ${TMPDIR:-/tmp}: set TMPDIR to a directory with 100 MB"
guest='' helper=''
cleanup()
{
	trap '' INT TERM HUP
	end_ticker
	# The helper first: it may have something to write about what it was doing.
	[ -z "$helper" ] || kill "$helper" 2>/dev/null || :
	[ -z "$guest" ] || kill "$guest" 2>/dev/null || :
	[ -z "$guest" ] || wait "$guest" 2>/dev/null || :
	[ -z "$helper" ] || wait "$helper" 2>/dev/null || :
	[ -z "${ram:-}" ] || rm -f "$ram"
	rm -rf "$tmp"
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

# tsc_khz: see tsc-khz.c. Another run may be building it too.
tsc_khz()
{
	tool=$build/host/tsc-khz
	if [ -z "$(find "$tool" -newer "$here/tsc-khz.c" 2>/dev/null)" ]; then
		mkdir -p "$build/host"
		${HOSTCC:-gcc} -O2 -o "$tmp/tsc-khz" "$here/tsc-khz.c" ||
			die "cannot build tsc-khz.c"
		mv "$tmp/tsc-khz" "$tool"
	fi
	"$tool"
}

# The program travels in a small archive behind the initramfs.
mkdir "$tmp/add"
if [ $# -eq 1 ]; then
	printf '%s\n' "$1" >"$tmp/add/run-program"
elif [ $# -gt 1 ]; then
	printf exec >"$tmp/add/run-program"
	for arg; do
		printf " '%s'" "$(printf %s "$arg" | sed "s/'/'\\\\''/g")"
	done >>"$tmp/add/run-program"
	echo >>"$tmp/add/run-program"
fi
{
	# Seconds between the end of the program and power-off, for who has to notice
	[ "$emu$attach" = tcg ] || echo settle=1
	echo "interactive=$interactive"
	echo "until_attach=$until_attach"
} >"$tmp/add/run-options"
# Its test modules, which fit no other kernel.
for f in "$image"/obj/lib/*.ko; do
	if [ -f "$f" ]; then
		mkdir -p "$tmp/add/modules"
		cp "$f" "$tmp/add/modules/"
	fi
done
# What its entry code refers to, for the program that tries breakpoints there.
if grep -q dbg_deny "$tmp/add/run-program" 2>/dev/null; then
	mkdir -p "$tmp/add/pti"
	"$top/tools/testing/selftests/x86/pti/entry_data.sh" "$image/vmlinux" \
		>"$tmp/add/pti/entry_data" || die "cannot list what the entry code of $image/vmlinux uses"
fi
(cd "$tmp/add" && find . | cpio --quiet -o -H newc -R 0:0) |
	gzip -1n >"$tmp/add.gz"
# Of the initramfs, only the programs that are named are needed.
pieces=$initramfs
if [ "$initramfs" = "$build/initramfs.cpio.gz" ] && [ -f "$build/guest/base.cpio.gz" ] &&
   [ -z "$interactive" ]; then
	pieces=$build/guest/base.cpio.gz
	for f in "$build"/guest/*_[63][42].cpio.gz; do
		prog=${f##*/}
		if grep -q -F "${prog%.cpio.gz}" "$tmp/add/run-program"; then
			pieces="$pieces $f"
		fi
	done
	if grep -q -e ptictl -e ptaudit -e show.sh -e lockdown.sh "$tmp/add/run-program"; then
		pieces="$pieces $build/guest/tools.cpio.gz"
	fi
fi
cat $pieces $adds "$tmp/add.gz" >"$tmp/initrd"
rm -f "$tmp/add.gz"

# printk.devkmsg: the marks must not fall under the rate limit. no_timer_check: an
# emulator that gets too little time fails it, and the boot with it.
args="console=$([ "$xen" ] && echo hvc0 earlyprintk=xen || echo ttyS0) panic=-1 ignore_loglevel printk.devkmsg=on"
if [ "$emu" = bochs ]; then
	args="$args earlyprintk=ttyS0"
elif [ -z "$icount" ] && [ "$accel" = tcg ]; then
	args="$args tsc_early_khz=$(tsc_khz) tsc=reliable no_timer_check"
fi
args="$args${append:+ $append}"

{
	echo "# image   $image/bzImage"
	echo "# machine $model: $model_emu, $cpu, $cpus CPU, $mem MB"
	echo "# kernel  $args"
	[ $# -eq 0 ] || sed 's/^/# program /' "$tmp/add/run-program"
} >"$log"

# free_mb DIR: free space there.
free_mb()
{
	df -Pm "$1" | awk 'NR == 2 { print $4 }'
}

start_qemu()
{
	# A comma in a value of QEMU is written twice.
	qlog=$(printf %s "$log" | sed "s/,/,,/g")
	set -- -nodefaults -no-user-config -display none -net none \
		-machine pc -cpu "$cpu" -smp "$cpus" -m "$mem" \
		-kernel "$image/bzImage" -initrd "$tmp/initrd" -append "$args"
	# A reset is how a triple fault ends, and must not pass for a power-off; a write of
	# CR3 is a line there too, if asked for.
	set -- "$@" -d "cpu_reset${roots:+,mmu}" -D "$tmp/resets"
	[ "$reboots" ] || set -- "$@" -no-reboot
	if [ "$accel" = kvm ]; then
		# The models name a vendor; its MSRs are not for KVM to set.
		set -- "$@" -accel kvm -cpu "$cpu,arch-capabilities=off"
	elif [ "$icount" ]; then
		set -- "$@" -accel tcg -icount shift=0,sleep=off
	else
		# One thread for all CPUs. With a thread for each, one may run a
		# breakpoint of the kernel's text patching after it is gone: an
		# oops in a few boots of a hundred, isolated or not.
		set -- "$@" -accel tcg,thread=single
	fi
	if [ "$xen" ]; then
		# The kernel is a module of Xen's, where a comma ends its command line. Its
		# IRET is user mode's, and QEMU 7.2 reads that one's stack as the supervisor.
		gunzip -c "$(ls /boot/xen-*-amd64.gz 2>/dev/null | tail -n 1)" >"$tmp/xen" 2>/dev/null ||
			die "no /boot/xen-*-amd64.gz: install the package xen-hypervisor-4.17-amd64 (\"make deps\" does)"
		set -- "$@" -cpu "$cpu,smap=off" -kernel "$tmp/xen" -append "com1=115200 console=com1 dom0_max_vcpus=$cpus" \
			-initrd "$image/bzImage $(printf %s "$args" | sed 's/,/,,/g'),$tmp/initrd"
	fi
	[ -z "$dimm" ] || set -- "$@" -m "$mem,slots=1,maxmem=768G"
	if [ "$efi" ]; then
		code=/usr/share/OVMF/OVMF_CODE_4M.fd
		[ -r "$code" ] || die "no $code: install the package ovmf (\"make deps\" does)"
		cp "${code%CODE_4M.fd}VARS_4M.fd" "$tmp/vars.fd"
		set -- "$@" -drive "if=pflash,format=raw,readonly=on,file=$code" \
			-drive "if=pflash,format=raw,file=$tmp/vars.fd"
	fi
	if [ "$interactive" ]; then
		set -- "$@" -chardev "stdio,id=con,mux=on,signal=off,logfile=$qlog,logappend=on" \
			-serial chardev:con -mon chardev=con
		timeout --foreground -k 5 "${limit}" "$qemu" "$@"
		exit
	fi
	set -- "$@" -chardev "file,id=con,path=$qlog,append=on" -serial chardev:con
	if [ "$attach" ]; then
		# The file is sparse: a file system that is too small kills QEMU later.
		shm=/dev/shm
		[ -w "$shm" ] && [ "$(free_mb "$shm")" -gt "$mem" ] || shm=$tmp
		[ "$(free_mb "$shm")" -gt "$mem" ] ||
			die "the guest's $mem MB fit neither /dev/shm nor $shm: set TMPDIR to where they do"
		ram=$(mktemp "$shm/pti-ram.XXXXXX")
		truncate -s "${mem}M" "$ram"
		mkfifo "$tmp/line.in" "$tmp/line.out"
		set -- "$@" -object "memory-backend-file,id=ram,size=${mem}M,mem-path=$ram,share=on" \
			-machine memory-backend=ram \
			-qmp "unix:$tmp/qmp,server=on,wait=off" \
			-chardev "socket,id=gdb,path=$tmp/gdb,server=on,wait=off" \
			-gdb chardev:gdb ${stopped:+-S} \
			-chardev "pipe,id=line,path=$tmp/line" -serial chardev:line
	else
		# A second port, which a test may have interrupt it.
		set -- "$@" -serial null
	fi
	if [ "$dimm" ]; then
		mkfifo "$tmp/monitor.in" "$tmp/monitor.out"
		set -- "$@" -object "memory-backend-ram,id=dimm,size=${dimm}M" \
			-chardev "pipe,id=monitor,path=$tmp/monitor" -mon chardev=monitor
	fi
	timeout -k 5 "$limit" "$qemu" "$@" </dev/null >>"$log" 2>&1 &
	guest=$!
}

start_attached()
{
	if [ "$emu" = bochs ]; then
		export PTI_BOCHS="$tmp/bochs"
	else
		tries=0
		while [ ! -S "$tmp/gdb" ] || [ ! -S "$tmp/qmp" ]; do
			kill -0 "$guest" 2>/dev/null && [ "$tries" -lt 100 ] || return 0
			tries=$((tries + 1))
			sleep 0.1
		done
		export PTI_MEM="$ram" PTI_QMP="$tmp/qmp" PTI_GDB="$tmp/gdb" PTI_MONITOR="$tmp/monitor.in"
	fi
	PTI_MEM_MB=$mem PTI_VMLINUX=$image/vmlinux PTI_MODEL=$model PTI_CPUS=$cpus \
		PTI_LOG=$log \
		timeout -k 5 "$limit" sh -c "$attach" </dev/null >"$tmp/attach.out" 2>&1 9<&- &
	helper=$!
}

# finish_attached: wait for the host command; the guest must not outlive its
# failure, and may be told of its success.
finish_attached()
{
	attach_rc=0
	wait "$helper" || attach_rc=$?
	helper=
	if [ "$attach_rc" = 0 ] && [ "$emu" = bochs ] && [ ! -s "$tmp/bochs.pid" ]; then
		echo "# the attached command ended without a word to Bochs" >>"$log"
		attach_rc=2
	fi
	if [ "$attach_rc" != 0 ]; then
		sleep 1
		kill "$guest" 2>/dev/null || :
	elif [ "$until_attach" ]; then
		# Opened for both ways, so that it never blocks.
		echo ended 1<>"$tmp/line.in"
	fi
}

# An exception before there are handlers for it halts the kernel, and nothing would end
# the machine. Bochs is slow enough to wait for, and has the console that says so.
watch()
{
	if [ "$emu" = bochs ] &&
	   head -c 200000 "$tmp/serial" 2>/dev/null | grep -q -a '^PANIC: early exception'; then
		kill "$guest" 2>/dev/null
	elif [ "${PROGRESS:-}" != no ]; then
		echo "$me: $name runs, $1 s of at most $limit s" >&"${PROGRESS:-2}"
	fi
}
if [ "$emu" = bochs ]; then
	. "$here/bochs.sh"
	start_bochs
else
	start_qemu
fi
[ "$interactive" ] || start_ticker watch
attach_rc=0
[ -z "$attach" ] || start_attached
[ "$emu" != bochs ] || bochs_listens
if [ "$attach" ]; then
	if [ "$helper" ]; then
		finish_attached
	else
		echo "# the attached command was never started" >>"$log"
		attach_rc=2
	fi
fi
guest_rc=0
wait "$guest" || guest_rc=$?
guest=
end_ticker
[ "$emu" != bochs ] || finish_bochs

# The verdict.
clean()
{
	tr -d '\r\000' <"$log"
}
if [ -z "$quiet" ]; then
	guest_text <"$log" | sed -e "1,/^PTI-RUN-BEGIN/d" -e "/^PTI-RUN-END /,\$d" \
		-e "/^PTI-CASE-/d"
fi
[ ! -s "$tmp/attach.out" ] || {
	[ -n "$quiet" ] || cat "$tmp/attach.out"
	sed 's/^/# attach  /' "$tmp/attach.out" >>"$log"
}

fail()
{
	status=$1
	shift
	clean | tail -n 20 | sed 's/^/  | /' >&2
	{
		echo "$me: $name: $*"
		[ ! -s "$tmp/scan" ] || cat "$tmp/scan"
		echo "$me: full log: $log"
	} >&2
	exit "$status"
}

# triple_faults: where each came, of a guest that starts again. The firmware's, between
# 0xe0000 and 1 MB, which resets by one too, do not count.
triple_faults()
{
	awk '/^Triple fault/ { fault = 1 }
		fault && /^[ER]IP=/ { at = $1 }
		fault && match($0, /CR2=[0-9a-f]* CR3=[0-9a-f]*/) {
			if (at !~ /^EIP=000[ef]/)
				print at, substr($0, RSTART, RLENGTH)
			fault = 0
		}' "$tmp/resets"
}

scan_rc=0
"$here/scan.sh" "$log" ${allow:+"$allow"} >"$tmp/scan" || scan_rc=$?
end=$(clean | sed -n 's/.*PTI-RUN-END rc=\([0-9]*\) taint=\([0-9]*\).*/\1 \2/p' | tail -n 1)
if [ "$scan_rc" != 0 ]; then
	if [ -z "$end" ]; then
		fail 1 "the kernel complained, and the program did not end:"
	fi
	fail 1 "the kernel complained:"
fi
if [ -z "$end" ]; then
	case $guest_rc in
	124|137) fail 2 "no end mark within the limit of $limit s" ;;
	esac
	# Not an emulator that dies: it has said why.
	! grep -q '^Triple fault' "$tmp/resets" 2>/dev/null ||
		fail 1 "no end mark, a triple fault ended the guest"
	[ "$attach_rc" = 0 ] ||
		fail "$([ "$attach_rc" = 1 ] && echo 1 || echo 2)" "the attached command ended with $attach_rc"
	fail 2 "no end mark, the emulator ended with $guest_rc"
fi
rc=${end% *}
# What the kernel remembers of itself: a machine check, a bad page, an oops, a
# lockup, and a warning, unless one that is accepted is in the log.
bits=$((1 << 4 | 1 << 5 | 1 << 7 | 1 << 14))
clean | grep -q "\] WARNING: " || bits=$((bits | 1 << 9))
# What is allowed can be a machine check, an oops or a warning, and nothing else.
[ -z "$allow" ] || bits=$((bits & ~(1 << 4 | 1 << 7 | 1 << 9)))
if [ $((${end#* } & bits)) != 0 ]; then
	fail 1 "the kernel is tainted: ${end#* }"
fi
[ "$rc" = 0 ] || fail 1 "the program ended with $rc"
if [ "$roots" ]; then
	roots_rc=0
	gawk $(nm "$image/vmlinux" | awk '$3 ~ /^(early|init)_top_pgt$/ {
			sub(/_.*/, "", $3); print "-v", $3 "=" $1 }') \
		-f "$here/roots.awk" "$tmp/resets" >"$tmp/roots" || roots_rc=$?
	sed 's/^/# roots   /' "$tmp/roots" >>"$log"
	[ "$quiet" ] || cat "$tmp/roots"
	[ "$roots_rc" = 0 ] || fail 1 "$(tail -n 1 "$tmp/roots")"
fi
if [ "$reboots" ]; then
	triple_faults >"$tmp/faults"
	faults=$(wc -l <"$tmp/faults")
	[ "$faults" = "${triple:-0}" ] ||
		fail 1 "$faults triple faults on the way to a reset$(sed 's/^/, at /' "$tmp/faults")"
fi
# It has said how it went, and then has to power off, or, where it has no ACPI, to
# restart. Bochs ends by a panic of its own.
case $attach_rc:$emu in
0:tcg)
	[ "$guest_rc" = 0 ] ||
		fail 1 "the guest did not power off, the emulator ended with $guest_rc"
	clean | sed '1,/PTI-RUN-END /d' | grep -q 'reboot: \(Power down\|Restarting system\)' ||
		fail 1 "the guest did not power off, it was reset"
	[ "$reboots" ] || ! grep -q '^Triple fault' "$tmp/resets" ||
		fail 1 "a triple fault ended the guest" ;;
esac
case $attach_rc in
0) ;;
1) fail 1 "the attached command ended with 1" ;;
*) fail 2 "the attached command ended with $attach_rc" ;;
esac
