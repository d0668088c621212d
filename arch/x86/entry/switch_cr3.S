/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Page-table isolation: the instructions that change CR3 on the way into and
 * out of the kernel. Nothing else in the entry code writes CR3. These are macros
 * for the assembler only; calling.h includes them.
 *
 *   SWITCH_TO_KERNEL_CR3		entry from user mode
 *   SWITCH_TO_USER_CR3			exit to user mode
 *   SAVE_AND_SWITCH_TO_KERNEL_CR3	paranoid entry, interrupted table unknown
 *   RESTORE_CR3			paranoid exit, back to what was found
 *   ISOLATED_IRET_EXIT			IRET exit, which must leave the thread stack first
 *
 * The two roots of an mm are neighbours, so one bit of CR3 selects the page
 * table and one more the PCID (asm/pti.h). Way in, both bits are cleared, which
 * needs no memory that user mode could read (what interrupts an entry may push the
 * scratch register on an IST stack). Way out,
 * the value is this CPU's pti_pcid.user_cr3, which tlb.c keeps in step with the
 * loaded mm (arch/x86/mm/pti_pcid.h): its bit 63 is clear when a flush of the
 * user PCID is owed, and taking the value pays that flush.
 *
 * Every site is one alternative. With isolation off it is a single NOP or jump;
 * with isolation and without PCID it holds nothing that concerns PCIDs.
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

/*
 * In:	user page table, any GS base, interrupts off; the stack may be anything.
 * Out:	kernel page table of the same mm; \scratch_reg and flags clobbered.
 *
 * The CR3 write orders the GS base that a preceding SWAPGS loaded against
 * later loads (SDM vol. 3, "Serializing Instructions"), which is why no
 * fence follows SWAPGS where this macro does. NOFLUSH may be set always: kernel
 * PCIDs are flushed explicitly, never by an entry.
 */
.macro SWITCH_TO_KERNEL_CR3 scratch_reg:req
	ALTERNATIVE_2 "",						   \
		__stringify(mov %cr3, \scratch_reg;			   \
			    and $~PTI_USER_CR3_BITS, \scratch_reg;	   \
			    mov \scratch_reg, %cr3), X86_FEATURE_PTI,	   \
		__stringify(mov %cr3, \scratch_reg;			   \
			    and $~PTI_USER_CR3_BITS, \scratch_reg;	   \
			    bts $X86_CR3_PCID_NOFLUSH_BIT, \scratch_reg;   \
			    mov \scratch_reg, %cr3), X86_FEATURE_PTI_PCID
.endm

/*
 * In:	kernel page table, kernel GS base, interrupts off, RSP on a stack that
 *	the user page table maps, or on none.
 * Out:	user page table; \scratch_reg and flags clobbered.
 *
 * Setting NOFLUSH again after the read loses no flush: between the read and the
 * CR3 write only an NMI or #MC can come, and those drop no user page. What they
 * drop in the kernel (APEI's fixmap) may owe one that nothing depends on, since
 * the user page table never held it.
 */
.macro SWITCH_TO_USER_CR3 scratch_reg:req
	ALTERNATIVE_2 "",						   \
		__stringify(mov PER_CPU_VAR(pti_pcid), \scratch_reg;	   \
			    mov \scratch_reg, %cr3), X86_FEATURE_PTI,	   \
		__stringify(mov PER_CPU_VAR(pti_pcid), \scratch_reg;	   \
			    orb $0x80, PER_CPU_VAR(pti_pcid + 7);	   \
			    mov \scratch_reg, %cr3), X86_FEATURE_PTI_PCID
.endm

/*
 * In:	any page table, any GS base, an IST stack, interrupts off.
 * Out:	kernel page table; \save_reg = CR3 as found, to be kept for RESTORE_CR3;
 *	\scratch_reg and flags clobbered.
 *
 * CS does not tell which table is active: the entry and exit paths run at CPL0
 * on the user table. Bit 12 of CR3 does, because the kernel root of every mm is
 * the first of an aligned pair, and roots without a pair lie where such a first
 * one could (PGD_ROOT_ALIGN).
 */
.macro SAVE_AND_SWITCH_TO_KERNEL_CR3 scratch_reg:req save_reg:req
	ALTERNATIVE_2 "",						   \
		__stringify(mov %cr3, \save_reg;			   \
			    bt $PTI_USER_ROOT_BIT, \save_reg;		   \
			    jnc .Lkernel_cr3_\@;			   \
			    mov \save_reg, \scratch_reg;		   \
			    and $~PTI_USER_CR3_BITS, \scratch_reg;	   \
			    mov \scratch_reg, %cr3), X86_FEATURE_PTI,	   \
		__stringify(mov %cr3, \save_reg;			   \
			    bt $PTI_USER_ROOT_BIT, \save_reg;		   \
			    jnc .Lkernel_cr3_\@;			   \
			    mov \save_reg, \scratch_reg;		   \
			    and $~PTI_USER_CR3_BITS, \scratch_reg;	   \
			    bts $X86_CR3_PCID_NOFLUSH_BIT, \scratch_reg;   \
			    mov \scratch_reg, %cr3), X86_FEATURE_PTI_PCID
.Lkernel_cr3_\@:
.endm

/*
 * In:	kernel page table, any GS base, \save_reg from
 *	SAVE_AND_SWITCH_TO_KERNEL_CR3, interrupts off, a stack that the page table
 *	which was interrupted maps: an IST stack, but for #VC (pti.rst, SEV).
 * Out:	the page table that was interrupted; \save_reg and flags clobbered.
 *
 * A kernel table was never left, so only a user CR3 is written back. The
 * interrupted path pays what is owed when it takes user_cr3 itself; what runs
 * between paranoid entry and exit drops nothing that the interrupted PCID could
 * hold.
 */
.macro RESTORE_CR3 save_reg:req
	ALTERNATIVE_2 "",						   \
		__stringify(bt $PTI_USER_ROOT_BIT, \save_reg;		   \
			    jnc .Lrestored_cr3_\@;			   \
			    mov \save_reg, %cr3), X86_FEATURE_PTI,	   \
		__stringify(bt $PTI_USER_ROOT_BIT, \save_reg;		   \
			    jnc .Lrestored_cr3_\@;			   \
			    bts $X86_CR3_PCID_NOFLUSH_BIT, \save_reg;	   \
			    mov \save_reg, %cr3), X86_FEATURE_PTI_PCID
.Lrestored_cr3_\@:
.endm

/*
 * The IRET exit to user mode: branch here from where the base would pop the
 * registers off the thread stack and IRET from it.
 */
.macro ISOLATED_IRET_EXIT_BRANCH
	ALTERNATIVE "", "jmp .Lisolated_iret_exit", X86_FEATURE_PTI
.endm

/*
 * In:	kernel page table, kernel GS base, interrupts off; RSP at pt_regs on the
 *	thread stack, which the user page table does not map.
 * Out:	jumps to \swapgs_and_iret on the user page table with RSP on this CPU's
 *	entry stack, at a copy of the IRET frame; all other registers hold their
 *	user values, GS base is still the kernel's.
 *
 * After the pops RSP points at rdi, orig_ax, ip, cs, flags, sp, ss: orig_ax,
 * slot 1, stays behind.
 */
.macro ISOLATED_IRET_EXIT swapgs_and_iret:req
.Lisolated_iret_exit:
	POP_REGS pop_rdi=0
	mov	%rsp, %rdi
	mov	PER_CPU_VAR(cpu_tss_rw + TSS_sp0), %rsp
	UNWIND_HINT_END_OF_STACK
	.irp slot, 6, 5, 4, 3, 2, 0
	push	\slot*8(%rdi)
	.endr
	STACKLEAK_ERASE_NOCLOBBER
	SWITCH_TO_USER_CR3 scratch_reg=%rdi
	pop	%rdi
	jmp	\swapgs_and_iret
.endm

#else /* !CONFIG_MITIGATION_PAGE_TABLE_ISOLATION */

.macro SWITCH_TO_KERNEL_CR3 scratch_reg:req
.endm
.macro SWITCH_TO_USER_CR3 scratch_reg:req
.endm
.macro SAVE_AND_SWITCH_TO_KERNEL_CR3 scratch_reg:req save_reg:req
.endm
.macro RESTORE_CR3 save_reg:req
.endm
.macro ISOLATED_IRET_EXIT_BRANCH
.endm
.macro ISOLATED_IRET_EXIT swapgs_and_iret:req
.endm

#endif
#endif /* _X86_ENTRY_SWITCH_CR3_H */
