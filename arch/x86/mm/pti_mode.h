/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Page-table isolation: what the mapper tells the boot decision, and what that
 * tells the file in debugfs.
 */
#ifndef _X86_MM_PTI_MODE_H
#define _X86_MM_PTI_MODE_H

/* What decided, for people to read; final after pti_report(). */
extern const char *pti_reason;

void pti_give_up(const char *reason);
void pti_report(unsigned long bytes);

#endif /* _X86_MM_PTI_MODE_H */
