// SPDX-License-Identifier: GPL-2.0-only
/*
 * Page-table isolation: the PCID state of each CPU, and what the entry code and
 * the width of the fields take for granted about it.
 */
#include <linux/build_bug.h>
#include <linux/container_of.h>
#include <linux/stddef.h>

#include "pti_tlb.h"

/* Zero means: no mm loaded yet, nothing owed that matters. */
DEFINE_PER_CPU_ALIGNED(struct pti_pcid, pti_pcid);

/* TO_USER_CR3 loads the first word and sets bit 63 as bit 7 of byte 7. */
static_assert(offsetof(struct pti_pcid, user_cr3) == 0);
static_assert((CR3_NOFLUSH >> 63) == 1);

/*
 * Kernel PCIDs are 1 to TLB_NR_DYN_ASIDS and must leave the user bit alone; with it,
 * the highest user PCID is still one, and selects no other root.
 */
static_assert((TLB_NR_DYN_ASIDS >> PTI_USER_PCID_BIT) == 0);
static_assert((TLB_NR_DYN_ASIDS | 1 << PTI_USER_PCID_BIT) <= CR3_PCID_MASK);
static_assert(PTI_USER_PCID_BIT < X86_CR3_PCID_BITS);
static_assert(PTI_USER_ROOT_BIT >= X86_CR3_PCID_BITS);
static_assert(!(PTI_USER_CR3_BITS & (CR3_NOFLUSH | X86_CR3_LAM_U48 | X86_CR3_LAM_U57)));

/* The highest ASID's PCID has a bit in the mask; the ASID fits what tlb.c keeps it in. */
static_assert(TLB_NR_DYN_ASIDS < 8 * sizeof_field(struct pti_pcid, owed));
static_assert(8 * sizeof_field(struct pti_pcid, owed) <= 32);
static_assert(TLB_NR_DYN_ASIDS <= (typeof_member(struct tlb_state, next_asid))~0);

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
