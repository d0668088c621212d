// SPDX-License-Identifier: GPL-2.0-only
/*
 * A dump as JSON; ptaudit(1) and ptaudit.schema.json have the schema. Addresses, frames
 * and flags are strings, hexadecimal: numbers of JSON have 53 bits where it is read.
 */
#include "ptaudit.h"

#define SCHEMA_VERSION	1

/* Anything may be in a string, be it a name of a process: what is not ASCII, by its bytes */
static void string(const char *text, FILE *f)
{
	if (!text) {
		fputs("null", f);
		return;
	}
	fputc('"', f);
	for (; *text; text++) {
		unsigned char c = *text;

		if (c == '"' || c == '\\')
			fprintf(f, "\\%c", c);
		else if (c < 0x20 || c >= 0x7f)
			fprintf(f, "\\u%04x", c);
		else
			fputc(c, f);
	}
	fputc('"', f);
}

static void key(const char *name, FILE *f)
{
	string(name, f);
	fputs(": ", f);
}

static void member(const char *name, const char *text, FILE *f)
{
	key(name, f);
	string(text, f);
	fputs(", ", f);
}

static void hex(const char *name, uint64_t value, bool known, FILE *f)
{
	key(name, f);
	if (known)
		fprintf(f, "\"%llx\", ", (unsigned long long)value);
	else
		fputs("null, ", f);
}

static void number(const char *name, uint64_t value, bool known, FILE *f)
{
	key(name, f);
	if (known)
		fprintf(f, "%llu, ", (unsigned long long)value);
	else
		fputs("null, ", f);
}

static void boolean(const char *name, int value, FILE *f)
{
	key(name, f);
	fprintf(f, "%s, ", value < 0 ? "null" : value ? "true" : "false");
}

static void write_head(const struct dump *d, FILE *f)
{
	fprintf(f, "{\n  \"schema\": \"ptaudit\", \"version\": %d,\n  ", SCHEMA_VERSION);
	member("source", d->source, f);
	member("format", d->format == FORMAT_AUDIT ? "pti-audit" : "ptdump", f);
	boolean("complete", !d->cut && !d->skipped, f);
	fputs("\n  ", f);
	member("kernel", d->kernel, f);
	number("levels", d->levels, d->levels, f);
	number("cpus_possible", d->possible, d->possible, f);
	number("cpus_online", d->online, d->online, f);
	fputs("\n  ", f);
	boolean("isolation", d->isolation, f);
	member("reason", d->reason, f);
	boolean("user_page_table", d->user_root, f);
	number("pid", d->pid, d->pid, f);
	member("command", d->comm, f);
}

static void write_row(const struct row *r, FILE *f)
{
	static const char * const when[] = { "always", "if-mapped", "runtime", "ldt" };
	char perms[PERMS + 1];

	fputs("\n    { ", f);
	member("name", r->name, f);
	number("cpu", r->cpu, r->cpu >= 0, f);
	hex("start", r->start, true, f);
	hex("last", r->last, true, f);
	member("perms", perms_text(r->perms, perms), f);
	member("when", when[r->when], f);
	boolean("alias", r->alias, f);
	number("pages", r->pages, r->pages >= 0, f);
	key("reason", f);
	string(r->reason, f);
	fputs(" }", f);
}

static void write_range(const struct dump *d, const struct range *r, FILE *f)
{
	const struct row *row = dump_row_of(d, r);
	char perms[PERMS + 1];
	size_t i;

	fputs("\n    { ", f);
	hex("start", r->va, true, f);
	hex("last", range_last(r), true, f);
	hex("frame", r->pa, d->frames, f);
	number("leaf_bytes", r->size, true, f);
	number("leaves", r->count, true, f);
	number("step", r->va_step, true, f);
	number("frame_step", r->pa_step, d->frames, f);
	member("perms", perms_text(r->perms, perms), f);
	hex("flags", r->flags, d->frames, f);
	member("region", dump_region(d, r->va), f);
	member("row", r->row, f);
	number("cpu", r->cpu, r->cpu >= 0, f);
	member("reason", row ? row->reason : NULL, f);
	fputs("\"symbols\": [", f);
	for (i = 0; i < r->n_symbols; i++) {
		fputs(i ? ", " : "", f);
		string(d->symbols[r->first_symbol + i].name, f);
	}
	fputs("] }", f);
}

int json_write(const struct dump *d, FILE *f)
{
	struct totals t;
	size_t i;

	dump_totals(d, &t);
	write_head(d, f);
	fputs("\n  \"rows\": [", f);
	for (i = 0; i < d->n_rows; i++) {
		fputs(i ? "," : "", f);
		write_row(&d->rows[i], f);
	}
	fputs("\n  ],\n  \"ranges\": [", f);
	for (i = 0; i < d->n_ranges; i++) {
		fputs(i ? "," : "", f);
		write_range(d, &d->ranges[i], f);
	}
	fputs("\n  ],\n  \"totals\": { ", f);
	number("ranges", d->n_ranges, true, f);
	number("leaves", t.leaves, true, f);
	number("bytes", t.bytes, true, f);
	number("executable_bytes", t.exec, true, f);
	number("writable_bytes", t.write, true, f);
	number("read_only_bytes", t.read_only, true, f);
	fprintf(f, "\"process_bytes\": %llu }\n}\n", (unsigned long long)t.process);
	return ferror(f) ? -1 : 0;
}
