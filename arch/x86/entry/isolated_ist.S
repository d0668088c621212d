/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Page-table isolation: the stacks and the tails that exceptions meet which come at
 * any instruction: NMI, #MC, #DB and #DF. entry_64.S includes this, for its labels.
 *
 * What they push in kernel mode are kernel addresses and registers, which must not
 * stay where user mode's page table shows them. So their IST entries are trampolines
 * in the page of the entry stack (asm/pti_entry.h), and each head here moves the
 * frame to the exception stack, which only the kernel page table maps, clears the
 * trampoline, and goes on as if the CPU had pushed it there. From user mode the frame
 * is the user's, and stays.
 *
 * Addresses of the image are made relative to RIP here (exposed_text.S says why).
 *
 * None of them goes back to the user page table. A head that was interrupted before
 * its CR3 write runs that again. A tail that was interrupted behind its CR3 write is
 * taken up at the instruction that isolated_redo_table has for it, which makes that write
 * again; so is one ahead of a CR3 write that it may leave out. All that the tail has
 * read for the last time is still there: the user's frame and RDI on the entry stack,
 * RSP in the TSS's sp2, RAX on the ESPFIX stack.
 */

/*
 * One head. \words is what the CPU pushes, \offset the distance from the trampoline
 * to the exception stack, \user: user mode can have it, \redo: it returns.
 *
 * In:	any page table, any GS base, RSP \words below the end of the trampoline, all
 *	GPRs of the interrupted context, interrupts off; NMIs off for \base of NMI.
 * Out:	jumps to \base: from user mode as it is; from the kernel, kernel page table, RSP
 *	\words below the end of the exception stack, all GPRs and the GS base as they were.
 *
 * As in the base, a machine check here that returns lets a second NMI come over the
 * first one's frame, if one is waiting.
 */
.macro ISOLATED_IST head:req base:req offset:req words=5 user=1 redo=1
SYM_CODE_START(\head)
	UNWIND_HINT_IRET_ENTRY offset=(\words - 5)*8
	ENDBR

	.if \user
	testb	$3, (\words - 5)*8 + CS-RIP(%rsp)
	jnz	\base
	.endif

	/* Not a user root's CR3, if isolation was given up: nothing lies as a pair does. */
	push	%rax
	push	%rdx
	UNWIND_HINT_IRET_REGS offset=(\words - 3)*8
	ALTERNATIVE "jmp .Lmove_\@", "", X86_FEATURE_PTI
	mov	%cr3, %rax
	bt	$PTI_USER_ROOT_BIT, %rax
	jnc	.Lkernel_cr3_\@
	ALTERNATIVE "TO_KERNEL_CR3 %rax pcid=0", "TO_KERNEL_CR3 %rax pcid=1", X86_FEATURE_PTI_PCID
.Lkernel_cr3_\@:

	.if \redo
	/*
	 * A tail behind its CR3 write, or on its way to IRET without one? CR3 does not
	 * tell: something else may have come first, and have left the kernel page table.
	 */
	mov	(\words - 3)*8(%rsp), %rax
	MOV_REDO_START %rdx
	cmp	%rdx, %rax
	jb	.Lmove_\@
	lea	__entry_text_end(%rip), %rdx
	cmp	%rdx, %rax
	jae	.Lmove_\@

	/* The last instructions of IRET are those of a return to the kernel, too. */
	lea	.Lnative_iret(%rip), %rdx
	cmp	%rdx, %rax
	jb	.Ltail_\@
	lea	native_irq_return_iret(%rip), %rdx
	cmp	%rdx, %rax
	ja	.Ltail_\@
	mov	(\words)*8(%rsp), %rdx
	testb	$3, CS-RIP(%rdx)
	jz	.Lmove_\@
	lea	isolated_redo_iret(%rip), %rax
	jmp	.Lredo_\@

.Ltail_\@:
	lea	isolated_redo_table(%rip), %rdx
.Lrow_\@:
	cmp	0*8(%rdx), %rax
	jb	.Lnext_\@
	cmp	1*8(%rdx), %rax
	jae	.Lnext_\@
	mov	2*8(%rdx), %rax
.Lredo_\@:
	mov	%rax, (\words - 3)*8(%rsp)
	jmp	.Lmove_\@
.Lnext_\@:
	add	$3*8, %rdx
	cmpq	$0, (%rdx)
	jne	.Lrow_\@
	.endif

	/* Kernel page table; RDX, RAX and \words of the CPU's at RSP. */
.Lmove_\@:
	mov	%rsp, %rdx
	lea	\offset + (\words + 2)*8(%rsp), %rsp
	UNWIND_HINT_IRET_REGS base=%rdx offset=(\words - 3)*8
	.set .Lslot, (\words + 1)*8
	.rept	\words
	push	.Lslot(%rdx)
	.set .Lslot, .Lslot - 8
	.endr
	UNWIND_HINT_IRET_REGS offset=(\words - 5)*8
	mov	8(%rdx), %rax
	push	(%rdx)
	UNWIND_HINT_IRET_REGS offset=(\words - 4)*8
	.set .Lslot, 0
	.rept	\words + 2
	movq	$0, .Lslot(%rdx)
	.set .Lslot, .Lslot + 8
	.endr
	pop	%rdx
	UNWIND_HINT_IRET_REGS offset=(\words - 5)*8
	jmp	\base
SYM_CODE_END(\head)
.endm

ISOLATED_IST isolated_exc_nmi asm_exc_nmi PTI_NMI_STACK_OFFSET
ISOLATED_IST isolated_exc_debug asm_exc_debug PTI_DB_STACK_OFFSET
#ifdef CONFIG_X86_MCE
ISOLATED_IST isolated_exc_machine_check asm_exc_machine_check PTI_MCE_STACK_OFFSET
#endif
/* exc_double_fault() knows the IRET that espfix makes fail by its address. */
ISOLATED_IST isolated_exc_double_fault asm_exc_double_fault PTI_DF_STACK_OFFSET 6 user=0 redo=0

/*
 * Where tails are taken up again, if the label they were at has gone by. They begin at
 * labels of their own, which say what is another GS base than at the first.
 *
 * In:	kernel page table, user GS base, any stack, interrupts off; GPRs as the tail had
 *	them, of which RSP, and on IRET exits RDI, are not needed.
 * Out:	jumps to the tail's CR3 write.
 */
SYM_CODE_START(isolated_redo)
	/* IRET from the ESPFIX stack. User GS base, RAX: the ESPFIX stack, at user RAX. */
.Lredo_ldt_user_gs:
	UNWIND_HINT_END_OF_STACK
	ANNOTATE_NOENDBR
	swapgs
	/* The same with the kernel GS base. */
.Lredo_ldt:
	UNWIND_HINT_END_OF_STACK
	ANNOTATE_NOENDBR
	mov	(%rax), %rax
	jmp	.Lredo_iret

	/*
	 * IRET.
	 *
	 * In:	kernel page table, user GS base, any stack, interrupts off; user GPRs but RDI.
	 */
SYM_INNER_LABEL(isolated_redo_iret, SYM_L_GLOBAL)
	UNWIND_HINT_END_OF_STACK
	ANNOTATE_NOENDBR
	swapgs
	/* The same with the kernel GS base. */
.Lredo_iret:
	UNWIND_HINT_END_OF_STACK
	ANNOTATE_NOENDBR
	mov	PER_CPU_VAR(cpu_tss_rw + TSS_sp0), %rsp
	lea	-6*8(%rsp), %rsp	/* user RDI, IRET frame */
	ALTERNATIVE "jmp .Liret_redo", "jmp .Liret_redo_pcid", X86_FEATURE_PTI_PCID

	/* SYSRET. User GS base; user GPRs, which RSP may not be yet. */
.Lredo_sysret_user_gs:
	UNWIND_HINT_END_OF_STACK
	ANNOTATE_NOENDBR
	swapgs
	ALTERNATIVE "jmp isolated_sysret_redo", "jmp isolated_sysret_redo_pcid", \
		X86_FEATURE_PTI_PCID

	/*
	 * The 32-bit SYSCALL that does nothing, and never leaves the user page table. User GS
	 * base and GPRs; RAX goes by way of the TSS.
	 */
.Lredo_ignore:
	UNWIND_HINT_END_OF_STACK
	ANNOTATE_NOENDBR
	swapgs
	mov	%rax, PER_CPU_VAR(cpu_tss_rw + TSS_sp2)
.Lignore_redo:
	UNWIND_HINT_END_OF_STACK
	ANNOTATE_NOENDBR
	SWITCH_TO_USER_CR3 scratch_reg=%rax
.Lignore_user_cr3:
	ANNOTATE_NOENDBR
	mov	PER_CPU_VAR(cpu_tss_rw + TSS_sp2), %rax
	swapgs
.Lignore_user_gs:
	ANNOTATE_NOENDBR
	jmp	entry_SYSCALL32_ignore
.Lignore_end:
	ANNOTATE_NOENDBR

#ifdef CONFIG_IA32_EMULATION
	/* SYSRET to 32-bit code. User GS base; user GPRs but R8 to R10, user RSP. */
.Lredo_sysretl_user_gs:
	UNWIND_HINT_END_OF_STACK
	ANNOTATE_NOENDBR
	swapgs
	ALTERNATIVE "jmp isolated_sysretl_redo", "jmp isolated_sysretl_redo_pcid", \
		X86_FEATURE_PTI_PCID
#endif
SYM_INNER_LABEL(isolated_redo_end, SYM_L_GLOBAL)
	ANNOTATE_NOENDBR
	int3
SYM_CODE_END(isolated_redo)

	/* The linker would fill with NOPs. */
	.balign CONFIG_FUNCTION_ALIGNMENT EXPOSED_TEXT_FILL

	.pushsection .rodata, "a"
	.balign	8
SYM_DATA_START(isolated_redo_table)
	/* First address, the one behind the last, where to go on */
	.macro REDO from:req to:req at:req
	.quad	\from, \to, \at
	.endm
	.irp suffix, , _pcid
	REDO	.Liret_user_cr3\suffix, .Liret_user_gs\suffix, .Lredo_iret
	REDO	.Liret_user_gs\suffix, .Liret_end\suffix, isolated_redo_iret
	REDO	.Lsysret_user_cr3\suffix, .Lsysret_user_gs\suffix, isolated_sysret_redo\suffix
	REDO	.Lsysret_user_gs\suffix, isolated_sysret_end\suffix, .Lredo_sysret_user_gs
#ifdef CONFIG_IA32_EMULATION
	REDO	isolated_sysretl_user_cr3\suffix, isolated_sysretl_user_gs\suffix, \
		isolated_sysretl_redo\suffix
	REDO	isolated_sysretl_user_gs\suffix, isolated_sysretl_end\suffix, .Lredo_sysretl_user_gs
#endif
	.endr
	REDO	entry_SYSCALL32_ignore, .Lsyscall32_ignore_end, .Lredo_ignore
	REDO	.Lignore_user_cr3, .Lignore_user_gs, .Lignore_redo
	REDO	.Lignore_user_gs, .Lignore_end, .Lredo_ignore
#ifdef CONFIG_X86_ESPFIX64
	/* Ahead of a CR3 write, too: without an LDT it is not made, and IRET comes next. */
	REDO	native_irq_return_ldt, .Lldt_kernel_gs, isolated_redo_iret
	REDO	.Lldt_kernel_gs, .Lldt_kernel_cr3, .Lredo_iret
	REDO	isolated_no_ldt, .Lno_ldt_user_gs, .Lredo_iret
	REDO	.Lno_ldt_user_gs, .Lno_ldt_end, isolated_redo_iret
	REDO	.Lldt_user_cr3, .Lldt_user_gs, .Lredo_ldt
	REDO	.Lldt_user_gs, .Lldt_user_rax, .Lredo_ldt_user_gs
	REDO	.Lldt_user_rax, .Lldt_end, isolated_redo_iret
#endif
SYM_INNER_LABEL(isolated_redo_table_end, SYM_L_GLOBAL)
	.quad	0			/* where a search ends */
SYM_DATA_END(isolated_redo_table)
	.popsection
