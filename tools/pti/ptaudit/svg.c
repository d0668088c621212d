// SPDX-License-Identifier: GPL-2.0-only
/*
 * A picture of the kernel half of the address space that user mode runs on, a column a
 * dump: at the left all of it, to scale, with a mark wherever something is mapped; beside
 * it what that is, in the order of addresses. There the height is logarithmic, as what a
 * CPU needs is pages, and what a kernel without isolation shows is terabytes.
 */
#include <stdlib.h>
#include <string.h>

#include "ptaudit.h"

#define COLUMN		600
#define MARGIN		20
#define STRIP_X		MARGIN
#define STRIP_W		34
#define BLOCK_X		110
#define BLOCK_W		96
#define TEXT_X		(BLOCK_X + BLOCK_W + 10)
#define HEAD		112
#define LEGEND		96
#define GAP		3
#define MIN_STRIP	320
#define MAX_BLOCKS	44	/* with more, those of all CPUs become one */
#define MAX_LABEL	58	/* characters */

/* What is drawn as one: ranges of a name, with the same permissions */
struct block {
	const char *label;
	int cpu;
	unsigned int perms;
	uint64_t va, bytes;
	unsigned int n;
	int y, height;
};

struct column {
	const struct dump *d;
	struct block *v;
	size_t n;
	uint64_t base;		/* of the kernel half */
	int height;
};

static const struct kind {
	const char *name, *colour;
} kinds[] = {
	{ "writable and executable", "#111111" },
	{ "executable", "#c8553d" },
	{ "writable", "#e0a030" },
	{ "read-only", "#3f7cac" },
	{ "for user mode to use", "#2a9d6f" },
};

static const struct kind *kind_of(unsigned int perms)
{
	if ((perms & (PERM_W | PERM_X)) == (PERM_W | PERM_X))
		return &kinds[0];
	if (perms & PERM_U)
		return &kinds[4];
	if (perms & PERM_X)
		return &kinds[1];
	return perms & PERM_W ? &kinds[2] : &kinds[3];
}

/* Text of whatever origin, at most @most characters of it */
static void text(const char *t, size_t most, FILE *f)
{
	size_t n = 0;

	for (; *t && n < most; t++, n++) {
		unsigned char c = *t;

		if (c == '<')
			fputs("&lt;", f);
		else if (c == '>')
			fputs("&gt;", f);
		else if (c == '&')
			fputs("&amp;", f);
		else
			fputc(c < 0x20 || c >= 0x7f ? '?' : c, f);
	}
	if (*t)
		fputs("...", f);
}

static bool same_block(const struct block *b, const struct block *c, bool of_any_cpu)
{
	return !strcmp(b->label, c->label) && b->perms == c->perms &&
	       (of_any_cpu || b->cpu == c->cpu);
}

/* Put a block to those there are; neighbours only, or any of the name */
static void add_block(struct column *c, const struct block *b, bool any)
{
	size_t i = any || !c->n ? 0 : c->n - 1;

	for (; i < c->n; i++) {
		if (same_block(&c->v[i], b, any)) {
			if (c->v[i].cpu != b->cpu)
				c->v[i].cpu = -2;
			c->v[i].bytes += b->bytes;
			c->v[i].n += b->n;
			return;
		}
	}
	c->v[c->n++] = *b;
}

static int height_of(uint64_t bytes)
{
	uint64_t pages = bytes / PAGE_SIZE;
	int height = 17;

	while (pages > 1) {
		height += 3;
		pages /= 2;
	}
	return height;
}

/* Names repeat at most some tens of times, so looking through all is no matter */
static void make_blocks(struct column *c)
{
	struct block *all;
	size_t i, n;

	c->v = xrealloc_array(NULL, c->d->n_ranges + 1, sizeof(*c->v));
	for (i = 0; i < c->d->n_ranges; i++) {
		const struct range *r = &c->d->ranges[i];
		struct block b = {
			.label = dump_label(c->d, r), .cpu = r->cpu, .perms = r->perms,
			.va = r->va, .bytes = range_frames(r), .n = 1,
		};

		add_block(c, &b, false);
	}
	if (c->n <= MAX_BLOCKS)
		return;
	all = c->v;
	n = c->n;
	c->v = xrealloc_array(NULL, n + 1, sizeof(*c->v));
	c->n = 0;
	for (i = 0; i < n; i++)
		add_block(c, &all[i], true);
	free(all);
}

static void place(struct column *c, const struct dump *d)
{
	int y = HEAD;
	size_t i;

	c->d = d;
	c->base = d->levels == 5 ? 0xff00000000000000ULL : 0xffff800000000000ULL;
	if (d->n_ranges && d->ranges[0].va < c->base)
		c->base = 0xff00000000000000ULL;
	make_blocks(c);
	for (i = 0; i < c->n; i++) {
		c->v[i].y = y;
		c->v[i].height = height_of(c->v[i].bytes);
		y += c->v[i].height + GAP;
	}
	c->height = y - HEAD;
}

static void write_head(const struct column *c, int x, FILE *f)
{
	const struct dump *d = c->d;
	char size[32];
	struct totals t;

	dump_totals(d, &t);
	fprintf(f, "<text x=\"%d\" y=\"34\" class=\"title\">", x + MARGIN);
	text(d->source, 48, f);
	fprintf(f, "</text>\n<text x=\"%d\" y=\"54\">", x + MARGIN);
	text(d->kernel ? d->kernel : "kernel not said", 76, f);
	fprintf(f, "</text>\n<text x=\"%d\" y=\"71\">", x + MARGIN);
	if (d->isolation < 0)
		fputs("isolation not said", f);
	else
		fprintf(f, "isolation %s%s", d->isolation ? "on" : "off", d->reason ? ": " : "");
	if (d->isolation >= 0 && d->reason)
		text(d->reason, 40, f);
	if (d->pid)
		fprintf(f, "; process %ld ", d->pid);
	if (d->pid && d->comm)
		text(d->comm, 16, f);
	fprintf(f, "</text>\n<text x=\"%d\" y=\"90\" class=\"strong\">%s in reach of user mode: ",
		x + MARGIN, size_text(t.bytes, size, sizeof(size)));
	fprintf(f, "%s executable, ", size_text(t.exec, size, sizeof(size)));
	fprintf(f, "%s writable%s</text>\n", size_text(t.write, size, sizeof(size)),
		d->frames ? "" : ", by addresses");
}

static void write_block(const struct column *c, const struct block *b, int x, int height, FILE *f)
{
	uint64_t room = -c->base;
	double at = HEAD + height * ((double)(b->va - c->base) / (double)room);
	double tall = height * ((double)b->bytes / (double)room);
	const struct kind *k = kind_of(b->perms);
	char perms[PERMS + 1], size[32], label[160];
	int middle = b->y + b->height / 2, used;

	if (tall < 1.5)
		tall = 1.5;
	if (at + tall > HEAD + height)
		at = HEAD + height - tall;
	fprintf(f, "<rect x=\"%d\" y=\"%.1f\" width=\"%d\" height=\"%.1f\" fill=\"%s\"/>\n",
		x + STRIP_X, at, STRIP_W, tall, k->colour);
	fprintf(f, "<path d=\"M%d %.1f C%d %.1f %d %d %d %d\" class=\"lead\"/>\n",
		x + STRIP_X + STRIP_W, at + tall / 2, x + 80, at + tall / 2, x + 84, middle,
		x + BLOCK_X, middle);
	fprintf(f, "<rect x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" fill=\"%s\"/>\n",
		x + BLOCK_X, b->y, BLOCK_W, b->height, k->colour);
	fprintf(f, "<text x=\"%d\" y=\"%d\" class=\"in\">%s</text>\n", x + BLOCK_X + BLOCK_W / 2,
		middle + 4, size_text(b->bytes, size, sizeof(size)));
	used = snprintf(label, sizeof(label), "%.40s", b->label);
	if (b->cpu >= 0)
		used += snprintf(label + used, sizeof(label) - used, ", CPU %d", b->cpu);
	else if (b->cpu == -2)
		used += snprintf(label + used, sizeof(label) - used, ", CPUs");
	if (b->n > 1)
		snprintf(label + used, sizeof(label) - used, ", %u ranges", b->n);
	fprintf(f, "<text x=\"%d\" y=\"%d\">", x + TEXT_X, middle + 4);
	text(label, MAX_LABEL, f);
	fprintf(f, "</text>\n<text x=\"%d\" y=\"%d\" class=\"mono\">%s %016llx</text>\n",
		x + COLUMN - 190, middle + 4, perms_text(b->perms, perms),
		(unsigned long long)b->va);
}

static void write_column(const struct column *c, int x, int height, FILE *f)
{
	size_t i;

	write_head(c, x, f);
	fprintf(f, "<rect x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" class=\"strip\"/>\n",
		x + STRIP_X, HEAD, STRIP_W, height);
	for (i = 0; i < c->n; i++)
		write_block(c, &c->v[i], x, height, f);
	if (!c->n)
		fprintf(f, "<text x=\"%d\" y=\"%d\">nothing</text>\n", x + TEXT_X, HEAD + 20);
}

static void write_legend(int y, FILE *f)
{
	static const char * const notes[] = {
		"Left: the kernel half, to scale, from its first address down to the last.",
		"Right: what is mapped there; 3 units of height for each power of two.",
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(kinds); i++) {
		fprintf(f, "<rect x=\"%d\" y=\"%d\" width=\"14\" height=\"14\" fill=\"%s\"/>\n",
			MARGIN + (int)(i % 3) * 180, y + (int)(i / 3) * 20, kinds[i].colour);
		fprintf(f, "<text x=\"%d\" y=\"%d\">%s</text>\n", MARGIN + 20 + (int)(i % 3) * 180,
			y + 12 + (int)(i / 3) * 20, kinds[i].name);
	}
	for (i = 0; i < ARRAY_SIZE(notes); i++)
		fprintf(f, "<text x=\"%d\" y=\"%d\" class=\"note\">%s</text>\n", MARGIN,
			y + 54 + (int)i * 16, notes[i]);
}

int svg_write(const struct dump *const *d, int n, FILE *f)
{
	struct column c[MAX_DUMPS] = { };
	int i, height = MIN_STRIP;

	for (i = 0; i < n; i++) {
		place(&c[i], d[i]);
		if (c[i].height > height)
			height = c[i].height;
	}
	fprintf(f, "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" viewBox=\"0 0 %d %d\">\n",
		n * COLUMN, HEAD + height + LEGEND, n * COLUMN, HEAD + height + LEGEND);
	fputs("<title>What user page tables map of the kernel</title>\n"
	      "<style>text { font: 12px sans-serif; fill: #222 } .title { font-size: 16px; font-weight: bold }\n"
	      ".strong { font-weight: bold } .mono { font: 11px monospace } .note { fill: #555 }\n"
	      ".in { fill: #fff; text-anchor: middle; font-size: 11px }\n"
	      ".strip { fill: #eee; stroke: #999 } .lead { fill: none; stroke: #bbb }</style>\n"
	      "<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n", f);
	for (i = 0; i < n; i++) {
		write_column(&c[i], i * COLUMN, height, f);
		free(c[i].v);
	}
	write_legend(HEAD + height + 16, f);
	fputs("</svg>\n", f);
	return ferror(f) ? -1 : 0;
}
