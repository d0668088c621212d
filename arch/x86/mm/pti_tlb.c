// SPDX-License-Identifier: GPL-2.0-only
/*
 * Page-table isolation: the PCID state of each CPU, and what the entry code and
 * the width of the fields take for granted about it.
 */
#include <linux/build_bug.h>
#include <linux/cpumask.h>
#include <linux/stddef.h>

#include "pti_tlb.h"

/* Zero means: no mm loaded yet, nothing owed that matters. */
DEFINE_PER_CPU_ALIGNED(struct pti_pcid, pti_pcid);

/* SWITCH_TO_USER_CR3 loads the first word and sets bit 63 as bit 7 of byte 7. */
static_assert(offsetof(struct pti_pcid, user_cr3) == 0);
static_assert((CR3_NOFLUSH >> 63) == 1);

/* Kernel PCIDs are 1 to TLB_NR_DYN_ASIDS and must leave the user bit alone. */
static_assert((TLB_NR_DYN_ASIDS >> PTI_USER_PCID_BIT) == 0);
static_assert(PTI_USER_PCID_BIT < X86_CR3_PCID_BITS);
static_assert(TLB_NR_DYN_ASIDS <= 8 * sizeof_field(struct pti_pcid, owed));

/**
 * pti_enable_lam() - linear-address masking was switched on for the loaded mm
 * @lam: the bits that were added to CR3
 *
 * Context: IPI or interrupts off, as the CR3 write that this accompanies.
 */
void pti_enable_lam(unsigned long lam)
{
	this_cpu_or(pti_pcid.user_cr3, lam);
}

/**
 * pti_exit_reads() - does the exit path read memory in a range?
 * @addr: first byte
 * @end: last byte
 *
 * A data breakpoint there would be a #DB in the middle of each exit.
 *
 * Context: any.
 * Return: true if it does, on any CPU.
 */
bool pti_exit_reads(unsigned long addr, unsigned long end)
{
	unsigned long start;
	int cpu;

	for_each_possible_cpu(cpu) {
		start = (unsigned long)&per_cpu(pti_pcid, cpu);
		if (end >= start && addr < start + sizeof(struct pti_pcid))
			return true;
	}
	return false;
}
