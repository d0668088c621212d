// SPDX-License-Identifier: GPL-2.0-only
/*
 * ptictl: print what may be anything, as names of processes are: nothing but printable ASCII
 * leaves it.
 */
#include <stdio.h>

#include "ptictl.h"

static bool is_printable(unsigned char c)
{
	return c >= ' ' && c <= '~';
}

/**
 * json_string() - print a string of JSON
 * @text: what is in it; what is not ASCII goes by its bytes
 */
void json_string(const char *text)
{
	putchar('"');
	for (; *text; text++) {
		if (*text == '"' || *text == '\\')
			printf("\\%c", *text);
		else if (!is_printable(*text))
			printf("\\u%04x", (unsigned char)*text);
		else
			putchar(*text);
	}
	putchar('"');
}

/**
 * escape() - what can be printed of a text
 * @to: where that goes
 * @text: what it is made of: \xNN stands for a byte that is not printable ASCII, and \\ for \
 *
 * What does not fit is left out, and "..." stands for it.
 *
 * Return: @to.
 */
const char *escape(char to[ESCAPED_SIZE], const char *text)
{
	size_t len = 0;

	for (; *text; text++) {
		/* Room for one more, "..." and the end */
		if (len + 8 > ESCAPED_SIZE) {
			len += sprintf(to + len, "...");
			break;
		}
		if (*text == '\\')
			len += sprintf(to + len, "\\\\");
		else if (!is_printable(*text))
			len += sprintf(to + len, "\\x%02x", (unsigned char)*text);
		else
			to[len++] = *text;
	}
	to[len] = 0;
	return to;
}
