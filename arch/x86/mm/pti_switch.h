/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Page-table isolation: what boot and the status ask of the switch (pti_switch.c), or what
 * they do without it.
 */
#ifndef _X86_MM_PTI_SWITCH_H
#define _X86_MM_PTI_SWITCH_H

#include <linux/init.h>
#include <linux/types.h>

#include "pti_mode.h"

#ifdef CONFIG_PTI_SWITCH

/**
 * struct pti_site - what PTI_SITE of switch_cr3.S leaves of a site, in .pti_sites
 * @offset: from here to its first instruction
 * @len: in bytes
 * @fence: it stands in for the fence behind SWAPGS
 * @unused: zero
 */
struct pti_site {
	s32	offset;
	u8	len;
	u8	fence;
	u16	unused;
};

extern const struct pti_site __start___pti_sites[], __stop___pti_sites[];

bool pti_switch_param(const char *option);
bool pti_switch_keeps_pairs(void);
void pti_switch_decided(bool pairs, bool isolate);
void pti_switch_save(void);
bool pti_switch_starts_off(void);
const char *pti_why(void);

#else

/* There are no options. */
static inline bool pti_switch_param(const char *option)
{
	return !option;
}

static inline bool pti_switch_keeps_pairs(void)
{
	return false;
}

static inline void pti_switch_decided(bool pairs, bool isolate) { }
static inline void pti_switch_save(void) { }

static inline bool pti_switch_starts_off(void)
{
	return false;
}

static inline const char *pti_why(void)
{
	return pti_reason_texts[pti_reason];
}

#endif /* CONFIG_PTI_SWITCH */
#endif /* _X86_MM_PTI_SWITCH_H */
