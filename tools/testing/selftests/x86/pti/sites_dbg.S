/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * sites_dbg.S - ways into the kernel that a debugger makes interesting
 *
 * More sites for regs_run(), of the programs dbg_step and dbg_movss.
 */
	.text

/* For single steps: each way of a call between instructions that do nothing. */
	.globl	step_0, step_1, step_2, step_3, step_4, step_5
	.globl	step_6, step_end
step_0:	int3			/* lets the tracer in */
step_1:	nop
#ifdef __x86_64__
step_2:	syscall
step_3:	nop
	.globl	step_nr
step_nr: movl	$64, %eax		/* getppid(), 32-bit number */
#else
step_2:	call	*regs_vdso
step_3:	movl	$64, %eax
#endif
step_4:	int	$0x80
step_5:	nop
step_6:	nop
step_end:
	jmp	regs_back

/* The same by code that sets its own TF, and clears it. */
	.globl	site_self_step
site_self_step:
#ifdef __x86_64__
	pushfq
	orq	$0x100, (%rsp)
	popfq
	syscall
	pushfq
	andq	$~0x100, (%rsp)
	popfq
#else
	pushfl
	orl	$0x100, (%esp)
	popfl
	call	*regs_vdso
	pushfl
	andl	$~0x100, (%esp)
	popfl
#endif
	jmp	regs_back

/*
 * MOV SS from a watched word: the #DB waits for the next instruction, which
 * here enters the kernel.
 */
.macro site_movss name, insns:vararg
	.globl	\name, \name\()_end
\name:
#ifdef __x86_64__
	movw	movss_word(%rip), %ss
#else
	movw	movss_word, %ss
#endif
	\insns
\name\()_end:
	jmp	regs_back
.endm
	site_movss movss_nop, nop
	site_movss movss_int3, int3
	site_movss movss_int3_long, .byte 0xcd, 3
	site_movss movss_ud2, ud2
	site_movss movss_hlt, hlt
	site_movss movss_int80, int $0x80
#ifdef __x86_64__
	site_movss movss_syscall, syscall
	site_movss movss_fault, movl (%rax), %edx
#else
	site_movss movss_fault, movl (%eax), %edx
	site_movss movss_sysenter, sysenter
#endif

	.bss
	.balign	8
	.globl	movss_word
movss_word:	.skip	8

	.section .note.GNU-stack, "", @progbits
