// SPDX-License-Identifier: GPL-2.0-only
/*
 * Two dumps: what the second has more, what it has not, what it has otherwise.
 *
 * Where both dumps have a row with its addresses, pages of it are compared by where they
 * are in the row: so two boots can be compared, whose kernels lie elsewhere. All else is
 * by address. Frames and flags are of one boot, and compared on demand only.
 */
#include <stdlib.h>
#include <string.h>

#include "ptaudit.h"

/* Leaves in a row, or aliases, which are taken as one thing */
struct item {
	const char *group;	/* name of the row, "" where it is by address */
	int cpu;
	uint64_t start, last;	/* from the row's start, or addresses */
	uint64_t base;		/* to add for an address */
	const struct range *range;
};

struct list {
	const struct dump *d;
	struct item *v;
	size_t n, at;
};

struct diff {
	struct list a, b;
	bool exact;
	FILE *f;
	/* what was written last, to be joined with what goes on there */
	char kind;
	const struct range *left, *right;
	uint64_t start, last;
	unsigned long n[3];
	uint64_t bytes[3];
};

static const struct row *row_in_both(const struct dump *own, const struct dump *other,
				     const struct range *r)
{
	const struct row *row = dump_row_of(own, r);
	size_t i;

	/* The other dump has a copy of its own of the name */
	for (i = 0; row && i < other->n_rows; i++)
		if (other->rows[i].cpu == row->cpu && !strcmp(other->rows[i].name, row->name))
			return row->start <= r->va ? row : NULL;
	return NULL;
}

static int compare_items(const void *a, const void *b)
{
	const struct item *x = a, *y = b;
	int by_group = strcmp(x->group, y->group);

	if (by_group)
		return by_group;
	if (x->cpu != y->cpu)
		return x->cpu < y->cpu ? -1 : 1;
	return x->start < y->start ? -1 : x->start > y->start;
}

static void make_list(struct list *l, const struct dump *d, const struct dump *other)
{
	size_t i;

	l->d = d;
	l->n = d->n_ranges;
	l->at = 0;
	l->v = xrealloc_array(NULL, l->n + 1, sizeof(*l->v));
	for (i = 0; i < l->n; i++) {
		const struct range *r = &d->ranges[i];
		const struct row *row = row_in_both(d, other, r);

		l->v[i] = (struct item) {
			.group = row ? row->name : "",
			.cpu = row ? row->cpu : -1,
			.base = row ? row->start : 0,
			.start = r->va - (row ? row->start : 0),
			.last = range_last(r) - (row ? row->start : 0),
			.range = r,
		};
	}
	qsort(l->v, l->n, sizeof(*l->v), compare_items);
}

/* "row[cpu]" or region */
static void write_label(const struct dump *d, const struct range *r, FILE *f)
{
	fputs(dump_label(d, r), f);
	if (r->cpu >= 0)
		fprintf(f, "[%d]", r->cpu);
}

static void write_leaf(const struct diff *d, const struct range *r, uint64_t va, FILE *f)
{
	char perms[PERMS + 1];

	fputs(perms_text(r->perms, perms), f);
	if (r->size != PAGE_SIZE)
		fprintf(f, " leaves of %llu KiB", (unsigned long long)r->size >> 10);
	if (r->va_step != r->size)
		fprintf(f, " %llu times every %llu KiB", (unsigned long long)r->count,
			(unsigned long long)r->va_step >> 10);
	if (d->exact)
		fprintf(f, " frame %llx flags %llx",
			(unsigned long long)(r->pa + (r->pa_step ? va - r->va : 0)),
			(unsigned long long)r->flags);
}

static void flush(struct diff *d)
{
	const struct range *shown = d->right ? d->right : d->left;
	const struct dump *of = d->right ? d->b.d : d->a.d;
	char size[32];

	if (!d->kind)
		return;
	fprintf(d->f, "%c %016llx-%016llx %s ", d->kind, (unsigned long long)d->start,
		(unsigned long long)d->last + 1,
		size_text(d->last - d->start + 1, size, sizeof(size)));
	if (d->kind == '~') {
		write_leaf(d, d->left, d->start, d->f);
		fputs(" -> ", d->f);
	}
	write_leaf(d, shown, d->start, d->f);
	fputc(' ', d->f);
	if (d->kind == '~') {
		write_label(d->a.d, d->left, d->f);
		fputs(" -> ", d->f);
	}
	write_label(of, shown, d->f);
	fputc('\n', d->f);
	d->kind = 0;
}

/* Addresses of a change are the second dump's, where that has it */
static void tell(struct diff *d, char kind, const struct range *left, const struct range *right,
		 uint64_t start, uint64_t last)
{
	unsigned int i = kind == '+' ? 0 : kind == '-' ? 1 : 2;

	if (d->kind == kind && d->left == left && d->right == right && d->last + 1 == start) {
		d->last = last;
	} else {
		flush(d);
		d->kind = kind;
		d->left = left;
		d->right = right;
		d->start = start;
		d->last = last;
		d->n[i]++;
	}
	d->bytes[i] += last - start + 1;
}

static bool is_apart(const struct range *r)
{
	return r->va_step != r->size;
}

/* Is the leaf of one, where both have @start, like that of the other? */
static bool alike(const struct diff *d, const struct item *a, const struct item *b, uint64_t start)
{
	const struct range *x = a->range, *y = b->range;

	if (x->perms != y->perms || x->size != y->size || is_apart(x) != is_apart(y))
		return false;
	if (x->row && y->row && (strcmp(x->row, y->row) || x->cpu != y->cpu))
		return false;
	if (!d->exact)
		return true;
	return x->flags == y->flags &&
	       x->pa + (x->pa_step ? start - a->start : 0) ==
	       y->pa + (y->pa_step ? start - b->start : 0);
}

/* In the order of groups and CPUs */
static int compare_place(const struct item *a, const struct item *b)
{
	int by_group = strcmp(a->group, b->group);

	if (by_group)
		return by_group < 0 ? -1 : 1;
	if (a->cpu != b->cpu)
		return a->cpu < b->cpu ? -1 : 1;
	return 0;
}

/* Of an item, the part up to @last, which the other side has not */
static void only(struct diff *d, char kind, struct item *i, uint64_t last)
{
	bool left = kind == '-';

	tell(d, kind, left ? i->range : NULL, left ? NULL : i->range, i->base + i->start,
	     i->base + last);
}

/* Take the part of an item up to @last away. Aliases go as a whole. */
static void advance(struct list *l, uint64_t last)
{
	struct item *i = &l->v[l->at];

	if (is_apart(i->range) || last >= i->last)
		l->at++;
	else
		i->start = last + 1;
}

static void step(struct diff *d)
{
	struct item *a = d->a.at < d->a.n ? &d->a.v[d->a.at] : NULL;
	struct item *b = d->b.at < d->b.n ? &d->b.v[d->b.at] : NULL;
	int place = !a ? 1 : !b ? -1 : compare_place(a, b);
	bool apart = a && b && (is_apart(a->range) || is_apart(b->range));
	uint64_t last;

	if (!place && apart && a->start == b->start && a->last == b->last &&
	    a->range->count == b->range->count) {
		if (!alike(d, a, b, a->start))
			tell(d, '~', a->range, b->range, b->base + b->start, b->base + b->last);
		d->a.at++;
		d->b.at++;
		return;
	}
	if (!place && (apart || a->last < b->start || b->last < a->start))
		place = a->start <= b->start ? -1 : 1;
	if (!place && a->start != b->start) {
		/* The part ahead of where both begin */
		if (a->start < b->start) {
			only(d, '-', a, b->start - 1);
			advance(&d->a, b->start - 1);
		} else {
			only(d, '+', b, a->start - 1);
			advance(&d->b, a->start - 1);
		}
		return;
	}
	if (place) {
		struct item *i = place < 0 ? a : b;

		only(d, place < 0 ? '-' : '+', i, i->last);
		advance(place < 0 ? &d->a : &d->b, i->last);
		return;
	}
	last = a->last < b->last ? a->last : b->last;
	if (!alike(d, a, b, a->start))
		tell(d, '~', a->range, b->range, b->base + b->start, b->base + last);
	advance(&d->a, last);
	advance(&d->b, last);
}

static void write_side(char side, const struct dump *d, FILE *f)
{
	fprintf(f, "%c %s", side, d->source);
	if (d->pid)
		fprintf(f, ", process %ld %s", d->pid, d->comm ? d->comm : "");
	if (d->isolation >= 0)
		fprintf(f, ", isolation %s", d->isolation ? "on" : "off");
	if (d->kernel)
		fprintf(f, ", %s", d->kernel);
	fputc('\n', f);
}

/**
 * diff_write() - compare two dumps
 * @a:		the first
 * @b:		the second
 * @exact:	frames and flags, too
 * @f:		for what there is to say
 *
 * Return: the exit status.
 */
int diff_write(const struct dump *a, const struct dump *b, bool exact, FILE *f)
{
	struct diff d = { .exact = exact, .f = f };

	if (exact && (!a->frames || !b->frames)) {
		fprintf(f, "diff: COULD NOT TELL: a dump of page_tables has no frames\n");
		return EXIT_UNKNOWN;
	}
	write_side('-', a, f);
	write_side('+', b, f);
	if (a->kernel && b->kernel && strcmp(a->kernel, b->kernel))
		fputs("  These are dumps of different kernels.\n", f);

	make_list(&d.a, a, b);
	make_list(&d.b, b, a);
	while (d.a.at < d.a.n || d.b.at < d.b.n)
		step(&d);
	flush(&d);
	free(d.a.v);
	free(d.b.v);

	if (a->cut || b->cut || a->skipped || b->skipped)
		fputs("  One of them is not complete.\n", f);
	if (d.n[0] || d.n[1] || d.n[2]) {
		fputs("diff: DIFFERENT: ", f);
		fprintf(f, "added %lu (%llu bytes), removed %lu (%llu), changed %lu (%llu)\n",
			d.n[0], (unsigned long long)d.bytes[0], d.n[1],
			(unsigned long long)d.bytes[1], d.n[2], (unsigned long long)d.bytes[2]);
		return EXIT_DIFFERENT;
	}
	if (a->cut || b->cut) {
		fputs("diff: COULD NOT TELL: nothing differs in what there is\n", f);
		return EXIT_UNKNOWN;
	}
	fprintf(f, "diff: SAME: %zu ranges\n", b->n_ranges);
	return EXIT_SAME;
}
