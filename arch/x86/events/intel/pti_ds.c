// SPDX-License-Identifier: GPL-2.0-only
/*
 * Page-table isolation: the debug store in user page tables.
 *
 * The CPU writes BTS and PEBS records by virtual address, in user mode too. perf has the
 * buffers of all CPUs from its first event of any kind to its last, and the NMI watchdog is
 * one; but the CPU touches them only while an event is enabled that wants such records. So
 * the buffers of a kind are in the user page tables as long as there are events of that
 * kind, and the page that says where buffers are as long as there are any.
 */
#include <linux/cpumask.h>
#include <linux/mutex.h>
#include <linux/perf_event.h>

#include <asm/cpu_entry_area.h>
#include <asm/cpufeature.h>
#include <asm/intel_ds.h>
#include <asm/pti.h>
#include <asm/tlbflush.h>

#include "../perf_event.h"
#include "../pti_ds.h"

/* Events that have records of BTS [0] or PEBS [1]; under the lock. */
static unsigned int pti_ds_events[2];
static DEFINE_MUTEX(pti_ds_lock);

/* perf has the same buffers on each CPU, online or not. */
static void pti_ds_show(bool pebs, bool show)
{
	size_t size = pebs ? x86_pmu.pebs_buffer_size : BTS_BUFFER_SIZE;
	int cpu;

	for_each_possible_cpu(cpu) {
		struct debug_store_buffers *ds = &get_cpu_entry_area(cpu)->cpu_debug_buffers;
		void *buffer = pebs ? ds->pebs_buffer : ds->bts_buffer;

		if (show)
			pti_expose(PTI_DS_BUFFERS, buffer, size);
		else
			pti_conceal(PTI_DS_BUFFERS, buffer, size);
	}
}

/**
 * pti_ds_get() - perf has an event, which may need the debug store
 * @event: the event, configured, and not enabled yet; the hardware is reserved for it
 *
 * Context: process, may sleep.
 */
void pti_ds_get(struct perf_event *event)
{
	/* No event can become one of BTS later: intel_pmu_check_period() refuses. */
	bool pebs = event->attr.precise_ip && x86_pmu.pebs_active;

	if (!cpu_feature_enabled(X86_FEATURE_PTI) ||
	    (!pebs && !(x86_pmu.bts_active && intel_pmu_has_bts(event))))
		return;

	event->hw.flags |= PERF_X86_EVENT_DEBUG_STORE;
	mutex_lock(&pti_ds_lock);
	if (!pti_ds_events[pebs]++) {
		pti_use(PTI_DEBUG_STORE);
		pti_ds_show(pebs, true);
	}
	mutex_unlock(&pti_ds_lock);
}

/**
 * pti_ds_put() - perf has an event no longer
 * @event: the event, which no CPU has enabled; its hardware is still reserved
 *
 * After the last one no user page table has the buffers, nor has a TLB them from one.
 *
 * Context: process, may sleep. Nothing, if the event does not need the debug store.
 */
void pti_ds_put(struct perf_event *event)
{
	bool pebs = event->attr.precise_ip;

	if (!(event->hw.flags & PERF_X86_EVENT_DEBUG_STORE))
		return;

	mutex_lock(&pti_ds_lock);
	if (!--pti_ds_events[pebs]) {
		pti_ds_show(pebs, false);
		flush_tlb_all();
		pti_unuse(PTI_DEBUG_STORE);
	}
	mutex_unlock(&pti_ds_lock);
}
