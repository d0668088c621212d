/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Page-table isolation: the heads and tails of 64-bit entries and exits.
 *
 * A head is what an isolated entry runs instead of the beginning of the base's
 * entry; it ends where the base's goes on, on the kernel page table. A tail is what
 * an isolated exit runs instead of the base's. They are chosen where that costs
 * nothing with isolation off: heads by LSTAR (pti_head()), tails by the jump that
 * the base makes anyway (switch_cr3.S). entry_64.S includes this, for its labels.
 *
 * What interrupts a tail behind its CR3 write, or ahead of one that is left out without
 * an LDT, returns on the kernel page table, and so not to where it was:
 * isolated_redo_table says where the tail has to be taken up again (isolated_ist.S).
 * Heads need no such thing, since TO_KERNEL_CR3 can be run twice.
 *
 * Tails exist with and without PCID, so that neither executes a NOP for the other.
 */

/*
 * 64-bit SYSCALL. All registers but RCX and R11, which are the user's RIP and flags,
 * hold what user mode had in them.
 *
 * In:	user page table, user GS base, user stack, interrupts off.
 * Out:	jumps to entry_SYSCALL_64_safe_stack: kernel page table, kernel GS base,
 *	thread stack, user RSP in the TSS's sp2. The CR3 write orders what SWAPGS loaded.
 */
SYM_CODE_START(isolated_SYSCALL_64)
	UNWIND_HINT_ENTRY
	ENDBR
	swapgs
	mov	%rsp, PER_CPU_VAR(cpu_tss_rw + TSS_sp2)
	ISOLATED_GO_ON entry_SYSCALL_64_safe_stack
SYM_INNER_LABEL(isolated_SYSCALL_64_end, SYM_L_GLOBAL)
	ANNOTATE_NOENDBR
	int3
SYM_CODE_END(isolated_SYSCALL_64)

/*
 * SYSRET to 64-bit code, if AL says that it will do.
 *
 * In:	kernel page table, kernel GS base, interrupts off, RSP at pt_regs on the
 *	thread stack, which the user page table does not map.
 * Out:	user mode.
 *
 * RSP is the scratch register, since all others are the user's by then: its user
 * value rests in the TSS's sp2, as on the way in.
 */
.macro ISOLATED_SYSRET suffix pcid:req
SYM_CODE_START_LOCAL(isolated_sysret\suffix)
	UNWIND_HINT_REGS
	testb	%al, %al
	jz	isolated_return_to_usermode\suffix

	STACKLEAK_ERASE
	IBRS_EXIT
	POP_REGS pop_rdi=0
	UNWIND_HINT_END_OF_STACK
	mov	RSP-RDI(%rsp), %rdi
	mov	%rdi, PER_CPU_VAR(cpu_tss_rw + TSS_sp2)
	pop	%rdi

	/*
	 * In:	kernel page table, kernel GS base, any stack, interrupts off; user GPRs but RSP,
	 *	which nothing needs.
	 */
SYM_INNER_LABEL(isolated_sysret_redo\suffix, SYM_L_GLOBAL)
	ANNOTATE_NOENDBR
	TO_USER_CR3 %rsp pcid=\pcid
.Lsysret_user_cr3\suffix:
	ANNOTATE_NOENDBR
	mov	PER_CPU_VAR(cpu_tss_rw + TSS_sp2), %rsp
	swapgs
.Lsysret_user_gs\suffix:
	ANNOTATE_NOENDBR
	CLEAR_CPU_BUFFERS
	sysretq
SYM_INNER_LABEL(isolated_sysret_end\suffix, SYM_L_GLOBAL)
	ANNOTATE_NOENDBR
	int3
SYM_CODE_END(isolated_sysret\suffix)
.endm

ISOLATED_SYSRET pcid=0
ISOLATED_SYSRET _pcid pcid=1

/*
 * IRET to user mode.
 *
 * In:	kernel page table, kernel GS base, interrupts off, RSP at pt_regs on the
 *	thread stack.
 * Out:	user mode, by .Lnative_iret with RSP on this CPU's entry stack, at a copy
 *	of the IRET frame.
 *
 * After the pops RSP points at rdi, orig_ax, ip, cs, flags, sp, ss: orig_ax, slot
 * 1, stays behind.
 */
.macro ISOLATED_RETURN suffix pcid:req
SYM_CODE_START(isolated_return_to_usermode\suffix)
	UNWIND_HINT_REGS
	ANNOTATE_NOENDBR
	IBRS_EXIT
	STACKLEAK_ERASE
	POP_REGS pop_rdi=0
	mov	%rsp, %rdi
	mov	PER_CPU_VAR(cpu_tss_rw + TSS_sp0), %rsp
	UNWIND_HINT_END_OF_STACK
	.irp slot, 6, 5, 4, 3, 2, 0
	push	\slot*8(%rdi)
	.endr

	/* Entry stack, at the user's RDI and the frame; other GPRs are the user's. */
.Liret_redo\suffix:
	ANNOTATE_NOENDBR
	TO_USER_CR3 %rdi pcid=\pcid
.Liret_user_cr3\suffix:
	ANNOTATE_NOENDBR
	pop	%rdi
	UNWIND_HINT_IRET_REGS
	swapgs
.Liret_user_gs\suffix:
	ANNOTATE_NOENDBR
	CLEAR_CPU_BUFFERS
	/* Assert that the IRET frame indicates user mode. */
	testb	$3, CS-RIP(%rsp)
	jnz	.Lnative_iret
	ud2
.Liret_end\suffix:
	ANNOTATE_NOENDBR
	int3
SYM_CODE_END(isolated_return_to_usermode\suffix)
.endm

ISOLATED_RETURN pcid=0
ISOLATED_RETURN _pcid pcid=1

#ifdef CONFIG_X86_ESPFIX64
/*
 * IRET to a stack segment of an LDT that this process has not: it faults, as on any other
 * segment that is none.
 *
 * In:	user page table, kernel GS base, interrupts off, RSP at the user's RDI and the IRET
 *	frame on the entry stack; other GPRs are the user's.
 * Out:	jumps to native_irq_return_iret: user page table, user GS base, RSP at the IRET
 *	frame on the entry stack; user GPRs.
 */
SYM_CODE_START_LOCAL(isolated_no_ldt)
	UNWIND_HINT_IRET_REGS offset=8
	ANNOTATE_NOENDBR
	swapgs
.Lno_ldt_user_gs:
	ANNOTATE_NOENDBR
	pop	%rdi
	UNWIND_HINT_IRET_REGS
	jmp	native_irq_return_iret
.Lno_ldt_end:
	ANNOTATE_NOENDBR
	int3
SYM_CODE_END(isolated_no_ldt)
#endif

/*
 * The rest of error_entry for an entry from user mode. Nothing of the kernel's may stay
 * on the stack that it comes from: the return address, which says where the kernel is,
 * goes along, and what calls functions comes behind that.
 *
 * In:	user page table, kernel GS base, interrupts off, RSP at the return address and
 *	pt_regs on a stack that the user page table maps, all other GPRs in them.
 * Out:	returns as error_entry: kernel page table, RAX at a copy of pt_regs on the thread
 *	stack, and RSP there; other GPRs clobbered.
 */
SYM_CODE_START(isolated_error_entry)
	ANNOTATE_NOENDBR
	UNWIND_HINT_REGS offset=8
	SWITCH_TO_KERNEL_CR3 %rax
	mov	PER_CPU_VAR(pcpu_hot + X86_top_of_stack), %rax
	mov	%rsp, %rsi
	lea	-PTREGS_SIZE-8(%rax), %rdi
	mov	$PTREGS_SIZE / 8 + 1, %ecx
	rep movsq
	lea	-PTREGS_SIZE-8(%rax), %rsp
	UNWIND_HINT_REGS offset=8
	movq	$0, -PTREGS_SIZE-8(%rsi)
	IBRS_ENTER
	UNTRAIN_RET_FROM_CALL
	lea	8(%rsp), %rax
	RET
SYM_CODE_END(isolated_error_entry)

/*
 * The same for a fault of IRET, whose frame fixup_bad_iret() replaces by that of
 * what IRET would have gone to. It is C, and so must run on the thread stack: below
 * where the registers are going to be, with the return address right there already.
 * What does so lies where no user page table has it.
 *
 * In:	as isolated_error_entry: user page table, kernel GS base, interrupts off, RSP at
 *	the return address and pt_regs on a stack that the user page table maps.
 * Out:	returns as error_entry, in the same way.
 */
SYM_CODE_START(isolated_bad_iret)
	ANNOTATE_NOENDBR
	UNWIND_HINT_REGS offset=8
	SWITCH_TO_KERNEL_CR3 %rax
	jmp	isolated_fixup_bad_iret
SYM_CODE_END(isolated_bad_iret)

/*
 * An NMI from user mode.
 *
 * In:	user page table, kernel GS base, interrupts off, RSP at the user's RDX and the IRET
 *	frame on the trampoline, all other GPRs the user's; no NMI before the next IRET.
 * Out:	jumps to .Lnmi_from_user: kernel page table; RDX and flags clobbered.
 */
SYM_CODE_START_LOCAL(isolated_nmi_from_user)
	ANNOTATE_NOENDBR
	UNWIND_HINT_IRET_REGS offset=8
	SWITCH_TO_KERNEL_CR3 %rdx
	jmp	.Lnmi_from_user
SYM_CODE_END(isolated_nmi_from_user)

	.pushsection .noinstr.text, "ax"
/*
 * In:	kernel page table, kernel GS base, interrupts off, RSP at the return address and
 *	pt_regs on a stack that the user page table maps.
 * Out:	returns as error_entry does under isolation.
 */
SYM_CODE_START(isolated_fixup_bad_iret)
	ANNOTATE_NOENDBR
	UNWIND_HINT_REGS offset=8
	mov	%rsp, %rdi
	mov	PER_CPU_VAR(pcpu_hot + X86_top_of_stack), %rsp
	UNWIND_HINT_END_OF_STACK
	sub	$PTREGS_SIZE, %rsp
	push	(%rdi)
	movq	$0, (%rdi)
	add	$8, %rdi
	IBRS_ENTER
	UNTRAIN_RET_FROM_CALL
	call	fixup_bad_iret
	mov	%rax, %rsi
	lea	8(%rsp), %rdi
	mov	$PTREGS_SIZE / 8, %ecx
	rep movsq
	UNWIND_HINT_REGS offset=8
	lea	8(%rsp), %rax
	RET
SYM_CODE_END(isolated_fixup_bad_iret)
	.popsection
