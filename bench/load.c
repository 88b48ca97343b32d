/*
 * Asks a server over many connections, at a rate or as fast as it answers, and says how long that
 * took: load ADDRESS PORT http|echo CONNECTIONS RATE SECONDS [REQUESTS [SOURCE]]
 *
 * RATE 0 is flat out.  With REQUESTS (not 0) it ends after so many.  With SOURCE each connection comes from
 * an address of its own, counted up from there.  Latency is from when a request was due to its last
 * byte, so that a server that stalls is not asked less.  Prints one line of JSON.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define MOST 8192
#define SAMPLES (8 << 20)

static const char http[] = "GET /bench HTTP/1.1\r\nHost: bench\r\nAccept: */*\r\n\r\n";
static const char echo[] = "PING\r\n";

struct line {
	int fd;
	int is_idle;
	uint64_t due_ns;
	size_t left;
};

static struct line lines[MOST];
static int idle[MOST]; /* those that wait for work, in a ring: each gets its turn */
static unsigned first_idle, last_idle;
static uint32_t *samples;
static size_t answered, answer_size;

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000000ull + now.tv_nsec;
}

static void fail(const char *what)
{
	perror(what);
	exit(1);
}

static int dial(const char *address, int port, uint32_t source)
{
	struct sockaddr_in peer = {.sin_family = AF_INET, .sin_port = htons(port)};
	struct sockaddr_in own = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(source)};
	int fd = socket(AF_INET, SOCK_STREAM, 0), on = 1;

	inet_pton(AF_INET, address, &peer.sin_addr);
	if (source && bind(fd, (struct sockaddr *)&own, sizeof(own)))
		fail("bind");
	if (connect(fd, (struct sockaddr *)&peer, sizeof(peer)))
		fail("connect");
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	return fd;
}

/* One exchange tells how long every answer is. */
static size_t learn(int fd, const char *request, size_t size)
{
	static char data[1 << 20];
	size_t got = 0;
	char *end = 0, *length;

	if (write(fd, request, size) != (ssize_t)size)
		fail("write");
	while (!end) {
		ssize_t more = read(fd, data + got, sizeof(data) - 1 - got);

		if (more <= 0)
			fail("read");
		got += more;
		data[got] = 0;
		end = request == echo ? strstr(data, "\r\n") : strstr(data, "\r\n\r\n");
	}
	if (request == echo)
		return got;
	length = strcasestr(data, "content-length:");
	if (!length)
		fail("no content-length");
	size = end + 4 - data + strtoul(length + 15, 0, 10);
	while (got < size) {
		ssize_t more = read(fd, data, sizeof(data));

		if (more <= 0)
			fail("read");
		got += more;
	}
	return size;
}

static void ask(struct line *line, const char *request, size_t size, uint64_t due_ns)
{
	line->due_ns = due_ns;
	line->left = answer_size;
	if (write(line->fd, request, size) != (ssize_t)size)
		fail("write");
}

static void answer(struct line *line)
{
	static char data[1 << 18];
	ssize_t got = read(line->fd, data, sizeof(data));

	if (got <= 0)
		fail("read");
	line->left -= got;
	if (line->left)
		return;
	if (answered < SAMPLES)
		samples[answered] = (now_ns() - line->due_ns) / 10;
	answered++;
	idle[last_idle++ % MOST] = line - lines;
}

static int compare(const void *a, const void *b)
{
	uint32_t left = *(const uint32_t *)a, right = *(const uint32_t *)b;

	return left < right ? -1 : left > right;
}

static double percentile_us(double share)
{
	size_t count = answered < SAMPLES ? answered : SAMPLES;

	return count ? samples[(size_t)(share * (count - 1))] / 100.0 : 0;
}

int main(int count, char **words)
{
	const char *request = count > 3 && !strcmp(words[3], "http") ? http : echo;
	size_t size = strlen(request), asked = 0, most = SIZE_MAX;
	struct epoll_event events[256];
	uint64_t start_ns, end_ns, step_ns;
	uint32_t source = 0;
	int poll, connections;
	double seconds;

	if (count < 7)
		return 2;
	connections = atoi(words[4]);
	step_ns = atof(words[5]) ? 1e9 / atof(words[5]) : 0;
	if (count > 7 && atol(words[7]))
		most = strtoul(words[7], 0, 10);
	if (count > 8)
		source = ntohl(inet_addr(words[8]));
	prctl(PR_SET_TIMERSLACK, 1);
	samples = calloc(SAMPLES, sizeof(*samples));
	poll = epoll_create1(0);
	for (int at = 0; at < connections && at < MOST; at++) {
		struct epoll_event event = {.events = EPOLLIN, .data.u32 = at};

		lines[at].fd = dial(words[1], atoi(words[2]), source ? source + at : 0);
		epoll_ctl(poll, EPOLL_CTL_ADD, lines[at].fd, &event);
		idle[last_idle++ % MOST] = at;
	}
	if (most == SIZE_MAX)
		answer_size = learn(lines[0].fd, request, size);
	else
		answer_size = request == http ? 0 : 7;
	if (!answer_size)
		answer_size = learn(lines[0].fd, request, size), asked = answered = 1;
	start_ns = now_ns();
	end_ns = start_ns + atof(words[6]) * 1e9;
	for (;;) {
		uint64_t now = now_ns(), due_ns = start_ns + asked * step_ns;
		struct timespec wait = {};
		int ready;

		if (now >= end_ns && most > asked)
			most = asked; /* what was asked is answered still */
		if (answered >= most)
			break;
		while (first_idle != last_idle && asked < most && (!step_ns || due_ns <= now)) {
			ask(&lines[idle[first_idle++ % MOST]], request, size,
			    step_ns ? due_ns : now_ns());
			asked++;
			due_ns = start_ns + asked * step_ns;
		}
		wait.tv_nsec = step_ns && due_ns > now ? due_ns - now : 10000000;
		if (wait.tv_nsec > 999999999)
			wait.tv_nsec = 999999999;
		ready = syscall(SYS_epoll_pwait2, poll, events, 256, &wait, 0, 0);
		if (ready < 0 && errno != EINTR)
			fail("epoll_pwait2");
		for (int at = 0; at < ready; at++)
			answer(&lines[events[at].data.u32]);
	}
	seconds = (now_ns() - start_ns) / 1e9;
	qsort(samples, answered < SAMPLES ? answered : SAMPLES, sizeof(*samples), compare);
	printf("{\"requests\": %zu, \"seconds\": %.6f, \"p50_us\": %.2f, \"p99_us\": %.2f}\n",
	       answered, seconds, percentile_us(0.5), percentile_us(0.99));
	return 0;
}
