// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a user page table shows, in the format that the kernel's own audit has
 * (arch/x86/mm/pti_audit.c), so that ptaudit can compare the two: --dumps.
 *
 * Rows are named by exposure.expected; their addresses are not in the dump, as the two
 * are of one boot.
 */
#include <string.h>

#include "walk.h"

/* Leaves that are alike, in frames that go on or in one */
struct run {
	struct leaf first;
	__u64 n, va_step, pa_step;
	const char *row;
	int cpu;		/* or -1 */
};

static __u64 flags_of(const struct leaf *l)
{
	return l->entry & ~(PTE_ADDR | PTE_ACCESSED | PTE_DIRTY);
}

static void put_run(FILE *f, const struct run *r)
{
	fprintf(f, "map %llx %llx %llx %llu %llx %llx %s %llx %s ", r->first.va, r->first.pa,
		r->first.size, r->n, r->va_step, r->pa_step, perms_text(r->first.perms),
		flags_of(&r->first), r->row);
	if (r->cpu < 0)
		fputs("-\n", f);
	else
		fprintf(f, "%d\n", r->cpu);
}

static bool goes_on(const struct run *r, const struct leaf *l, const char *row, int cpu)
{
	const struct leaf *x = &r->first;
	__u64 va_step = l->va - (x->va + (r->n - 1) * r->va_step);
	__u64 pa_step = l->pa - (x->pa + (r->n - 1) * r->pa_step);

	if (x->size != l->size || x->perms != l->perms || flags_of(x) != flags_of(l) ||
	    strcmp(r->row, row) || r->cpu != cpu)
		return false;
	if (r->n > 1)
		return va_step == r->va_step && pa_step == r->pa_step;
	return (!pa_step && va_step <= 1ULL << 21) || (va_step == l->size && pa_step == l->size);
}

/* The row that wants a page here */
static const char *row_at(const struct audit *a, const struct wants *w, __u64 va, int *cpu)
{
	size_t i;

	*cpu = -1;
	for (i = 0; i < w->n; i++) {
		const struct row *r = &a->rows.v[w->v[i].row];

		if (w->v[i].va != va)
			continue;
		if (r->scope == PER_CPU)
			*cpu = w->v[i].cpu;
		return r->name;
	}
	return in_espfix(va) ? "espfix" : "-";
}

/**
 * dump_audit() - write what the page table shows that a CPU has in user mode
 * @a:		the audit, with where things are
 * @c:		the CPU; in the kernel only once another was met in user mode, on a pair
 * @name:	of the process
 * @f:		where to
 */
void dump_audit(struct audit *a, const struct cpu_state *c, const char *name, FILE *f)
{
	static struct leaves l;
	static struct wants w;
	__u64 root = c->cr3 & PTE_ADDR;
	struct run r = { };
	unsigned int runs = 0;
	size_t i;

	if (c->cpl != 3 && a->stats.compared)
		root |= CR3_USER;
	leaves_collect(&a->guest, a->facts.levels, root, true, c->efer & EFER_NXE, &l);
	expect_build(a, c, &w);
	fprintf(f, "pti-audit 1\ncpus %d %d\nlevels %d\n",
		a->facts.ncpus, a->facts.ncpus, a->facts.levels);
	fprintf(f, "process 0 %s\nisolation %s seen from outside\nroot %s\n", name,
		root & CR3_USER ? "on" : "off", root & CR3_USER ? "user" : "kernel");
	for (i = 0; i < l.n; i++) {
		int cpu;
		const char *row = row_at(a, &w, l.v[i].va, &cpu);

		if (r.n && goes_on(&r, &l.v[i], row, cpu)) {
			r.va_step = l.v[i].va - (r.first.va + (r.n - 1) * r.va_step);
			r.pa_step = l.v[i].pa - (r.first.pa + (r.n - 1) * r.pa_step);
			r.n++;
			continue;
		}
		if (r.n)
			put_run(f, &r);
		runs++;
		r = (struct run) {
			.first = l.v[i], .n = 1, .va_step = l.v[i].size, .pa_step = l.v[i].size,
			.row = row, .cpu = cpu,
		};
	}
	if (r.n)
		put_run(f, &r);
	fprintf(f, "end %u\n", runs);
}
