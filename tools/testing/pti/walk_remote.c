// SPDX-License-Identifier: GPL-2.0-only
/*
 * Client of gdb's remote protocol, as QEMU's gdbstub speaks it.
 *
 * Only what the walker and the sweep need of it.  Two habits of the server in QEMU
 * shape it: on connecting it stops the machine, and while the machine runs any
 * byte stops it, so nothing may be acknowledged then.
 */
#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "walk_remote.h"

static int connect_unix(const char *path)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd;

	if (strlen(path) >= sizeof(addr.sun_path)) {
		fprintf(stderr, "%s: too long for a socket\n", path);
		return -1;
	}
	memcpy(addr.sun_path, path, strlen(path));
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd >= 0 && !connect(fd, (struct sockaddr *)&addr, sizeof(addr)))
		return fd;
	perror(path);
	if (fd >= 0)
		close(fd);
	return -1;
}

static int connect_tcp(const char *where)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM }, *ai;
	const char *colon = strrchr(where, ':');
	char host[64];
	int fd;

	if (!colon || (size_t)(colon - where) >= sizeof(host)) {
		fprintf(stderr, "%s: neither a path nor HOST:PORT\n", where);
		return -1;
	}
	memcpy(host, where, colon - where);
	host[colon - where] = '\0';
	if (getaddrinfo(*host ? host : "localhost", colon + 1, &hints, &ai)) {
		fprintf(stderr, "%s: no such address\n", where);
		return -1;
	}
	fd = socket(ai->ai_family, ai->ai_socktype | SOCK_CLOEXEC, 0);
	if (fd >= 0 && connect(fd, ai->ai_addr, ai->ai_addrlen)) {
		perror(where);
		close(fd);
		fd = -1;
	}
	freeaddrinfo(ai);
	return fd;
}

static enum vm_result send_all(struct remote *r, const char *data, size_t len)
{
	while (len) {
		ssize_t n = send(r->fd, data, len, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return VM_GONE;
		data += n;
		len -= n;
	}
	return VM_OK;
}

/**
 * remote_send() - send one packet
 * @r:		the connection
 * @data:	what is in it, not yet escaped; less than 4 KiB
 */
enum vm_result remote_send(struct remote *r, const char *data)
{
	unsigned char sum = 0;
	char packet[2 * REMOTE_MAX_BYTES + 64];
	const char *p;
	int n;

	for (p = data; *p; p++)
		sum += (unsigned char)*p;
	n = snprintf(packet, sizeof(packet), "$%s#%02x", data, sum);
	if (n >= (int)sizeof(packet))
		return VM_ERROR;
	return send_all(r, packet, n);
}

/* One byte, or -1 after the time or if woken, or -2 at the end of the connection */
static int next_byte(struct remote *r, int ms)
{
	if (r->used == r->have) {
		struct pollfd p[] = {
			{ .fd = r->fd, .events = POLLIN },
			{ .fd = r->wake, .events = POLLIN },	/* none if negative */
		};
		ssize_t n;

		if (poll(p, ARRAY_SIZE(p), ms) <= 0 || !p[0].revents)
			return -1;
		n = recv(r->fd, r->buf, sizeof(r->buf), 0);
		if (n <= 0)
			return -2;
		r->have = n;
		r->used = 0;
	}
	return (unsigned char)r->buf[r->used++];
}

static enum vm_result read_packet(struct remote *r, char *to, size_t size, int ms)
{
	size_t n = 0;
	int c;

	do {
		c = next_byte(r, ms);
	} while (c >= 0 && c != '$');
	while (c >= 0) {
		c = next_byte(r, REMOTE_ANSWER_MS);
		if (c == '#')
			break;
		if (c >= 0 && n < size - 1)
			to[n++] = c;
	}
	to[n] = '\0';
	if (c >= 0)
		c = next_byte(r, REMOTE_ANSWER_MS);
	if (c >= 0)
		c = next_byte(r, REMOTE_ANSWER_MS);
	if (c >= 0 && (*to == 'W' || *to == 'X'))
		r->said_exit = true;
	if (c == -2 || r->said_exit)
		return VM_GONE;
	return c < 0 ? VM_ERROR : VM_OK;
}

/**
 * remote_post() - send a packet that is answered by "OK", which is read later
 * @r:		the connection, on which nothing is acknowledged (no_ack)
 * @data:	what is in it
 *
 * Saves the wait for the other side, which under load is most of what a packet costs.
 */
enum vm_result remote_post(struct remote *r, const char *data)
{
	r->posted++;
	return remote_send(r, data);
}

/**
 * remote_read() - wait for the next packet, and acknowledge it
 * @r:		the connection
 * @to:		what was in it
 * @size:	room there
 * @ms:		how long to wait for its beginning
 *
 * Return: VM_GONE if the guest has ended ("W", "X": QEMU says so) or the connection has;
 * VM_ERROR, too, if something that was posted before went wrong.
 */
enum vm_result remote_read(struct remote *r, char *to, size_t size, int ms)
{
	enum vm_result result = VM_OK;
	char reply[64];

	for (; !result && r->posted; r->posted--) {
		result = read_packet(r, reply, sizeof(reply), REMOTE_ANSWER_MS);
		if (!result && strcmp(reply, "OK"))
			result = VM_ERROR;
	}
	if (!result)
		result = read_packet(r, to, size, ms);
	return result || r->no_ack ? result : send_all(r, "+", 1);
}

/** remote_ask() - send a packet and read the answer */
enum vm_result remote_ask(struct remote *r, const char *what, char *to, size_t size)
{
	enum vm_result result = remote_send(r, what);

	return result ? result : remote_read(r, to, size, REMOTE_ANSWER_MS);
}

/** remote_interrupt() - have the running machine stop; the stop is read apart */
enum vm_result remote_interrupt(struct remote *r)
{
	return send_all(r, "\003", 1);
}

/**
 * remote_running() - whether the machine that was let run has not stopped since
 * @r:		the connection
 * @result:	VM_GONE if it has ended
 */
bool remote_running(struct remote *r, enum vm_result *result)
{
	struct pollfd p = { .fd = r->fd, .events = POLLIN };

	*result = VM_OK;
	while (r->used < r->have || poll(&p, 1, 0) > 0) {
		int c = next_byte(r, 0);

		if (c == -2) {
			*result = VM_GONE;
			return false;
		}
		if (c == '$') {
			r->used--;
			return false;
		}
	}
	return true;
}

static int hex_digit(int c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return -1;
}

/** remote_from_hex() - bytes of a text of hexadecimal digits; returns their number */
size_t remote_from_hex(const char *hex, void *to, size_t size)
{
	__u8 *byte = to;
	size_t n;

	for (n = 0; n < size && hex_digit(hex[2 * n]) >= 0 && hex_digit(hex[2 * n + 1]) >= 0; n++)
		byte[n] = hex_digit(hex[2 * n]) << 4 | hex_digit(hex[2 * n + 1]);
	return n;
}

static void command_packet(char *packet, size_t size, const char *cmd)
{
	size_t len = snprintf(packet, size, "qRcmd,");

	for (; *cmd && len < size - 3; cmd++)
		len += snprintf(packet + len, size - len, "%02x", (unsigned char)*cmd);
}

/** remote_post_monitor() - give the monitor a command that prints nothing; see remote_post() */
enum vm_result remote_post_monitor(struct remote *r, const char *cmd)
{
	char packet[512];

	command_packet(packet, sizeof(packet), cmd);
	return remote_post(r, packet);
}

/**
 * remote_monitor() - give QEMU's monitor a command
 * @r:		the connection; the machine is stopped
 * @cmd:	the command
 * @out:	what it prints
 * @size:	room there
 */
enum vm_result remote_monitor(struct remote *r, const char *cmd, char *out, size_t size)
{
	char packet[512], reply[8192];
	enum vm_result result;
	size_t n = 0;

	command_packet(packet, sizeof(packet), cmd);
	result = remote_ask(r, packet, reply, sizeof(reply));
	while (!result && *reply == 'O' && strcmp(reply, "OK")) {
		n += remote_from_hex(reply + 1, out + n, size - 1 - n);
		result = remote_read(r, reply, sizeof(reply), REMOTE_ANSWER_MS);
	}
	out[n] = '\0';
	if (!result && strcmp(reply, "OK"))
		return VM_ERROR;
	return result;
}

/** remote_reg() - number of a register, or -1 */
int remote_reg(const struct remote *r, const char *name)
{
	int i;

	for (i = 0; i < r->n_regs; i++)
		if (!strcmp(r->reg[i].name, name))
			return i;
	return -1;
}

/* Registers that stand in comments of the description are none */
static void drop_comments(char *xml)
{
	char *from, *to;

	while ((from = strstr(xml, "<!--"))) {
		to = strstr(from, "-->");
		if (!to)
			break;
		memmove(from, to + 3, strlen(to + 3) + 1);
	}
}

/* The registers come in the order of the description that QEMU sends */
static enum vm_result describe_registers(struct remote *r)
{
	static char xml[16384];
	char part[8192], cmd[96];
	enum vm_result result;
	unsigned int at = 0;
	size_t have = 0;
	const char *p;

	result = remote_ask(r, "qXfer:features:read:target.xml:0,ffb", part, sizeof(part));
	if (result)
		return result;
	do {
		snprintf(cmd, sizeof(cmd), "qXfer:features:read:i386-64bit.xml:%zx,ffb", have);
		result = remote_ask(r, cmd, part, sizeof(part));
		if (result)
			return result;
		if (have + strlen(part) >= sizeof(xml))
			return VM_ERROR;
		if (*part) {
			memcpy(xml + have, part + 1, strlen(part));
			have += strlen(part) - 1;
		}
	} while (*part == 'm');

	drop_comments(xml);
	r->n_regs = 0;
	for (p = strstr(xml, "<reg "); p; p = strstr(p + 1, "<reg ")) {
		struct remote_reg *reg = &r->reg[r->n_regs];
		unsigned int bits;

		if (r->n_regs == REMOTE_MAX_REGS ||
		    sscanf(p, "<reg name=\"%15[^\"]\" bitsize=\"%u\"", reg->name, &bits) != 2)
			return VM_ERROR;
		reg->at = at;
		reg->size = bits / 8;
		at += reg->size;
		r->n_regs++;
	}
	return r->n_regs && at <= REMOTE_MAX_BYTES ? VM_OK : VM_ERROR;
}

/**
 * remote_open() - connect, which stops the machine
 * @r:		the connection
 * @where:	a Unix socket, or HOST:PORT
 */
enum vm_result remote_open(struct remote *r, const char *where)
{
	char reply[256];

	memset(r, 0, sizeof(*r));
	r->wake = -1;
	r->fd = strchr(where, '/') ? connect_unix(where) : connect_tcp(where);
	if (r->fd < 0)
		return VM_ERROR;
	remote_read(r, reply, sizeof(reply), 500);
	return describe_registers(r);
}

/** remote_close() - detach: a connection that is only closed leaves the guest stopped */
void remote_close(struct remote *r)
{
	char reply[256];

	if (r->fd < 0)
		return;
	remote_ask(r, "D", reply, sizeof(reply));
	close(r->fd);
	r->fd = -1;
}
