/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Page-table isolation: the heads and tails of 32-bit system calls, as those of
 * isolated_entry.S. entry_64_compat.S includes this.
 */

/*
 * SYSENTER.
 *
 * In:	user page table, user GS base, RSP the end of the entry stack, interrupts
 *	off, but #DB may come at each instruction if the user has set TF.
 * Out:	jumps to entry_SYSENTER_compat_safe_stack: kernel page table, kernel GS
 *	base, thread stack; user GPRs but RSP, which SYSENTER has lost.
 */
SYM_CODE_START(isolated_SYSENTER_compat)
	UNWIND_HINT_ENTRY
	ENDBR
	swapgs
	ISOLATED_GO_ON entry_SYSENTER_compat_safe_stack
SYM_INNER_LABEL(isolated_SYSENTER_compat_end, SYM_L_GLOBAL)
	ANNOTATE_NOENDBR
	int3
SYM_CODE_END(isolated_SYSENTER_compat)

/*
 * 32-bit SYSCALL. RCX and R11 are the user's RIP and flags.
 *
 * In:	user page table, user GS base, user stack, interrupts off.
 * Out:	jumps to entry_SYSCALL_compat_safe_stack: kernel page table, kernel GS
 *	base, thread stack, user ESP in R8.
 */
SYM_CODE_START(isolated_SYSCALL_compat)
	UNWIND_HINT_ENTRY
	ENDBR
	swapgs
	mov	%esp, %r8d
	ISOLATED_GO_ON entry_SYSCALL_compat_safe_stack
SYM_INNER_LABEL(isolated_SYSCALL_compat_end, SYM_L_GLOBAL)
	ANNOTATE_NOENDBR
	int3
SYM_CODE_END(isolated_SYSCALL_compat)

/*
 * SYSRET to 32-bit code, if AL says that it will do.
 *
 * In:	kernel page table, kernel GS base, interrupts off, RSP at pt_regs on the
 *	thread stack, R12 to R15 as the user had them.
 * Out:	user mode; R8 to R10 are zero, RCX and R11 are what SYSRET takes.
 */
.macro ISOLATED_SYSRETL suffix pcid:req
SYM_CODE_START_LOCAL(isolated_sysretl\suffix)
	UNWIND_HINT_REGS
	testb	%al, %al
	jz	isolated_return_to_usermode\suffix

	STACKLEAK_ERASE
	IBRS_EXIT
	mov	RBX(%rsp), %rbx
	mov	RBP(%rsp), %rbp
	mov	RAX(%rsp), %rax
	mov	RDX(%rsp), %rdx
	mov	RSI(%rsp), %rsi
	mov	RDI(%rsp), %rdi
	mov	EFLAGS(%rsp), %r11
	mov	RIP(%rsp), %rcx
	mov	RSP(%rsp), %rsp
	UNWIND_HINT_END_OF_STACK

	/*
	 * In:	kernel page table, kernel GS base, user stack, interrupts off; user GPRs but R8
	 *	to R10.
	 */
SYM_INNER_LABEL(isolated_sysretl_redo\suffix, SYM_L_GLOBAL)
	ANNOTATE_NOENDBR
	TO_USER_CR3 %r8 pcid=\pcid
	/* In:	user page table, kernel GS base, user stack, interrupts off; GPRs likewise. */
SYM_INNER_LABEL(isolated_sysretl_user_cr3\suffix, SYM_L_GLOBAL)
	ANNOTATE_NOENDBR
	xor	%r8d, %r8d
	xor	%r9d, %r9d
	xor	%r10d, %r10d
	swapgs
	/* In:	user page table, user GS base, user stack, interrupts off; GPRs as for SYSRET. */
SYM_INNER_LABEL(isolated_sysretl_user_gs\suffix, SYM_L_GLOBAL)
	ANNOTATE_NOENDBR
	CLEAR_CPU_BUFFERS
	sysretl
SYM_INNER_LABEL(isolated_sysretl_end\suffix, SYM_L_GLOBAL)
	ANNOTATE_NOENDBR
	int3
SYM_CODE_END(isolated_sysretl\suffix)
.endm

ISOLATED_SYSRETL pcid=0
ISOLATED_SYSRETL _pcid pcid=1

	/* The linker would fill with NOPs. */
	.balign CONFIG_FUNCTION_ALIGNMENT EXPOSED_TEXT_FILL
