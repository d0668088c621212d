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
 *	what is dropped			kernel PCID	user PCID
 *	one user page, INVPCID		by INVLPG	INVPCID of one address, at once
 *	one user page, no INVPCID	by INVLPG	a flush is owed
 *	all that an ASID has		by CR3		a flush is owed
 *	one kernel page			by INVLPG	as one user page, by the same function;
 *							and the kernel PCIDs of all other ASIDs
 *							are flushed when they are loaded, with
 *							their user PCIDs
 *	everything, on all PCIDs	by tlb.c: INVPCID of everything, or CR4.PGE
 *
 * Plain C, so that it can be compiled into a user-space program as it is. Who
 * includes it provides the bits of CR3, cpu_tlbstate, and as primitives
 * DECLARE_PER_CPU_ALIGNED(), this_cpu_read(), this_cpu_write(), this_cpu_and(), the
 * first two also with __, cpu_feature_enabled(), unlikely() and invpcid_flush_one(); for
 * what it asserts VM_WARN_ON_ONCE(), in_nmi() and TASK_SIZE_MAX; with CONFIG_PTI_SYSFS
 * this_cpu_inc().
 *
 * Every function runs on the CPU that owns the state. pti_pcid_load() and
 * pti_forget_stale_asids() need interrupts off and are not for NMIs. The others
 * change the state by one instruction, which needs neither. An NMI that drops a
 * kernel page while an mm is being loaded may mark translations as stale for an
 * ASID that is not the one it dropped the page in: what an NMI maps, it has to drop
 * again before each use, as ghes_map() does.
 */
#ifndef _X86_MM_PTI_PCID_H
#define _X86_MM_PTI_PCID_H

/**
 * struct pti_pcid - what one CPU knows about its user PCIDs
 * @user_cr3: CR3 for the way out to user mode, for the loaded mm; must be first
 *	(TO_USER_CR3). With PCID, CR3_NOFLUSH is clear exactly when a flush
 *	of the loaded ASID's user PCID is owed. It is the kernel CR3 while a task is current
 *	that is opted out (pti_opt_out.c); flushes owed then may be paid, and need not.
 * @owed: one bit for each kernel PCID whose user PCID is not loaded and owed a
 *	flush: that of another ASID, or of a task that is opted out. Bit 0 may be set and
 *	means nothing: no ASID has PCID 0.
 * @kernel_stale: a kernel translation was dropped in the loaded ASID; all other
 *	ASIDs may still hold it, since it is not global
 * @forgotten: how often they were forgotten for that, for sysfs
 */
struct pti_pcid {
	unsigned long	user_cr3;
	unsigned short	owed;
	bool		kernel_stale;
#ifdef CONFIG_PTI_SYSFS
	unsigned long	forgotten;
#endif
};

DECLARE_PER_CPU_ALIGNED(struct pti_pcid, pti_pcid);

#ifdef CONFIG_PTI_SYSFS
static inline void pti_count_forgotten(void)
{
	this_cpu_inc(pti_pcid.forgotten);
}
#else
static inline void pti_count_forgotten(void) { }
#endif

/**
 * pti_pcid_owed() - is an ASID among those that are owed a flush?
 * @owed: &struct pti_pcid.owed
 * @cr3: kernel or user CR3 with the ASID's PCID in it; that of a user CR3 has
 *	PTI_USER_PCID_BIT, too
 *
 * BT looks at the five lowest bits of its operand (SDM vol. 2), and kernel PCIDs have no
 * more, so that this is one instruction.
 *
 * Return: whether it is.
 */
static inline bool pti_pcid_owed(unsigned int owed, unsigned long cr3)
{
	return owed >> (cr3 & 31) & 1;
}

/**
 * pti_pcid_bit() - the bit that an ASID has in &struct pti_pcid.owed
 * @cr3: as pti_pcid_owed() has it
 *
 * Return: one bit.
 */
static inline unsigned int pti_pcid_bit(unsigned long cr3)
{
	return 1U << (cr3 & 31);
}

/**
 * pti_pcid_load() - an mm is about to be loaded
 * @cr3: what is about to be written to CR3 for it. With PCID, CR3_NOFLUSH is set
 *	in it if the translations of its ASID are up to date; without, it never is
 * @pcid: CR4.PCIDE is in use
 *
 * Context: interrupts off.
 */
static inline void pti_pcid_load(unsigned long cr3, bool pcid)
{
	unsigned long left;
	unsigned int owed;

	cr3 |= 1UL << PTI_USER_ROOT_BIT;
	if (pcid) {
		cr3 |= 1UL << PTI_USER_PCID_BIT;
		left = __this_cpu_read(pti_pcid.user_cr3);
		owed = __this_cpu_read(pti_pcid.owed);

		/*
		 * The ASID that leaves takes what it is owed with it. Seldom: most of it
		 * was paid on the way to user mode.
		 */
		if (unlikely(!(left & CR3_NOFLUSH))) {
			owed |= pti_pcid_bit(left);
			__this_cpu_write(pti_pcid.owed, owed);
		}

		/*
		 * What others are owed may stay for long: init_mm never goes to user mode.
		 */
		if (unlikely(pti_pcid_owed(owed, cr3))) {
			cr3 &= ~CR3_NOFLUSH;
			__this_cpu_write(pti_pcid.owed, owed & ~pti_pcid_bit(cr3));
		}
	}

	__this_cpu_write(pti_pcid.user_cr3, cr3);
}

/**
 * pti_pcid_isolated() - does this CPU go to user mode on the user page table?
 *
 * Context: any that stays on this CPU.
 * Return: true if it does, false if user mode runs on the kernel page table.
 */
static inline bool pti_pcid_isolated(void)
{
	return __this_cpu_read(pti_pcid.user_cr3) & 1UL << PTI_USER_ROOT_BIT;
}

/**
 * pti_pcid_opt_out() - user mode runs on the kernel page table of the loaded mm from now on
 * @pcid: CR4.PCIDE is in use
 *
 * No flush reaches the user PCID of this ASID while the kernel PCID stands in its place: it is
 * owed one, whenever it is loaded. Of what is owed to the kernel PCID meanwhile, tlb.c has
 * paid all.
 *
 * Context: interrupts off. Again and again, as you like.
 */
static inline void pti_pcid_opt_out(bool pcid)
{
	unsigned long cr3 = __this_cpu_read(pti_pcid.user_cr3) & ~(unsigned long)PTI_USER_CR3_BITS;

	if (pcid) {
		__this_cpu_write(pti_pcid.owed, __this_cpu_read(pti_pcid.owed) | pti_pcid_bit(cr3));
		cr3 |= CR3_NOFLUSH;
	}

	__this_cpu_write(pti_pcid.user_cr3, cr3);
}

/**
 * pti_pcid_opt_in() - user mode runs on the user page table again
 * @pcid: CR4.PCIDE is in use
 *
 * Context: interrupts off. Nothing, if it does so already.
 */
static inline void pti_pcid_opt_in(bool pcid)
{
	if (!pti_pcid_isolated())
		pti_pcid_load(__this_cpu_read(pti_pcid.user_cr3), pcid);
}

/*
 * One instruction, so that it needs no more than tlb.c's own callers do: if the mm
 * changed in between, one flush too many is owed.
 */
static inline void __pti_owe_user_flush(void)
{
	if (cpu_feature_enabled(X86_FEATURE_PTI_PCID))
		this_cpu_and(pti_pcid.user_cr3, ~CR3_NOFLUSH);
}

/**
 * pti_owe_user_flush() - owe a flush to the loaded ASID's user PCID
 *
 * Context: any but NMI and #MC, which may come when TO_USER_CR3 has read the value: the
 * exit would be without this flush, and user mode run before it.
 */
static inline void pti_owe_user_flush(void)
{
	VM_WARN_ON_ONCE(in_nmi());
	__pti_owe_user_flush();
}

/**
 * pti_flush_one_user() - drop one page from the loaded ASID's user PCID
 * @addr: any address in the page
 *
 * INVLPG before this dropped the page from the kernel PCID. INVPCID of one PCID
 * faults while CR4.PCIDE is clear (SDM vol. 2, INVPCID).
 *
 * Context: any; in an NMI or #MC only for kernel pages, as pti_owe_user_flush() says,
 * and of them only those that it has mapped itself, for user mode has them not.
 */
static inline void pti_flush_one_user(unsigned long addr)
{
	VM_WARN_ON_ONCE(in_nmi() && addr < TASK_SIZE_MAX);

	if (!cpu_feature_enabled(X86_FEATURE_PTI_PCID))
		return;

	if (cpu_feature_enabled(X86_FEATURE_INVPCID) &&
	    (this_cpu_read(cpu_tlbstate.cr4) & X86_CR4_PCIDE))
		invpcid_flush_one(this_cpu_read(pti_pcid.user_cr3) & CR3_PCID_MASK, addr);
	else
		__pti_owe_user_flush();
}

/**
 * pti_kernel_page_dropped() - a kernel page was dropped from the loaded ASID
 *
 * Kernel translations are not global, so the other ASIDs may hold it still.
 *
 * Context: as pti_owe_user_flush().
 */
static inline void pti_kernel_page_dropped(void)
{
	if (cpu_feature_enabled(X86_FEATURE_PTI_PCID))
		this_cpu_write(pti_pcid.kernel_stale, true);
}

/**
 * pti_forget_stale_asids() - an ASID is about to be chosen
 *
 * All ASIDs but the loaded one that may hold a dropped kernel page lose their
 * context, so that loading them flushes.
 *
 * Context: interrupts off.
 */
static inline void pti_forget_stale_asids(void)
{
	unsigned short asid;

	if (!cpu_feature_enabled(X86_FEATURE_PTI_PCID) ||
	    !this_cpu_read(pti_pcid.kernel_stale))
		return;

	this_cpu_write(pti_pcid.kernel_stale, false);
	for (asid = 0; asid < TLB_NR_DYN_ASIDS; asid++) {
		if (asid != this_cpu_read(cpu_tlbstate.loaded_mm_asid))
			this_cpu_write(cpu_tlbstate.ctxs[asid].ctx_id, 0);
	}
	pti_count_forgotten();
}

#endif /* _X86_MM_PTI_PCID_H */
