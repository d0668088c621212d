/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * sites.S - the ways into the kernel, one instruction each
 *
 * A site is what regs_run() of regs.S runs: NAME is where it begins and
 * NAME_end where a handler lets it go on.  What each one does with which
 * registers stands in the tables of the programs that use it.
 */
.macro site name, insns:vararg
	.globl	\name, \name\()_end
\name:
	\insns
\name\()_end:
	jmp	regs_back
.endm

	.text

/* System calls. */
	site	site_int80, int $0x80
	site	site_syscall, syscall

/* Exceptions. */
	site	site_ud2, ud2
	site	site_hlt, hlt
	site	site_intn, int $0x42
	site	site_int3, int3
	site	site_int3_long, .byte 0xcd, 3
	site	site_icebp, .byte 0xf1
	site	site_div, divl %ecx
	site	site_fs, movl %eax, %fs
	site	site_ss, movl %eax, %ss
	site	site_nop, nop
	site	site_out, outb %al, %dx

/*
 * The kernel answers these two itself where the CPU has UMIP, after a #GP:
 * MSW into a register, the IDT's base and limit into memory.
 */
	site	site_smsw, smsw %eax
#ifdef __x86_64__
	site	site_sidt, sidt (%rsi)
#else
	site	site_sidt, sidt (%esi)
#endif

/* A pending x87 exception: the #MF comes with the wait. */
	.globl	site_fpu
site_fpu:
	fninit
	fldcw	fpu_divide
	fld1
	fldz
	fdivrp
	site	site_fwait, fwait

#ifdef __x86_64__
	site	site_int4, int $4
	site	site_touch_read, movq (%rsi), %rax
	site	site_touch_write, movq %rdx, (%rsi)
	site	site_read, movl (%rax), %edx
	site	site_write, movl %edx, (%rax)
	site	site_touch_exec, jmp *%rsi

/* Traps after the nop; the flags are on the stack that regs_in gives. */
	.globl	site_step
site_step:
	pushfq
	btsl	$8, (%rsp)
	popfq
	site	site_stepped, nop

/* Into a compatibility code segment, int $0x80 there, and back. */
	.globl	site_int80_compat
site_int80_compat:
	ljmpl	*to_compat(%rip)
	.code32
compat:	int	$0x80
	ljmp	$0x33, $regs_back
	.code64

/* The same with SYSCALL, which is not answered. */
	.globl	site_syscall_compat, site_syscall_refused
site_syscall_compat:
	ljmpl	*to_refused(%rip)
	.code32
site_syscall_refused:
	syscall
	ljmp	$0x33, $regs_back
	.code64

#else /* 32-bit */

	site	site_into, into
	site	site_bound, bound %edx, (%esi)
	site	site_touch_read, movl (%esi), %eax
	site	site_touch_write, movl %edx, (%esi)
	site	site_read, movl (%eax), %edx
	site	site_write, movl %edx, (%eax)
	site	site_touch_exec, jmp *%esi

	.globl	site_step
site_step:
	pushfl
	btsl	$8, (%esp)
	popfl
	site	site_stepped, nop

/*
 * The fast system calls come back to the vDSO's landing pad, which pops ebp,
 * edx and ecx and returns.
 */
	.globl	site_sysenter, site_syscall32, site_vdso
site_sysenter:
	pushl	$regs_back
	pushl	%ecx
	pushl	%edx
	pushl	%ebp
	movl	%esp, %ebp
	sysenter
	ud2

site_syscall32:
	pushl	$regs_back
	pushl	%ecx
	pushl	%edx
	pushl	%ebp
	movl	%ecx, %ebp
	syscall
	ud2

site_vdso:
	pushl	$regs_back
	jmp	*regs_vdso

/* Bare ones, for a sigreturn that comes back elsewhere. */
	site	site_sysenter_bare, sysenter
	site	site_syscall32_bare, syscall
#endif

	.section .rodata
fpu_divide:
	.word	0x037b		/* division by zero not masked */
#ifdef __x86_64__
to_compat:
	.long	compat
	.word	0x23
to_refused:
	.long	site_syscall_refused
	.word	0x23
#endif

	.bss
	.balign	8
	.globl	regs_vdso
regs_vdso:	.skip	8

	.section .note.GNU-stack, "", @progbits
