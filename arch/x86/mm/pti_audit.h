/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Page-table isolation: what the walk of a page table's kernel half finds, for the file in
 * debugfs that shows it, and for tests.
 */
#ifndef _X86_MM_PTI_AUDIT_H
#define _X86_MM_PTI_AUDIT_H

#include <linux/pgtable.h>
#include <linux/types.h>

/* Runs that one walk keeps: 16 MiB. With isolation on, there are some tens. */
#define PTI_AUDIT_MAX_RUNS	(256 * 1024)

/**
 * struct pti_audit_run - leaves that are alike, at equal distances
 * @va: address of the first
 * @pa: what that one maps, in bytes
 * @size: of each leaf, in bytes
 * @count: how many
 * @va_step: from the address of one to that of the next
 * @pa_step: from what one maps to what the next does: @size, or 0 where all map the same
 * @flags: of the leaves, without the accessed and dirty bits
 * @perms: _PAGE_RW, _PAGE_USER and _PAGE_NX as all levels together have them
 * @row: index of the row of the policy table, or -1
 * @cpu: whose pages of that row, or -1 if they are not one CPU's
 */
struct pti_audit_run {
	unsigned long	va;
	phys_addr_t	pa;
	unsigned long	size;
	unsigned long	count;
	unsigned long	va_step;
	unsigned long	pa_step;
	pteval_t	flags;
	pteval_t	perms;
	int		row;
	int		cpu;
};

/**
 * struct pti_audit_walk - what a walk has found
 * @runs: in the order of their first addresses
 * @nr: how many there are
 * @max: how many there is room for
 * @limit: how many there may be
 * @by_row: say of each leaf which row of the policy table it belongs to
 * @cut: there are more than @limit; these are the first
 */
struct pti_audit_walk {
	struct pti_audit_run	*runs;
	unsigned int		nr;
	unsigned int		max;
	unsigned int		limit;
	bool			by_row;
	bool			cut;
};

int pti_audit_collect(struct pti_audit_walk *walk, pgd_t *root);
void pti_audit_drop(struct pti_audit_walk *walk);
int pti_audit_parse(char *text, pid_t *pid);

#endif /* _X86_MM_PTI_AUDIT_H */
