/*
 * A service of microseconds: echo PORT [SIZE EVERY] answers PING with +PONG as a Redis does, and a GET
 * with a small page.  One thread, epoll, one read and one write an exchange.  Says `ready` first.
 *
 * With SIZE an answer to a GET has so many bytes and is numbered, from 1 on; each whose number EVERY
 * divides has status 500.
 */
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

static const char pong[] = "+PONG\r\n";
static const char page[] = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 64\r\n\r\n"
			   "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
#define HEAD 65 /* bytes of a numbered answer's head */

static char numbered[65536];
static long size, every, number;

/* The next numbered page: as long as every other. */
static const char *turn(void)
{
	int is_failed = ++number % every == 0;
	int head = sprintf(numbered, "HTTP/1.1 %s\r\nX-Number: %010ld\r\nContent-Length: %06ld\r\n\r\n",
			   is_failed ? "500 NO" : "200 OK", number, size - HEAD);

	numbered[head] = 'x'; /* where sprintf ended it */
	return numbered;
}

static void greet(int poll, int listener)
{
	struct epoll_event event = {.events = EPOLLIN};
	int on = 1;

	event.data.fd = accept(listener, 0, 0);
	if (event.data.fd < 0)
		return;
	setsockopt(event.data.fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	epoll_ctl(poll, EPOLL_CTL_ADD, event.data.fd, &event);
}

static void answer(int fd)
{
	char data[16384];
	ssize_t got = read(fd, data, sizeof(data));

	if (got <= 0)
		close(fd);
	else if (data[0] == 'G')
		got = size ? write(fd, turn(), size) : write(fd, page, sizeof(page) - 1);
	else
		got = write(fd, pong, sizeof(pong) - 1);
}

int main(int count, char **words)
{
	struct sockaddr_in own = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_ANY)};
	struct epoll_event events[256], event = {.events = EPOLLIN};
	int listener = socket(AF_INET, SOCK_STREAM, 0), poll = epoll_create1(0), on = 1;

	if (count < 2)
		return 2;
	if (count > 3) {
		size = atol(words[2]);
		every = atol(words[3]);
		if (size < HEAD || size > (long)sizeof(numbered) || every < 1)
			return 2;
		for (unsigned at = 0; at < sizeof(numbered); at++)
			numbered[at] = 'x';
	}
	own.sin_port = htons(atoi(words[1]));
	setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(listener, (struct sockaddr *)&own, sizeof(own)) || listen(listener, 4096)) {
		perror("listen");
		return 1;
	}
	event.data.fd = listener;
	epoll_ctl(poll, EPOLL_CTL_ADD, listener, &event);
	puts("ready");
	fflush(stdout);
	for (;;) {
		int ready = epoll_wait(poll, events, 256, -1);

		for (int at = 0; at < ready; at++)
			if (events[at].data.fd == listener)
				greet(poll, listener);
			else
				answer(events[at].data.fd);
	}
}
