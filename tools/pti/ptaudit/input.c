// SPDX-License-Identifier: GPL-2.0-only
/*
 * Lines of a dump. One is never longer than MAX_LINE, whatever the file holds, so that a
 * file of gigabytes takes no more memory than what is kept of it.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

#include "ptaudit.h"

/* What the kernel means by it */
static const char *why(int error)
{
	switch (error) {
	case EINVAL:
		return "no PID, or a kernel thread, which has no page table of its own";
	case ESRCH:
		return "no such process";
	default:
		return strerror(error);
	}
}

/* @pid: write this to it first, as the file in debugfs wants it; or NULL */
int input_open(struct input *in, const char *name, const char *pid)
{
	int fd;

	memset(in, 0, sizeof(*in));
	if (!strcmp(name, "-")) {
		in->name = "standard input";
		in->file = stdin;
		return 0;
	}
	in->name = name;
	fd = open(name, (pid ? O_RDWR : O_RDONLY) | O_CLOEXEC);
	if (fd < 0) {
		fprintf(stderr, "ptaudit: %s: %s\n", name, strerror(errno));
		return -1;
	}
	if (pid && write(fd, pid, strlen(pid)) < 0) {
		fprintf(stderr, "ptaudit: %s: PID %s: %s\n", name, pid, why(errno));
		close(fd);
		return -1;
	}
	in->file = fdopen(fd, "r");
	if (!in->file) {
		fprintf(stderr, "ptaudit: %s: %s\n", name, strerror(errno));
		close(fd);
		return -1;
	}
	return 0;
}

void input_close(struct input *in)
{
	if (in->file && in->file != stdin)
		fclose(in->file);
	in->file = NULL;
}

/* Where complaints go; NULL: to standard error */
FILE *input_complaints;

/* A complaint about the line that was read last. Return: -1 */
int input_error(const struct input *in, const char *fmt, ...)
{
	FILE *f = input_complaints ? input_complaints : stderr;
	va_list args;

	fprintf(f, "ptaudit: %s:%lu (offset %llu): ", in->name, in->line, in->offset);
	va_start(args, fmt);
	vfprintf(f, fmt, args);
	va_end(args);
	fputc('\n', f);
	return -1;
}

/* The next line, without its end, in in->text. Return: 1; 0 at the end; -1 with a message */
int input_line(struct input *in)
{
	size_t n = 0;
	int c;

	in->line++;
	in->offset = in->next;
	while ((c = getc_unlocked(in->file)) != EOF) {
		in->next++;
		if (c == '\n')
			break;
		if (!c)
			return input_error(in, "not a text: it has a byte 0");
		if (n == MAX_LINE)
			return input_error(in, "longer than %d bytes", MAX_LINE);
		in->text[n++] = c;
	}
	if (ferror(in->file))
		return input_error(in, "%s", strerror(errno));
	/* From a terminal or a serial line */
	if (n && in->text[n - 1] == '\r')
		n--;
	in->text[n] = '\0';
	return c != EOF || n;
}
