// SPDX-License-Identifier: GPL-2.0-only
/*
 * objcmp - do two kernel builds contain the same code and data?
 *
 *	objcmp DIR1 DIR2 EXCEPTIONS
 *
 * Every object file below DIR1 is compared with the one of the same name below
 * DIR2, function by function and variable by variable, so that neither the
 * order of things in a section nor a moved line makes a difference:
 *
 *  - A relocation counts as the name of what it points to, a string as its text.
 *  - A branch within a section counts as the name of the function it reaches.
 *  - Entries of the tables that describe code (unwind data, alternatives, bug
 *    entries ...) belong to the function that they are about.
 *  - Numbers that the compiler makes up in names, and the line numbers of bug
 *    entries, count for nothing.
 *
 * EXCEPTIONS lists what may differ, one line each: object, function or variable
 * ("*" for the whole object), reason; separated by tabs. What differs without
 * being listed, and what is listed without differing, is printed, unless the reason
 * begins with "may", as two sizes can be the same by chance; exit status is 0 for
 * none, 1 for some, 2 for trouble.
 */

#define _GNU_SOURCE
#include <ctype.h>
#include <err.h>
#include <fcntl.h>
#include <ftw.h>
#include <gelf.h>
#include <libelf.h>
#include <limits.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define TROUBLE		2
#define NAME_LEN	512
#define AUX_SIZE	18
#define ORC_SIZE	6

struct symbol {
	const char *name;
	char *plain;			/* without made-up numbers */
	size_t section, value, size;
	unsigned int type;
};

struct reloc {
	size_t offset, symbol;
	unsigned int type;
	long addend;
};

struct section {
	const char *name;
	GElf_Shdr hdr;
	unsigned char *data;
	struct reloc *relocs;
	size_t nr_relocs;
	size_t *symbols;		/* those with a size, by address */
	size_t nr_symbols;
};

/* A function or a variable */
struct item {
	char *name;
	size_t section, offset, size;
	char *tables;			/* the entries about it, as text */
	size_t tables_len;
	FILE *stream;
	bool seen;
};

struct object {
	const char *path;
	int fd;
	Elf *elf;
	bool rela;
	struct section *sections;
	size_t nr_sections;
	struct symbol *symbols;
	size_t nr_symbols;
	struct item *items;
	size_t nr_items;
};

struct exception {
	char *object, *item;
	bool may;	/* differ: it need not */
	bool differs;
};

static struct exception *exceptions;
static size_t nr_exceptions;
static unsigned long nr_objects, nr_identical, nr_compared, nr_excepted, nr_bad;

/* Sections that are tables of entries about code, with the size of an entry */
static const struct table {
	const char *name;
	size_t entry;
} tables[] = {
	{ ".altinstructions",		14 },
	{ ".call_sites",		4 },
	{ ".cfi_sites",			4 },
	{ ".ibt_endbr_seal",		4 },
	{ ".retpoline_sites",		4 },
	{ ".return_sites",		4 },
	{ ".smp_locks",			4 },
	{ ".static_call_sites",		8 },
	{ "__bug_table",		12 },
	{ "__ex_table",			12 },
	{ "__jump_table",		16 },
	{ "__mcount_loc",		8 },
	{ "__patchable_function_entries", 8 },
	{ "_kprobe_blacklist",		8 },
};

static void *xalloc(size_t nr, size_t size)
{
	void *p = calloc(nr ? nr : 1, size);

	if (!p)
		err(TROUBLE, "memory");
	return p;
}

static int read_int(const void *p)
{
	int value;

	memcpy(&value, p, sizeof(value));
	return value;
}

static const struct table *find_table(const char *name)
{
	for (size_t i = 0; i < sizeof(tables) / sizeof(*tables); i++)
		if (!strcmp(tables[i].name, name))
			return &tables[i];
	return NULL;
}

/* Take out the numbers that __COUNTER__, __LINE__ and the compiler make up */
static char *plain_name(const char *name)
{
	bool counter = strstr(name, "__UNIQUE_ID") || strstr(name, "__initcall__") ||
		       strstr(name, "__addressable_");
	char *plain = xalloc(strlen(name) + 1, 1), *to = plain;

	for (const char *s = name; *s; s++) {
		if (counter && isdigit(*s))
			continue;
		if (*s == '.' && s > name && isdigit(s[1])) {
			while (isdigit(s[1]))
				s++;
			continue;
		}
		*to++ = *s;
	}
	return plain;
}

static struct object *sorted;

static int by_address(const void *a, const void *b)
{
	const struct symbol *x = &sorted->symbols[*(const size_t *)a];
	const struct symbol *y = &sorted->symbols[*(const size_t *)b];

	if (x->value != y->value)
		return x->value < y->value ? -1 : 1;
	if (x->size != y->size)
		return x->size > y->size ? -1 : 1;
	return strcmp(x->name, y->name);
}

static int by_offset(const void *a, const void *b)
{
	const struct reloc *x = a, *y = b;

	return x->offset < y->offset ? -1 : x->offset > y->offset;
}

static void read_symbols(struct object *o, Elf_Scn *scn, GElf_Shdr *hdr)
{
	Elf_Data *data = elf_getdata(scn, NULL);

	o->nr_symbols = hdr->sh_size / hdr->sh_entsize;
	o->symbols = xalloc(o->nr_symbols, sizeof(*o->symbols));
	for (size_t i = 0; i < o->nr_symbols; i++) {
		struct symbol *s = &o->symbols[i];
		GElf_Sym sym;

		gelf_getsym(data, i, &sym);
		s->name = elf_strptr(o->elf, hdr->sh_link, sym.st_name);
		s->section = sym.st_shndx;
		s->value = sym.st_value;
		s->size = sym.st_size;
		s->type = GELF_ST_TYPE(sym.st_info);
		s->plain = plain_name(s->name);
	}
}

static void read_relocs(struct object *o, Elf_Scn *scn, GElf_Shdr *hdr)
{
	struct section *target = &o->sections[hdr->sh_info];
	Elf_Data *data = elf_getdata(scn, NULL);

	target->nr_relocs = hdr->sh_size / hdr->sh_entsize;
	target->relocs = xalloc(target->nr_relocs, sizeof(*target->relocs));
	for (size_t i = 0; i < target->nr_relocs; i++) {
		struct reloc *r = &target->relocs[i];
		GElf_Rela rela = { 0 };
		GElf_Rel rel;

		if (hdr->sh_type == SHT_RELA) {
			o->rela = true;
			gelf_getrela(data, i, &rela);
		} else {
			gelf_getrel(data, i, &rel);
			rela.r_offset = rel.r_offset;
			rela.r_info = rel.r_info;
		}
		r->offset = rela.r_offset;
		r->symbol = GELF_R_SYM(rela.r_info);
		r->type = GELF_R_TYPE(rela.r_info);
		r->addend = rela.r_addend;
	}
	qsort(target->relocs, target->nr_relocs, sizeof(struct reloc), by_offset);
}

static bool open_object(struct object *o, const char *path)
{
	Elf_Scn *scn = NULL;
	size_t strings;

	memset(o, 0, sizeof(*o));
	o->path = path;
	o->fd = open(path, O_RDONLY);
	if (o->fd < 0)
		return false;
	o->elf = elf_begin(o->fd, ELF_C_READ, NULL);
	if (!o->elf || elf_kind(o->elf) != ELF_K_ELF ||
	    elf_getshdrnum(o->elf, &o->nr_sections) ||
	    elf_getshdrstrndx(o->elf, &strings))
		errx(TROUBLE, "%s: not an object file", path);
	o->sections = xalloc(o->nr_sections, sizeof(*o->sections));

	while ((scn = elf_nextscn(o->elf, scn))) {
		struct section *s = &o->sections[elf_ndxscn(scn)];
		Elf_Data *data = elf_getdata(scn, NULL);

		gelf_getshdr(scn, &s->hdr);
		s->name = elf_strptr(o->elf, strings, s->hdr.sh_name);
		s->data = data ? data->d_buf : NULL;
		if (s->hdr.sh_type == SHT_SYMTAB)
			read_symbols(o, scn, &s->hdr);
	}
	for (size_t i = 1; i < o->nr_sections; i++) {
		struct section *s = &o->sections[i];

		if (s->hdr.sh_type == SHT_RELA || s->hdr.sh_type == SHT_REL)
			read_relocs(o, elf_getscn(o->elf, i), &s->hdr);
		s->symbols = xalloc(o->nr_symbols, sizeof(size_t));
		for (size_t j = 1; j < o->nr_symbols; j++)
			if (o->symbols[j].section == i && o->symbols[j].size)
				s->symbols[s->nr_symbols++] = j;
		sorted = o;
		qsort(s->symbols, s->nr_symbols, sizeof(size_t), by_address);
	}
	return true;
}

static void close_object(struct object *o)
{
	for (size_t i = 0; i < o->nr_sections; i++) {
		free(o->sections[i].relocs);
		free(o->sections[i].symbols);
	}
	for (size_t i = 0; i < o->nr_symbols; i++)
		free(o->symbols[i].plain);
	for (size_t i = 0; i < o->nr_items; i++) {
		free(o->items[i].name);
		free(o->items[i].tables);
	}
	free(o->items);
	free(o->sections);
	free(o->symbols);
	elf_end(o->elf);
	close(o->fd);
}

/* The symbol that offset lies in, or right behind */
static const struct symbol *symbol_at(struct object *o, struct section *s, size_t offset)
{
	const struct symbol *found = NULL;

	for (size_t i = 0; i < s->nr_symbols; i++) {
		const struct symbol *sym = &o->symbols[s->symbols[i]];

		if (sym->value > offset)
			break;
		if (!found || offset < sym->value + sym->size ||
		    offset >= found->value + found->size)
			found = sym;
	}
	return found;
}

static void print_bytes(struct object *o, struct section *s, size_t offset, size_t size,
			FILE *out);

/* Say what lies at an offset of a section */
static void describe_place(struct object *o, size_t section, size_t offset, long bias,
			   char *text)
{
	struct section *s = &o->sections[section];
	const struct symbol *sym;
	FILE *out;

	if ((s->hdr.sh_flags & SHF_STRINGS) && offset < s->hdr.sh_size) {
		snprintf(text, NAME_LEN, "\"%s\"", (char *)s->data + offset);
		return;
	}
	if ((s->hdr.sh_flags & SHF_MERGE) && offset + 8 <= s->hdr.sh_size) {
		snprintf(text, NAME_LEN, "%s %lx", s->name, *(long *)(s->data + offset));
		return;
	}
	/* The slow way of a feature test: one test and two jumps, without a name */
	if (!strcmp(s->name, ".altinstr_aux") && offset + AUX_SIZE <= s->hdr.sh_size) {
		out = fmemopen(text, NAME_LEN, "w");
		if (!out)
			err(TROUBLE, "memory");
		print_bytes(o, s, offset, AUX_SIZE, out);
		fclose(out);
		return;
	}
	if (!strcmp(s->name, ".altinstr_replacement")) {
		snprintf(text, NAME_LEN, "%s", s->name);
		return;
	}
	sym = symbol_at(o, s, offset);
	if (sym)
		snprintf(text, NAME_LEN, "%s%+ld", sym->plain,
			 (long)(offset - sym->value) + bias);
	else
		snprintf(text, NAME_LEN, "%s%+ld", s->name, (long)offset + bias);
}

static bool pc_relative(struct object *o, const struct reloc *r)
{
	/* R_386_PC32 has the number of R_X86_64_PC32 */
	return r->type == R_X86_64_PC32 || (o->rela && r->type == R_X86_64_PLT32);
}

/* Say what a relocation points to; its field is at field */
static void describe_reloc(struct object *o, const struct reloc *r,
			   const unsigned char *field, char *text)
{
	const struct symbol *sym = &o->symbols[r->symbol];
	long addend = r->addend, bias = 0;
	char place[NAME_LEN];

	if (!o->rela)
		addend = read_int(field);
	/* Compilers name strings, and others, .LC1 and so on */
	if (sym->type != STT_SECTION && *sym->name != '.') {
		snprintf(text, NAME_LEN, "%u %s%+ld", r->type, sym->plain, addend);
		return;
	}
	/* What a PC-relative field points to is counted from its end */
	if (pc_relative(o, r) && (long)sym->value + addend + 4 >= 0) {
		addend += 4;
		bias = -4;
	}
	describe_place(o, sym->section, sym->value + addend, bias, place);
	snprintf(text, NAME_LEN, "%u %.*s", r->type, NAME_LEN - 16, place);
}

static size_t reloc_size(struct object *o, const struct reloc *r)
{
	if (o->rela)
		return r->type == R_X86_64_64 || r->type == R_X86_64_PC64 ? 8 : 4;
	return r->type == R_386_16 || r->type == R_386_PC16 ? 2 : 4;
}

/* The first relocation at or behind offset */
static struct reloc *reloc_at(struct section *s, size_t offset)
{
	size_t low = 0, high = s->nr_relocs;

	while (low < high) {
		size_t mid = (low + high) / 2;

		if (s->relocs[mid].offset < offset)
			low = mid + 1;
		else
			high = mid;
	}
	return s->relocs + low;
}

/* Write size bytes of a section with their relocations resolved */
static void print_bytes(struct object *o, struct section *s, size_t offset, size_t size,
			FILE *out)
{
	const struct reloc *r = reloc_at(s, offset), *end = s->relocs + s->nr_relocs;
	char text[NAME_LEN];

	for (size_t i = offset; i < offset + size;) {
		if (r < end && r->offset == i) {
			describe_reloc(o, r, s->data + i, text);
			fprintf(out, "[%s]", text);
			i += reloc_size(o, r);
			while (r < end && r->offset < i)
				r++;
		} else {
			fprintf(out, "%02x", s->data[i++]);
		}
	}
}

static void add_item(struct object *o, const char *name, size_t section, size_t offset,
		     size_t size)
{
	struct item *item;
	unsigned int same = 0;

	if (!(o->nr_items % 64)) {
		o->items = realloc(o->items, (o->nr_items + 64) * sizeof(*item));
		if (!o->items)
			err(TROUBLE, "memory");
	}
	/* Several of one name are told apart by their order */
	for (size_t i = 0; i < o->nr_items; i++) {
		const char *other = o->items[i].name;
		size_t len = strlen(name);

		if (!strncmp(other, name, len) && (!other[len] || other[len] == '#'))
			same++;
	}
	item = &o->items[o->nr_items++];
	memset(item, 0, sizeof(*item));
	if (asprintf(&item->name, same ? "%s#%u" : "%s", name, same + 1) < 0)
		err(TROUBLE, "memory");
	item->section = section;
	item->offset = offset;
	item->size = size;
}

static bool is_code(struct section *s)
{
	return s->hdr.sh_flags & SHF_EXECINSTR;
}

/* What the assembler and the compiler fill gaps with */
static bool is_padding(struct section *s, size_t from, size_t to)
{
	static const char nops[] = "\x90\x66\x2e\x0f\x1f\x84\x80\x40\x44\xcc";

	if (s->hdr.sh_type == SHT_NOBITS)
		return true;
	for (; from < to; from++) {
		if (!s->data[from])
			continue;
		if (!is_code(s) || !strchr(nops, s->data[from]))
			return false;
	}
	return true;
}

/* The contents of a section that the items stand for */
static bool has_items(struct section *s)
{
	static const char *const ignored[] = {
		".altinstr_replacement", ".altinstr_aux", ".orc_",
		".discard", ".note", ".comment", ".eh_frame", ".llvm", NULL
	};

	if (!(s->hdr.sh_flags & SHF_ALLOC) || !s->hdr.sh_size || find_table(s->name))
		return false;
	if (s->hdr.sh_flags & SHF_MERGE)
		return false;
	for (const char *const *name = ignored; *name; name++)
		if (!strncmp(s->name, *name, strlen(*name)))
			return false;
	return true;
}

static void find_items(struct object *o)
{
	for (size_t i = 1; i < o->nr_sections; i++) {
		struct section *s = &o->sections[i];
		size_t end = 0;
		const char *last = s->name;

		if (!has_items(s))
			continue;
		for (size_t j = 0; j < s->nr_symbols; j++) {
			struct symbol *sym = &o->symbols[s->symbols[j]];
			char name[NAME_LEN];

			if (sym->value > end && !is_padding(s, end, sym->value)) {
				snprintf(name, sizeof(name), "%s, after", last);
				add_item(o, name, i, end, sym->value - end);
			}
			if (sym->value >= end || !is_code(s))
				add_item(o, sym->plain, i, sym->value, sym->size);
			if (sym->value + sym->size > end)
				end = sym->value + sym->size;
			last = sym->plain;
		}
		if (end < s->hdr.sh_size && !is_padding(s, end, s->hdr.sh_size)) {
			char name[NAME_LEN];

			snprintf(name, sizeof(name), end ? "%s, after" : "%s", last);
			add_item(o, name, i, end, s->hdr.sh_size - end);
		}
	}
}

/* The item that an offset lies in, or the last one before it */
static struct item *item_at(struct object *o, size_t section, size_t offset)
{
	struct item *found = NULL;

	for (size_t i = 0; i < o->nr_items; i++) {
		struct item *item = &o->items[i];

		if (item->section == section && item->offset <= offset &&
		    (!found || item->offset > found->offset))
			found = item;
	}
	return found;
}

static struct section *section_named(struct object *o, const char *name)
{
	for (size_t i = 1; i < o->nr_sections; i++)
		if (!strcmp(o->sections[i].name, name))
			return &o->sections[i];
	return NULL;
}

static struct item *about(struct object *o, struct section *s, struct reloc *r)
{
	const struct symbol *sym = &o->symbols[r->symbol];
	long addend = o->rela ? r->addend : read_int(s->data + r->offset);

	return item_at(o, sym->section, sym->value + addend);
}

/* Give every entry of a table to the function that it is about */
static void read_table(struct object *o, struct section *s, const struct table *table)
{
	struct reloc *end = s->relocs + s->nr_relocs;

	for (size_t i = 0; i + table->entry <= s->hdr.sh_size; i += table->entry) {
		struct reloc *r = reloc_at(s, i);
		struct item *item;

		if (r == end || r->offset >= i + table->entry)
			continue;
		item = about(o, s, r);
		if (!item)
			continue;
		fprintf(item->stream, "\n%s ", table->name);
		if (!strcmp(table->name, "__bug_table")) {
			print_bytes(o, s, i, 8, item->stream);
			print_bytes(o, s, i + 10, 2, item->stream);
		} else {
			print_bytes(o, s, i, table->entry, item->stream);
		}
		if (!strcmp(table->name, ".altinstructions") && ++r < end &&
		    r->offset == i + 4 && s->data[i + 13]) {
			const struct symbol *sym = &o->symbols[r->symbol];

			print_bytes(o, &o->sections[sym->section],
				    sym->value + r->addend, s->data[i + 13],
				    item->stream);
		}
	}
}

static void print_orc(FILE *out, long place, const unsigned char *entry)
{
	fprintf(out, "\norc +%ld ", place);
	for (int i = 0; i < ORC_SIZE; i++)
		fprintf(out, "%02x", entry[i]);
}

/* The address that the next unwind entry of the same section is for */
static long next_orc(struct object *o, struct section *ip, size_t j)
{
	const struct symbol *sym = &o->symbols[ip->relocs[j].symbol], *next;

	if (j + 1 == ip->nr_relocs)
		return LONG_MAX;
	next = &o->symbols[ip->relocs[j + 1].symbol];
	return next->section == sym->section ?
	       (long)next->value + ip->relocs[j + 1].addend : LONG_MAX;
}

/*
 * Unwind data says from which address on which state holds, and only where that
 * changes: what a function begins with may stand before it.
 */
static void read_orc(struct object *o)
{
	struct section *ip = section_named(o, ".orc_unwind_ip");
	struct section *orc = section_named(o, ".orc_unwind");

	if (!ip || !orc)
		return;
	for (size_t i = 0; i < o->nr_items; i++) {
		struct item *item = &o->items[i];
		const unsigned char *state = NULL;

		for (size_t j = 0; j < ip->nr_relocs; j++) {
			struct reloc *r = &ip->relocs[j];
			const struct symbol *sym = &o->symbols[r->symbol];
			const unsigned char *entry = orc->data + r->offset / 4 * ORC_SIZE;
			long place = sym->value + r->addend - item->offset;

			if (sym->section != item->section || place >= (long)item->size)
				continue;
			if (place > 0 && (!state || memcmp(state, entry, ORC_SIZE)))
				print_orc(item->stream, place, entry);
			else if (place <= 0 && next_orc(o, ip, j) - (long)item->offset > 0)
				print_orc(item->stream, 0, entry);
			state = entry;
		}
	}
}

static void read_items(struct object *o)
{
	find_items(o);
	for (size_t i = 0; i < o->nr_items; i++) {
		struct item *item = &o->items[i];

		item->stream = open_memstream(&item->tables, &item->tables_len);
		if (!item->stream)
			err(TROUBLE, "memory");
	}
	for (size_t i = 1; i < o->nr_sections; i++) {
		const struct table *table = find_table(o->sections[i].name);

		if (table)
			read_table(o, &o->sections[i], table);
	}
	read_orc(o);
	for (size_t i = 0; i < o->nr_items; i++)
		fclose(o->items[i].stream);
}

/* Where a 32-bit branch field at offset leads to */
static void describe_branch(struct object *o, size_t section, size_t offset, char *text)
{
	struct section *s = &o->sections[section];

	describe_place(o, section, offset + 4 + read_int(s->data + offset), 0, text);
}

/* Is the byte that differs in a branch that reaches the same place? */
static size_t same_branch(struct object *a, struct item *x, struct object *b,
			  struct item *y, size_t at)
{
	unsigned char *code = a->sections[x->section].data + x->offset;
	char to_a[NAME_LEN], to_b[NAME_LEN];

	for (size_t field = at < 3 ? 1 : at - 3; field <= at; field++) {
		if (!field || field + 4 > x->size)
			continue;
		if (code[field - 1] != 0xe8 && code[field - 1] != 0xe9 &&
		    (field < 2 || code[field - 2] != 0x0f ||
		     (code[field - 1] & 0xf0) != 0x80))
			continue;
		describe_branch(a, x->section, x->offset + field, to_a);
		describe_branch(b, y->section, y->offset + field, to_b);
		if (!strcmp(to_a, to_b))
			return field + 4;
	}
	return 0;
}

static char detail[2 * NAME_LEN + 16];

/* The first two lines of the tables that differ */
static const char *table_difference(const char *a, const char *b)
{
	while (*a && *a == *b) {
		a++;
		b++;
	}
	while (*a != '\n')
		a--, b--;
	snprintf(detail, sizeof(detail), "%.*s | %.*s", (int)strcspn(a + 1, "\n"), a + 1,
		 (int)strcspn(b + 1, "\n"), b + 1);
	return detail;
}

static const char *compare(struct object *a, struct item *x, struct object *b,
			   struct item *y)
{
	struct section *s = &a->sections[x->section], *t = &b->sections[y->section];
	struct reloc *r = reloc_at(s, x->offset), *q = reloc_at(t, y->offset);
	struct reloc *r_end = s->relocs + s->nr_relocs, *q_end = t->relocs + t->nr_relocs;
	char r_text[NAME_LEN], q_text[NAME_LEN];

	if (strcmp(s->name, t->name))
		return "section";
	if (x->size != y->size)
		return "size";
	if (s->hdr.sh_type != SHT_NOBITS) {
		for (size_t i = 0; i < x->size;) {
			bool in_r = r < r_end && r->offset == x->offset + i;
			bool in_q = q < q_end && q->offset == y->offset + i;

			if (in_r != in_q)
				return "relocations";
			if (in_r) {
				describe_reloc(a, r, s->data + r->offset, r_text);
				describe_reloc(b, q, t->data + q->offset, q_text);
				if (strcmp(r_text, q_text)) {
					snprintf(detail, sizeof(detail), "%s | %s", r_text, q_text);
					return detail;
				}
				i += reloc_size(a, r);
				while (r < r_end && r->offset < x->offset + i)
					r++;
				while (q < q_end && q->offset < y->offset + i)
					q++;
				continue;
			}
			if (s->data[x->offset + i] != t->data[y->offset + i]) {
				size_t next = is_code(s) ? same_branch(a, x, b, y, i) : 0;

				if (!next)
					return is_code(s) ? "code" : "data";
				i = next;
				continue;
			}
			i++;
		}
	}
	if (strcmp(x->tables, y->tables))
		return table_difference(x->tables, y->tables);
	return NULL;
}

static void report(const char *object, const char *item, const char *why)
{
	for (size_t i = 0; i < nr_exceptions; i++) {
		struct exception *e = &exceptions[i];

		if (!strcmp(e->object, object) &&
		    (!strcmp(e->item, "*") || !strcmp(e->item, item))) {
			if (!e->differs)
				nr_excepted++;
			e->differs = true;
			return;
		}
	}
	nr_bad++;
	printf("objcmp: differs: %s\t%s\t(%s)\n", object, item, why);
}

static bool identical(const char *path1, const char *path2)
{
	FILE *a = fopen(path1, "r"), *b = fopen(path2, "r");
	char x[1 << 16], y[1 << 16];
	bool same = a && b;
	size_t n;

	while (same && (n = fread(x, 1, sizeof(x), a)) > 0)
		same = fread(y, 1, sizeof(y), b) == n && !memcmp(x, y, n);
	same = same && fread(y, 1, 1, b) == 0;
	if (a)
		fclose(a);
	if (b)
		fclose(b);
	return same;
}

static void compare_objects(const char *name, const char *path1, const char *path2)
{
	struct object a, b;

	nr_objects++;
	if (identical(path1, path2)) {
		nr_identical++;
		return;
	}
	if (!open_object(&a, path1))
		err(TROUBLE, "%s", path1);
	if (!open_object(&b, path2)) {
		close_object(&a);
		report(name, "*", "only in the first");
		return;
	}
	read_items(&a);
	read_items(&b);
	for (size_t i = 0; i < a.nr_items; i++) {
		const char *why = "only in the first";

		for (size_t j = 0; j < b.nr_items; j++) {
			struct item *y = &b.items[j];

			if (y->seen || strcmp(a.items[i].name, y->name))
				continue;
			y->seen = true;
			why = compare(&a, &a.items[i], &b, y);
			break;
		}
		nr_compared++;
		if (why)
			report(name, a.items[i].name, why);
	}
	for (size_t j = 0; j < b.nr_items; j++)
		if (!b.items[j].seen)
			report(name, b.items[j].name, "only in the second");
	close_object(&a);
	close_object(&b);
}

static const char *dirs[2];
static bool second;

static int visit(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	const char *name = path + strlen(dirs[second]) + 1;
	const char *base = path + ftw->base;
	size_t len = strlen(path);
	char *other;

	(void)st;
	/* Links of other objects, and what is made from the linked kernel */
	if (flag != FTW_F || len < 2 || strcmp(path + len - 2, ".o") || base[0] == '.' ||
	    !strcmp(name, "vmlinux.o") || !strncmp(name, "scripts/", 8) ||
	    !strncmp(name, "tools/", 6) || !strcmp(base, "piggy.o") ||
	    strstr(name, "/tools/"))
		return 0;
	if (asprintf(&other, "%s/%s", dirs[!second], name) < 0)
		err(TROUBLE, "memory");
	if (!second)
		compare_objects(name, path, other);
	else if (access(other, F_OK))
		report(name, "*", "only in the second");
	free(other);
	return 0;
}

static void read_exceptions(const char *path)
{
	FILE *file = fopen(path, "r");
	char line[1024];

	if (!file)
		err(TROUBLE, "%s", path);
	while (fgets(line, sizeof(line), file)) {
		char *object = strtok(line, "\t\n");
		char *item = strtok(NULL, "\t\n"), *reason = strtok(NULL, "\n");

		if (!object || *object == '#')
			continue;
		if (!reason)
			errx(TROUBLE, "%s: no reason given for %s", path, object);
		exceptions = realloc(exceptions, (nr_exceptions + 1) * sizeof(*exceptions));
		if (!exceptions)
			err(TROUBLE, "memory");
		exceptions[nr_exceptions].object = strdup(object);
		exceptions[nr_exceptions].item = strdup(item);
		exceptions[nr_exceptions].differs = false;
		exceptions[nr_exceptions++].may = !strncmp(reason, "may ", 4);
	}
	fclose(file);
}

int main(int argc, char **argv)
{
	if (argc != 4)
		errx(TROUBLE, "usage: objcmp DIR1 DIR2 EXCEPTIONS");
	dirs[0] = argv[1];
	dirs[1] = argv[2];
	read_exceptions(argv[3]);
	elf_version(EV_CURRENT);

	for (int i = 0; i < 2; i++) {
		second = i;
		if (nftw(dirs[i], visit, 16, FTW_PHYS))
			err(TROUBLE, "%s", dirs[i]);
	}
	if (!nr_objects)
		errx(TROUBLE, "%s: no objects", dirs[0]);
	for (size_t i = 0; i < nr_exceptions; i++) {
		if (exceptions[i].differs || exceptions[i].may)
			continue;
		nr_bad++;
		printf("objcmp: listed, but does not differ: %s\t%s\n",
		       exceptions[i].object, exceptions[i].item);
	}
	printf("objcmp: %lu objects, %lu identical; "
	       "%lu functions and variables of the others compared, "
	       "%lu exceptions, %lu unexplained\n",
	       nr_objects, nr_identical, nr_compared, nr_excepted, nr_bad);
	return nr_bad != 0;
}
