// SPDX-License-Identifier: GPL-2.0-only
/*
 * The checks of one stop.
 *
 * In user mode the user page table must be in CR3, its kernel half must be what
 * exposure.expected says and nothing else, its user half must be the kernel page
 * table's.  In kernel mode the kernel page table must be in CR3, except in the
 * entry text, where both are legitimate.
 */
#include <stdlib.h>
#include <string.h>

#include "walk.h"

#define STATUS_BITS	(PTE_ACCESSED | PTE_DIRTY)
#define CACHE_BITS	(PTE_PWT | PTE_PCD)
#define MESSAGE		160

/* One kind of finding at equal distances becomes one finding */
struct run {
	__u64 start, last, size, step;
	unsigned int n;
	char what[MESSAGE];
};

struct check {
	struct audit *a;
	const struct cpu_state *cpu;
	__u64 user_root, kernel_root;
	bool ldt_in_change;	/* somebody may be replacing this mm's LDT, or be held up in it */
	bool ldt;		/* LDTR says that there is one */
	struct run run[N_FINDINGS];
	/* figures of this page table */
	__u64 bytes, exec, write, used, process, of_cpu[MAX_CPUS];
	struct row_stats row[MAX_ROWS + 1];
	/* the espfix aliases met so far */
	__u64 espfix_va, espfix_pa;
	unsigned int espfix_n;
	int espfix_row;
};

static void run_close(struct check *c, enum finding kind)
{
	struct run *r = &c->run[kind];

	if (r->n > 1 && r->step != r->size)
		finding(c->a, kind, "%016llx-%016llx %u times %llu KiB, every %llu KiB: %s",
			r->start, r->last + r->size, r->n, r->size >> 10, r->step >> 10, r->what);
	else if (r->n)
		finding(c->a, kind, "%016llx-%016llx %llu KiB: %s", r->start,
			r->last + r->size, r->n * (r->size >> 10), r->what);
	r->n = 0;
}

static void run_add(struct check *c, enum finding kind, __u64 va, __u64 size, const char *what)
{
	struct run *r = &c->run[kind];

	if (r->n && r->size == size && !strcmp(r->what, what) &&
	    (r->n == 1 || va == r->last + r->step)) {
		r->step = va - r->last;
		r->last = va;
		r->n++;
		return;
	}
	run_close(c, kind);
	r->start = va;
	r->last = va;
	r->size = size;
	r->n = 1;
	snprintf(r->what, sizeof(r->what), "%s", what);
}

static void runs_close(struct check *c)
{
	int i;

	for (i = 0; i < N_FINDINGS; i++)
		run_close(c, i);
}

static bool in_ldt_slots(const struct check *c, __u64 va)
{
	__u64 base = c->a->facts.levels == 5 ? LDT_BASE_L5 : LDT_BASE_L4;

	return va >= base && va < base + LDT_SLOTS * LDT_SLOT_BYTES;
}

/* What is counted, each frame once a table */
enum purpose { ALL, EXECUTED, WRITTEN, EITHER, N_PURPOSES };

/* Whether the frame was not met before in this table, for this purpose */
static bool first_time(struct audit *a, __u64 pa, enum purpose purpose)
{
	__u64 frames = a->guest.size >> PAGE_SHIFT;
	__u64 frame = pa >> PAGE_SHIFT;
	__u32 *stamp;

	if (frame >= frames)
		return true;
	stamp = &a->frame_stamp[N_PURPOSES * frame + purpose];
	if (*stamp == a->stamp)
		return false;
	*stamp = a->stamp;
	return true;
}

static void count_page(struct check *c, int row, int cpu, __u64 va, __u64 pa,
		       unsigned int perms)
{
	struct row_stats *s = &c->row[row < 0 ? MAX_ROWS : row];
	bool process = row >= 0 && c->a->rows.v[row].scope == PER_PROCESS;
	bool one = row >= 0 && c->a->rows.v[row].scope == PER_CPU;

	if (!s->leaves++)
		s->va = va;
	s->perms |= perms;
	/* The aliases of espfix are one page */
	if (row >= 0 && row == c->espfix_row && s->leaves > 1)
		return;
	s->pages++;
	if (process) {
		c->process += PAGE_SIZE;
		return;
	}
	if (first_time(c->a, pa, ALL)) {
		c->bytes += PAGE_SIZE;
		c->of_cpu[cpu] += one ? PAGE_SIZE : 0;
	}
	if ((perms & PERM_X) && first_time(c->a, pa, EXECUTED))
		c->exec += PAGE_SIZE;
	if ((perms & PERM_W) && first_time(c->a, pa, WRITTEN))
		c->write += PAGE_SIZE;
	if ((perms & (PERM_X | PERM_W)) && first_time(c->a, pa, EITHER))
		c->used += PAGE_SIZE;
}

/* All aliases of the espfix page: one frame, every 64 KiB of 4 GiB */
static int check_espfix(struct check *c, __u64 va, __u64 pa)
{
	if (c->espfix_row < 0 || !(c->ldt || c->ldt_in_change))
		return -1;
	if (!c->espfix_n) {
		c->espfix_va = va & ~ESPFIX_ALIAS_BITS;
		c->espfix_pa = pa;
	}
	if (pa != c->espfix_pa || (va & ~ESPFIX_ALIAS_BITS) != c->espfix_va)
		return -1;
	c->espfix_n++;
	return c->espfix_row;
}

/* The row that allows this page, or -1; of which CPU, if it is each one's */
static int find_row(struct check *c, __u64 va, __u64 pa, size_t *next, int *cpu)
{
	struct wants *w = &c->a->wants;

	while (*next < w->n && w->v[*next].va < va)
		(*next)++;
	if (*next == w->n || w->v[*next].va != va)
		return in_espfix(va) ? check_espfix(c, va, pa) : -1;
	w->v[*next].hit = true;
	*cpu = w->v[*next].cpu;
	if (w->v[*next].store_pa != NO_FRAME && w->v[*next].store_pa != pa) {
		const struct row *r = &c->a->rows.v[w->v[*next].row];
		char what[MESSAGE];

		snprintf(what, sizeof(what), "%s: frame %llx is not that of %s, %llx",
			 r->name, pa, r->store, w->v[*next].store_pa);
		run_add(c, F_STORE, va, PAGE_SIZE, what);
	}
	return w->v[*next].row;
}

static void check_perms(struct check *c, const struct leaf *u, __u64 va, int row)
{
	unsigned int allowed = row < 0 ? 0 : c->a->rows.v[row].perms;
	char what[MESSAGE];

	if (row < 0) {
		snprintf(what, sizeof(what), "%s, in leaves of %llu KiB",
			 perms_text(u->perms), u->size >> 10);
		run_add(c, F_EXTRA, va, PAGE_SIZE, what);
	} else if (u->perms != allowed) {
		snprintf(what, sizeof(what), "%s: %s, should be %s", c->a->rows.v[row].name,
			 perms_text(u->perms), perms_text(allowed));
		run_add(c, F_PERMS, va, PAGE_SIZE, what);
	}
	if ((u->entry & PTE_USER) && !(allowed & PERM_U)) {
		snprintf(what, sizeof(what), "%s",
			 u->perms & PERM_U ? "user mode can read it" : "in the leaf only");
		run_add(c, F_USER, va, PAGE_SIZE, what);
	}
	if ((u->perms & PERM_W) && (u->perms & PERM_X))
		run_add(c, F_WX, va, PAGE_SIZE, perms_text(u->perms));
}

static bool same_leaf(const struct leaf *x, const struct leaf *y)
{
	return x->va == y->va && x->size == y->size && x->perms == y->perms &&
	       !((x->entry ^ y->entry) & ~STATUS_BITS);
}

/* One page of the user page table against the kernel's leaf for it, if any */
static void check_pair(struct check *c, const struct leaf *u, __u64 va, const struct leaf *k)
{
	__u64 pa = u->pa + (va - u->va);
	char what[MESSAGE];

	if (!k) {
		run_add(c, F_FRAME, va, PAGE_SIZE, "the kernel table maps nothing here");
		return;
	}
	if (pa != k->pa + (va - k->va)) {
		snprintf(what, sizeof(what), "%llx here, %llx in the kernel table",
			 pa, k->pa + (va - k->va));
		run_add(c, F_FRAME, va, PAGE_SIZE, what);
	}
	if ((u->perms & ~k->perms & (PERM_W | PERM_X | PERM_U)) ||
	    ((u->entry ^ k->entry) & CACHE_BITS)) {
		snprintf(what, sizeof(what), "entry %llx, the kernel table's %llx",
			 u->entry, k->entry);
		run_add(c, F_FLAGS, va, PAGE_SIZE, what);
	}
	if (((u->perms | k->perms) & PERM_G) && !same_leaf(u, k)) {
		snprintf(what, sizeof(what), "%llx of %llu KiB, in the kernel table %llx of %llu",
			 u->entry, u->size >> 10, k->entry, k->size >> 10);
		run_add(c, F_GLOBAL, va, PAGE_SIZE, what);
	}
}

/* Whether the page may be the LDT that is being put in or taken away */
static bool is_ldt_in_change(const struct check *c, const struct leaf *u)
{
	return c->ldt_in_change && in_ldt_slots(c, u->va) && u->size == PAGE_SIZE &&
	       u->perms == PERM_R;
}

static void check_exposure(struct check *c)
{
	const struct leaves *user = &c->a->user, *kernel = &c->a->kernel;
	size_t i, next = 0, k = 0;

	for (i = 0; i < user->n; i++) {
		const struct leaf *u = &user->v[i];
		__u64 va;

		for (va = u->va; va - u->va < u->size; va += PAGE_SIZE) {
			const struct leaf *peer;
			int row, cpu = 0;

			while (k < kernel->n && kernel->v[k].va + (kernel->v[k].size - 1) < va)
				k++;
			peer = k < kernel->n && kernel->v[k].va <= va ? &kernel->v[k] : NULL;
			check_pair(c, u, va, peer);

			row = find_row(c, va, u->pa + (va - u->va), &next, &cpu);
			if (row < 0 && is_ldt_in_change(c, u))
				continue;
			check_perms(c, u, va, row);
			count_page(c, row, cpu, va, u->pa + (va - u->va), u->perms);
		}
	}
}

static void check_missing(struct check *c)
{
	const struct wants *w = &c->a->wants;
	char what[MESSAGE];
	size_t i;

	for (i = 0; i < w->n; i++) {
		const struct want *x = &w->v[i];

		if (!x->hit)
			run_add(c, F_MISSING, x->va, PAGE_SIZE, c->a->rows.v[x->row].name);
	}
	/* Whose LDT is on its way to this CPU has them already, or not yet */
	if (c->espfix_row >= 0 && c->espfix_n != ESPFIX_ALIASES &&
	    (c->ldt || c->espfix_n)) {
		snprintf(what, sizeof(what), "%s: %u aliases of %u",
			 c->a->rows.v[c->espfix_row].name, c->espfix_n, ESPFIX_ALIASES);
		run_add(c, F_MISSING, ESPFIX_BASE, ESPFIX_END - ESPFIX_BASE, what);
	}
}

/* A global leaf of the kernel table survives in the TLB while user code runs */
static void check_kernel_globals(struct check *c)
{
	const struct leaves *user = &c->a->user, *kernel = &c->a->kernel;
	size_t i, u = 0;

	for (i = 0; i < kernel->n; i++) {
		const struct leaf *k = &kernel->v[i];
		char what[MESSAGE];

		if (!(k->perms & PERM_G))
			continue;
		while (u < user->n && user->v[u].va < k->va)
			u++;
		if (u < user->n && same_leaf(&user->v[u], k))
			continue;
		snprintf(what, sizeof(what), "only in the kernel table, %s, leaves of %llu KiB",
			 perms_text(k->perms), k->size >> 10);
		run_add(c, F_GLOBAL, k->va, k->size, what);
	}
}

/*
 * The tables say what the TLB may hold; this is what it does hold.  In user mode the
 * user page table must have every kernel translation there, whatever table it came from.
 */
static void check_tlb(struct check *c)
{
	const struct tlb *tlb = c->cpu->tlb;
	size_t i;

	if (!tlb)
		return;
	c->a->stats.tlb_stops++;
	for (i = 0; i < tlb->n; i++) {
		const struct tlb_entry *e = &tlb->v[i];
		char what[MESSAGE];
		struct leaf leaf;

		if (!(e->va >> 63))
			continue;
		c->a->stats.tlb_entries++;
		if (table_lookup(&c->a->guest, c->a->facts.levels, c->user_root, e->va, &leaf) &&
		    leaf.pa + (e->va - leaf.va) == e->pa)
			continue;
		snprintf(what, sizeof(what), "%s entry", e->global ? "global" : "not a global");
		run_add(c, F_TLB, e->va, PAGE_SIZE, what);
	}
}

static __u64 top_entry(const struct check *c, __u64 root, int index)
{
	__u64 entry = 0;

	guest_read(&c->a->guest, root + index * 8, &entry, sizeof(entry));
	return entry;
}

/* The user halves of both roots: one set of lower tables */
static void check_top_level(struct check *c)
{
	int i;

	for (i = 0; i < 256; i++) {
		__u64 u = top_entry(c, c->user_root, i);
		__u64 k = top_entry(c, c->kernel_root, i);

		if ((u ^ k) & ~PTE_NX)
			finding(c->a, F_PGD, "entry %d: %llx in the user table, %llx in the other",
				i, u, k);
		if ((k & (PTE_PRESENT | PTE_USER)) == (PTE_PRESENT | PTE_USER) &&
		    (c->cpu->efer & EFER_NXE) && !(k & PTE_NX))
			finding(c->a, F_NX, "entry %d: %llx in the kernel table", i, k);
		if ((u & PTE_PRESENT) && (u & PTE_NX))
			finding(c->a, F_PGD, "entry %d: %llx in the user table has NX", i, u);
	}
}

static void check_user_half(struct check *c)
{
	struct leaves *user = &c->a->user;
	size_t i;

	leaves_collect(&c->a->guest, c->a->facts.levels, c->user_root, false,
		       c->cpu->efer & EFER_NXE, user);
	for (i = 0; i < user->n; i++)
		if (!(user->v[i].perms & PERM_U))
			run_add(c, F_SUPER, user->v[i].va, user->v[i].size,
				perms_text(user->v[i].perms));
	if (user->bad)
		finding(c->a, F_TABLE, "%zu entries in the user half", user->bad);
}

static void check_kernel_half(struct check *c)
{
	struct audit *a = c->a;
	bool nxe = c->cpu->efer & EFER_NXE;

	leaves_collect(&a->guest, a->facts.levels, c->user_root, true, nxe, &a->user);
	/* Where that leaves an alias out, the user table has no business either */
	a->kernel.once = true;
	leaves_collect(&a->guest, a->facts.levels, c->kernel_root, true, nxe, &a->kernel);
	if (a->user.bad || a->kernel.bad)
		finding(a, F_TABLE, "%zu entries in the kernel half",
			a->user.bad + a->kernel.bad);

	expect_build(a, c->cpu, &a->wants);
	check_exposure(c);
	check_missing(c);
	check_kernel_globals(c);
}

/* What each CPU has: the most of one, and all without those that have less than two others */
static void keep_cpus(struct check *c)
{
	struct stats *s = &c->a->stats;
	__u64 first = 0, second = 0, all = 0, two;
	int i;

	for (i = 0; i < c->a->facts.ncpus; i++) {
		__u64 bytes = c->of_cpu[i];

		all += bytes;
		if (bytes > first) {
			second = first;
			first = bytes;
		} else if (bytes > second) {
			second = bytes;
		}
	}
	two = c->bytes - all + first + second;
	if (first > s->max_cpu)
		s->max_cpu = first;
	if (two > s->max_two)
		s->max_two = two;
}

static void keep_figures(struct check *c)
{
	struct stats *s = &c->a->stats;
	int i;

	if (!s->min_bytes || c->bytes < s->min_bytes)
		s->min_bytes = c->bytes;
	if (c->bytes > s->max_bytes)
		s->max_bytes = c->bytes;
	if (c->exec > s->max_exec)
		s->max_exec = c->exec;
	if (c->write > s->max_write)
		s->max_write = c->write;
	if (c->bytes - c->used > s->max_read)
		s->max_read = c->bytes - c->used;
	keep_cpus(c);
	if (c->process > s->max_process)
		s->max_process = c->process;
	for (i = 0; i <= MAX_ROWS; i++) {
		struct row_stats *to = &s->row[i], *from = &c->row[i];

		if (from->leaves > to->leaves) {
			to->leaves = from->leaves;
			to->va = from->va;
		}
		if (from->pages > to->pages)
			to->pages = from->pages;
		to->perms |= from->perms;
	}
}

/*
 * Whether the root in CR3, which has bit 12 set, is the second of a pair: the first
 * must map the IDT to the same frame.  Without isolation any root may have the bit.
 */
bool is_pair(const struct audit *a, const struct cpu_state *cpu)
{
	__u64 user = cpu->cr3 & PTE_ADDR;
	struct leaf u, k;

	return user & CR3_USER &&
	       table_lookup(&a->guest, paging_levels(cpu), user, CEA_BASE, &u) &&
	       table_lookup(&a->guest, paging_levels(cpu), user & ~CR3_USER, CEA_BASE, &k) &&
	       u.pa == k.pa;
}

static int espfix_row(const struct rows *rows)
{
	int i;

	for (i = 0; i < rows->n; i++)
		if (rows->v[i].active && rows->v[i].where == AT_ESPFIX)
			return i;
	return -1;
}

static void check_tables(struct audit *a, const struct cpu_state *cpus, int n, int cpu)
{
	static struct check c;
	int i;

	memset(&c, 0, sizeof(c));
	c.a = a;
	c.cpu = &cpus[cpu];
	c.user_root = c.cpu->cr3 & PTE_ADDR;
	c.kernel_root = c.user_root & ~CR3_USER;
	c.espfix_row = espfix_row(&a->rows);
	c.ldt = c.cpu->ldt_sel & ~7U;
	c.ldt_in_change = a->load;
	for (i = 0; i < n; i++)
		if (cpus[i].cpl != 3 && (cpus[i].cr3 & PTE_ADDR & ~CR3_USER) == c.kernel_root)
			c.ldt_in_change = true;
	a->stamp++;

	check_top_level(&c);
	check_user_half(&c);
	check_kernel_half(&c);
	check_tlb(&c);
	runs_close(&c);
	keep_figures(&c);
}

/*
 * Without PCIDs the low bits of CR3 are 0.  With them, kernel PCIDs are 1 to 6 and
 * the user page table's is its kernel's with bit 11 set.  A CPU that comes up has PCIDs
 * from cr4_init() on, and waits then, with PCID 0 until cpu_init().
 */
static void check_pcid(struct audit *a, const struct cpu_state *c, int cpu, bool user)
{
	__u64 pcid = c->cr3 & CR3_PCID, want = user ? CR3_USER_PCID : 0;

	if (!(c->cr4 & CR4_PCIDE)) {
		if (pcid)
			finding(a, F_PCID, "CR3 %llx without PCIDs", c->cr3);
		return;
	}
	if (!pcid && !user && cpu_comes_up(a, c, cpu))
		return;
	if ((pcid & CR3_USER_PCID) != want || !(pcid & ~CR3_USER_PCID) ||
	    (pcid & ~CR3_USER_PCID) > MAX_PCID)
		finding(a, F_PCID, "PCID %llx with the %s page table", pcid,
			user ? "user" : "kernel");
	else if (user && c->cpl == 3)
		a->stats.user_pcid[pcid]++;
	else if (!user && c->cpl != 3)
		a->stats.kernel_pcid[pcid]++;
}

/*
 * User mode runs on what its CPU's pti_pcid.user_cr3, the first word, was when the
 * last exit took it.  With PCIDs that exit has paid what was owed, and has said so
 * by setting NOFLUSH; without, the bit must never be there.
 */
static void check_user_cr3(struct audit *a, const struct cpu_state *c, int cpu)
{
	const struct symbol *s = symbol_find(&a->syms, "pti_pcid");
	__u64 want = c->cr3 | (c->cr4 & CR4_PCIDE ? CR3_NOFLUSH : 0), kept;

	if (!s)
		return;		/* a kernel that isolates in another way */
	if (!guest_read_va(&a->guest, a->facts.levels, c->cr3 & PTE_ADDR & ~CR3_USER,
			   a->facts.percpu[cpu] + s->addr, &kept, sizeof(kept)))
		finding(a, F_USER_CR3, "CPU %d: the kernel table has no pti_pcid", cpu);
	else if (kept != want)
		finding(a, F_USER_CR3, "CPU %d: CR3 %llx, kept %llx, should be %llx", cpu,
			c->cr3, kept, want);
}

static bool in_entry_text(const struct audit *a, __u64 rip)
{
	int i;

	for (i = 0; i < a->rows.n; i++) {
		const struct row *r = &a->rows.v[i];

		if (r->where == AT_IMAGE && (r->perms & PERM_X) &&
		    rip >= r->from_addr + a->facts.slide && rip < r->to_addr + a->facts.slide)
			return true;
	}
	return false;
}

static void user_table_in_kernel(struct audit *a, __u64 rip)
{
	const struct symbol *s = symbol_at(&a->syms, rip);

	finding(a, F_CR3, "kernel mode, bit 12 of CR3 is set, in %s+%llx", s ? s->name : "?",
		s ? rip - s->addr : rip);
}

static bool seen_before(const struct cpu_state *cpus, int cpu)
{
	int i;

	for (i = 0; i < cpu; i++)
		if (cpus[i].cpl == 3 && cpus[i].cr3 == cpus[cpu].cr3 &&
		    cpus[i].ldt_base == cpus[cpu].ldt_base &&
		    cpus[i].ldt_sel == cpus[cpu].ldt_sel)
			return true;
	return false;
}

static bool is_opted_out(const struct audit *a, const struct cpu_state *c)
{
	return c->rip >= a->opted_out_from && c->rip < a->opted_out_to;
}

/* Everything that can be said about the machine as it stands */
/*
 * Whether isolation is switched off in the running system: user mode runs on the kernel page
 * tables then, and there is nothing to compare. It changes while no CPU is in user mode.
 */
static bool switched_off(struct audit *a, const struct cpu_state *cpus, int n)
{
	const struct symbol *s = symbol_find(&a->syms, "pti_isolating");
	__u64 root = cpus[0].cr3 & PTE_ADDR & ~CR3_USER;
	__u8 on = 1;
	int i;

	if (!a->load || !s || !guest_read_va(&a->guest, a->facts.levels, root,
					     s->addr + a->facts.slide, &on, sizeof(on)) || on)
		return false;
	for (i = 0; i < n; i++)
		if (cpus[i].cr3 & CR3_USER)
			finding(a, F_CR3, "switched off, bit 12 of CR3 is set");
	return true;
}

void check_stop(struct audit *a, const struct cpu_state *cpus, int n)
{
	bool compared = false;
	int i;

	if (!a->frame_stamp) {
		a->frame_stamp = calloc(N_PURPOSES * (a->guest.size >> PAGE_SHIFT), sizeof(__u32));
		if (!a->frame_stamp) {
			perror("walk");
			exit(2);
		}
	}
	a->stats.stops++;
	if (switched_off(a, cpus, n)) {
		a->stats.off++;
		return;
	}
	facts_hold(a, cpus, n);
	a->ports_must = ports_in_use(a, cpus, n);
	for (i = 0; i < n; i++) {
		bool user_table = cpus[i].cr3 & CR3_USER;

		check_pcid(a, &cpus[i], i, user_table);
		if (cpus[i].cpl == 3) {
			a->stats.user++;
			a->stats.user_on[i]++;
			if (!user_table && is_opted_out(a, &cpus[i])) {
				a->stats.opted_out++;
			} else if (!user_table) {
				finding(a, F_CR3, "user mode, bit 12 of CR3 is clear");
			} else if (!is_pair(a, &cpus[i])) {
				finding(a, F_CR3, "user mode, CR3 is not the second of a pair");
			} else {
				compared = true;
				check_user_cr3(a, &cpus[i], i);
				if (!seen_before(cpus, i))
					check_tables(a, cpus, n, i);
			}
		} else {
			a->stats.kernel++;
			if (user_table && !in_entry_text(a, cpus[i].rip))
				user_table_in_kernel(a, cpus[i].rip - a->facts.slide);
		}
	}
	a->stats.compared += compared;
}

/* Whether the name stands in a list with commas */
static bool in_list(const char *list, const char *name)
{
	size_t n = strlen(name);
	const char *p;

	for (p = list; *p; p += strcspn(p, ","), p += *p == ',')
		if (!strncmp(p, name, n) && (p[n] == ',' || !p[n]))
			return true;
	return false;
}

/*
 * The neighbours: whatever else lies in a page that is mapped is exposed with it.
 * Looks for symbols in the pages of each row's store, or of its range.
 */
void check_symbols(struct audit *a)
{
	int i;

	for (i = 0; i < a->rows.n; i++) {
		const struct row *r = &a->rows.v[i];
		const struct symbol *from;
		__u64 start, end;
		size_t j;

		if (r->where == AT_IMAGE) {
			from = symbol_find(&a->syms, r->from);
			start = r->from_addr;
		} else if (*r->store) {
			from = symbol_find(&a->syms, r->store);
			start = r->store_addr;
		} else {
			continue;
		}
		end = start + r->pages * PAGE_SIZE;
		for (j = 0; from && j < a->syms.n; j++) {
			const struct symbol *s = &a->syms.v[j];
			__u64 last = s->addr + (s->size ? s->size - 1 : 0);

			if (s->section != from->section || last < start || s->addr >= end ||
			    s == from || s->addr == from->addr || in_list(r->holds, s->name))
				continue;
			if (r->where == AT_IMAGE && s->addr >= from->addr && s->addr <= r->to_addr)
				continue;
			finding(a, F_SYMBOL, "row %s: %s, %llu bytes, lies in its pages", r->name,
				s->name, s->size);
		}
	}
}
