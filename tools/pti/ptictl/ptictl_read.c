// SPDX-License-Identifier: GPL-2.0-only
/*
 * ptictl: read values out of sysfs. What is there may be anything, since --sysfs may
 * name any directory: each complaint has the file, and nothing is printed that is no
 * plain text.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ptictl.h"

/* A file name or a value: one line of ASCII, and not empty. */
static bool is_plain(const char *text, size_t len)
{
	size_t i;

	for (i = 0; i < len; i++)
		if (text[i] < ' ' || text[i] > '~')
			return false;
	return len;
}

/* What to do about a file that cannot be read. */
static const char *way_out(int error)
{
	switch (error) {
	case ENOENT:
		return "; the kernel may be older than ptictl";
	case EACCES:
	case EPERM:
		return "; anybody may, as the kernel has it: see who hides /sys here";
	default:
		return "";
	}
}

/* The bytes of a small file. Return: how many, or -1 with a complaint. */
static ssize_t read_bytes(const struct place *dir, const char *name, char *buf, size_t size)
{
	struct stat st;
	size_t len = 0;
	ssize_t got;
	int fd;

	/* Something else than a file must not block. */
	fd = openat(dir->fd, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0 || fstat(fd, &st)) {
		complain("cannot open %s/%s: %s%s", dir->path, name, strerror(errno),
			 way_out(errno));
		if (fd >= 0)
			close(fd);
		return -1;
	}
	if (!S_ISREG(st.st_mode)) {
		complain("%s/%s is not a file", dir->path, name);
		close(fd);
		return -1;
	}
	do {
		got = read(fd, buf + len, size - len);
		if (got > 0)
			len += got;
	} while (got > 0 && len < size);
	if (got < 0)
		complain("cannot read %s/%s: %s", dir->path, name, strerror(errno));
	close(fd);
	return got < 0 ? -1 : (ssize_t)len;
}

/**
 * read_text() - the value of a file
 * @dir: where the file is
 * @name: its name, below that
 * @text: set to the value, without the end of the line
 *
 * Return: whether there is one; if not, a complaint has been made.
 */
bool read_text(const struct place *dir, const char *name, char text[VALUE_SIZE])
{
	ssize_t len = read_bytes(dir, name, text, VALUE_SIZE);

	if (len < 0)
		return false;
	if (len == VALUE_SIZE) {
		complain("%s/%s has more than a value", dir->path, name);
		return false;
	}
	if (len && text[len - 1] == '\n')
		len--;
	text[len] = 0;
	if (!is_plain(text, len)) {
		complain("%s/%s has no line of text", dir->path, name);
		return false;
	}
	return true;
}

/**
 * parse_number() - a number out of a value
 * @text: the value: decimal digits and nothing else
 * @value: set to the number
 *
 * Return: whether it is one, and not too large.
 */
bool parse_number(const char *text, unsigned long long *value)
{
	if (!*text || text[strspn(text, "0123456789")])
		return false;
	errno = 0;
	*value = strtoull(text, NULL, 10);
	return !errno;
}

/**
 * read_number() - the value of a file that has a number
 * @dir: where the file is
 * @name: its name, below that
 * @value: set to the number
 *
 * Return: whether there is one; if not, a complaint has been made.
 */
bool read_number(const struct place *dir, const char *name, unsigned long long *value)
{
	char text[VALUE_SIZE];

	if (!read_text(dir, name, text))
		return false;
	if (!parse_number(text, value)) {
		complain("%s/%s has no number, but '%s'", dir->path, name, text);
		return false;
	}
	return true;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct row *)a)->name, ((const struct row *)b)->name);
}

/* One more row. Return: whether there was memory. */
static bool add_row(struct row **rows, size_t *nr, const char *name)
{
	struct row *more = *rows;

	/* The size doubles where it is a power of two. */
	if (!(*nr & (*nr - 1)))
		more = realloc(more, (*nr ? 2 * *nr : 1) * sizeof(*more));
	if (!more)
		return false;
	*rows = more;
	more[*nr] = (struct row) { .name = strdup(name) };
	return more[(*nr)++].name;
}

/**
 * read_rows() - all files of a directory, each of which has a number
 * @dir: where the directory is
 * @name: its name, below that
 * @rows: set to an array of what is there, by name; the caller's, for good
 * @nr: set to how many
 *
 * Return: whether all are numbers; if not, complaints have been made.
 */
bool read_rows(const struct place *dir, const char *name, struct row **rows, size_t *nr)
{
	struct place sub;
	char path[PATH_MAX];
	struct dirent *entry;
	bool good = true;
	size_t i;
	DIR *stream;

	*rows = NULL;
	*nr = 0;
	snprintf(path, sizeof(path), "%s/%s", dir->path, name);
	sub.path = path;
	sub.fd = openat(dir->fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	stream = sub.fd < 0 ? NULL : fdopendir(sub.fd);
	if (!stream) {
		complain("cannot open %s: %s%s", path, strerror(errno), way_out(errno));
		if (sub.fd >= 0)
			close(sub.fd);
		return false;
	}
	for (errno = 0; (entry = readdir(stream)); errno = 0) {
		if (entry->d_name[0] == '.')
			continue;
		if (!is_plain(entry->d_name, strlen(entry->d_name))) {
			complain("%s has a file with a name that is no text", path);
			good = false;
			continue;
		}
		if (!add_row(rows, nr, entry->d_name)) {
			complain("no memory for what %s has", path);
			exit(EXIT_WRONG);
		}
	}
	if (errno) {
		complain("cannot read %s: %s", path, strerror(errno));
		good = false;
	}
	if (*nr)
		qsort(*rows, *nr, sizeof(**rows), by_name);
	for (i = 0; i < *nr; i++) {
		(*rows)[i].good = read_number(&sub, (*rows)[i].name, &(*rows)[i].value);
		good &= (*rows)[i].good;
	}
	closedir(stream);
	return good;
}
