/*
 * HTTP over TLS with the library it was built for:
 *   sealed serve ADDRESS PORT CHAIN KEY
 *   sealed get ADDRESS PORT SHAPE METHOD TARGET BODY...
 * SHAPE is keep (one connection), fresh (one a request) or older (one that was used before `ready`).
 * The server keeps what it reads beyond a request: clients may send all before they read.
 * The libraries' functions are declared here, so that building needs no headers of theirs.
 */
#include <arpa/inet.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#ifdef GNUTLS
enum { SERVER = 1, CLIENT = 2, CERTIFICATE = 1, PEM = 1, SHUT_WRITING = 1 };
extern int gnutls_certificate_allocate_credentials(void **);
extern int gnutls_certificate_set_x509_key_file(void *, const char *, const char *, int);
extern int gnutls_init(void **, unsigned);
extern int gnutls_set_default_priority(void *);
extern int gnutls_credentials_set(void *, int, void *);
extern void gnutls_transport_set_int2(void *, int, int);
extern int gnutls_handshake(void *);
extern ssize_t gnutls_record_recv(void *, void *, size_t);
extern ssize_t gnutls_record_send(void *, const void *, size_t);
extern int gnutls_bye(void *, int);
extern void gnutls_deinit(void *);
static void *keys;

static void prepare(int is_server, const char *chain, const char *key)
{
	gnutls_certificate_allocate_credentials(&keys);
	if (is_server)
		gnutls_certificate_set_x509_key_file(keys, chain, key, PEM);
}

static void *begin(int fd, int is_server)
{
	void *session;

	gnutls_init(&session, is_server ? SERVER : CLIENT);
	gnutls_set_default_priority(session);
	gnutls_credentials_set(session, CERTIFICATE, keys);
	gnutls_transport_set_int2(session, fd, fd);
	if (gnutls_handshake(session) < 0)
		exit(3);
	return session;
}

static long receive(void *session, char *to, size_t size)
{
	return gnutls_record_recv(session, to, size);
}

static long transmit(void *session, const char *from, size_t size)
{
	return gnutls_record_send(session, from, size);
}

static void finish(void *session)
{
	gnutls_bye(session, SHUT_WRITING);
	gnutls_deinit(session);
}
#else
enum { PEM = 1 };
extern const void *TLS_server_method(void), *TLS_client_method(void);
extern void *SSL_CTX_new(const void *), *SSL_new(void *);
extern int SSL_CTX_use_certificate_chain_file(void *, const char *);
extern int SSL_CTX_use_PrivateKey_file(void *, const char *, int);
extern int SSL_set_fd(void *, int), SSL_accept(void *), SSL_connect(void *);
extern int SSL_read(void *, void *, int), SSL_write(void *, const void *, int);
extern int SSL_shutdown(void *);
extern void SSL_free(void *);
static void *keys;

static void prepare(int is_server, const char *chain, const char *key)
{
	keys = SSL_CTX_new(is_server ? TLS_server_method() : TLS_client_method());
	if (is_server && (SSL_CTX_use_certificate_chain_file(keys, chain) != 1 ||
			  SSL_CTX_use_PrivateKey_file(keys, key, PEM) != 1))
		exit(2);
}

static void *begin(int fd, int is_server)
{
	void *session = SSL_new(keys);

	SSL_set_fd(session, fd);
	if ((is_server ? SSL_accept : SSL_connect)(session) != 1)
		exit(3);
	return session;
}

static long receive(void *session, char *to, size_t size)
{
	return SSL_read(session, to, (int)size);
}

static long transmit(void *session, const char *from, size_t size)
{
	return SSL_write(session, from, (int)size);
}

static void finish(void *session)
{
	SSL_shutdown(session);
	SSL_free(session);
}
#endif

#define ROOM 65536
#define MOST (2 << 20)

static void send_all(void *session, const char *data, size_t size)
{
	long sent;

	for (; size; data += sent, size -= sent)
		if ((sent = transmit(session, data, size > 16000 ? 16000 : size)) <= 0)
			exit(4);
}

/* What was read, and is not taken yet. */
struct inbox {
	size_t have;
	char data[ROOM + 1];
};

static int fill(void *session, struct inbox *inbox)
{
	long got = receive(session, inbox->data + inbox->have, ROOM - inbox->have);

	if (got <= 0)
		return 0;
	inbox->have += got;
	inbox->data[inbox->have] = 0;
	return 1;
}

static size_t take(struct inbox *inbox, size_t most)
{
	size_t size = inbox->have < most ? inbox->have : most;

	inbox->have -= size;
	memmove(inbox->data, inbox->data + size, inbox->have + 1);
	return size;
}

/* Read a message; its size, 0 at the end of the stream. Its head is left in `head`. */
static size_t message(void *session, struct inbox *inbox, char *head)
{
	size_t whole, left;
	char *end, *length;

	while (!(end = strstr(inbox->data, "\r\n\r\n")))
		if (!fill(session, inbox))
			return 0;
	whole = end + 4 - inbox->data;
	memcpy(head, inbox->data, whole);
	head[whole] = 0;
	length = strcasestr(head, "\r\ncontent-length:");
	whole += length ? strtoul(length + 17, 0, 10) : 0;
	for (left = whole; left -= take(inbox, left);)
		if (!fill(session, inbox))
			return 0;
	return whole;
}

static char *filled(size_t size, int letter)
{
	char *data = malloc(size + 1);

	memset(data, letter, size);
	return data;
}

static void *attend(void *argument)
{
	int fd = (int)(long)argument;
	void *session = begin(fd, 1);
	struct inbox *inbox = calloc(1, sizeof(*inbox));
	char head[ROOM + 1], answer[256];
	size_t size, room;
	char *body = filled(MOST, 'x');

	while (message(session, inbox, head)) {
		size = strtoul(strchr(head, '/') + 1, 0, 10);
		room = snprintf(answer, sizeof(answer), "HTTP/1.1 %s\r\nContent-Length: %zu\r\n\r\n",
				size ? "200 OK" : "404 Not Found", size);
		send_all(session, answer, room);
		send_all(session, body, size);
	}
	finish(session);
	close(fd);
	free(inbox);
	free(body);
	return 0;
}

static struct sockaddr_in place(const char *address, const char *port)
{
	struct sockaddr_in found = {.sin_family = AF_INET, .sin_port = htons(atoi(port))};

	inet_pton(AF_INET, address, &found.sin_addr);
	return found;
}

static void serve(const char *address, const char *port)
{
	struct sockaddr_in here = place(address, port);
	int listener = socket(AF_INET, SOCK_STREAM, 0), yes = 1;
	pthread_t thread;

	setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
	if (bind(listener, (void *)&here, sizeof(here)) || listen(listener, 64))
		exit(1);
	puts("ready");
	fflush(stdout);
	for (;;) {
		long fd = accept(listener, 0, 0);

		pthread_create(&thread, 0, attend, (void *)fd);
		pthread_detach(thread);
	}
}

struct line {
	int fd;
	void *session;
};

static struct line dial(char **where)
{
	struct sockaddr_in there = place(where[0], where[1]);
	struct line line = {.fd = socket(AF_INET, SOCK_STREAM, 0)};

	if (connect(line.fd, (void *)&there, sizeof(there)))
		exit(1);
	line.session = begin(line.fd, 0);
	return line;
}

static void hang_up(struct line *line)
{
	finish(line->session);
	close(line->fd);
}

static size_t sent, received, statuses[600];

static void ask(struct line *line, char **wish)
{
	struct inbox *inbox = calloc(1, sizeof(*inbox));
	char head[ROOM + 1], said[512], *body;
	size_t length = strtoul(wish[2], 0, 10), size;

	size = snprintf(said, sizeof(said),
			"%s %s HTTP/1.1\r\nHost: exact.test\r\nContent-Length: %zu\r\n\r\n", wish[0],
			wish[1], length);
	body = filled(length, 'u');
	send_all(line->session, said, size);
	send_all(line->session, body, length);
	sent += size + length;
	received += message(line->session, inbox, head);
	statuses[atoi(head + 9)] += 1;
	free(body);
	free(inbox);
}

int main(int count, char **words)
{
	struct line line = {0};
	char *before[] = {"GET", "/850", "0"}, go;
	int at, is_fresh;

	signal(SIGPIPE, SIG_IGN);
	prepare(words[1][0] == 's', words[4], words[5]);
	if (words[1][0] == 's')
		serve(words[2], words[3]);
	is_fresh = words[4][0] == 'f';
	if (words[4][0] == 'o') {
		line = dial(words + 2);
		ask(&line, before);
		sent = received = 0;
		memset(statuses, 0, sizeof(statuses));
	}
	puts("ready");
	fflush(stdout);
	if (read(0, &go, 1) != 1)
		return 1;
	for (at = 5; at + 2 < count; at += 3) {
		if (!line.session)
			line = dial(words + 2);
		ask(&line, words + at);
		if (is_fresh) {
			hang_up(&line);
			line.session = 0;
		}
	}
	if (line.session)
		hang_up(&line);
	printf("{\"request_bytes\": %zu, \"response_bytes\": %zu", sent, received);
	for (at = 0; at < 600; at++)
		if (statuses[at])
			printf(", \"status_%d\": %zu", at, statuses[at]);
	puts("}");
	return 0;
}
