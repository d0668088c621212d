// SPDX-License-Identifier: GPL-2.0-only
/*
 * The symbols of a kernel image, from the symbol table of its vmlinux.
 *
 * System.map would do for the addresses, but what lies in a page must be known
 * with its size and section: per-CPU symbols count from 0, as absolute ones do.
 */
#include <fcntl.h>
#include <linux/elf.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "walk.h"

static int by_addr(const void *a, const void *b)
{
	const struct symbol *x = a, *y = b;

	if (x->addr != y->addr)
		return x->addr < y->addr ? -1 : 1;
	return strcmp(x->name, y->name);
}

static void *map_file(const char *path, size_t *size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	void *base = MAP_FAILED;
	struct stat st;

	if (fd >= 0 && !fstat(fd, &st)) {
		*size = st.st_size;
		base = mmap(NULL, *size, PROT_READ, MAP_PRIVATE, fd, 0);
	}
	if (base == MAP_FAILED)
		perror(path);
	if (fd >= 0)
		close(fd);
	return base == MAP_FAILED ? NULL : base;
}

static const struct elf64_shdr *find_symtab(const struct elf64_hdr *eh, size_t size)
{
	const struct elf64_shdr *sh;
	int i;

	if (size < sizeof(*eh) || memcmp(eh->e_ident, ELFMAG, SELFMAG) ||
	    eh->e_ident[EI_CLASS] != ELFCLASS64 ||
	    eh->e_shoff + (__u64)eh->e_shnum * sizeof(*sh) > size)
		return NULL;
	sh = (const void *)((const char *)eh + eh->e_shoff);
	for (i = 0; i < eh->e_shnum; i++)
		if (sh[i].sh_type == SHT_SYMTAB && sh[i].sh_link < eh->e_shnum &&
		    sh[i].sh_offset + sh[i].sh_size <= size)
			return &sh[i];
	return NULL;
}

int symbols_read(struct symbols *s, const char *vmlinux)
{
	const struct elf64_shdr *symtab, *strtab;
	const struct elf64_hdr *eh;
	const struct elf64_sym *sym;
	const char *names;
	size_t size, count, i;

	eh = map_file(vmlinux, &size);
	if (!eh)
		return -1;
	symtab = find_symtab(eh, size);
	if (!symtab) {
		fprintf(stderr, "%s: not an ELF64 file with symbols\n", vmlinux);
		return -1;
	}
	strtab = (const struct elf64_shdr *)((const char *)eh + eh->e_shoff) + symtab->sh_link;
	names = (const char *)eh + strtab->sh_offset;
	sym = (const void *)((const char *)eh + symtab->sh_offset);
	count = symtab->sh_size / sizeof(*sym);

	s->file = (void *)eh;
	s->n = 0;
	s->v = calloc(count, sizeof(*s->v));
	if (!s->v)
		return -1;
	for (i = 0; i < count; i++) {
		int type = ELF_ST_TYPE(sym[i].st_info);
		int section = sym[i].st_shndx;

		if (!sym[i].st_name || sym[i].st_name >= strtab->sh_size ||
		    type == STT_SECTION || type == STT_FILE || section == SHN_UNDEF)
			continue;
		s->v[s->n].name = names + sym[i].st_name;
		s->v[s->n].addr = sym[i].st_value;
		s->v[s->n].size = sym[i].st_size;
		s->v[s->n].section = section;
		s->v[s->n].type = type;
		s->n++;
	}
	qsort(s->v, s->n, sizeof(*s->v), by_addr);
	return 0;
}

/* The last symbol at or before an address */
const struct symbol *symbol_at(const struct symbols *s, __u64 addr)
{
	size_t low = 0, high = s->n;

	while (low < high) {
		size_t mid = (low + high) / 2;

		if (s->v[mid].addr <= addr)
			low = mid + 1;
		else
			high = mid;
	}
	return low ? &s->v[low - 1] : NULL;
}

const struct symbol *symbol_find(const struct symbols *s, const char *name)
{
	size_t i;

	for (i = 0; i < s->n; i++)
		if (!strcmp(s->v[i].name, name))
			return &s->v[i];
	return NULL;
}
