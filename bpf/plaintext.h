/*
 * What a TLS library's call read or wrote, fed to the HTTP machine as if it had crossed in clear.
 *
 * In: a call's session, buffer and size, remembered beside its thread between entry and return.
 * Out: messages of the connection whose socket the call is proven to have used.
 */
#ifndef PODWIRE_PLAINTEXT_H
#define PODWIRE_PLAINTEXT_H

#include "fact.h"
#include "call.h"
#include "session.h"

/* What a library's function does, and so where it says how much. */
enum tls_form {
	TLS_READ, /* session, buffer, size: the result */
	TLS_WRITE,
	TLS_READ_EX, /* and where it is to say how much; the result is 1 */
	TLS_WRITE_EX,
	TLS_SENDFILE, /* session, file: the result */
	TLS_OTHER,    /* moves no plaintext, but uses the socket */
	TLS_GO_READ,
	TLS_GO_WRITE,
};

/* A probe's context: the registers of x86_64, where they have always been. */
struct registers {
	u64 r15, r14, r13, r12, bp, bx, r11, r10, r9, r8, ax, cx, dx, si, di, orig_ax, ip, cs, flags, sp;
};

/*
 * Since 6.13 the kernel lends a program that needs much stack one for each CPU, as if nothing could
 * come in between. A probe's program may be preempted, and the same one run for another task: both
 * would work in one stack. A program that could go over to another one is left on its task's own
 * stack; so these could, and never do.
 */
struct {
	__uint(type, MAP_PROG_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, u32);
} no_programs SEC(".maps");
knob u32 has_next_program = 0;

inline_always void keep_own_stack(struct registers *regs)
{
	if (has_next_program)
		bpf_tail_call(regs, &no_programs, 0);
}

/* A function of a library has a program of its own, for what it does is known there. */
#define ENTRY(program, enter, form)                                                                \
	SEC("uprobe") int program(struct registers *regs)                                          \
	{                                                                                          \
		keep_own_stack(regs);                                                              \
		return enter(regs, form);                                                          \
	}

struct tls_call {
	u64 session;
	u64 buffer;
	u64 size_at;
	u64 start_ns;
	u64 since_ns; /* whoever opened a connection later was seen from its beginning */
	u64 sp;
	u64 size; /* of Go's write */
	u64 sk;	  /* that it began with, */
	u32 sequence; /* and where that stood */
	u32 form;
	u32 place; /* of the link that it entered by */
	u32 is_apart; /* its ciphertext was read before it, and not in it */
};

/* Too much for the stack, and nothing keeps two threads of one CPU apart in here. */
struct tls_thread {
	struct tls_call call;
	struct work work;
};

struct {
	__uint(type, MAP_TASK_STORAGE);
	__uint(map_flags, NO_PREALLOC);
	__type(key, int);
	__type(value, struct tls_thread);
} tls_threads SEC(".maps");

/* Key: a link's cookie. Value: since when all of its probes are there; 0: not yet. */
struct {
	__uint(type, MAP_ARRAY);
	__uint(max_entries, 1024);
	__type(key, u32);
	__type(value, u64);
} attached SEC(".maps");

/* What the sampler is told instead of a system call's number. */
enum { NUMBER_SSL_READ = 1000, NUMBER_SSL_WRITE, NUMBER_GO_READ, NUMBER_GO_WRITE };

inline_always u64 attached_since(u32 place)
{
	u64 *since_ns = bpf_map_lookup_elem(&attached, &place);

	return since_ns ? *since_ns : 0;
}

inline_always int is_reading(u32 form)
{
	return form == TLS_READ || form == TLS_READ_EX || form == TLS_GO_READ;
}

inline_always u16 number_of(u32 form)
{
	if (form >= TLS_GO_READ)
		return form == TLS_GO_READ ? NUMBER_GO_READ : NUMBER_GO_WRITE;
	return is_reading(form) ? NUMBER_SSL_READ : NUMBER_SSL_WRITE;
}

inline_always void lose_plaintext(enum loss reason)
{
	tally(TALLY_PLAINTEXT_CALLED, 1);
	tally(TALLY_PLAINTEXT_LOST, 1);
	count_loss(reason);
}

/* This session uses this socket. */
apart int remember_session(u64 sk, struct connection *connection, const struct session_key *key)
{
	u64 *used;

	if (!connection || !key)
		return 0;
	used = bpf_map_lookup_elem(&sessions, key);
	if (used && *used == sk && connection->session == key->address)
		return 0;
	if (connection->session != key->address)
		forget_session(sk, connection);
	connection->session = key->address;
	connection->session_pid = key->pid;
	if (bpf_map_update_elem(&sessions, key, &sk, MAP_ANY))
		count_loss(LOSS_SESSIONS_FULL);
	return 0;
}

/* The connection that a session is known to use; 0 when it is another's by now, or gone. */
inline_always struct connection *connection_of(const struct session_key *key, u64 *sk)
{
	u64 *used = bpf_map_lookup_elem(&sessions, key), address;
	struct connection *connection;

	if (!used)
		return 0;
	address = *used;
	connection = bpf_map_lookup_elem(&connections, &address);
	if (!connection || connection->session != key->address) {
		bpf_map_delete_elem(&sessions, key);
		return 0;
	}
	*sk = address;
	return connection;
}

/*
 * The first plaintext of a connection. Only when all of it was seen from the connection's own
 * beginning is this its first byte; otherwise a message has to prove itself.
 */
apart int begin_plaintext(struct connection *connection, u64 since_ns)
{
	struct flow *flow;

	if (!connection || connection->is_readable)
		return 0;
	connection->is_readable = 1;
	connection->key.tls = 1;
	if (!since_ns || since_ns > connection->since_ns)
		connection->is_from_middle = 1;
	set_states(connection, connection->is_from_middle ? MESSAGE_LOST : MESSAGE_START);
	tell_tls(connection);
	flow = flow_of(connection, &connection->key);
	if (flow)
		add(flow->tls_readable, 1);
	return 0;
}

struct forgetting {
	struct connection *connection;
	u64 before_ns;
	u32 forgotten;
	u32 padding;
};

static long forget_oldest(u32 index, void *context)
{
	struct forgetting *forgetting = context;
	struct connection *connection = forgetting->connection;
	u32 place = connection->popped & (QUEUE - 1), page = connection->request_pages[place];

	if (connection->popped == connection->pushed ||
	    (connection->queue[place] & REQUEST_START_NS) >= forgetting->before_ns)
		return 1;
	connection->request_pages[place] = 0;
	if (page && connection->messages[EGRESS].page == page)
		connection->messages[EGRESS].page = 0;
	free_chain(page);
	connection->popped += 1;
	forgetting->forgotten += 1;
	return 0;
}

/*
 * A reader may have waited inside its library when the probes came: what it read is not seen, and
 * a request that was written before that came must not be paired with the answer to a later one.
 * A later one may well be older than the first read that is seen: another thread wrote it.
 */
apart int join_reading(struct connection *connection, u64 start_ns)
{
	struct forgetting forgetting = {.connection = connection};

	if (!connection)
		return 0;
	connection->is_read = 1;
	forgetting.before_ns = connection->arrived_ns;
	if (!connection->is_joining || !connection->arrived_ns ||
	    connection->arrived_ns >= start_ns)
		return 0;
	bpf_loop(QUEUE, forget_oldest, &forgetting, 0);
	if (!forgetting.forgotten)
		return 0;
	connection->has_pipelined = 0;
	tally(TALLY_REQUESTS_FORGOTTEN, forgetting.forgotten);
	count_losses(LOSS_HTTP_FORGOTTEN, forgetting.forgotten);
	return 0;
}

inline_always void join(struct connection *connection, const struct tls_call *call)
{
	int is_first = !connection->is_readable;

	begin_plaintext(connection, call->since_ns);
	if (is_reading(call->form)) {
		if (!connection->is_read)
			join_reading(connection, call->is_apart ? 0 : call->start_ns);
	} else if (is_first && connection->is_from_middle) {
		connection->is_joining = 1;
		if (connection->arrived_ns < call->start_ns)
			connection->arrived_ns = 0;
	}
}

inline_always void prepare_plaintext(struct work *work, const struct tls_call *call, u64 sk,
				     u64 bytes)
{
	work->now_ns = bpf_ktime_get_ns();
	work->start_ns = call->start_ns;
	work->direction = is_reading(call->form) ? INGRESS : EGRESS;
	work->segments = 0; /* those of the socket's calls inside */
	work->number = number_of(call->form);
	work->sk = sk;
	work->vectors = 0;
	work->messages = 0;
	work->in_message = 0;
	work->has_memory = call->form != TLS_SENDFILE && call->buffer;
	work->base = call->buffer;
	work->left = bytes;
	work->in_segment = bytes;
}

/* What a call moved is its connection's, or lost. */
inline_always void tell_plaintext(struct tls_thread *thread, struct connection *connection, u64 sk,
				  u32 pid, u64 bytes)
{
	struct work *work = &thread->work;

	if (!connection) {
		lose_plaintext(LOSS_TLS_UNPLACED);
		return;
	}
	tally(TALLY_PLAINTEXT_CALLED, 1);
	tally(TALLY_PLAINTEXT_FOLLOWED, 1);
	connection->key.pid = pid;
	join(connection, &thread->call);
	prepare_plaintext(work, &thread->call, sk, bytes);
	work->key = connection->key;
	follow_http(connection, work);
}

/* A session whose peer sends no more: a body that lasts until then ends now. */
inline_always void end_plaintext(struct tls_thread *thread, struct connection *connection, u64 sk)
{
	struct work *work = &thread->work;

	if (!connection->is_readable)
		return;
	prepare_plaintext(work, &thread->call, sk, 0);
	work->position = 0;
	work->key = connection->key;
	end_direction(connection, work);
}

#endif
