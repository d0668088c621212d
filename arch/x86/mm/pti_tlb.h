/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Page-table isolation: the state machine of pti_pcid.h for tlb.c to call, or
 * nothing where the option is off.
 */
#ifndef _X86_MM_PTI_TLB_H
#define _X86_MM_PTI_TLB_H

#include <linux/cpufeature.h>
#include <linux/mmdebug.h>
#include <linux/percpu.h>
#include <linux/preempt.h>

#include <asm/invpcid.h>
#include <asm/page.h>
#include <asm/processor-flags.h>
#include <asm/pti.h>
#include <asm/tlbflush.h>

#ifdef CONFIG_MITIGATION_PAGE_TABLE_ISOLATION

#include "pti_pcid.h"

/* The bits of a PCID that tlb.c may use. */
#define PTI_KERNEL_PCID_BITS	PTI_USER_PCID_BIT

/*
 * Not inline, so that with isolation off a switch of mms pays one jump; static, so
 * that the compiler knows which registers it leaves alone.
 */
static noinline __maybe_unused void __pti_load_mm(unsigned long cr3)
{
	pti_pcid_load(cr3, cpu_feature_enabled(X86_FEATURE_PTI_PCID));
}

/**
 * pti_check_loaded() - is the state of this CPU that of the loaded mm?
 *
 * A user CR3 of another mm would run user mode on page tables that may be gone; an
 * ASID that is loaded and in the mask of those that are not would be flushed by
 * chance. Bit 11 is not compared: PCIDs are in use before pti_init() says so. The user
 * CR3 of a task that is opted out is the kernel's, and its ASID is in that mask.
 *
 * Context: interrupts off, CR3 as tlb.c wrote it last. Only with DEBUG_VM.
 */
static inline void pti_check_loaded(void)
{
	const struct pti_pcid *s;
	unsigned long cr3, differ;
	bool opted_out;

	/* First of all: what tlb.c inlines depends on how large this looks. */
	if (!IS_ENABLED(CONFIG_DEBUG_VM))
		return;

	s = this_cpu_ptr(&pti_pcid);
	if (!s->user_cr3)
		return;

	cr3 = __read_cr3();
	differ = (s->user_cr3 ^ cr3) & ~(CR3_NOFLUSH | 1UL << PTI_USER_PCID_BIT);
	opted_out = pti_may_be_opted_out() && !pti_pcid_isolated();
	VM_WARN_ONCE(differ != (opted_out ? 0 : 1UL << PTI_USER_ROOT_BIT),
		     "PTI: user CR3 %lx is not that of CR3 %lx\n", s->user_cr3, cr3);
	VM_WARN_ONCE(!opted_out && (s->owed & pti_pcid_bit(cr3)),
		     "PTI: the PCID of CR3 %lx is loaded and among those owed later (%x)\n",
		     cr3, s->owed);
}

/**
 * pti_load_mm() - tlb.c is about to write CR3
 * @cr3: what it writes: kernel CR3 of the mm; CR3_NOFLUSH clear if the
 *	translations of its ASID are out of date
 *
 * Context: interrupts off.
 */
static inline void pti_load_mm(unsigned long cr3)
{
	if (cpu_feature_enabled(X86_FEATURE_PTI)) {
		pti_check_loaded();
		__pti_load_mm(cr3);
	}
}

/**
 * pti_asid_0_loaded() - tlb.c has written a flushing CR3 with ASID 0
 *
 * What the state was before is that of a CPU which has been away.
 *
 * Context: interrupts off.
 */
static inline void pti_asid_0_loaded(void)
{
	if (cpu_feature_enabled(X86_FEATURE_PTI))
		__pti_load_mm(__read_cr3());
}

#else

#define PTI_KERNEL_PCID_BITS	X86_CR3_PCID_BITS

static inline void pti_load_mm(unsigned long cr3) { }
#define pti_asid_0_loaded()	do { } while (0)
static inline void pti_owe_user_flush(void) { }
static inline void pti_flush_one_user(unsigned long addr) { }
static inline void pti_kernel_page_dropped(void) { }
static inline void pti_forget_stale_asids(void) { }

#endif /* CONFIG_MITIGATION_PAGE_TABLE_ISOLATION */
#endif /* _X86_MM_PTI_TLB_H */
