#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Does the sweep see what it is there for, and say so when it cannot tell?

usage()
{
	cat <<'END'
Usage: sweep-test.sh plants|input|lengths

  plants  plant the breaks of sweep.mutants, one after the other: the sweep must find each
  input   wrong kernels, an emulator that dies or hangs, a path that never begins, too
          little time, no IBRS where there has to be some: the sweep must say so, end with
          2 and keep what it has done (minutes)
  lengths trace the stock kernel, in build/stock or below PTI_IMAGE: its paths must be as
          long as they are known to be

Some need the emulator of "make qemu-pcid". The kernel is that in build, or in PTI_IMAGE.
Exit status: 0 all is as it must be, 1 if not.
END
}

set -u
here=$(cd "$(dirname "$0")" && pwd)
. "$here/lib.sh"
image=${PTI_IMAGE:-$build}
case ${1:-} in
plants|input|lengths) ;;
--help|-h) usage; exit 0 ;;
*) die "wants \"plants\", \"input\" or \"lengths\" (--help explains)" ;;
esac
work_dir
# Reports and logs of others stay as they are.
PTI_IMAGE=$tmp LOGS=$logs/sweep-test
export PTI_IMAGE LOGS
n=0
bad=0

# verdict STATUS WHAT TEXT... -- ARGUMENT...: sweep.sh must end with STATUS and say each TEXT.
verdict()
{
	want=$1 what=$2
	shift 2
	: >"$tmp/says"
	while [ "$1" != -- ]; do
		printf '%s\n' "$1" >>"$tmp/says"
		shift
	done
	shift
	n=$((n + 1))
	begun=$(date +%s)
	rc=0
	# For progress: what it says is not shown.
	start_ticker still
	run "$here/sweep.sh" --image "$image" "$@" >"$tmp/out" 2>&1 || rc=$?
	end_ticker
	missing=
	[ "$rc" = "$want" ] || missing="; it ended with $rc instead of $want"
	while IFS= read -r text; do
		grep -q -e "$text" "$tmp/out" || missing="$missing; it did not say \"$text\""
	done <"$tmp/says"
	if [ -z "$missing" ]; then
		echo "ok $n - $what ($(($(date +%s) - begun)) s)"
	else
		sed 's/^/# /' "$tmp/out"
		echo "not ok $n - $what$missing"
		bad=1
	fi
}

still()
{
	echo "$me: $n, $what, $1 s"
}

# assemble CODE: its bytes, in hexadecimal digits.
assemble()
{
	printf '%s\n' "$1" | ${HOSTCC:-gcc} -c -x assembler -o "$tmp/code.o" - &&
		objcopy -O binary -j .text "$tmp/code.o" "$tmp/code" &&
		od -An -v -tx1 "$tmp/code" | tr -d ' \n'
}

plants()
{
	path='SYSCALL, SYSRET exit'
	rows "$here/sweep.mutants" |
		sed 's/[[:space:]]*|[[:space:]]*/|/g' >"$tmp/rows"
	[ -s "$tmp/rows" ] || die "no rows in $here/sweep.mutants"
	kinds=$(cut -d'|' -f2 "$tmp/rows" | grep -v -x trace | sort -u | paste -s -d,)
	verdict 0 "no break" "^$path .* 0\$" "0 failed, 0 not done" -- \
		--kinds "$kinds" --paths "$path"
	while IFS='|' read -r name kind symbol insn code says on machine <&3; do
		bytes=$(assemble "$code")
		[ "$bytes" ] || die "sweep.mutants: $name: cannot assemble $code"
		# Of a round without injections, whatever they would be
		case $kind in
		trace) kinds=nmi ;;
		*) kinds=$kind ;;
		esac
		verdict 1 "$name" "^FAIL ${on:-$path}, $kind at .*: .*$says" "^PLANTED at $symbol" -- \
			--machine "${machine:-intel}" --kinds "$kinds" \
			--paths "${on:-$path}" --plant "$symbol|$insn|$bytes"
	done 3<"$tmp/rows"
}

# notes_changed: the kernel, but that it calls itself another.
notes_changed()
{
	objcopy --dump-section .notes="$tmp/notes.old" "$image/vmlinux" "$1" &&
		tail -c 1 "$tmp/notes.old" | tr '\000-\377' '\001-\377\000' >"$tmp/last" &&
		head -c -1 "$tmp/notes.old" | cat - "$tmp/last" >"$tmp/notes.new" &&
		objcopy --update-section .notes="$tmp/notes.new" "$image/vmlinux" "$1" 2>/dev/null
}

# an_image NAME: a directory with the kernel, for another vmlinux beside it.
an_image()
{
	mkdir "$tmp/$1"
	ln -s "$image/bzImage" "$tmp/$1/bzImage"
	echo "$tmp/$1"
}

# when_it_sweeps SIGNAL: send it to the emulator when the sweep tells of its progress.
when_it_sweeps()
{
	rm -f "$tmp/emulator"
	while ! grep -q '^sweep: .* injections' "$tmp/out" 2>/dev/null; do
		sleep 0.2
	done
	kill "-$1" "$(cat "$tmp/emulator")"
}

# hurt SIGNAL WHAT TEXT...: the emulator gets a signal in the middle.
hurt()
{
	signal=$1
	shift
	: >"$tmp/out"
	when_it_sweeps "$signal" &
	waits=$!
	verdict 2 "$@" "^PARTIAL" "^not done: " " 0 failed" -- \
		--kinds nmi,mce,held,fault,int3,nested
	{ kill "$waits"; wait "$waits"; } 2>/dev/null
}

input()
{
	need objcopy binutils
	dir=$(an_image stripped)
	strip -o "$dir/vmlinux" "$image/vmlinux"
	verdict 2 "a vmlinux without symbols" "has no symbols" -- --image "$dir"
	dir=$(an_image notes)
	notes_changed "$dir/vmlinux" || die "cannot change the notes of $image/vmlinux"
	verdict 2 "a vmlinux of another build" "runs another kernel than $dir/vmlinux" -- \
		--image "$dir" --paths '#PF'
	dir=$(an_image other)
	ln -s "$build/stock/vmlinux" "$dir/vmlinux"
	verdict 2 "a vmlinux of another kernel" \
		"its kernel has to be that of --vmlinux\\|ended before sweep.sh began" -- \
		--image "$dir" --paths '#PF' --time 60
	# Before anything is done, if the first root that is met has bit 12 set by chance.
	verdict 2 "a guest that is not isolated" "the guest is not isolated: CR3 is" -- \
		--append nopti --paths '#PF'
	verdict 2 "a kernel without isolation" "the guest is not isolated: CR3 is" -- \
		--image "$build/stripped" --paths '#PF'
	verdict 2 "a path that never begins" "^PARTIAL" "^not done: int80, 32-bit code, trace" \
		"the guest ended before all paths were seen" -- \
		--append ia32_emulation=off --paths 'int80, 32-bit code'
	# The program comes to its first system call, and no further.
	verdict 2 "a program that loops before its path" "^PARTIAL" "^not done: espfix, trace" \
		"^no path began in time" " 0 failed" -- \
		--plant "__x64_sys_modify_ldt|.|$(assemble '1: jmp 1b')" --paths espfix --time 60
	verdict 2 "more paths than there is time for" "^PARTIAL" "^not done: " "^time is up" \
		" 0 failed" -- --kinds nmi,mce,held,fault,int3,nested --time 60

	verdict 2 "a machine that is there for IBRS, and a kernel that does not use it" \
		"no IBRS: the guest's x86_spec_ctrl_current is 0" -- \
		--machine ibrs --append spectre_v2=off --paths 'int80, 64-bit code'

	# Whose process it is, it tells itself.
	qemu=$(command -v qemu-system-x86_64) || die "no qemu-system-x86_64 here"
	mkdir "$tmp/bin"
	cat >"$tmp/bin/qemu-system-x86_64" <<END
#!/bin/sh
echo \$\$ >"$tmp/emulator"
exec "$qemu" "\$@"
END
	chmod +x "$tmp/bin/qemu-system-x86_64"
	PATH=$tmp/bin:$PATH
	hurt KILL "an emulator that dies" "the emulator is gone"
	hurt STOP "an emulator that hangs" "the emulator does not answer"
}

# What another program had counted, an NMI at each instruction, before there was this one:
# SYSCALL 83, SYSENTER 80, page fault 96, int80 and int3 97, timer in the kernel 75. It took
# sync_regs() for C, which is entry code here; began with SYSENTER itself, where the site has
# five instructions ahead of that; and had two more of the timer, of which the disassembly has
# 73: 8 of asm_sysvec_apic_timer_interrupt, 44 of error_entry, 2 of error_return and 19 from
# there to IRET. One at either end, it seems, of what the timer interrupts.
lengths()
{
	sync=$(objdump -d --no-show-raw-insn --disassemble=sync_regs "$image/stock/vmlinux" |
		sed -n '/<sync_regs>:$/,/__x86_return_thunk>/p' | grep -c '^ffff.*:.')
	verdict 0 "stock's ways in and out are as long as they are known to be" \
		"^SYSCALL, SYSRET exit  *83 " "^SYSENTER, SYSRET exit  *$((80 + 5)) " \
		"^#PF  *$((96 + sync)) " "^int80, 64-bit code  *$((97 + sync)) " \
		"^int80, 32-bit code  *$((97 + sync)) " "^int3  *$((97 + sync)) " \
		"^timer from kernel  *$((75 - 2)) " "0 failed, 0 not done" -- \
		--image "$image/stock" --kinds trace \
		--paths 'S*, SYSRET exit|int80*|#PF|int3|timer from kernel'
}

"$1"
echo "1..$n"
exit "$bad"
