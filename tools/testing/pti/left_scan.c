// SPDX-License-Identifier: GPL-2.0-only
/*
 * One look of the probe: every page of the kernel half of the user page table.
 *
 * Pages which are executable are code, for left_text.c to look at.  In every other,
 * aligned words are held against the ranges that the kernel chose at random, and against
 * the markers; in the TSS, words that are off by four bytes, as its fields are.  From
 * other bytes on, halves of two numbers of user mode can look like a pointer.
 *
 * Before that, the pointers that the architecture forces are read as the processor reads
 * them, from where IDTR, TR and GDTR lead to, and taken out if they lead where they must.
 * One that does not is a finding.
 */
#include <stdlib.h>
#include <string.h>

#include "guest/left_df.h"
#include "guest/marker.h"
#include "left.h"

#define MODULES_BASE	0xffffffffc0000000ULL
#define MODULES_END	0xffffffffff000000ULL
#define CEA_END		0xfffffe8000000000ULL
#define VMALLOC_BYTES	(32ULL << 40)		/* with 4 levels */
#define VMALLOC_BYTES_5	(12800ULL << 40)
#define STRUCT_PAGE	64

/* SDM 3A, "64-Bit IDT Gate Descriptors", "TSS Descriptor", "64-Bit TSS" */
#define GATES		256
#define GATE_BYTES	16
#define GATE_PRESENT	BIT_ULL(47)
#define GDT_BYTES	0x80
#define DESC_PRESENT	BIT_ULL(47)
#define DESC_CODE_DATA	BIT_ULL(44)
#define DESC_TYPE	(0xdULL << 40)	/* whatever its busy bit */
#define DESC_TSS	(0x9ULL << 40)
#define TSS_RSP0	4
#define TSS_IST1	36
#define TSS_ISTS	7
#define TSS_BYTES	0x68

#define PTREGS_BYTES	0xa8

#define TEXT_EVERY	100		/* looks */

static int learn_base(struct left *l, const struct cpu_state *c, const char *name, __u64 *value)
{
	const struct symbol *s = symbol_find(&l->audit.syms, name);

	if (s && guest_read_va(&l->audit.guest, l->audit.facts.levels,
			       c->cr3 & PTE_ADDR & ~CR3_USER, s->addr + l->audit.facts.slide,
			       value, sizeof(*value)))
		return 0;
	fprintf(stderr, "left: the kernel has no %s (CONFIG_RANDOMIZE_MEMORY)\n", name);
	return -1;
}

static int learn_symbol(struct left *l, const char *name, __u64 *value)
{
	const struct symbol *s = symbol_find(&l->audit.syms, name);

	if (!s) {
		fprintf(stderr, "left: the image has no symbol %s\n", name);
		return -1;
	}
	*value = s->addr;
	return 0;
}

/**
 * left_learn() - find out what this boot's pointers look like
 * @l:		the probe; the audit's facts are known
 * @cpu:	a CPU with a kernel page table
 *
 * Return: 0, or -1 if the kernel cannot be understood.
 */
int left_learn(struct left *l, const struct cpu_state *cpu)
{
	const struct facts *f = &l->audit.facts;
	__u64 text, end, start, stop;
	struct left_range *r = l->range;
	int i;

	if (learn_symbol(l, "_text", &text) || learn_symbol(l, "_end", &end) ||
	    learn_symbol(l, "__per_cpu_start", &start) ||
	    learn_symbol(l, "__per_cpu_end", &stop) ||
	    learn_base(l, cpu, "page_offset_base", &r[LEFT_DIRECT].from) ||
	    learn_base(l, cpu, "vmalloc_base", &r[LEFT_VMALLOC].from) ||
	    learn_base(l, cpu, "vmemmap_base", &r[LEFT_VMEMMAP].from))
		return -1;
	r[LEFT_IMAGE].from = text + f->slide;
	r[LEFT_IMAGE].size = end - text;
	r[LEFT_MODULE].from = MODULES_BASE;
	r[LEFT_MODULE].size = MODULES_END - MODULES_BASE;
	r[LEFT_DIRECT].size = l->audit.guest.size;
	r[LEFT_VMALLOC].size = f->levels == 5 ? VMALLOC_BYTES_5 : VMALLOC_BYTES;
	r[LEFT_VMEMMAP].size = (l->audit.guest.size >> PAGE_SHIFT) * STRUCT_PAGE;
	r[LEFT_CEA].from = CEA_BASE;
	r[LEFT_CEA].size = CEA_END - CEA_BASE;
	for (i = 0; i < f->ncpus; i++) {
		l->percpu[i].from = f->percpu[i] + start;
		l->percpu[i].size = stop - start;
	}
	l->frame = calloc(l->audit.guest.size >> PAGE_SHIFT, sizeof(*l->frame));
	if (!l->frame) {
		perror("left");
		return -1;
	}
	return 0;
}

static bool in_range(const struct left_range *r, __u64 value)
{
	return value - r->from < r->size;
}

/** left_kind_of() - what eight bytes are, by their value */
enum left_kind left_kind_of(const struct left *l, __u64 value)
{
	static const enum left_kind kinds[] = {
		LEFT_IMAGE, LEFT_MODULE, LEFT_DIRECT, LEFT_VMALLOC, LEFT_VMEMMAP, LEFT_CEA,
	};
	unsigned int i;

	if (value == MARKER_TEXT || value == LEFT_DF_MARK ||
	    value >> MARKER_BITS == MARKER_BUFFER >> MARKER_BITS)
		return LEFT_MARKER;
	if (value >> 56 != 0xff)
		return LEFT_NOTHING;
	for (i = 0; (int)i < l->audit.facts.ncpus; i++)
		if (in_range(&l->percpu[i], value))
			return LEFT_PERCPU;
	for (i = 0; i < ARRAY_SIZE(kinds); i++)
		if (in_range(&l->range[kinds[i]], value))
			return kinds[i];
	return LEFT_NOTHING;
}

/* Which row's page it is, and how far from the end of that row's pages */
static void name_frame(struct left *l, struct left_frame *fr, __u64 va)
{
	const struct facts *f = &l->audit.facts;
	const struct wants *w = &l->audit.wants;
	__u64 end = va + PAGE_SIZE;
	size_t i, j;
	int c;

	fr->va = va;
	fr->row = -1;
	fr->cpu = -1;
	fr->below = PAGE_SIZE;
	for (c = 0; c < f->ncpus; c++)
		if (va - f->cea[c] < cea_page(&l->audit, CEA_PAGES) * PAGE_SIZE)
			fr->cpu = c;
	for (i = 0; i < w->n && w->v[i].va != va; i++)
		;
	if (i == w->n) {
		for (c = 0; va >= ESPFIX_BASE && va < ESPFIX_END && c < l->audit.rows.n; c++)
			if (l->audit.rows.v[c].where == AT_ESPFIX)
				fr->row = c;
		return;
	}
	fr->row = w->v[i].row;
	for (j = i + 1; j < w->n && w->v[j].row == fr->row && w->v[j].va == end; j++)
		end += PAGE_SIZE;
	fr->below = end - va;
}

/** left_frame_at() - what is known of an exposed frame; NULL: it is not in guest memory */
struct left_frame *left_frame_at(struct left *l, __u64 va, __u64 pa)
{
	__u64 n = pa >> PAGE_SHIFT;

	if (pa >= l->audit.guest.size)
		return NULL;
	if (!l->frame[n]) {
		l->frame[n] = calloc(1, sizeof(**l->frame));
		if (!l->frame[n]) {
			perror("left");
			exit(2);
		}
		name_frame(l, l->frame[n], va);
	}
	return l->frame[n];
}

static void hit(struct left *l, struct left_frame *fr, unsigned int at, enum left_kind kind,
		__u64 value)
{
	if (l->planting) {
		l->plant_hits++;
		return;
	}
	if (!fr->place) {
		fr->place = calloc(PAGE_SIZE, sizeof(*fr->place));
		if (!fr->place) {
			perror("left");
			exit(2);
		}
	}
	fr->place[at].times[kind]++;
	fr->place[at].value[kind] = value;
	l->hits[kind]++;
}

/* A forced pointer, whatever its bytes look like where they stand */
static void forced(struct left *l, struct left_frame *fr, unsigned int at, __u64 value,
		   bool right, unsigned int *count)
{
	enum left_kind kind = left_kind_of(l, value);

	if (right)
		++*count;
	else if (kind)
		hit(l, fr, at, kind, value);
}

struct look {
	__u64 root;
	__u64 rsp0[MAX_CPUS];
	int n;
	unsigned int forced[N_LEFT_FORCED];
};

/** left_is_page() - whether a root maps the page of an address to a frame */
bool left_is_page(const struct left *l, __u64 root, __u64 va, __u64 pa)
{
	struct leaf leaf;

	return table_lookup(&l->audit.guest, l->audit.facts.levels, root, va, &leaf) &&
	       leaf.pa + ((va & PAGE_MASK) - leaf.va) == pa;
}

/*
 * A gate has the address of a handler, in three parts; what it leads to runs on the user
 * page table.
 */
static void take_gates(struct left *l, struct look *k, struct left_frame *fr, __u8 *bytes)
{
	unsigned int i;

	for (i = 0; i < GATES; i++) {
		struct leaf leaf;
		__u64 gate[2], to;

		memcpy(gate, bytes + i * GATE_BYTES, sizeof(gate));
		if (!(gate[0] & GATE_PRESENT))
			continue;
		to = (gate[0] & 0xffff) | (gate[0] >> 48) << 16 | gate[1] << 32;
		forced(l, fr, i * GATE_BYTES, to,
		       table_lookup(&l->audit.guest, l->audit.facts.levels, k->root, to, &leaf) &&
		       (leaf.perms & PERM_X), &k->forced[FORCED_GATE]);
		memset(bytes + i * GATE_BYTES, 0, sizeof(gate));
	}
}

/* RSP0 and the IST: stacks of this CPU's area, or stays to be found */
static void take_stacks(struct left *l, struct look *k, __u8 *tss, int cpu)
{
	__u64 base = l->audit.facts.cea[cpu];
	int i;

	for (i = -1; i < TSS_ISTS; i++) {
		__u8 *at = tss + (i < 0 ? TSS_RSP0 : TSS_IST1 + i * sizeof(__u64));
		__u64 top;

		memcpy(&top, at, sizeof(top));
		if (top - base >= cea_page(&l->audit, CEA_PAGES) * PAGE_SIZE)
			continue;
		k->forced[i < 0 ? FORCED_RSP0 : FORCED_IST]++;
		memset(at, 0, sizeof(top));
	}
}

/* Descriptors of a TSS or LDT have a base, in four parts; the LDT's is a fixed address */
static void take_bases(struct left *l, struct look *k, struct left_frame *fr, __u8 *gdt,
		       __u64 tr_base)
{
	unsigned int i;

	for (i = 0; i + 16 <= GDT_BYTES; i += 8) {
		__u64 desc[2], base;

		memcpy(desc, gdt + i, sizeof(desc));
		if (!(desc[0] & DESC_PRESENT) || (desc[0] & DESC_CODE_DATA))
			continue;
		base = (desc[0] >> 16 & 0xffffff) | (desc[0] >> 56) << 24 | desc[1] << 32;
		forced(l, fr, i, base, (desc[0] & DESC_TYPE) == DESC_TSS && base == tr_base,
		       &k->forced[FORCED_TSS]);
		memset(gdt + i, 0, sizeof(desc));
		i += 8;
	}
}

static void take_forced(struct left *l, struct look *k, const struct cpu_state *cpus, int n,
			struct left_frame *fr, __u64 pa, __u8 *bytes)
{
	int i;

	for (i = 0; i < n; i++) {
		const struct cpu_state *c = &cpus[i];

		if (left_is_page(l, k->root, c->tr_base, pa))
			take_stacks(l, k, bytes + (c->tr_base & ~PAGE_MASK), i);
		if (left_is_page(l, k->root, c->gdt_base, pa))
			take_bases(l, k, fr, bytes + (c->gdt_base & ~PAGE_MASK), c->tr_base);
	}
	if (left_is_page(l, k->root, cpus[0].idt_base, pa))
		take_gates(l, k, fr, bytes);
}

static __u64 word_at(const __u8 *bytes, unsigned int at)
{
	__u64 value;

	memcpy(&value, bytes + at, sizeof(value));
	return value;
}

/*
 * Whether the CPU is on its way into or out of kernel mode: what is on its stacks is not
 * left there, but in use.
 */
static bool in_transit(struct left *l, const struct look *k, const struct cpu_state *c)
{
	struct leaf leaf;

	return c->cpl != 3 &&
	       table_lookup(&l->audit.guest, l->audit.facts.levels, k->root, c->rip, &leaf) &&
	       (leaf.perms & PERM_X);
}

/*
 * Whether the registers of user mode have a mark there: an IRET to user mode that fails is
 * an exception from user mode in the end, which saves them on RSP0's stack.
 */
static bool is_own(const struct look *k, __u64 va, __u64 value)
{
	int i;

	for (i = 0; i < k->n; i++)
		if (value == LEFT_DF_MARK && k->rsp0[i] - va - 1 < PTREGS_BYTES)
			return true;
	return false;
}

static void scan_words(struct left *l, const struct look *k, struct left_frame *fr,
		       const __u8 *bytes, unsigned int from, unsigned int to)
{
	unsigned int at;

	for (at = from; at + sizeof(__u64) <= to; at += sizeof(__u64)) {
		__u64 value = word_at(bytes, at);
		enum left_kind kind = left_kind_of(l, value);

		if (is_own(k, fr->va + at, value))
			l->own += !l->planting;
		else if (kind)
			hit(l, fr, at, kind, value);
	}
}

static void scan_data(struct left *l, struct look *k, const struct cpu_state *cpus, int n,
		      struct left_frame *fr, __u64 pa)
{
	unsigned int from = 0;
	__u8 bytes[PAGE_SIZE];
	int i;

	if (!guest_read(&l->audit.guest, pa, bytes, sizeof(bytes)))
		return;
	take_forced(l, k, cpus, n, fr, pa, bytes);
	for (i = 0; i < n; i++) {
		unsigned int tss = cpus[i].tr_base & ~PAGE_MASK;

		if (!left_is_page(l, k->root, cpus[i].tr_base, pa))
			continue;
		scan_words(l, k, fr, bytes, from, tss);
		scan_words(l, k, fr, bytes, tss + TSS_RSP0, tss + TSS_BYTES);
		from = tss + TSS_BYTES;
	}
	scan_words(l, k, fr, bytes, from, PAGE_SIZE);
}

/**
 * left_look() - look at all that the user page table of a CPU maps of the kernel
 * @l:		the probe
 * @cpus:	all CPUs
 * @n:		their number
 * @cpu:	the one in user mode whose table it is
 */
void left_look(struct left *l, const struct cpu_state *cpus, int n, int cpu)
{
	const struct cpu_state *c = &cpus[cpu];
	struct look k = { .root = c->cr3 & PTE_ADDR, .n = n };
	unsigned int pages = 0;
	size_t i;
	int f;

	for (f = 0; f < n; f++)
		if (!guest_read_va(&l->audit.guest, l->audit.facts.levels, k.root,
				   cpus[f].tr_base + TSS_RSP0, &k.rsp0[f], sizeof(k.rsp0[f])))
			k.rsp0[f] = 0;

	if (!l->looks)
		expect_build(&l->audit, c, &l->audit.wants);
	l->stamp++;
	leaves_collect(&l->audit.guest, l->audit.facts.levels, k.root, true, c->efer & EFER_NXE,
		       &l->leaves);
	for (i = 0; i < l->leaves.n; i++) {
		const struct leaf *leaf = &l->leaves.v[i];
		__u64 va;

		for (va = leaf->va; va - leaf->va < leaf->size; va += PAGE_SIZE) {
			__u64 pa = leaf->pa + (va - leaf->va);
			struct left_frame *fr = left_frame_at(l, va, pa);

			if (!fr || fr->stamp == l->stamp)
				continue;
			fr->stamp = l->stamp;
			pages++;
			if (leaf->perms & PERM_X) {
				if (l->looks % TEXT_EVERY == 0 && !l->planting)
					left_text_scan(l, va, pa);
				l->text_pages += !l->looks;
			} else if (fr->cpu < 0 || !in_transit(l, &k, &cpus[fr->cpu])) {
				scan_data(l, &k, cpus, n, fr, pa);
			}
		}
	}
	if (l->planting)
		return;
	for (f = 0; f < N_LEFT_FORCED; f++)
		if (k.forced[f] > l->forced[f])
			l->forced[f] = k.forced[f];
	if (pages > l->pages)
		l->pages = pages;
	l->looks++;
}
