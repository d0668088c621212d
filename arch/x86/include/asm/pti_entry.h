/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Page-table isolation: what C has to know of the heads and tails of
 * arch/x86/entry/isolated_*.S: which MSRs and IDT gates lead to them, and
 * where the CPU's frames of NMI, #MC, #DB and #DF go.
 */
#ifndef _ASM_X86_PTI_ENTRY_H
#define _ASM_X86_PTI_ENTRY_H

#include <linux/build_bug.h>
#include <linux/cpufeature.h>
#include <linux/processor.h>
#include <linux/smp.h>
#include <linux/stddef.h>

#include <asm/cpu_entry_area.h>
#include <asm/pti.h>
#include <asm/pti_switch.h>
#include <asm/pti_text.h>

#ifdef CONFIG_MITIGATION_PAGE_TABLE_ISOLATION

asmlinkage void isolated_exc_nmi(void);
asmlinkage void isolated_exc_debug(void);
asmlinkage void isolated_exc_machine_check(void);
asmlinkage void isolated_exc_double_fault(void);

/**
 * pti_head() - where a system-call instruction enters the kernel
 * @name: SYSCALL_64, SYSCALL_compat or SYSENTER_compat
 *
 * Evaluates to the address of the isolated head or of the base's entry.
 */
#define pti_head(name)						\
	(pti_isolates() ?					\
	 (unsigned long)isolated_##name : (unsigned long)entry_##name)

/*
 * A trampoline is where the CPU pushes the frame of an exception that has a stack of
 * its own: the lower half of the page of the entry stack, which needs no more than
 * pt_regs and some words, holds one for each of the first four IST entries. From user
 * mode pt_regs are built there, too.
 */
#define PTI_TRAMPOLINE_SIZE	512

#define PTI_TRAMPOLINE_END(ist)	(((ist) + 1) * PTI_TRAMPOLINE_SIZE)

/* From the end of a trampoline to that of the exception stack, on the same CPU. */
#define PTI_STACK_OFFSET(name, ist)						\
	(offsetof(struct cpu_entry_area, estacks.name##_stack) +		\
	 sizeof_field(struct cpu_entry_area, estacks.name##_stack) -		\
	 offsetof(struct cpu_entry_area, entry_stack_page) - PTI_TRAMPOLINE_END(ist))

/* For asm-offsets_64.c. */
#define PTI_DEFINE_OFFSETS() do {							\
	BLANK();									\
	DEFINE(PTI_DF_STACK_OFFSET, PTI_STACK_OFFSET(DF, IST_INDEX_DF));		\
	DEFINE(PTI_NMI_STACK_OFFSET, PTI_STACK_OFFSET(NMI, IST_INDEX_NMI));		\
	DEFINE(PTI_DB_STACK_OFFSET, PTI_STACK_OFFSET(DB, IST_INDEX_DB));		\
	DEFINE(PTI_MCE_STACK_OFFSET, PTI_STACK_OFFSET(MCE, IST_INDEX_MCE));		\
} while (0)

/*
 * For idt.c, whose macros these are. The gates replace those of def_idts. Vectors that
 * nothing raises still lead to the early handlers, which are about to be freed, and say
 * where those were: they get none.
 */
#ifdef CONFIG_X86_MCE
#define PTI_MCE_GATE	ISTG(X86_TRAP_MC, isolated_exc_machine_check, IST_INDEX_MCE),
#else
#define PTI_MCE_GATE
#endif

#define pti_setup_gates() do {								\
	static const struct idt_data pti_gates[] __initconst = {				\
		ISTG(X86_TRAP_DF, isolated_exc_double_fault, IST_INDEX_DF),		\
		ISTG(X86_TRAP_NMI, isolated_exc_nmi, IST_INDEX_NMI),			\
		ISTG(X86_TRAP_DB, isolated_exc_debug, IST_INDEX_DB),			\
		PTI_MCE_GATE								\
	};										\
											\
	if (pti_heads) {								\
		unsigned int n;								\
											\
		idt_setup_from_table(idt_table, pti_gates, ARRAY_SIZE(pti_gates), true);	\
		for (n = 0; n < NUM_EXCEPTION_VECTORS; n++) {				\
			if (gate_offset(&idt_table[n]) ==				\
			    (unsigned long)early_idt_handler_array[n])			\
				memset(&idt_table[n], 0, sizeof(idt_table[n]));		\
		}									\
	}										\
} while (0)

bool pti_entry_uses(unsigned long addr, unsigned long end);

/**
 * pti_setup_ist() - have the CPU push its frames on trampolines
 * @tss: the TSS of this CPU, whose IST has the base's stacks
 *
 * Context: bringing up of the CPU, before its IDT has gates with an IST entry.
 */
static inline void pti_setup_ist(struct x86_hw_tss *tss)
{
	unsigned long page = (unsigned long)cpu_entry_stack(smp_processor_id());
	int ist;

	if (!pti_heads)
		return;

	BUILD_BUG_ON(IST_INDEX_MCE != 3 || IST_INDEX_VC != 4);
	BUILD_BUG_ON(PTI_TRAMPOLINE_END(IST_INDEX_MCE) > PAGE_SIZE / 2);
	for (ist = IST_INDEX_DF; ist <= IST_INDEX_MCE; ist++)
		tss->ist[ist] = page + PTI_TRAMPOLINE_END(ist);
}

#else

#define pti_head(name)		((unsigned long)entry_##name)
#define PTI_DEFINE_OFFSETS()	do { } while (0)
#define pti_setup_gates()	do { } while (0)
static inline void pti_setup_ist(struct x86_hw_tss *tss) { }

static inline bool pti_entry_uses(unsigned long addr, unsigned long end)
{
	return false;
}

#endif /* CONFIG_MITIGATION_PAGE_TABLE_ISOLATION */

#ifdef CONFIG_PTI_SWITCH
void pti_cpu_disable(void);
#else
static inline void pti_cpu_disable(void) { }
#endif

#endif /* _ASM_X86_PTI_ENTRY_H */
