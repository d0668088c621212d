// SPDX-License-Identifier: GPL-2.0-only
/*
 * Page-table isolation: what entries and exits use, where a breakpoint would be a #DB in
 * the middle of them.
 */
#include <linux/cpufeature.h>
#include <linux/cpumask.h>
#include <linux/percpu.h>
#include <linux/pgtable.h>
#include <linux/processor.h>

#include <asm/current.h>
#include <asm/nospec-branch.h>
#include <asm/pti_entry.h>
#include <asm/pti_switch.h>
#include <asm/pti_text.h>
#include <asm/sections.h>

#include "pti_tlb.h"

/* Does [@addr, @end] meet @size bytes from @start on? Eight times inline is too much. */
static noinline bool meets(unsigned long addr, unsigned long end, const void *start, size_t size)
{
	/* As numbers: both may be below zero, or wrap. */
	return addr - (unsigned long)start < size || (unsigned long)start - addr <= end - addr;
}

#ifdef CONFIG_PTI_SWITCH
static bool pti_entry_uses_switch(unsigned long addr, unsigned long end)
{
	return meets(addr, end, &pti_redo_start, sizeof(pti_redo_start));
}
#else
static bool pti_entry_uses_switch(unsigned long addr, unsigned long end)
{
	return false;
}
#endif

/**
 * pti_entry_uses() - do entries or exits use memory in a range?
 * @addr: first byte
 * @end: last byte
 *
 * A data breakpoint there would be a #DB in the middle of each exit. On what the
 * entry of #DB itself uses, before a handler takes DR7 away, it would be a #DB that
 * takes over the stack of the first one. That is:
 *
 *	x86_spec_ctrl_current	IBRS_ENTER writes its value to the MSR
 *	x86_pred_cmd		so does UNTRAIN_RET where it is an IBPB
 *	pcpu_hot		isolated_error_entry is on the trampoline when it reads
 *				where the thread stack is
 *	fixed_percpu_data	exc_debug_kernel() may have a stack canary
 *
 *	pti_redo_start		says whether its entry may
 *	isolated_redo_table	its entry may look up in it where a tail goes on, to the
 *				word behind its end
 *
 * A tail that has a #DB behind its CR3 write is taken up again before that, to meet the
 * same breakpoint, for ever. So there may be none on what tails read there:
 *
 *	the ESPFIX stacks	the end of IRET to a 16-bit stack
 *
 * VERW has its operand in the entry text.
 *
 * Context: any.
 * Return: true if they do, on any CPU.
 */
bool pti_entry_uses(unsigned long addr, unsigned long end)
{
	int cpu;

	for_each_possible_cpu(cpu) {
		/* Where they would be if the CPU's data were where the symbols are */
		unsigned long moved = (unsigned long)per_cpu_ptr(&pti_pcid, cpu) -
				      (__force unsigned long)&pti_pcid;
		unsigned long from = addr - moved, to = end - moved;

		if (meets(from, to, (void __force *)&pti_pcid, sizeof(struct pti_pcid)) ||
		    meets(from, to, (void __force *)&pcpu_hot, sizeof(struct pcpu_hot)) ||
		    meets(from, to, (void __force *)&fixed_percpu_data,
			  sizeof(struct fixed_percpu_data)) ||
		    meets(from, to, (void __force *)&x86_spec_ctrl_current, sizeof(u64)))
			return true;
	}
	return meets(addr, end, &x86_pred_cmd, sizeof(x86_pred_cmd)) ||
	       (cpu_feature_enabled(X86_FEATURE_PTI) &&
		meets(addr, end, (void *)ESPFIX_BASE_ADDR, P4D_SIZE)) ||
	       pti_entry_uses_switch(addr, end) ||
	       meets(addr, end, isolated_redo_table,
		     isolated_redo_table_end - isolated_redo_table + sizeof(long)) ||
	       meets(addr, end, __entry_text_start, __entry_text_end - __entry_text_start);
}
