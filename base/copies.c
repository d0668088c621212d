// SPDX-License-Identifier: GPL-2.0-only
/*
 * copies - do lines of the kernel stand in our files?
 *
 *	copies removed DIFF FILE...	six lines in a row that DIFF removes, equal
 *					as they are, or equal up to the names and
 *					numbers in them
 *	copies source FILE...		twenty lines in a row of a source that comes
 *					as a tar archive on standard input
 *
 * What a row is: blank lines and lines of nothing but punctuation do not count,
 * and neither do indentation and the frame of a comment, so that a copy cannot
 * hide behind them. In the second comparison of "removed" names become one
 * token and numbers another; keywords, directives, mnemonics and operators stay.
 * There comments and #include lines are left out, and a row counts only if four
 * of its lines differ from each other: otherwise any six prototypes would match.
 *
 * In a patch, the first character of a line is not looked at. Exit status: 0
 * for none, 1 for some, 2 for trouble.
 */

#include <ctype.h>
#include <err.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TROUBLE		2
#define ROW_REMOVED	6
#define ROW_SOURCE	20
#define MIN_DISTINCT	4
#define LINE_LEN	4096

/* Lines in normal form, as hashes; a gap is where a row cannot go on */
struct text {
	const char *name;
	uint64_t *hash;
	unsigned int *number;
	size_t nr, room;
};

#define GAP		0

struct row {
	uint64_t hash;
	const struct text *text;
	size_t at;
};

static struct row *rows;
static size_t nr_rows, rows_size;
static unsigned long found;

enum form { AS_IS, RENAMED, TRIMMED };

static const char *const keywords[] = {
	/* C */
	"break", "case", "const", "continue", "default", "do", "else", "enum",
	"extern", "for", "goto", "if", "inline", "return", "sizeof", "static",
	"struct", "switch", "typedef", "union", "unsigned", "void", "volatile",
	"while", "int", "long", "char", "bool", "true", "false", "NULL",
	/* the preprocessor */
	"define", "undef", "ifdef", "ifndef", "elif", "endif", "defined",
	/* the assembler */
	"macro", "endm", "rept", "endr", "align", "fill", "quad", "org", "ifnb",
	"mov", "movl", "movq", "push", "pushl", "pushq", "pop", "popl", "popq",
	"and", "andl", "andq", "or", "orl", "orq", "xor", "xorl", "xorq", "add",
	"addl", "addq", "sub", "subl", "subq", "bt", "bts", "btr", "btc", "btl",
	"test", "testb", "testl", "testq", "cmp", "cmpl", "cmpq", "jmp", "jc",
	"jnc", "jz", "jnz", "je", "jne", "js", "jns", "call", "ret", "lea",
	"leaq", "rdmsr", "wrmsr", "invlpg", "swapgs", "lfence", "ud2", "cr3",
	/* Kconfig and make */
	"config", "depends", "help", "select", "obj",
};

static bool is_keyword(const char *word, size_t len)
{
	for (size_t i = 0; i < sizeof(keywords) / sizeof(*keywords); i++)
		if (strlen(keywords[i]) == len && !strncmp(keywords[i], word, len))
			return true;
	return false;
}

static uint64_t hash_bytes(const char *s, size_t len)
{
	uint64_t h = 0xcbf29ce484222325;

	while (len--)
		h = (h ^ (unsigned char)*s++) * 0x100000001b3;
	return h == GAP ? 1 : h;
}

/* Cut off white space and the frame of a comment */
static char *trim(char *s, bool frame)
{
	size_t len;

	for (;;) {
		while (isspace((unsigned char)*s))
			s++;
		if (frame && (!strncmp(s, "/*", 2) || !strncmp(s, "//", 2)))
			s += 2;
		else if (frame && *s == '*' && (isspace((unsigned char)s[1]) || !s[1]))
			s++;
		else if (frame && *s == '#' && isspace((unsigned char)s[1]))
			s++;
		else
			break;
	}
	len = strlen(s);
	for (;;) {
		while (len && isspace((unsigned char)s[len - 1]))
			len--;
		if (!frame || len < 2 || strncmp(s + len - 2, "*/", 2))
			break;
		len -= 2;
	}
	s[len] = 0;
	return s;
}

static bool only_punctuation(const char *s)
{
	while (*s)
		if (isalnum((unsigned char)*s++))
			return false;
	return true;
}

/* Blank out comments of C; *inside says whether a line begins in one */
static void drop_comments(char *s, bool *inside)
{
	for (; *s; s++) {
		if (!*inside && s[0] == '/' && s[1] == '/') {
			*s = 0;
			return;
		}
		if (!*inside && s[0] == '/' && s[1] == '*')
			*inside = true;
		if (!*inside)
			continue;
		if (s[0] == '*' && s[1] == '/') {
			*inside = false;
			s[1] = ' ';
		}
		*s = ' ';
	}
}

/* Names become one token, numbers another, white space goes */
static void rename_words(char *s)
{
	char *to = s;

	while (*s) {
		char *word = s;

		if (isspace((unsigned char)*s)) {
			s++;
		} else if (isalpha((unsigned char)*s) || *s == '_') {
			while (isalnum((unsigned char)*s) || *s == '_')
				s++;
			if (is_keyword(word, s - word)) {
				memmove(to, word, s - word);
				to += s - word;
				*to++ = ' ';
			} else {
				*to++ = '@';
			}
		} else if (isdigit((unsigned char)*s)) {
			while (isalnum((unsigned char)*s))
				s++;
			*to++ = '0';
		} else {
			*to++ = *s++;
		}
	}
	*to = 0;
}

static void append(struct text *t, uint64_t hash, unsigned int number)
{
	if (t->nr == t->room) {
		t->room = t->room ? 2 * t->room : 256;
		t->hash = realloc(t->hash, t->room * sizeof(*t->hash));
		t->number = realloc(t->number, t->room * sizeof(*t->number));
		if (!t->hash || !t->number)
			err(TROUBLE, "memory");
	}
	t->hash[t->nr] = hash;
	t->number[t->nr++] = number;
}

static void add_line(struct text *t, char *line, unsigned int number, enum form form,
		     bool *comment)
{
	if (form == RENAMED) {
		drop_comments(line, comment);
		line = trim(line, false);
		if (!strncmp(line, "#include", 8) || only_punctuation(line))
			return;
		rename_words(line);
	} else {
		line = trim(line, form == AS_IS);
		if (form == AS_IS ? only_punctuation(line) : !*line)
			return;
	}
	append(t, hash_bytes(line, strlen(line)), number);
}

static bool ends_with(const char *s, const char *end)
{
	size_t len = strlen(s), end_len = strlen(end);

	return len >= end_len && !strcmp(s + len - end_len, end);
}

static FILE *open_file(const char *path)
{
	FILE *file = fopen(path, "r");

	if (!file)
		err(TROUBLE, "%s", path);
	return file;
}

static void read_file(struct text *t, const char *path, enum form form)
{
	FILE *file = open_file(path);
	bool patch = ends_with(path, ".patch"), comment = false;
	char line[LINE_LEN];
	unsigned int number = 0;

	memset(t, 0, sizeof(*t));
	t->name = path;
	while (fgets(line, sizeof(line), file)) {
		number++;
		if (patch && !strncmp(line, "@@", 2)) {
			append(t, GAP, number);
			comment = false;
			continue;
		}
		add_line(t, patch && *line && strchr("+- ", *line) ? line + 1 : line,
			 number, form, &comment);
	}
	fclose(file);
}

/* The lines that a diff removes; lines removed together are a row */
static void read_removed(struct text *t, const char *path, enum form form)
{
	FILE *file = open_file(path);
	bool comment = false;
	char line[LINE_LEN];
	unsigned int number = 0;

	memset(t, 0, sizeof(*t));
	t->name = path;
	while (fgets(line, sizeof(line), file)) {
		number++;
		if (*line == '-' && strncmp(line, "---", 3)) {
			add_line(t, line + 1, number, form, &comment);
		} else {
			append(t, GAP, number);
			comment = false;
		}
	}
	fclose(file);
}

/* The hash of a row of lines, 0 if there is a gap or nothing to tell it by */
static uint64_t row_hash(const struct text *t, size_t at, unsigned int len, bool distinct)
{
	unsigned int different = 0;
	uint64_t h = 0;

	if (at + len > t->nr)
		return 0;
	for (size_t i = at; i < at + len; i++) {
		bool again = false;

		if (t->hash[i] == GAP)
			return 0;
		for (size_t j = at; j < i; j++)
			again |= t->hash[j] == t->hash[i];
		different += !again;
		h = h * 0x9e3779b97f4a7c15 + t->hash[i];
	}
	if (distinct && different < MIN_DISTINCT)
		return 0;
	return h ? h : 1;
}

static struct row *slot(uint64_t hash)
{
	size_t i = hash % rows_size;

	while (rows[i].hash && rows[i].hash != hash)
		i = (i + 1) % rows_size;
	return &rows[i];
}

static void remember(const struct text *t, size_t at, uint64_t hash)
{
	if (2 * nr_rows >= rows_size) {
		struct row *old = rows;
		size_t old_size = rows_size;

		rows_size = rows_size ? 2 * rows_size : 1 << 16;
		rows = calloc(rows_size, sizeof(*rows));
		if (!rows)
			err(TROUBLE, "memory");
		for (size_t i = 0; i < old_size; i++)
			if (old[i].hash)
				*slot(old[i].hash) = old[i];
		free(old);
	}
	if (!slot(hash)->hash) {
		*slot(hash) = (struct row){ hash, t, at };
		nr_rows++;
	}
}

static void forget(void)
{
	free(rows);
	rows = NULL;
	nr_rows = rows_size = 0;
}

static int compare_removed(const char *diff, char **files, int nr)
{
	for (enum form form = AS_IS; form <= RENAMED; form++) {
		struct text removed;

		read_removed(&removed, diff, form);
		for (size_t i = 0; i < removed.nr; i++) {
			uint64_t h = row_hash(&removed, i, ROW_REMOVED, form == RENAMED);

			if (h)
				remember(&removed, i, h);
		}
		if (!nr_rows)
			errx(TROUBLE, "%s removes nothing", diff);
		for (int f = 0; f < nr; f++) {
			struct text ours;

			read_file(&ours, files[f], form);
			for (size_t i = 0; i < ours.nr; i++) {
				uint64_t h = row_hash(&ours, i, ROW_REMOVED,
						      form == RENAMED);
				struct row *row = h ? slot(h) : NULL;

				if (!row || !row->hash)
					continue;
				printf("copies: %s:%u: %u lines that the strip removes%s (line %u of the diff)\n",
				       files[f], ours.number[i], ROW_REMOVED,
				       form == RENAMED ? ", with other names" : "",
				       removed.number[row->at]);
				found++;
				i += ROW_REMOVED - 1;
			}
			free(ours.hash);
			free(ours.number);
		}
		forget();
		free(removed.hash);
		free(removed.number);
	}
	return found != 0;
}

/* Look for rows of ours in one file of the archive */
static void search(const char *name, char *data, size_t size)
{
	struct text t = { .name = name };
	char *end = data + size;
	unsigned int number = 0;

	if (memchr(data, 0, size))
		return;
	while (data < end) {
		char *nl = memchr(data, '\n', end - data);
		char *next = nl ? nl + 1 : end;

		number++;
		if (!nl)
			break;
		*nl = 0;
		add_line(&t, data, number, TRIMMED, NULL);
		data = next;
	}
	for (size_t i = 0; i + ROW_SOURCE <= t.nr; i++) {
		uint64_t h = row_hash(&t, i, ROW_SOURCE, false);
		struct row *row = slot(h);

		if (!row->hash)
			continue;
		printf("copies: %s:%u: %u lines of %s:%u\n", row->text->name,
		       row->text->number[row->at], ROW_SOURCE, name, t.number[i]);
		found++;
		i += ROW_SOURCE - 1;
	}
	free(t.hash);
	free(t.number);
}

static int compare_source(char **files, int nr)
{
	struct text *texts = calloc(nr, sizeof(*texts));
	unsigned long nr_files = 0;
	char header[512], *data = NULL;

	if (!texts)
		err(TROUBLE, "memory");
	for (int f = 0; f < nr; f++) {
		read_file(&texts[f], files[f], TRIMMED);
		for (size_t i = 0; i < texts[f].nr; i++) {
			uint64_t h = row_hash(&texts[f], i, ROW_SOURCE, false);

			if (h)
				remember(&texts[f], i, h);
		}
	}
	if (!nr_rows)
		return 0;
	while (fread(header, sizeof(header), 1, stdin) == 1 && *header) {
		size_t size = strtoul(header + 124, NULL, 8);
		size_t room = (size + 511) / 512 * 512;

		data = realloc(data, room + 1);
		if (!data)
			err(TROUBLE, "memory");
		if (room && fread(data, room, 1, stdin) != 1)
			errx(TROUBLE, "the archive ends early");
		if (header[156] != '0' && header[156])
			continue;
		header[99] = 0;
		search(header, data, size);
		nr_files++;
	}
	free(data);
	if (!nr_files)
		errx(TROUBLE, "no archive");
	return found != 0;
}

int main(int argc, char **argv)
{
	if (argc > 2 && !strcmp(argv[1], "removed"))
		return compare_removed(argv[2], argv + 3, argc - 3);
	if (argc > 1 && !strcmp(argv[1], "source"))
		return compare_source(argv + 2, argc - 2);
	errx(TROUBLE, "usage: copies removed DIFF FILE... | copies source FILE... <ARCHIVE");
}
