// SPDX-License-Identifier: GPL-2.0-only
/*
 * Probes: does this audit see what it is there to see?
 *
 * Once in each audit, and now and then under a load, while the guest stands still with a
 * CPU in user mode, its own page tables are changed in guest memory (or in the copy of it
 * that is looked at), one thing at a time, looked at, and put back before the guest goes
 * on.  An audit whose walker overlooks a probe cannot tell anything.  walk_test.c is the
 * thorough test, on tables of its own.
 */
#include <string.h>

#include "walk.h"

struct probe {
	const char *name;
	enum finding kind;
	__u64 *(*entry)(const struct audit *a, const struct cpu_state *c);
	__u64 clear, set;
};

static __u64 *pte_at(const struct audit *a, __u64 root, __u64 va)
{
	__u64 table = root;
	int level;

	for (level = a->facts.levels;; level--) {
		unsigned int index = va >> (PAGE_SHIFT + 9 * (level - 1)) & 511;
		__u64 *e = (__u64 *)guest_at(&a->guest, table);

		if (!e)
			return NULL;
		e += index;
		if (level == 1 || ((*e & PTE_PRESENT) && level <= 3 && (*e & PTE_PSE)))
			return e;
		if (!(*e & PTE_PRESENT))
			return NULL;
		table = *e & PTE_ADDR;
	}
}

static __u64 user_root(const struct cpu_state *c)
{
	return c->cr3 & PTE_ADDR;
}

static __u64 kernel_root(const struct cpu_state *c)
{
	return user_root(c) & ~CR3_USER;
}

static __u64 *guard_page(const struct audit *a, const struct cpu_state *c)
{
	return pte_at(a, user_root(c), a->facts.cea[0] + 7 * PAGE_SIZE);
}

static __u64 *gdt(const struct audit *a, const struct cpu_state *c)
{
	return pte_at(a, user_root(c), a->facts.cea[0]);
}

static __u64 *entry_text(const struct audit *a, const struct cpu_state *c)
{
	const struct symbol *s = symbol_find(&a->syms, "__entry_text_start");

	return s ? pte_at(a, user_root(c), s->addr + a->facts.slide) : NULL;
}

static __u64 *per_cpu_memory(const struct audit *a, const struct cpu_state *c)
{
	const struct symbol *s = symbol_find(&a->syms, "gdt_page");

	return s ? pte_at(a, kernel_root(c), a->facts.percpu[0] + s->addr) : NULL;
}

static __u64 *top_level_user(const struct audit *a, const struct cpu_state *c)
{
	return (__u64 *)guest_at(&a->guest, user_root(c)) + 255;
}

/* That of the program's own text */
static __u64 *top_level_kernel(const struct audit *a, const struct cpu_state *c)
{
	return (__u64 *)guest_at(&a->guest, kernel_root(c)) +
	       (c->rip >> (PAGE_SHIFT + 9 * (a->facts.levels - 1)) & 511);
}

static __u64 *program_text(const struct audit *a, const struct cpu_state *c)
{
	return pte_at(a, user_root(c), c->rip);
}

#define LEAF	(PTE_PRESENT | PTE_NX | 0x5000)

static const struct probe probes[] = {
	{ "page more",		F_EXTRA,	guard_page,	~0ULL, LEAF },
	{ "page less",		F_MISSING,	gdt,		PTE_PRESENT, 0 },
	{ "writable",		F_PERMS,	gdt,		0, PTE_WRITE },
	{ "user bit",		F_USER,		gdt,		0, PTE_USER },
	{ "W+X",		F_WX,		entry_text,	PTE_NX, PTE_WRITE },
	{ "other frame",	F_FRAME,	entry_text,	PTE_ADDR, 0x600000 },
	{ "other object",	F_STORE,	gdt,		PTE_ADDR, 0x5000 },
	{ "global leaf",	F_GLOBAL,	per_cpu_memory,	0, PTE_GLOBAL },
	{ "user half differs",	F_PGD,		top_level_user,	~0ULL, 0x5000 | PTE_ACCESSED },
	{ "NX missing",		F_NX,		top_level_kernel, PTE_NX, 0 },
	{ "supervisor leaf",	F_SUPER,	program_text,	PTE_USER, 0 },
};

/* What was found before and is kept while the probes make their own findings */
static struct {
	struct found found[MAX_FOUND];
	int n_found;
	unsigned int of_kind[N_FINDINGS], more;
	struct stats stats;
} kept;

static void keep(const struct audit *a)
{
	memcpy(kept.found, a->found, sizeof(kept.found));
	memcpy(kept.of_kind, a->of_kind, sizeof(kept.of_kind));
	kept.n_found = a->n_found;
	kept.more = a->more;
	kept.stats = a->stats;
}

static void give_back(struct audit *a)
{
	memcpy(a->found, kept.found, sizeof(kept.found));
	memcpy(a->of_kind, kept.of_kind, sizeof(kept.of_kind));
	a->n_found = kept.n_found;
	a->more = kept.more;
	a->stats = kept.stats;
}

static unsigned int look(struct audit *a, const struct cpu_state *cpus, int n, enum finding kind)
{
	memset(a->of_kind, 0, sizeof(a->of_kind));
	a->n_found = 0;
	a->more = 0;
	check_stop(a, cpus, n);
	return findings_of(a, kind);
}

/* Whether the probes can be made with what this CPU runs: a program, on a pair of roots */
bool can_probe(const struct audit *a, const struct cpu_state *c)
{
	const __u64 *text;

	if (c->cpl != 3 || c->rip >> 63 || !is_pair(a, c))
		return false;
	/* It may be about to fault there */
	text = program_text(a, c);
	return text && *text & PTE_PRESENT;
}

/* Returns how many probes were made */
int probe_all(struct audit *a, const struct cpu_state *cpus, int n, int cpu, int *overlooked)
{
	size_t i;

	keep(a);
	for (i = 0; i < ARRAY_SIZE(probes); i++) {
		const struct probe *p = &probes[i];
		unsigned int before = look(a, cpus, n, p->kind), after = before;
		__u64 *entry = p->entry(a, &cpus[cpu]);

		if (entry) {
			__u64 was = *entry;

			*entry = (was & ~p->clear) | p->set;
			after = look(a, cpus, n, p->kind);
			*entry = was;
		}
		if (after <= before) {
			fprintf(stderr, "walk: probe overlooked: %s\n", p->name);
			++*overlooked;
		}
	}
	give_back(a);
	return ARRAY_SIZE(probes);
}
