// SPDX-License-Identifier: GPL-2.0-only
/*
 * Guest memory and the page tables in it, read as the processor reads them
 * (SDM 3A, "Paging"): 4 and 5 levels, leaves of 4 KiB, 2 MiB and 1 GiB.
 *
 * Under QEMU the memory of the guest is a file which the walker shares
 * (memory-backend-file, share=on).  An offset in the file is a physical address
 * as long as the guest has less than 2 GiB: above that a PC has a hole for PCI.
 * Bochs shows memory through its debugger only, so there it is copied, page by page
 * as the tables lead to them.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "walk.h"

#define TABLE_ENTRIES	512
#define KERNEL_HALF	256	/* first top-level entry of the upper half */
#define SUM_PRIME	0x9e3779b97f4a7c15ULL	/* odd, and as many ones as zeros */

int guest_map(struct guest *g, const char *file, __u64 megabytes)
{
	struct stat st;
	void *base;
	int fd;

	if (megabytes > 2047) {
		fprintf(stderr, "%llu MB of guest memory: more than 2047 has a PCI hole\n",
			megabytes);
		return -1;
	}
	fd = open(file, O_RDWR | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st)) {
		perror(file);
		return -1;
	}
	g->size = megabytes << 20;
	if ((__u64)st.st_size < g->size) {
		fprintf(stderr, "%s is smaller than %llu MB\n", file, megabytes);
		return -1;
	}
	base = mmap(NULL, g->size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	if (base == MAP_FAILED) {
		perror(file);
		return -1;
	}
	g->base = base;
	return 0;
}

int guest_copy(struct guest *g, struct vm *vm, __u64 megabytes)
{
	void *base;

	g->size = megabytes << 20;
	base = mmap(NULL, g->size, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	g->fresh = calloc(g->size >> PAGE_SHIFT, sizeof(*g->fresh));
	if (base == MAP_FAILED || !g->fresh) {
		perror("walk");
		return -1;
	}
	g->base = base;
	g->vm = vm;
	return 0;
}

/* Copies are out of date */
void guest_has_run(struct guest *g)
{
	if (g->fresh)
		memset(g->fresh, 0, (g->size >> PAGE_SHIFT) * sizeof(*g->fresh));
}

/* The memory from pa to the end of its page, or NULL if the guest has none there */
__u8 *guest_at(const struct guest *g, __u64 pa)
{
	__u64 page = pa & PAGE_MASK;

	if (pa >= g->size)
		return NULL;
	if (g->fresh && !g->fresh[pa >> PAGE_SHIFT]) {
		if (g->vm->ops->fetch(g->vm, page, g->base + page)) {
			fprintf(stderr, "cannot read the guest's memory at %llx\n", page);
			exit(2);
		}
		g->fresh[pa >> PAGE_SHIFT] = true;
	}
	return g->base + pa;
}

/* Both to the memory that is looked at here and, if that is a copy, to the guest's */
enum vm_result guest_store(struct guest *g, __u64 pa, __u32 value)
{
	__u8 *at = guest_at(g, pa);

	if (!at)
		return VM_ERROR;
	memcpy(at, &value, sizeof(value));
	return g->vm ? g->vm->ops->store(g->vm, pa, value) : VM_OK;
}

/* Not over the end of a page */
bool guest_read(const struct guest *g, __u64 pa, void *to, size_t size)
{
	const __u8 *from = guest_at(g, pa);

	if (!from || (pa & ~PAGE_MASK) + size > PAGE_SIZE)
		return false;
	memcpy(to, from, size);
	return true;
}

/* A page table, or NULL */
static const __u64 *table_at(const struct guest *g, __u64 table)
{
	return (const __u64 *)guest_at(g, table);
}

/* Level 1 is the page table, level 4 or 5 the root */
static unsigned int level_shift(int level)
{
	return PAGE_SHIFT + 9 * (level - 1);
}

static __u64 sign_extend(__u64 va, int levels)
{
	unsigned int unused = 64 - level_shift(levels + 1);

	return (__u64)((__s64)(va << unused) >> unused);
}

static bool is_leaf(__u64 entry, int level)
{
	return level == 1 || (level <= 3 && (entry & PTE_PSE));
}

/* What an entry takes away from the permissions that its parents leave */
static unsigned int narrow(unsigned int perms, __u64 entry, bool nxe)
{
	if (!(entry & PTE_WRITE))
		perms &= ~PERM_W;
	if (!(entry & PTE_USER))
		perms &= ~PERM_U;
	if (nxe && (entry & PTE_NX))
		perms &= ~PERM_X;
	return perms;
}

static void add_leaf(struct leaves *out, __u64 va, __u64 entry, int level, unsigned int perms)
{
	struct leaf *l;

	if (out->n == out->max) {
		out->max = out->max ? out->max * 2 : 4096;
		out->v = realloc(out->v, out->max * sizeof(*out->v));
		if (!out->v) {
			perror("walk");
			exit(2);
		}
	}
	l = &out->v[out->n++];
	l->va = va;
	l->size = 1ULL << level_shift(level);
	l->pa = entry & PTE_ADDR & ~(l->size - 1);
	l->entry = entry;
	l->perms = perms | (entry & PTE_GLOBAL ? PERM_G : 0);
}

/* Whether one of the leaves from the nth on is global */
static bool any_global(const struct leaves *l, size_t n)
{
	while (n < l->n)
		if (l->v[n++].perms & PERM_G)
			return true;
	return false;
}

static void collect(const struct guest *g, int level, __u64 table, unsigned int first,
		    __u64 va, unsigned int perms, bool nxe, int levels, struct leaves *out)
{
	unsigned int last = level == levels && first == 0 ? KERNEL_HALF : TABLE_ENTRIES;
	const __u64 *entries = table_at(g, table);
	__u64 walked = 0;	/* the last entry that led to a table, if it may be left out */
	unsigned int i;

	if (!entries) {
		out->bad++;
		return;
	}
	for (i = first; i < last; i++) {
		__u64 entry = entries[i];
		__u64 here = sign_extend(va + ((__u64)i << level_shift(level)), levels);
		unsigned int left;

		if (!(entry & PTE_PRESENT))
			continue;
		if (level > 3 && (entry & PTE_PSE)) {
			out->bad++;
			continue;
		}
		left = narrow(perms, entry, nxe);
		if (is_leaf(entry, level)) {
			add_leaf(out, here, entry, level, left);
		} else if ((entry & ~PTE_ACCESSED) != walked) {
			size_t n = out->n;

			collect(g, level - 1, entry & PTE_ADDR, 0, here, left, nxe, levels, out);
			walked = out->once && !in_espfix(here) && !any_global(out, n) ?
				 entry & ~PTE_ACCESSED : 0;
		}
	}
}

/* All leaves of one half of a root, in the order of their addresses */
void leaves_collect(const struct guest *g, int levels, __u64 root, bool kernel_half,
		    bool nxe, struct leaves *out)
{
	out->n = 0;
	out->bad = 0;
	collect(g, levels, root, kernel_half ? KERNEL_HALF : 0, 0,
		PERM_R | PERM_W | PERM_X | PERM_U, nxe, levels, out);
}

bool table_lookup(const struct guest *g, int levels, __u64 root, __u64 va, struct leaf *leaf)
{
	unsigned int perms = PERM_R | PERM_W | PERM_X | PERM_U;
	__u64 table = root;
	int level;

	for (level = levels; level > 0; level--) {
		__u64 size = 1ULL << level_shift(level);
		const __u64 *entries = table_at(g, table);
		__u64 entry;

		if (!entries)
			return false;
		entry = entries[(va >> level_shift(level)) % TABLE_ENTRIES];
		if (!(entry & PTE_PRESENT))
			return false;
		perms = narrow(perms, entry, true);
		if (is_leaf(entry, level)) {
			leaf->va = va & ~(size - 1);
			leaf->pa = entry & PTE_ADDR & ~(size - 1);
			leaf->size = size;
			leaf->entry = entry;
			leaf->perms = perms | (entry & PTE_GLOBAL ? PERM_G : 0);
			return true;
		}
		table = entry & PTE_ADDR;
	}
	return false;
}

/* Of a table and all below it.  A table that entries in a row point to is walked once */
static bool sum_table(const struct guest *g, int level, __u64 table, __u64 *sum)
{
	const __u64 *entries = table_at(g, table);
	__u64 walked = 0;
	unsigned int i;

	for (i = 0; entries && i < TABLE_ENTRIES; i++) {
		__u64 entry = entries[i] & ~(PTE_ACCESSED | PTE_DIRTY);

		*sum = (*sum ^ entry) * SUM_PRIME;
		*sum ^= *sum >> 32;
		if (!(entry & PTE_PRESENT) || is_leaf(entry, level) || entry == walked)
			continue;
		if (!sum_table(g, level - 1, entry & PTE_ADDR, sum))
			return false;
		walked = entry;
	}
	return entries;
}

/**
 * table_sum() - a number that changes with whatever a top-level entry leads to
 * @g:		guest memory
 * @levels:	of page tables
 * @root:	the top-level table
 * @slot:	the entry there
 * @sum:	for the number; accessed and dirty bits are not in it
 *
 * Return: false if a table is not in guest memory.
 */
bool table_sum(const struct guest *g, int levels, __u64 root, unsigned int slot, __u64 *sum)
{
	const __u64 *entries = table_at(g, root);

	*sum = 0;
	if (!entries)
		return false;
	*sum = entries[slot] & ~(PTE_ACCESSED | PTE_DIRTY);
	return !(*sum & PTE_PRESENT) || sum_table(g, levels - 1, *sum & PTE_ADDR, sum);
}

bool guest_read_va(const struct guest *g, int levels, __u64 root, __u64 va,
		   void *to, size_t size)
{
	struct leaf leaf;

	if ((va & ~PAGE_MASK) + size > PAGE_SIZE)
		return false;
	return table_lookup(g, levels, root, va, &leaf) &&
	       guest_read(g, leaf.pa + (va - leaf.va), to, size);
}

/* "r-xg-"; valid until the fourth call after this one */
const char *perms_text(unsigned int perms)
{
	static const char letters[] = "rwxgu";
	static char text[4][6];
	static int next;
	char *t = text[next++ % 4];
	int i;

	for (i = 0; i < 5; i++)
		t[i] = perms & (1U << i) ? letters[i] : '-';
	return t;
}

/* How many leaves from the first on are alike and at equal distances, as aliases are too */
static size_t run_length(const struct leaf *l, size_t left)
{
	size_t n = 1;

	while (n < left && l[n].size == l->size && l[n].perms == l->perms &&
	       l[n].va - l[n - 1].va == l[1].va - l->va &&
	       l[n].pa - l[n - 1].pa == l[1].pa - l->pa)
		n++;
	return n > 2 || (n == 2 && l[1].va - l->va == l->size) ? n : 1;
}

/* For debugging: all leaves of a root, by runs */
void dump_root(FILE *f, const struct guest *g, int levels, __u64 root, bool nxe)
{
	struct leaves l = {};
	int half;
	size_t i;

	for (half = 0; half < 2; half++) {
		leaves_collect(g, levels, root, half, nxe, &l);
		for (i = 0; i < l.n;) {
			const struct leaf *first = &l.v[i];
			size_t n = run_length(first, l.n - i);
			const struct leaf *last = &first[n - 1];

			fprintf(f, "%016llx-%016llx %010llx-%010llx %6zu x %7llu KiB %s\n",
				first->va, last->va + last->size, first->pa,
				last->pa + last->size, n, first->size >> 10,
				perms_text(first->perms));
			i += n;
		}
		if (l.bad)
			fprintf(f, "%zu bad entries\n", l.bad);
	}
	free(l.v);
}
