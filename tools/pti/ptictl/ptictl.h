/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * ptictl: what its commands share.
 */
#ifndef PTICTL_H
#define PTICTL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#define ARRAY_SIZE(array)	(sizeof(array) / sizeof((array)[0]))
#define __printf(format, first)	__attribute__((__format__(printf, format, first)))

/**
 * enum exit_status - how ptictl ends; documented in ptictl(1)
 * @EXIT_GOOD: all that was asked for has been done or told
 * @EXIT_WRONG: something could not be read, or is not what it should be
 * @EXIT_USAGE: the arguments are wrong
 * @EXIT_NOT_HERE: this kernel does not have what was asked for
 * @EXIT_NOT_RUN: ptictl run itself failed, or has wrong arguments
 * @EXIT_NOT_EXECUTED: it found the program, and cannot execute it
 * @EXIT_NOT_FOUND: there is no such program
 */
enum exit_status {
	EXIT_GOOD,
	EXIT_WRONG,
	EXIT_USAGE,
	EXIT_NOT_HERE,
	/* As env(1) and nice(1) have them */
	EXIT_NOT_RUN = 125,
	EXIT_NOT_EXECUTED,
	EXIT_NOT_FOUND,
};

/**
 * struct command - a word that ptictl takes as its first argument
 * @name: the word
 * @summary: a line for the list of commands
 * @help: what --help says of it
 * @run: does it; argv[0] is the program, behind it is what stands behind the word
 */
struct command {
	const char	*name;
	const char	*summary;
	const char	*help;
	enum exit_status (*run)(int argc, char **argv);
};

extern const struct command command_list;
extern const struct command command_run;
extern const struct command command_show;
extern const struct command command_status;

/* ptictl.c */
__printf(1, 2) void complain(const char *format, ...);
enum exit_status bad_usage(const struct command *command);

/* ptictl_read.c */

/* Longer than any value that the kernel has; what is longer is none. */
#define VALUE_SIZE	256

/* Where it is, and what the user is to read of it. */
struct place {
	int		fd;
	const char	*path;
};

/**
 * struct row - a file of a directory of numbers
 * @name: of the file
 * @value: what is in it
 * @good: that was a number
 */
struct row {
	char		*name;
	unsigned long long value;
	bool		good;
};

bool read_text(const struct place *dir, const char *name, char text[VALUE_SIZE]);
bool parse_number(const char *text, unsigned long long *value);
bool read_number(const struct place *dir, const char *name, unsigned long long *value);
bool read_rows(const struct place *dir, const char *name, struct row **rows, size_t *nr);

/* ptictl_text.c */

/* More is cut off. The longest name that the kernel has is 63 bytes. */
#define ESCAPED_SIZE	264

void json_string(const char *text);
const char *escape(char to[ESCAPED_SIZE], const char *text);

/* ptictl_process.c */

/**
 * struct process - what a status file in /proc says
 * @pid: of the process, or of the thread
 * @kernel: it is one of the kernel's own
 * @user: it has user memory
 * @told: it says whether it runs isolated
 * @state: that, as a word
 * @asked: what else stands there, as words
 * @name: of the program, any bytes
 */
struct process {
	unsigned long long pid;
	bool		kernel, user, told;
	char		state[32];
	char		asked[64];
	char		name[64];
};

bool process_parse(struct process *p, FILE *file);

#endif /* PTICTL_H */
