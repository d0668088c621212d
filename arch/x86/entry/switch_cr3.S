/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Page-table isolation: the instructions that change CR3 on the way into and
 * out of the kernel, and the places of the base where isolated entries and exits
 * leave it. Nothing else in the entry code writes CR3. These are macros for the
 * assembler only; calling.h includes them.
 *
 *   TO_KERNEL_CR3			entry, where isolation is known to be on
 *   TO_USER_CR3			exit, where isolation is known to be on
 *   SWITCH_TO_KERNEL_CR3		TO_KERNEL_CR3, as an alternative
 *   SWITCH_TO_KERNEL_CR3_IF_LDT	an alternative, on the exit to a stack segment of an LDT
 *   SWITCH_TO_USER_CR3			back from there, as an alternative
 *   FENCE_OR_JMP			instead of FENCE_SWAPGS_USER_ENTRY
 *   JMP_RETURN_TO_USERMODE, _OR	instead of a jump to the base's IRET exit
 *   TEST_SYSRET			instead of the base's choice of SYSRET or IRET
 *   JMP_SYSRET32			instead of the base's jump to the 32-bit SYSRET exit
 *
 * The two roots of an mm are neighbours, so one bit of CR3 selects the page
 * table and one more the PCID (asm/pti.h). Way in, both bits are cleared, which
 * needs no memory that user mode could read, and does no harm where the kernel page
 * table is active already: what interrupts an entry comes back to it on that
 * (isolated_ist.S). Way out, the value is this CPU's pti_pcid.user_cr3, which tlb.c
 * keeps in step with the loaded mm (arch/x86/mm/pti_pcid.h): its bit 63 is clear
 * when a flush of the user PCID is owed, and taking the value pays that flush.
 *
 * A process that is opted out has the kernel page table in user mode (opted_out.S). Where the
 * comments here and in isolated_*.S have the user page table, or a tail says that it leaves
 * by it, that process has the kernel's, which maps all that the user's does.
 *
 * With isolation off none of this adds an instruction to a system call, a fault
 * or an interrupt: heads and tails are chosen by MSR, by the IDT, by jumps that the base
 * has anyway, and by one in the place of its fence behind SWAPGS (isolated_entry.S).
 */
#ifndef _X86_ENTRY_SWITCH_CR3_H
#define _X86_ENTRY_SWITCH_CR3_H

#include <linux/stringify.h>

#include <asm/alternative.h>
#include <asm/cpufeatures.h>
#include <asm/percpu.h>
#include <asm/processor-flags.h>
#include <asm/pti.h>

#ifdef CONFIG_MITIGATION_PAGE_TABLE_ISOLATION

/* Does nothing to an instruction without memory operand, but to its length. */
#define CS_PREFIX	0x2e

/*
 * Have pti_switch.c know of an alternative, from \from to here, which is on the way to or
 * from user mode and on no other: with isolation off in the running system, it is what the
 * base has there. \fence: that is the fence behind SWAPGS, if the CPU needs one.
 */
.macro PTI_SITE from:req fence=0
#ifdef CONFIG_PTI_SWITCH
.Lend_\@:
	.pushsection .pti_sites, "a"
	.long	\from - .
	.byte	.Lend_\@ - \from, \fence
	.balign	8
	.popsection
#endif
.endm
.macro PTI_SITE_LABEL label:req
#ifdef CONFIG_PTI_SWITCH
\label:
	ANNOTATE_NOENDBR
#endif
.endm

/* Where the search for a tail that was interrupted begins: behind all code, if none can be. */
.macro MOV_REDO_START reg:req
#ifdef CONFIG_PTI_SWITCH
	mov	pti_redo_start(%rip), \reg
#else
	lea	__entry_text_start(%rip), \reg
#endif
.endm

/* The base's ALTERNATIVE_3 is for C alone. */
.macro ISOLATED_ALTERNATIVE_3 oldinstr new1:req flag1:req new2:req flag2:req new3:req flag3:req
	__ALTERNATIVE(__ALTERNATIVE(__ALTERNATIVE(\oldinstr, \new1, \flag1),
				    \new2, \flag2), \new3, \flag3)
.endm

/*
 * In:	user or kernel page table of an mm that has both, any GS base, interrupts
 *	off; the stack may be anything.
 * Out:	kernel page table of the same mm; \scratch_reg and flags clobbered.
 *
 * NOFLUSH may be set always: kernel PCIDs are flushed explicitly, never by an
 * entry.
 */
.macro TO_KERNEL_CR3 scratch_reg:req pcid:req pad=0
	mov	%cr3, \scratch_reg
	.if \pad
	.fill	5, 1, CS_PREFIX				/* as long as BTS, and no NOP to execute */
	.endif
	and	$~PTI_USER_CR3_BITS, \scratch_reg
	.if \pcid
	bts	$X86_CR3_PCID_NOFLUSH_BIT, \scratch_reg
	.endif
	mov	\scratch_reg, %cr3
.endm

/*
 * In:	kernel page table, kernel GS base, interrupts off, RSP on a stack that
 *	the user page table maps, or on none.
 * Out:	user page table; \scratch_reg and flags clobbered.
 *
 * Mostly nothing is owed, and NOFLUSH set: then nothing is written, for a branch is
 * cheaper than a store on each way out. In kernel mode the wrong guess harms nothing.
 *
 * Between the read and the CR3 write only an NMI or #MC can come. A flush that it owes
 * is not lost: the next exit pays it if NOFLUSH was read as set, this one otherwise. It
 * may come too late for user mode, so those drop no user page; what they drop in the
 * kernel (APEI's fixmap) the user page table never held.
 *
 * An alternative has this padded, so that the CR3 write ends it: what is at the next
 * instruction is on the user page table (isolated_ist.S).
 */
.macro TO_USER_CR3 scratch_reg:req pcid:req pad=0
	.if \pad
	.byte	0x0f, 0x1f, 0x44, 0, 0			/* NOP as long as TEST and JS */
	.endif
	mov	PER_CPU_VAR(pti_pcid), \scratch_reg
	.if \pcid
	test	\scratch_reg, \scratch_reg
	js	.Lnothing_owed_\@
	orb	$0x80, PER_CPU_VAR(pti_pcid + 7)
.Lnothing_owed_\@:
	.endif
	.if \pad
#ifdef CONFIG_SMP
	.byte	0x0f, 0x1f, 0x84, 0, 0, 0, 0, 0		/* NOP as long as that ORB */
#else
	.byte	0x0f, 0x1f, 0x80, 0, 0, 0, 0
#endif
	.endif
	mov	\scratch_reg, %cr3
.endm

/*
 * espfix is in the user page table of a process that has an LDT, which this CPU has loaded
 * then. Without one the selector in SS cannot be loaded either way: IRET may fault at once.
 *
 * The CR3 write ends it, as it does TO_USER_CR3.
 *
 * In:	user page table, kernel GS base, interrupts off; the stack may be anything.
 * Out:	kernel page table; isolated and LDTR 0: jumps to \no_ldt, with nothing switched.
 *	\scratch_reg and flags clobbered.
 */
.macro TO_KERNEL_CR3_IF_LDT scratch_reg:req no_ldt:req pcid:req
	sldt	\scratch_reg
	test	\scratch_reg, \scratch_reg
	jz	\no_ldt
	.if !\pcid
	.byte	0x0f, 0x1f, 0x44, 0, 0		/* NOP as long as the BTS for PCID */
	.endif
	TO_KERNEL_CR3 \scratch_reg pcid=\pcid
.endm
.macro SWITCH_TO_KERNEL_CR3_IF_LDT scratch_reg:req no_ldt:req
	PTI_SITE_LABEL .Lsite_\@
	ALTERNATIVE_2 "",						     \
		"TO_KERNEL_CR3_IF_LDT \scratch_reg \no_ldt pcid=0", X86_FEATURE_PTI, \
		"TO_KERNEL_CR3_IF_LDT \scratch_reg \no_ldt pcid=1", X86_FEATURE_PTI_PCID
	PTI_SITE .Lsite_\@
.endm

.macro SWITCH_TO_USER_CR3 scratch_reg:req
	PTI_SITE_LABEL .Lsite_\@
	ALTERNATIVE_2 "",						     \
		"TO_USER_CR3 \scratch_reg pcid=0 pad=1", X86_FEATURE_PTI,    \
		"TO_USER_CR3 \scratch_reg pcid=1", X86_FEATURE_PTI_PCID
	PTI_SITE .Lsite_\@
.endm

/* Where one length does for both, on the way in. */
.macro SWITCH_TO_KERNEL_CR3 scratch_reg:req
	ALTERNATIVE "TO_KERNEL_CR3 \scratch_reg pcid=0 pad=1",		     \
		"TO_KERNEL_CR3 \scratch_reg pcid=1", X86_FEATURE_PTI_PCID
.endm

/*
 * In:	behind the SWAPGS of an entry from user mode, interrupts off; isolated:
 *	user page table, on a stack that this maps.
 * Out:	isolated: jumps to \isolated, with nothing switched.
 *
 * The CR3 write there orders the GS base that SWAPGS loaded against later loads (SDM
 * vol. 3, "Serializing Instructions"), and so stands in for the fence.
 *
 * The fence is as long as the jump: a NOP behind it would be an instruction that the base
 * has not. A segment override does nothing to it, which has no operand in memory (SDM
 * vol. 2, 2.1.1).
 */
.macro LFENCE_LIKE_JMP
	.byte	CS_PREFIX, CS_PREFIX
	lfence
.endm
.macro FENCE_OR_JMP isolated:req
	PTI_SITE_LABEL .Lsite_\@
	ALTERNATIVE_2 "", "LFENCE_LIKE_JMP", X86_FEATURE_FENCE_SWAPGS_USER,   \
		"jmp \isolated", X86_FEATURE_PTI
	PTI_SITE .Lsite_\@, fence=1
.endm

/*
 * In:	kernel page table, kernel GS base, interrupts off, RSP at the pt_regs of an
 *	entry from user mode.
 */
.macro JMP_RETURN_TO_USERMODE
	PTI_SITE_LABEL .Lsite_\@
	ALTERNATIVE_2 "jmp swapgs_restore_regs_and_return_to_usermode",	     \
		"jmp isolated_return_to_usermode", X86_FEATURE_PTI,	     \
		"jmp isolated_return_to_usermode_pcid", X86_FEATURE_PTI_PCID
	PTI_SITE .Lsite_\@
.endm
.macro JMP_RETURN_TO_USERMODE_OR other:req flag:req
	PTI_SITE_LABEL .Lsite_\@
	ISOLATED_ALTERNATIVE_3 "jmp swapgs_restore_regs_and_return_to_usermode", \
		"jmp \other", \flag,					     \
		"jmp isolated_return_to_usermode", X86_FEATURE_PTI,	     \
		"jmp isolated_return_to_usermode_pcid", X86_FEATURE_PTI_PCID
	PTI_SITE .Lsite_\@
.endm

/* Likewise, with AL telling whether SYSRET will do; if it does, this is passed. */
.macro TEST_SYSRET isolated:req
	PTI_SITE_LABEL .Lsite_\@
	ISOLATED_ALTERNATIVE_3 "testb %al, %al; jz swapgs_restore_regs_and_return_to_usermode", \
		"jmp swapgs_restore_regs_and_return_to_usermode", X86_FEATURE_XENPV, \
		"jmp \isolated", X86_FEATURE_PTI,			     \
		"jmp \isolated\()_pcid", X86_FEATURE_PTI_PCID
	PTI_SITE .Lsite_\@
.endm

/* The same for a 32-bit system call by SYSENTER. */
.macro JMP_SYSRET32
	PTI_SITE_LABEL .Lsite_\@
	ALTERNATIVE_2 "jmp sysret32_from_system_call",			     \
		"jmp isolated_sysretl", X86_FEATURE_PTI,		     \
		"jmp isolated_sysretl_pcid", X86_FEATURE_PTI_PCID
	PTI_SITE .Lsite_\@
.endm

/*
 * The end of a head of a system call, whose stack is nobody's: to where the base goes on,
 * with the kernel page table and the thread stack. Of the two lengths the longer one is
 * PCID's; what is missing stands behind a jump, and is not executed.
 */
.macro TO_THREAD_STACK safe_stack:req pcid:req
	TO_KERNEL_CR3 %rsp pcid=\pcid
	mov	PER_CPU_VAR(pcpu_hot + X86_top_of_stack), %rsp
	jmp	\safe_stack
.endm
.macro ISOLATED_GO_ON safe_stack:req
	ALTERNATIVE "TO_THREAD_STACK \safe_stack pcid=0",		     \
		"TO_THREAD_STACK \safe_stack pcid=1", X86_FEATURE_PTI_PCID
.endm

/* Where an isolated tail, if it is interrupted, is in the base's code (isolated_ist.S). */
.macro ISOLATED_LABEL label:req
\label:
	ANNOTATE_NOENDBR
.endm

/* Where an isolated system call goes on in the base: pt_regs are to be built. */
.macro ISOLATED_SAFE_STACK label:req
SYM_INNER_LABEL(\label, SYM_L_GLOBAL)
	ANNOTATE_NOENDBR
.endm

#else /* !CONFIG_MITIGATION_PAGE_TABLE_ISOLATION */

.macro SWITCH_TO_KERNEL_CR3_IF_LDT scratch_reg:req no_ldt:req
.endm
.macro SWITCH_TO_USER_CR3 scratch_reg:req
.endm
.macro FENCE_OR_JMP isolated:req
	FENCE_SWAPGS_USER_ENTRY
.endm
.macro JMP_RETURN_TO_USERMODE
	jmp	swapgs_restore_regs_and_return_to_usermode
.endm
.macro JMP_RETURN_TO_USERMODE_OR other:req flag:req
	ALTERNATIVE "jmp swapgs_restore_regs_and_return_to_usermode", "jmp \other", \flag
.endm
.macro TEST_SYSRET isolated:req
	ALTERNATIVE "testb %al, %al; jz swapgs_restore_regs_and_return_to_usermode", \
		"jmp swapgs_restore_regs_and_return_to_usermode", X86_FEATURE_XENPV
.endm
.macro JMP_SYSRET32
	jmp	sysret32_from_system_call
.endm
.macro ISOLATED_LABEL label:req
.endm
.macro ISOLATED_SAFE_STACK label:req
.endm

#endif
#endif /* _X86_ENTRY_SWITCH_CR3_H */
