/* What TCP itself counts of a connection: read now and then and at its end, never a packet. */
#ifndef PODWIRE_FACT_H
#define PODWIRE_FACT_H

#include "message.h"

#define SOCK_DONE 1 /* a bit of sk_flags: the peer's FIN is queued */

enum { CHRONO_BUSY = 1, CHRONO_RWND_LIMITED, CHRONO_SNDBUF_LIMITED };

/* Bit fields move and change their width between kernels. */
#define BITS(record, field)                                                                        \
	({                                                                                         \
		u64 value_ = 0;                                                                    \
		bpf_probe_read_kernel(&value_, __builtin_preserve_field_info((record)->field, 1) & 7, \
				      (void *)(record) +                                           \
					      __builtin_preserve_field_info((record)->field, 0));  \
		value_ <<= __builtin_preserve_field_info((record)->field, 4);                      \
		value_ >> __builtin_preserve_field_info((record)->field, 5);                       \
	})

/*
 * Segments sent again since the last look; the socket's own counter is the truth. Two CPUs may look
 * at once: each takes over what it finds from whoever looked last, and the difference may be less
 * than nothing when that one had seen more.
 */
inline_always void count_retransmits(u64 sk, struct connection *connection, struct flow *flow)
{
	u32 total = FIELD(struct tcp_sock, sk, total_retrans), before;

	if (total == connection->total_retrans)
		return;
	before = exchange(connection->total_retrans, total);
	add(flow->retransmits, (s64)(s32)(total - before));
}

/* The increase of a 32-bit counter that wraps, and of what was counted of it. */
inline_always void count_fact(u64 *sum, u64 *counted, u32 now)
{
	u64 before;

	if (now == (u32)*counted)
		return;
	before = exchange(*counted, now);
	add(*sum, (s64)(s32)(now - (u32)before));
}

inline_always void count_long_fact(u64 *sum, u64 *counted, u64 now)
{
	u64 before;

	if (now == *counted)
		return;
	before = exchange(*counted, now);
	add(*sum, now - before);
}

inline_always void count_time(struct tcp_sock *tcp, struct connection *connection,
			      struct flow *flow)
{
	u32 stats[3] = {}, running = 0, kind = BITS(tcp, chrono_type);

	READ(stats, tcp->chrono_stat);
	READ(running, tcp->chrono_start);
	running = (u32)bpf_jiffies64() - running;
	if (kind == CHRONO_BUSY)
		stats[0] += running;
	if (kind == CHRONO_RWND_LIMITED)
		stats[1] += running;
	if (kind == CHRONO_SNDBUF_LIMITED)
		stats[2] += running;
	stats[0] += stats[1] + stats[2];
	count_fact(&flow->facts.busy_ticks, &connection->facts.busy_ticks, stats[0]);
	count_fact(&flow->facts.rwnd_limited_ticks, &connection->facts.rwnd_limited_ticks, stats[1]);
	count_fact(&flow->facts.sndbuf_limited_ticks, &connection->facts.sndbuf_limited_ticks,
		   stats[2]);
}

/*
 * Whether the program gave the connection up and keeps the socket (connect to AF_UNSPEC), or reset
 * it (SO_LINGER of 0): TCP starts all of its numbers anew then.
 */
inline_always int is_started_anew(u64 sk, const struct connection *connection)
{
	return connection->is_closed && !FIELD(struct tcp_sock, sk, segs_in);
}

/* Take over what the socket counted since the last look. */
apart int count_facts(u64 sk, struct connection *connection)
{
	struct tcp_sock *tcp = (struct tcp_sock *)sk;
	struct facts *counted;
	struct flow *flow;

	if (!connection || is_started_anew(sk, connection))
		return 0;
	flow = flow_of(connection, &connection->key);
	if (!flow)
		return 0;
	counted = &connection->facts;
	count_retransmits(sk, connection, flow);
	count_long_fact(&flow->facts.bytes_acked, &counted->bytes_acked,
			FIELD(struct tcp_sock, sk, bytes_acked));
	count_long_fact(&flow->facts.bytes_received, &counted->bytes_received,
			FIELD(struct tcp_sock, sk, bytes_received));
	count_fact(&flow->facts.segments_out, &counted->segments_out,
		   FIELD(struct tcp_sock, sk, segs_out));
	count_fact(&flow->facts.segments_in, &counted->segments_in,
		   FIELD(struct tcp_sock, sk, segs_in));
	count_fact(&flow->facts.delivered, &counted->delivered,
		   FIELD(struct tcp_sock, sk, delivered));
	count_time(tcp, connection, flow);
	return 0;
}

/* A socket that was open before: what it counted until now is not this task's. */
apart int forget_facts(u64 sk, struct connection *connection)
{
	struct tcp_sock *tcp = (struct tcp_sock *)sk;
	u32 stats[3] = {};

	if (!connection)
		return 0;
	READ(stats, tcp->chrono_stat);
	READ(connection->total_retrans, tcp->total_retrans);
	READ(connection->facts.bytes_acked, tcp->bytes_acked);
	READ(connection->facts.bytes_received, tcp->bytes_received);
	connection->facts.segments_out = FIELD(struct tcp_sock, sk, segs_out);
	connection->facts.segments_in = FIELD(struct tcp_sock, sk, segs_in);
	connection->facts.delivered = FIELD(struct tcp_sock, sk, delivered);
	connection->facts.busy_ticks = stats[0] + stats[1] + stats[2];
	connection->facts.rwnd_limited_ticks = stats[1];
	connection->facts.sndbuf_limited_ticks = stats[2];
	return 0;
}

/*
 * Bytes each way by the socket's own sequence numbers. A FIN takes a number too: ours was queued
 * when the state said so, the peer's was read when nothing is left.
 */
inline_always void read_crossed(u64 sk, const struct connection *connection, u32 *crossed)
{
	u32 written = FIELD(struct tcp_sock, sk, write_seq);
	u32 copied = FIELD(struct tcp_sock, sk, copied_seq);
	u32 received = FIELD(struct tcp_sock, sk, rcv_nxt);
	u32 known = (u32)connection->called[EGRESS] + (u32)connection->uncalled[EGRESS];

	if (is_started_anew(sk, connection)) {
		written = connection->last[EGRESS];
		copied = connection->last[INGRESS];
		received = connection->last_received;
	}
	crossed[EGRESS] = written - connection->sequence[EGRESS] - connection->is_ended;
	if (!connection->is_ended && crossed[EGRESS] - known == 1)
		crossed[EGRESS] -= 1; /* nobody told us of its state */
	crossed[INGRESS] = copied - connection->sequence[INGRESS];
	if (FIELD(struct sock, sk, __sk_common.skc_flags) >> SOCK_DONE & 1 && copied == received)
		crossed[INGRESS] -= 1;
}

/* Of so many bytes that crossed, those that no call moved and that are not counted yet. */
inline_always s32 uncalled_of(const struct connection *connection, u8 direction, u32 crossed)
{
	return crossed - (u32)connection->called[direction & 1] -
	       (u32)connection->uncalled[direction & 1];
}

inline_always void add_uncalled(struct connection *connection, struct flow *flow, u8 direction,
				u32 bytes)
{
	connection->uncalled[direction & 1] += bytes;
	if (!flow)
		return;
	if (direction == EGRESS)
		add(flow->uncalled_written, bytes);
	else
		add(flow->uncalled_read, bytes);
}

/*
 * What had crossed when we last looked, and no call has told of until now, none will tell of: but
 * for a call that is underway all the while.
 */
inline_always void look_uncalled(struct connection *connection, u8 direction)
{
	s32 bytes = uncalled_of(connection, direction, connection->crossed[direction & 1]);

	if (bytes <= 0 || connection->calling >> direction & 1)
		return;
	if (!connection->is_classified) {
		connection->is_from_middle = 1;
		set_states(connection, MESSAGE_LOST);
		settle(connection);
	}
	add_uncalled(connection, flow_of(connection, &connection->key), direction, bytes);
}

/* Bytes that an open socket moved without calls; whether some are left to be told of. */
apart int look_crossed(u64 sk, struct connection *connection, u64 is_checked)
{
	u32 crossed[2];

	if (!connection || !connection->is_sequenced || connection->is_closed)
		return 0;
	if (is_checked) {
		look_uncalled(connection, EGRESS);
		look_uncalled(connection, INGRESS);
	}
	read_crossed(sk, connection, crossed);
	connection->crossed[EGRESS] = crossed[EGRESS];
	connection->crossed[INGRESS] = crossed[INGRESS];
	connection->calling = 0;
	return uncalled_of(connection, EGRESS, crossed[EGRESS]) > 0 ||
	       uncalled_of(connection, INGRESS, crossed[INGRESS]) > 0;
}

/* At a socket's end: all that crossed it, and of that what no call of ours moved. */
inline_always void count_uncalled(struct connection *connection, struct flow *flow, u8 direction,
				  u32 crossed)
{
	u64 called = connection->called[direction & 1];
	s32 rest = uncalled_of(connection, direction, crossed);

	tally(TALLY_BYTES_CALLED, called);
	tally(TALLY_BYTES_CROSSED, called + connection->uncalled[direction & 1] + rest);
	if (rest > 0)
		add_uncalled(connection, flow, direction, rest);
	tally(TALLY_BYTES_UNCALLED, connection->uncalled[direction & 1]);
}

#endif
