/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Page-table isolation: the 64-bit system call of a process that is opted out of it.
 *
 * Such a process runs in user mode on the kernel page table, so that its system calls need
 * not write CR3, and the code here need not be exposed. LSTAR leads to it on a CPU while
 * one of its threads is what the CPU goes back to (arch/x86/mm/pti_opt_out.c), and no longer.
 * All other ways in and out are those of everyone: they write CR3, with the value that is
 * in it. entry_64.S includes this.
 *
 * A system call that began here may end when user mode is isolated again: the process has
 * opted in, from inside or from another CPU, or executes something. So pti_pcid.user_cr3 is
 * asked, which says what user mode is to run on, and what is isolated leaves by IRET. What
 * an opted-out task entered otherwise leaves otherwise: by TO_USER_CR3, to the same value.
 *
 * Nothing here has to be taken up again: what interrupts it finds the kernel page table,
 * and leaves it.
 */

	.pushsection .noinstr.text, "ax"
/*
 * 64-bit SYSCALL. All registers but RCX and R11, which are the user's RIP and flags, hold
 * what user mode had in them.
 *
 * In:	kernel page table, user GS base, user stack, interrupts off.
 * Out:	user mode, by SYSRET if user mode still runs on the kernel page table.
 *
 * RSP goes through the TSS's sp2 on the way in, as in the base. The way out needs no
 * memory for it: the thread stack stays mapped to the last.
 */
SYM_CODE_START(opted_out_SYSCALL_64)
	UNWIND_HINT_ENTRY
	ENDBR
	swapgs
	mov	%rsp, PER_CPU_VAR(cpu_tss_rw + TSS_sp2)
	mov	PER_CPU_VAR(pcpu_hot + X86_top_of_stack), %rsp
	/*
	 * In:	kernel page table, kernel GS base, thread stack, interrupts off; user GPRs but
	 *	RSP.
	 */
SYM_INNER_LABEL(opted_out_SYSCALL_64_safe_stack, SYM_L_GLOBAL)
	ANNOTATE_NOENDBR
	push	$__USER_DS		/* pt_regs: ss, sp, flags, cs, ip, orig_ax */
	push	PER_CPU_VAR(cpu_tss_rw + TSS_sp2)
	push	%r11
	push	$__USER_CS
	push	%rcx
	push	%rax
	PUSH_AND_CLEAR_REGS rax=$-ENOSYS
	mov	%rsp, %rdi
	movslq	%eax, %rsi

	IBRS_ENTER
	UNTRAIN_RET
	CLEAR_BRANCH_HISTORY
	call	do_syscall_64

	/* It has turned interrupts off, so that user_cr3 stays what it is from here on. */
	testb	%al, %al
	jz	.Lopted_out_iret
	testb	$1 << (PTI_USER_ROOT_BIT % 8), PER_CPU_VAR(pti_pcid + PTI_USER_ROOT_BIT / 8)
	jnz	.Lopted_out_iret

	STACKLEAK_ERASE
	IBRS_EXIT
	POP_REGS pop_rdi=0
	UNWIND_HINT_END_OF_STACK
	pop	%rdi
	mov	RSP-ORIG_RAX(%rsp), %rsp
	/* In:	kernel page table, kernel GS base, user stack, interrupts off; user GPRs. */
SYM_INNER_LABEL(opted_out_sysret_user_stack, SYM_L_GLOBAL)
	ANNOTATE_NOENDBR
	swapgs
	CLEAR_CPU_BUFFERS
	sysretq
SYM_INNER_LABEL(opted_out_sysret_end, SYM_L_GLOBAL)
	ANNOTATE_NOENDBR
	int3

.Lopted_out_iret:
	UNWIND_HINT_REGS
	JMP_RETURN_TO_USERMODE
SYM_CODE_END(opted_out_SYSCALL_64)
	.popsection
