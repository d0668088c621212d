/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * ptaudit: what its parts share.
 *
 *	ptaudit.c	options, where dumps come from, exit status
 *	input.c		lines of a dump, with a bound on each
 *	dump.c		a dump in memory: ranges, rows, names, totals
 *	parse.c		the text of debugfs x86/pti_audit
 *	ptdump.c	the text of debugfs page_tables/current_user, any kernel's
 *	table.c		for people to read
 *	json.c		for programs
 *	svg.c		a picture
 *	diff.c		two dumps
 *	check.c		a dump and the policy that stands in it
 *
 * A dump may come from anywhere, so nothing in it is trusted: each number is checked where
 * it is read, and there are limits to how much of each thing one may have. More than that
 * is an error, and not read. So is a dump that does not end as it should.
 */
#ifndef PTAUDIT_H
#define PTAUDIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define __printf(a, b)	__attribute((format(printf, a, b)))
#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))

#define PAGE_SIZE	4096ULL

/* Of one dump. With a kernel of 8192 CPUs, 15 rows each are some 120000. */
#define MAX_LINE	1024
#define MAX_RANGES	(512 * 1024)
#define MAX_ROWS	(256 * 1024)
#define MAX_SYMBOLS	(64 * 1024)
#define MAX_REGIONS	64
#define MAX_DUMPS	8

/* Permissions, over all levels of page table */
#define PERM_R		1
#define PERM_W		2
#define PERM_X		4
#define PERM_G		8
#define PERM_U		16
#define PERMS		5

/* Lines of a dump */
struct input {
	FILE *file;
	const char *name;
	unsigned long line;
	unsigned long long offset;	/* of the line that was read last */
	unsigned long long next;
	char text[MAX_LINE + 1];
};

struct region {
	uint64_t start, last;	/* first and last byte */
	const char *name;
};

enum when { WHEN_ALWAYS, WHEN_IF_MAPPED, WHEN_RUNTIME, WHEN_LDT };

/* A row of the policy table, on one CPU if it is each CPU's */
struct row {
	const char *name, *reason;
	int cpu;		/* or -1 */
	uint64_t start, last;
	unsigned int perms;
	enum when when;
	bool alias;		/* another row shows the same frames */
	int64_t pages;		/* that the mapper's tables have; -1: not said */
};

/* Leaves that are alike, at equal distances */
struct range {
	uint64_t va, size, count, va_step;
	uint64_t pa, pa_step;	/* if the dump has frames */
	uint64_t flags;		/* likewise */
	unsigned int perms;
	const char *row;	/* name, or NULL */
	int cpu;		/* or -1 */
	size_t first_symbol, n_symbols;
};

struct symbol {
	uint64_t va;
	const char *name;
};

enum format { FORMAT_AUDIT, FORMAT_PTDUMP };

struct dump {
	const char *source;	/* name of the file */
	enum format format;
	bool frames;		/* it says what each leaf maps */
	bool cut;		/* the kernel had more to say */
	int levels;		/* 0: not said */
	unsigned int possible, online;	/* CPUs; 0: not said */
	long pid;		/* 0: not said */
	const char *comm, *kernel, *reason;	/* NULL: not said */
	int isolation;		/* 1 on, 0 off, -1 not said */
	int user_root;		/* likewise */

	struct region regions[MAX_REGIONS];
	size_t n_regions;
	struct row *rows;
	size_t n_rows, max_rows;
	struct range *ranges;
	size_t n_ranges, max_ranges;
	struct symbol *symbols;
	size_t n_symbols, max_symbols;
	struct name **names;	/* all strings, each once, by hash */
	struct row **by_name;	/* the rows, sorted */
	size_t skipped;		/* entries that a ptdump left out */
};

/* What a dump shows, each frame once */
struct totals {
	uint64_t leaves, bytes, exec, write, read_only;
	uint64_t process;	/* of bytes, those of the LDT and espfix: of this process only */
};

/* input.c */
extern FILE *input_complaints;
int input_open(struct input *in, const char *name, const char *pid);
int input_line(struct input *in);
void input_close(struct input *in);
int __printf(2, 3) input_error(const struct input *in, const char *fmt, ...);

/* dump.c */
void dump_init(struct dump *d, const char *source);
void dump_sort_rows(struct dump *d);
void dump_free(struct dump *d);
const char *dump_name(struct dump *d, const char *text);
struct range *dump_add_range(struct dump *d);
struct row *dump_add_row(struct dump *d);
struct symbol *dump_add_symbol(struct dump *d);
uint64_t range_last(const struct range *r);
uint64_t range_frames(const struct range *r);
const struct row *dump_row_of(const struct dump *d, const struct range *r);
const char *dump_region(const struct dump *d, uint64_t va);
const char *dump_label(const struct dump *d, const struct range *r);
int dump_totals(const struct dump *d, struct totals *t);
const char *perms_text(unsigned int perms, char *to);
void *xrealloc_array(void *old, size_t n, size_t size);
const char *size_text(uint64_t bytes, char *to, size_t room);

/* parse.c, ptdump.c: 0, or -1 with a message */
int dump_parse(struct dump *d, struct input *in);
int dump_read(struct dump *d, const char *file, const char *pid);
int parse_audit(struct dump *d, struct input *in);
int parse_ptdump(struct dump *d, struct input *in);
bool parse_hex(const char *text, uint64_t *value);
bool parse_number(const char *text, uint64_t most, uint64_t *value);

/* What comes out. 0: all written; diff and check: an exit status */
int table_write(const struct dump *d, FILE *f, bool symbols);
int json_write(const struct dump *d, FILE *f);
int svg_write(const struct dump *const *d, int n, FILE *f);
int diff_write(const struct dump *a, const struct dump *b, bool exact, FILE *f);
int check_write(const struct dump *d, FILE *f);

enum { EXIT_SAME, EXIT_DIFFERENT, EXIT_UNKNOWN };

#endif
