/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * sites_seg.S - ways into the kernel with segments from the LDT
 *
 * More sites for regs_run(), of the programs ldt and espfix.
 */
	.text

/*
 * 32-bit code for a code segment of the LDT: one call to the kernel, back by an
 * IRET that reads the LDT, and away to the normal segment.
 */
	.globl	ldt_code
	.code32
ldt_code:
	int	$0x80
	movw	%cs, %ss:ldt_cs_seen	/* 64-bit processes have no DS */
#ifdef __x86_64__
	ljmp	$0x33, $regs_back
	.code64
#else
	ljmp	$0x23, $regs_back
#endif

/*
 * Entries with a 16-bit stack segment in SS: every return to it takes the
 * espfix path.  ss16_back is a regs_back that remembers SS and mends it.
 */
#ifdef __x86_64__
#define VAR(name)	name(%rip)
#define SI		%rsi
#else
#define VAR(name)	name
#define SI		%esi
#endif
	.globl	ss16_back
	.globl	site_ss16_int80, site_ss16_fault, site_ss16_spin
ss16_back:
	movw	%ss, VAR(ss16_seen)
	movw	VAR(ss16_flat), %ss
	jmp	regs_back

site_ss16_int80:
	movw	VAR(ss16_sel), %ss
	int	$0x80
	jmp	ss16_back

site_ss16_fault:
	movw	VAR(ss16_sel), %ss
	movl	(SI), %eax
	jmp	ss16_back

site_ss16_spin:
	movw	VAR(ss16_sel), %ss
1:	decl	%ecx
	jnz	1b
	jmp	ss16_back

	.bss
	.balign	8
	.globl	ldt_cs_seen
ldt_cs_seen:	.skip	8
	.globl	ss16_sel, ss16_flat, ss16_seen
ss16_sel:	.skip	2
ss16_flat:	.skip	2
ss16_seen:	.skip	2

	.section .note.GNU-stack, "", @progbits
