// SPDX-License-Identifier: GPL-2.0-only
/*
 * A dump in memory, and what can be asked of it.
 */
#include <stdlib.h>
#include <string.h>

#include "ptaudit.h"

#define BUCKETS		1024

/* Strings of a dump, each once: rows of many CPUs have few names */
struct name {
	struct name *next;
	char text[];
};

void *xrealloc_array(void *old, size_t n, size_t size)
{
	void *p = reallocarray(old, n, size);

	if (!p) {
		fprintf(stderr, "ptaudit: no memory\n");
		exit(EXIT_UNKNOWN);
	}
	return p;
}

void dump_init(struct dump *d, const char *source)
{
	memset(d, 0, sizeof(*d));
	d->source = source;
	d->isolation = -1;
	d->user_root = -1;
	d->names = xrealloc_array(NULL, BUCKETS, sizeof(*d->names));
	memset(d->names, 0, BUCKETS * sizeof(*d->names));
}

void dump_free(struct dump *d)
{
	size_t i;

	for (i = 0; d->names && i < BUCKETS; i++) {
		while (d->names[i]) {
			struct name *next = d->names[i]->next;

			free(d->names[i]);
			d->names[i] = next;
		}
	}
	free(d->names);
	free(d->by_name);
	free(d->rows);
	free(d->ranges);
	free(d->symbols);
	memset(d, 0, sizeof(*d));
}

/* The one copy that the dump has of a string */
const char *dump_name(struct dump *d, const char *text)
{
	struct name **bucket = d->names, *name;
	size_t size = strlen(text) + 1, i;
	uint32_t hash = 2166136261U;

	for (i = 0; i < size; i++)
		hash = (hash ^ (unsigned char)text[i]) * 16777619U;
	bucket += hash % BUCKETS;
	for (name = *bucket; name; name = name->next)
		if (!strcmp(name->text, text))
			return name->text;

	name = xrealloc_array(NULL, 1, sizeof(*name) + size);
	memcpy(name->text, text, size);
	name->next = *bucket;
	*bucket = name;
	return name->text;
}

/* Room for one more; NULL if there may be no more */
static void *add(void *array, size_t *n, size_t *max, size_t limit, size_t size)
{
	void **base = array;
	char *at;

	if (*n == limit)
		return NULL;
	if (*n == *max) {
		*max = *max ? 2 * *max : 64;
		*base = xrealloc_array(*base, *max, size);
	}
	at = (char *)*base + (*n)++ * size;
	memset(at, 0, size);
	return at;
}

struct range *dump_add_range(struct dump *d)
{
	struct range *r = add(&d->ranges, &d->n_ranges, &d->max_ranges, MAX_RANGES, sizeof(*r));

	if (r) {
		r->cpu = -1;
		r->first_symbol = d->n_symbols;
	}
	return r;
}

struct row *dump_add_row(struct dump *d)
{
	return add(&d->rows, &d->n_rows, &d->max_rows, MAX_ROWS, sizeof(struct row));
}

struct symbol *dump_add_symbol(struct dump *d)
{
	return add(&d->symbols, &d->n_symbols, &d->max_symbols, MAX_SYMBOLS,
		   sizeof(struct symbol));
}

/* Address of the last byte */
uint64_t range_last(const struct range *r)
{
	return r->va + (r->count - 1) * r->va_step + r->size - 1;
}

/* Bytes of memory that it shows: aliases show the same ones */
uint64_t range_frames(const struct range *r)
{
	return r->pa_step ? r->count * r->size : r->size;
}

/* Names are there once, so their addresses will do */
static int compare_names(const void *a, const void *b)
{
	const struct row *x = *(struct row * const *)a, *y = *(struct row * const *)b;

	if (x->name != y->name)
		return (uintptr_t)x->name < (uintptr_t)y->name ? -1 : 1;
	return x->cpu < y->cpu ? -1 : x->cpu > y->cpu;
}

/* When all rows are there, and before one is asked for */
void dump_sort_rows(struct dump *d)
{
	size_t i;

	d->by_name = xrealloc_array(NULL, d->n_rows + 1, sizeof(*d->by_name));
	for (i = 0; i < d->n_rows; i++)
		d->by_name[i] = &d->rows[i];
	qsort(d->by_name, d->n_rows, sizeof(*d->by_name), compare_names);
}

/* The row that a range says it is of, or NULL */
const struct row *dump_row_of(const struct dump *d, const struct range *r)
{
	struct row key = { .name = r->row, .cpu = r->cpu }, *at = &key, **found;

	if (!r->row || !d->n_rows)
		return NULL;
	found = bsearch(&at, d->by_name, d->n_rows, sizeof(*d->by_name), compare_names);
	return found ? *found : NULL;
}

/* The name of the innermost region that has an address, or NULL */
const char *dump_region(const struct dump *d, uint64_t va)
{
	const struct region *best = NULL;
	size_t i;

	for (i = 0; i < d->n_regions; i++) {
		const struct region *r = &d->regions[i];

		if (va >= r->start && va <= r->last &&
		    (!best || r->last - r->start < best->last - best->start))
			best = r;
	}
	return best ? best->name : NULL;
}

/* What to call a range: by its row, else by where it is */
const char *dump_label(const struct dump *d, const struct range *r)
{
	const char *region;

	if (r->row)
		return r->row;
	region = dump_region(d, r->va);
	return region ? region : "other";
}

/* For totals: memory that is shown, from start to last byte */
struct span {
	uint64_t start, last;
};

static int compare_spans(const void *a, const void *b)
{
	const struct span *x = a, *y = b;

	return x->start < y->start ? -1 : x->start > y->start;
}

/* How many bytes there are in all of them together */
static uint64_t measure(struct span *s, size_t n)
{
	uint64_t bytes = 0, next = 0;
	size_t i;

	qsort(s, n, sizeof(*s), compare_spans);
	for (i = 0; i < n; i++) {
		uint64_t start = s[i].start > next ? s[i].start : next;

		if (s[i].last < start)
			continue;
		bytes += s[i].last - start + 1;
		next = s[i].last + 1;
		if (!next)
			break;
	}
	return bytes;
}

static uint64_t measure_ranges(const struct dump *d, struct span *s, unsigned int any,
			       unsigned int none, bool of_process)
{
	size_t i, n = 0;

	for (i = 0; i < d->n_ranges; i++) {
		const struct range *r = &d->ranges[i];
		bool process = r->row && (!strcmp(r->row, "ldt") || !strcmp(r->row, "espfix"));

		if ((any && !(r->perms & any)) || (r->perms & none) || (of_process && !process))
			continue;
		s[n].start = d->frames ? r->pa : r->va;
		s[n].last = d->frames ? r->pa + range_frames(r) - 1 : range_last(r);
		n++;
	}
	return measure(s, n);
}

/* Each frame once where the dump has frames, else each address */
int dump_totals(const struct dump *d, struct totals *t)
{
	struct span *s = xrealloc_array(NULL, d->n_ranges + 1, sizeof(*s));
	size_t i;

	memset(t, 0, sizeof(*t));
	for (i = 0; i < d->n_ranges; i++)
		t->leaves += d->ranges[i].count;
	t->bytes = measure_ranges(d, s, 0, 0, false);
	t->exec = measure_ranges(d, s, PERM_X, 0, false);
	t->write = measure_ranges(d, s, PERM_W, 0, false);
	t->read_only = t->bytes - measure_ranges(d, s, PERM_W | PERM_X, 0, false);
	t->process = measure_ranges(d, s, 0, 0, true);
	free(s);
	return 0;
}

/* "r-xg-"; @to has room for six */
const char *perms_text(unsigned int perms, char *to)
{
	int i;

	for (i = 0; i < PERMS; i++)
		to[i] = perms & (1U << i) ? "rwxgu"[i] : '-';
	to[PERMS] = '\0';
	return to;
}

const char *size_text(uint64_t bytes, char *to, size_t room)
{
	static const char * const units[] = { "B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB" };
	unsigned int unit = 0;

	while (bytes >= 1024 && unit < ARRAY_SIZE(units) - 1 && !(bytes % 1024)) {
		bytes /= 1024;
		unit++;
	}
	if (bytes >= 10240 && unit < ARRAY_SIZE(units) - 1)
		snprintf(to, room, "%.1f %s", bytes / 1024.0, units[unit + 1]);
	else
		snprintf(to, room, "%llu %s", (unsigned long long)bytes, units[unit]);
	return to;
}
