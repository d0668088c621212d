/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Page-table isolation: the debug store of perf, for the events that need it; or nothing
 * where the option is off.
 */
#ifndef _X86_EVENTS_PTI_DS_H
#define _X86_EVENTS_PTI_DS_H

#include <linux/perf_event.h>

#if defined(CONFIG_MITIGATION_PAGE_TABLE_ISOLATION) && defined(CONFIG_CPU_SUP_INTEL)

void pti_ds_get(struct perf_event *event);
void pti_ds_put(struct perf_event *event);

#else

static inline void pti_ds_get(struct perf_event *event) { }
static inline void pti_ds_put(struct perf_event *event) { }

#endif
#endif /* _X86_EVENTS_PTI_DS_H */
