// SPDX-License-Identifier: GPL-2.0-only
/*
 * Guest memory and the page tables in it, read as the processor reads them
 * (SDM 3A, "Paging"): 4 and 5 levels, leaves of 4 KiB, 2 MiB and 1 GiB.
 *
 * The memory of the guest is a file which QEMU and the walker share
 * (memory-backend-file, share=on).  An offset in the file is a physical address
 * as long as the guest has less than 2 GiB: above that a PC has a hole for PCI.
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

int guest_map(struct guest *g, const char *file, __u64 megabytes)
{
	struct stat st;
	void *base;
	int fd;

	if (megabytes > 2047) {
		fprintf(stderr, "walk: %llu MB of guest memory: more than 2047 has a PCI hole\n",
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
		fprintf(stderr, "walk: %s is smaller than %llu MB\n", file, megabytes);
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

bool guest_read(const struct guest *g, __u64 pa, void *to, size_t size)
{
	if (pa >= g->size || size > g->size - pa)
		return false;
	memcpy(to, g->base + pa, size);
	return true;
}

static __u64 read_entry(const struct guest *g, __u64 table, unsigned int index)
{
	return *(const __u64 *)(g->base + table + index * 8);
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

static void collect(const struct guest *g, int level, __u64 table, unsigned int first,
		    __u64 va, unsigned int perms, bool nxe, int levels, struct leaves *out)
{
	unsigned int last = level == levels && first == 0 ? KERNEL_HALF : TABLE_ENTRIES;
	unsigned int i;

	if (table > g->size - PAGE_SIZE) {
		out->bad++;
		return;
	}
	for (i = first; i < last; i++) {
		__u64 entry = read_entry(g, table, i);
		__u64 here = sign_extend(va + ((__u64)i << level_shift(level)), levels);
		unsigned int left;

		if (!(entry & PTE_PRESENT))
			continue;
		if (level > 3 && (entry & PTE_PSE)) {
			out->bad++;
			continue;
		}
		left = narrow(perms, entry, nxe);
		if (is_leaf(entry, level))
			add_leaf(out, here, entry, level, left);
		else
			collect(g, level - 1, entry & PTE_ADDR, 0, here, left, nxe, levels, out);
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
		__u64 entry;

		if (table > g->size - PAGE_SIZE)
			return false;
		entry = read_entry(g, table, (va >> level_shift(level)) % TABLE_ENTRIES);
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
