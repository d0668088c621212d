/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Page-table isolation: how the entry code names addresses of the kernel image. These
 * are macros for the assembler only; calling.h includes them.
 *
 * User page tables map the entry text, so that an operand which holds an address of the
 * image would be a pointer that user mode can read. Addresses are taken relative to RIP,
 * which takes a register more, and mostly an instruction. Configured out, the operands are
 * those of the base.
 *
 *   MOV_ADDRESS	loads an address
 *   PUSH_ADDRESS	pushes one
 *   CMP_ADDRESS	compares the word at \with to one, as CMP with an immediate does
 *   MOV_FROM_TABLE	loads word number \reg of a table to \reg
 *
 * Between functions stands INT3, on which straight-line speculation ends, and not the
 * NOPs that an assembler puts there:
 *
 *   EXPOSED_TEXT_FILL	behind the operand of an alignment
 *
 * Files of exposed text end aligned that way: between sections the linker puts NOPs where
 * it makes one object of all, as for IBT. Call padding stays NOPs, as callthunks.c wants.
 *
 * In:	any page table that maps the text, any GS base; for PUSH_ADDRESS a stack.
 * Out:	as above; \scratch_reg clobbered, flags by CMP_ADDRESS only.
 */
#ifndef _X86_ENTRY_EXPOSED_TEXT_H
#define _X86_ENTRY_EXPOSED_TEXT_H

#ifdef CONFIG_MITIGATION_PAGE_TABLE_ISOLATION

#define EXPOSED_TEXT_FILL	, 0xcc
#undef __ALIGN
#define __ALIGN		.balign CONFIG_FUNCTION_ALIGNMENT EXPOSED_TEXT_FILL;

.macro MOV_ADDRESS symbol:req reg:req
	leaq	\symbol(%rip), \reg
.endm

.macro PUSH_ADDRESS symbol:req scratch_reg:req
	leaq	\symbol(%rip), \scratch_reg
	pushq	\scratch_reg
.endm

.macro CMP_ADDRESS symbol:req with:req scratch_reg:req
	leaq	\symbol(%rip), \scratch_reg
	cmpq	\scratch_reg, \with
.endm

.macro MOV_FROM_TABLE table:req reg:req scratch_reg:req
	leaq	\table(%rip), \scratch_reg
	movq	(\scratch_reg, \reg, 8), \reg
.endm

#else /* !CONFIG_MITIGATION_PAGE_TABLE_ISOLATION */

#define EXPOSED_TEXT_FILL

.macro MOV_ADDRESS symbol:req reg:req
	movq	$\symbol, \reg
.endm

.macro PUSH_ADDRESS symbol:req scratch_reg:req
	pushq	$\symbol
.endm

.macro CMP_ADDRESS symbol:req with:req scratch_reg:req
	cmpq	$\symbol, \with
.endm

.macro MOV_FROM_TABLE table:req reg:req scratch_reg:req
	movq	\table(, \reg, 8), \reg
.endm

#endif
#endif /* _X86_ENTRY_EXPOSED_TEXT_H */
