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
#include <linux/perf_event.h>

#include <asm/pti.h>

#include "../perf_event.h"
#include "../pti_ds.h"

static enum pti_runtime_row pti_ds_buffer(const struct perf_event *event)
{
	return event->attr.precise_ip ? PTI_PEBS_BUFFER : PTI_BTS_BUFFER;
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
	if (event->attr.precise_ip ? x86_pmu.pebs_active :
	    x86_pmu.bts_active && intel_pmu_has_bts(event)) {
		event->hw.flags |= PERF_X86_EVENT_DEBUG_STORE;
		pti_use(PTI_DEBUG_STORE);
		pti_use(pti_ds_buffer(event));
	}
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
	if (event->hw.flags & PERF_X86_EVENT_DEBUG_STORE) {
		/* perf may try once more with an event that it could not have. */
		event->hw.flags &= ~PERF_X86_EVENT_DEBUG_STORE;
		pti_unuse(pti_ds_buffer(event));
		pti_unuse(PTI_DEBUG_STORE);
	}
}
