/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Page-table isolation: the PCIDs of a CPU and the flushes owed to them.
 *
 * Each ASID has two PCIDs, the kernel PCID that tlb.c gives it and the user
 * PCID, the same with one more bit. tlb.c flushes the kernel PCID at once. A
 * flush of the user PCID is owed instead, and paid when that PCID is next
 * loaded: on the way to user mode if the ASID is the loaded one, else once it
 * has been loaded again. Without PCID each CR3 write flushes and none is owed.
 *
 * Plain C on one struct, without a dependency on the kernel but for the bits of
 * CR3, so that it can be compiled into a user-space program as it is.
 *
 * Every function runs on the CPU that owns the state, with interrupts off and not
 * in an NMI. pti_tlb.h owes a flush, or marks the kernel's translations stale, by
 * one instruction, which needs neither. An NMI that drops a kernel page while an mm
 * is being loaded may mark them for an ASID that is not the one it dropped the page
 * in: what an NMI maps, it has to drop again before each use, as ghes_map() does.
 */
#ifndef _X86_MM_PTI_PCID_H
#define _X86_MM_PTI_PCID_H

/**
 * struct pti_pcid - what one CPU knows about its user PCIDs
 * @user_cr3: CR3 for the way out to user mode, for the loaded mm; must be first
 *	(SWITCH_TO_USER_CR3). With PCID, CR3_NOFLUSH is clear exactly when a flush
 *	of the loaded ASID's user PCID is owed.
 * @asid: the ASID that @user_cr3 is for
 * @owed: one bit for each ASID that is not loaded and is owed a flush
 * @kernel_stale: a kernel translation was dropped in the loaded ASID; all other
 *	ASIDs may still hold it, since it is not global
 */
struct pti_pcid {
	unsigned long	user_cr3;
	unsigned short	asid;
	unsigned short	owed;
	bool		kernel_stale;
};

/**
 * pti_pcid_load() - an mm is about to be loaded
 * @s: the CPU's state
 * @cr3: what is about to be written to CR3 for it. With PCID, CR3_NOFLUSH is set
 *	in it if the translations of @asid are up to date; without, it never is
 * @asid: its ASID; 0 without PCID
 * @pcid: CR4.PCIDE is in use
 */
static inline void pti_pcid_load(struct pti_pcid *s, unsigned long cr3,
				 unsigned short asid, bool pcid)
{
	unsigned long user_cr3 = cr3 | (1UL << PTI_USER_ROOT_BIT);

	if (pcid) {
		user_cr3 |= 1UL << PTI_USER_PCID_BIT;

		/* The ASID that leaves takes what it is owed with it. */
		if (!(s->user_cr3 & CR3_NOFLUSH))
			s->owed |= 1U << s->asid;

		/* Seldom: what is owed is mostly paid by the ASID that owes it. */
		if (s->owed) {
			if (s->owed & (1U << asid))
				user_cr3 &= ~CR3_NOFLUSH;
			s->owed &= ~(1U << asid);
		}
		s->asid = asid;
	}

	s->user_cr3 = user_cr3;
}

/**
 * pti_pcid_take_kernel_stale() - must all other ASIDs be flushed when loaded?
 * @s: the CPU's state
 *
 * Return: true once after @s->kernel_stale was set.
 */
static inline bool pti_pcid_take_kernel_stale(struct pti_pcid *s)
{
	if (!s->kernel_stale)
		return false;

	s->kernel_stale = false;
	return true;
}

#endif /* _X86_MM_PTI_PCID_H */
