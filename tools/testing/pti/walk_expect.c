// SPDX-License-Identifier: GPL-2.0-only
/*
 * exposure.expected: reading it, and turning its rows into the pages that they
 * stand for in this boot, on this CPU, in this process.
 *
 * A row starts in the first column:
 *
 *	NAME  WHERE  PAGES  EACH  PERMS  WHEN  STORE  HOLDS
 *
 * and its reason follows, indented.  The file itself says what the columns mean.
 */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "walk.h"

static bool starts(const char *text, const char *with, const char **rest)
{
	size_t n = strlen(with);

	if (strncmp(text, with, n))
		return false;
	*rest = text + n;
	return true;
}

static void copy(char *to, size_t size, const char *from)
{
	snprintf(to, size, "%s", from);
}

static bool parse_number(const char *text, __u64 *value)
{
	char *end;

	*value = strtoull(text, &end, 0);
	return end != text && !*end;
}

static bool parse_where(struct row *r, char *text)
{
	const char *rest;
	char *colon;

	if (starts(text, "image:", &rest)) {
		r->where = AT_IMAGE;
		colon = strchr(rest, ':');
		if (!colon)
			return false;
		*colon = '\0';
		copy(r->from, sizeof(r->from), rest);
		copy(r->to, sizeof(r->to), colon + 1);
		return true;
	}
	if (starts(text, "percpu:", &rest)) {
		r->where = AT_PERCPU;
		copy(r->from, sizeof(r->from), rest);
		return true;
	}
	if (starts(text, "cea:", &rest)) {
		r->where = AT_CEA;
		return parse_number(rest, &r->addr);
	}
	if (starts(text, "fixed:", &rest)) {
		r->where = AT_FIXED;
		return parse_number(rest, &r->addr);
	}
	r->where = strcmp(text, "ldt") ? AT_ESPFIX : AT_LDT;
	return !strcmp(text, "ldt") || !strcmp(text, "espfix");
}

static bool parse_pages(struct row *r, const char *text)
{
	__u64 pages;

	r->at_most = starts(text, "<=", &text);
	if (!parse_number(text, &pages))
		return false;
	r->pages = pages;
	return pages > 0;
}

static bool parse_scope(struct row *r, const char *text)
{
	static const char * const names[] = { "system", "cpu", "process" };
	size_t i;

	for (i = 0; i < ARRAY_SIZE(names); i++) {
		if (!strcmp(text, names[i])) {
			r->scope = i;
			return true;
		}
	}
	return false;
}

static bool parse_perms(struct row *r, const char *text)
{
	static const char letters[] = "rwxgu";
	int i;

	if (strlen(text) != 5)
		return false;
	for (i = 0; i < 5; i++) {
		if (text[i] == letters[i])
			r->perms |= 1U << i;
		else if (text[i] != '-')
			return false;
	}
	return true;
}

/* "-", or percpu:SYMBOL or image:SYMBOL, each with +PAGES */
static bool parse_store(struct row *r, char *text)
{
	const char *rest;
	__u64 pages = 0;
	char *plus;

	if (!strcmp(text, "-"))
		return true;
	r->store_percpu = starts(text, "percpu:", &rest);
	if (!r->store_percpu && !starts(text, "image:", &rest))
		return false;
	plus = strchr(rest, '+');
	if (plus) {
		*plus = '\0';
		if (!parse_number(plus + 1, &pages))
			return false;
	}
	r->store_page = pages;
	copy(r->store, sizeof(r->store), rest);
	return true;
}

static bool parse_row(struct row *r, char *line)
{
	char *field[8], *save, *p;
	size_t n = 0;

	for (p = strtok_r(line, " \t\n", &save); p; p = strtok_r(NULL, " \t\n", &save)) {
		if (n == ARRAY_SIZE(field))
			return false;
		field[n++] = p;
	}
	if (n != ARRAY_SIZE(field))
		return false;
	memset(r, 0, sizeof(*r));
	copy(r->name, sizeof(r->name), field[0]);
	copy(r->when, sizeof(r->when), field[5]);
	copy(r->holds, sizeof(r->holds), strcmp(field[7], "-") ? field[7] : "");
	r->active = !strcmp(r->when, "always") || !strcmp(r->when, "ldt") ||
		    !strcmp(r->when, "ioperm");
	return parse_where(r, field[1]) && parse_pages(r, field[2]) &&
	       parse_scope(r, field[3]) && parse_perms(r, field[4]) &&
	       parse_store(r, field[6]);
}

static void add_reason(struct row *r, const char *line)
{
	size_t n = strlen(r->reason);

	while (isspace((unsigned char)*line))
		line++;
	snprintf(r->reason + n, sizeof(r->reason) - n, "%s%s", n ? " " : "", line);
	n = strlen(r->reason);
	if (n && r->reason[n - 1] == '\n')
		r->reason[n - 1] = '\0';
}

int expect_parse(struct rows *rows, FILE *f, const char *name)
{
	char line[512];
	int number = 0;

	rows->n = 0;
	while (fgets(line, sizeof(line), f)) {
		number++;
		if (*line == '#' || *line == '\n')
			continue;
		if (isspace((unsigned char)*line) && rows->n) {
			add_reason(&rows->v[rows->n - 1], line);
		} else if (rows->n == MAX_ROWS || !parse_row(&rows->v[rows->n++], line)) {
			fprintf(stderr, "%s:%d: not a row\n", name, number);
			return -1;
		}
	}
	if (!rows->n)
		fprintf(stderr, "%s: no rows\n", name);
	return rows->n ? 0 : -1;
}

int expect_read(struct rows *rows, const char *file)
{
	FILE *f = fopen(file, "r");
	int result;

	if (!f) {
		perror(file);
		return -1;
	}
	result = expect_parse(rows, f, file);
	fclose(f);
	return result;
}

/* Rows that apply only under this condition apply */
int expect_when(struct rows *rows, const char *condition)
{
	int i, n = 0;

	for (i = 0; i < rows->n; i++) {
		if (!strcmp(rows->v[i].when, condition)) {
			rows->v[i].active = true;
			n++;
		}
	}
	return n ? 0 : -1;
}

static const struct symbol *need_symbol(struct audit *a, const struct row *r, const char *name)
{
	const struct symbol *s = symbol_find(&a->syms, name);

	if (!s)
		fprintf(stderr, "walk: row %s: the image has no symbol %s\n", r->name, name);
	return s;
}

/* Where a page of the picture in exposure.expected lies, in units of pages of the area */
unsigned int cea_page(const struct audit *a, unsigned int page)
{
	unsigned int n = 0;

	if (page > CEA_STACKS)
		n = (page - CEA_STACKS) / (1 + CEA_STACK_PAGES);
	if (n > CEA_N_STACKS)
		n = CEA_N_STACKS;
	return page + n * (a->stack_pages - CEA_STACK_PAGES);
}

/*
 * Pages of one exception stack, a power of two, from the size of their storage: this
 * has no guard pages, and #VC's two stacks only with AMD memory encryption
 */
unsigned int stack_pages(__u64 storage)
{
	unsigned int n = storage / PAGE_SIZE / (CEA_N_STACKS - 2);

	return n & (n - 1) ? storage / PAGE_SIZE / CEA_N_STACKS : n;
}

static void place_in_area(const struct audit *a, struct row *r)
{
	r->addr = cea_page(a, r->addr);
	if (strcmp(r->store, "exception_stacks"))
		return;
	r->pages = r->pages / CEA_STACK_PAGES * a->stack_pages;
	r->store_page = r->store_page / CEA_STACK_PAGES * a->stack_pages;
}

/*
 * Finds the symbols that the rows name, and sizes rows that are a range of the image or
 * lie where the sizes of this kernel's stacks tell
 */
int expect_symbols(struct audit *a)
{
	const struct symbol *s;
	int i;

	s = symbol_find(&a->syms, "exception_stacks");
	a->stack_pages = s ? stack_pages(s->size) : CEA_STACK_PAGES;
	for (i = 0; i < a->rows.n; i++) {
		struct row *r = &a->rows.v[i];

		if (r->where == AT_IMAGE || r->where == AT_PERCPU) {
			s = need_symbol(a, r, r->from);
			if (!s)
				return -1;
			r->from_addr = s->addr & PAGE_MASK;
		}
		if (r->where == AT_CEA)
			place_in_area(a, r);
		if (r->where == AT_IMAGE) {
			unsigned int pages;

			s = need_symbol(a, r, r->to);
			if (!s)
				return -1;
			r->to_addr = s->addr;
			pages = (s->addr - r->from_addr + PAGE_SIZE - 1) >> PAGE_SHIFT;
			if (pages > r->pages || (pages < r->pages && !r->at_most))
				finding(a, F_EXTRA, "row %s: %u pages in this image, expected %s%u",
					r->name, pages, r->at_most ? "at most " : "", r->pages);
			r->pages = pages;
			r->at_most = false;
		}
		if (*r->store) {
			s = need_symbol(a, r, r->store);
			if (!s)
				return -1;
			r->store_addr = (s->addr & PAGE_MASK) + r->store_page * PAGE_SIZE;
			r->store_section = s->section;
		}
	}
	return 0;
}

static void want_pages(struct audit *a, struct wants *w, const struct cpu_state *cpu,
		       int row, int area, __u64 va, unsigned int pages)
{
	const struct row *r = &a->rows.v[row];
	__u64 root = cpu->cr3 & PTE_ADDR & ~CR3_USER;
	unsigned int i;

	for (i = 0; i < pages; i++) {
		struct leaf leaf;
		struct want *x;

		if (w->n == w->max) {
			w->max = w->max ? w->max * 2 : 256;
			w->v = realloc(w->v, w->max * sizeof(*w->v));
			if (!w->v) {
				perror("walk");
				exit(2);
			}
		}
		x = &w->v[w->n++];
		x->va = va + i * PAGE_SIZE;
		x->row = row;
		x->cpu = area;
		x->hit = false;
		x->store_pa = NO_FRAME;
		if (*r->store) {
			__u64 store = r->store_addr + i * PAGE_SIZE +
				      (r->store_percpu ? a->facts.percpu[area] : a->facts.slide);

			if (table_lookup(&a->guest, a->facts.levels, root, store, &leaf))
				x->store_pa = leaf.pa + (store - leaf.va);
			else
				finding(a, F_STORE, "%s: the kernel table does not map %s",
					r->name, r->store);
		}
	}
}

static void want_ldt(struct audit *a, struct wants *w, const struct cpu_state *cpu, int row)
{
	__u64 slot = a->facts.levels == 5 ? LDT_BASE_L5 : LDT_BASE_L4;
	unsigned int pages = ((__u64)cpu->ldt_limit + PAGE_SIZE) >> PAGE_SHIFT;

	if (!(cpu->ldt_sel & ~7U))
		return;
	if (cpu->ldt_base < slot || (cpu->ldt_base - slot) % LDT_SLOT_BYTES ||
	    cpu->ldt_base - slot >= LDT_SLOTS * LDT_SLOT_BYTES || pages > a->rows.v[row].pages) {
		finding(a, F_AREA, "LDTR has base %llx, limit %x", cpu->ldt_base, cpu->ldt_limit);
		return;
	}
	want_pages(a, w, cpu, row, 0, cpu->ldt_base, pages);
}

static int by_va(const void *a, const void *b)
{
	const struct want *x = a, *y = b;

	return x->va < y->va ? -1 : x->va > y->va;
}

/* The pages which the user page table in this CPU's CR3 must map, sorted */
void expect_build(struct audit *a, const struct cpu_state *cpu, struct wants *w)
{
	const struct facts *f = &a->facts;
	size_t n;
	int i, c;

	w->n = 0;
	for (i = 0; i < a->rows.n; i++) {
		const struct row *r = &a->rows.v[i];

		if (!r->active || (!strcmp(r->when, "ioperm") && !a->ports_may && !a->ports_must))
			continue;
		n = w->n;
		switch (r->where) {
		case AT_IMAGE:
			want_pages(a, w, cpu, i, 0, r->from_addr + f->slide, r->pages);
			break;
		case AT_CEA:
			for (c = 0; c < f->ncpus; c++)
				want_pages(a, w, cpu, i, c, f->cea[c] + r->addr * PAGE_SIZE,
					   r->pages);
			break;
		case AT_PERCPU:
			for (c = 0; c < f->ncpus; c++)
				want_pages(a, w, cpu, i, c, f->percpu[c] + r->from_addr, r->pages);
			break;
		case AT_FIXED:
			want_pages(a, w, cpu, i, 0, r->addr, r->pages);
			break;
		case AT_LDT:
			want_ldt(a, w, cpu, i);
			break;
		case AT_ESPFIX:		/* placed at random: walk_check.c finds it */
			break;
		}
		/* Ports that nobody uses who runs now: the pages are there, or not yet */
		for (; n < w->n && !strcmp(r->when, "ioperm") && !a->ports_must; n++)
			w->v[n].hit = true;
	}
	qsort(w->v, w->n, sizeof(*w->v), by_va);
}
