/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * regs.S - run one instruction with every register under control
 *
 * regs_run(site) loads flags and all general registers, the stack pointer
 * included, from regs_in and jumps to @site.  The site does what it does and
 * ends with a jump to regs_back, which stores all registers and the flags in
 * regs_out and returns to the caller of regs_run.  No register is needed on
 * the way, so the site may not tell that anything was there before it.
 *
 * Both arrays have the order of uc_mcontext.gregs, so that a signal handler
 * compares its context with regs_in directly, and a frame for sigreturn is a
 * plain copy of it.
 *
 * Some sites hold 32-bit addresses: programs that use them are linked
 * statically and are not position independent.
 */
#ifdef __x86_64__

#define IN(n)	regs_in + 8 * (n)(%rip)
#define OUT(n)	regs_out + 8 * (n)(%rip)

#define FOR_EACH_GPR(op)					\
	op(0, %r8); op(1, %r9); op(2, %r10); op(3, %r11);	\
	op(4, %r12); op(5, %r13); op(6, %r14); op(7, %r15);	\
	op(8, %rdi); op(9, %rsi); op(10, %rbp); op(11, %rbx);	\
	op(12, %rdx); op(13, %rax); op(14, %rcx); op(15, %rsp)

#define LOAD(n, reg)	movq	IN(n), reg
#define STORE(n, reg)	movq	reg, OUT(n)
#define DIFFERS(n, reg)	cmpq	IN(n), reg; jne 1f
#define EFL		17

	.text
	.globl	regs_run
regs_run:
	pushq	%rbx
	pushq	%rbp
	pushq	%r12
	pushq	%r13
	pushq	%r14
	pushq	%r15
	movq	%rdi, regs_site(%rip)
	movq	%rsp, regs_stack(%rip)
	pushq	IN(EFL)
	popfq
	FOR_EACH_GPR(LOAD)
	jmp	*regs_site(%rip)

	.globl	regs_back
regs_back:
	FOR_EACH_GPR(STORE)
	movq	regs_stack(%rip), %rsp
	pushfq
	popq	OUT(EFL)
	pushq	$0x202			/* nothing but IF */
	popfq
	popq	%r15
	popq	%r14
	popq	%r13
	popq	%r12
	popq	%rbp
	popq	%rbx
	ret

/* A site that compares all registers again and again until told to stop. */
	.globl	site_spin, site_spin_end
site_spin:
	FOR_EACH_GPR(DIFFERS)
	incq	regs_spins(%rip)
	cmpl	$0, regs_stop(%rip)
	je	site_spin
1:
site_spin_end:
	jmp	regs_back

#else /* 32-bit */

#define IN(n)	regs_in + 4 * (n)
#define OUT(n)	regs_out + 4 * (n)

#define FOR_EACH_GPR(op)					\
	op(4, %edi); op(5, %esi); op(6, %ebp); op(8, %ebx);	\
	op(9, %edx); op(10, %ecx); op(11, %eax); op(7, %esp)

#define LOAD(n, reg)	movl	IN(n), reg
#define STORE(n, reg)	movl	reg, OUT(n)
#define DIFFERS(n, reg)	cmpl	IN(n), reg; jne 1f
#define EFL		16

	.text
	.globl	regs_run
regs_run:
	movl	4(%esp), %eax
	pushl	%ebx
	pushl	%ebp
	pushl	%esi
	pushl	%edi
	movl	%eax, regs_site
	movl	%esp, regs_stack
	pushl	IN(EFL)
	popfl
	FOR_EACH_GPR(LOAD)
	jmp	*regs_site

	.globl	regs_back
regs_back:
	FOR_EACH_GPR(STORE)
	movl	regs_stack, %esp
	pushfl
	popl	OUT(EFL)
	pushl	$0x202			/* nothing but IF */
	popfl
	popl	%edi
	popl	%esi
	popl	%ebp
	popl	%ebx
	ret

	.globl	site_spin, site_spin_end
site_spin:
	FOR_EACH_GPR(DIFFERS)
	incl	regs_spins
	cmpl	$0, regs_stop
	je	site_spin
1:
site_spin_end:
	jmp	regs_back

#endif

	.bss
	.balign	64
	.globl	regs_in, regs_out, regs_spins, regs_stop
regs_in:	.skip	8 * 23
regs_out:	.skip	8 * 23
regs_site:	.skip	8
regs_stack:	.skip	8
regs_spins:	.skip	8
regs_stop:	.skip	8

	.section .note.GNU-stack, "", @progbits
