/* What one process and one peer said to each other: keys, counters, and the map of them. */
#ifndef PODWIRE_FLOW_H
#define PODWIRE_FLOW_H

#include "bounds.h"
#include "loss.h"

enum role { ROLE_UNKNOWN, ROLE_CLIENT, ROLE_SERVER };
enum protocol { PROTOCOL_UNKNOWN, PROTOCOL_HTTP1, PROTOCOL_HTTP2 };

struct address {
	u8 bytes[16]; /* IPv4 is mapped into IPv6 */
};

struct flow_key {
	u32 pid;
	u32 peer_pid; /* the watched process at the other end on this host, or 0 */
	struct address local;
	struct address peer;
	u16 peer_port; /* host order; 0 on a server's flow */
	u8 role;
	u8 protocol;
	u8 tls;
	u8 padding[3];
};

struct operation {
	u64 count;
	u64 bytes;
	u64 time; /* ns; us for rtt */
	u32 buckets[L4_BUCKETS];
};

struct flow {
	struct operation write;
	struct operation read;
	struct operation rtt;
	struct operation connect;
	struct operation close;
	u64 retransmits;
	u64 drops;
	u64 requests;
	u64 request_bytes;
	u64 responses;
	u64 response_bytes;
	u64 duration_ns;
	u32 request_sizes[SIZE_BUCKETS];
	u32 response_sizes[SIZE_BUCKETS];
	u32 durations[DURATION_BUCKETS];
	u32 padding;
};

struct status_key {
	struct flow_key flow;
	u32 status;
};

/* Key: process, peer, role, protocol, TLS. Value: counters that only grow. */
struct {
	__uint(type, MAP_HASH);
	__uint(max_entries, 16384);
	__uint(map_flags, NO_PREALLOC);
	__type(key, struct flow_key);
	__type(value, struct flow);
} flows SEC(".maps");

/* Key: flow and HTTP status. Value: number of responses. */
struct {
	__uint(type, MAP_HASH);
	__uint(max_entries, 65536);
	__uint(map_flags, NO_PREALLOC);
	__type(key, struct status_key);
	__type(value, u64);
} statuses SEC(".maps");

/* One flow of zeros, to start others from: it is too large for the stack. */
struct {
	__uint(type, MAP_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct flow);
} empty SEC(".maps");

apart struct flow *flow_of(const struct flow_key *key)
{
	struct flow *flow;
	u32 zero = 0;

	if (!key)
		return 0;
	flow = bpf_map_lookup_elem(&flows, key);
	if (flow)
		return flow;
	flow = bpf_map_lookup_elem(&empty, &zero);
	if (!flow)
		return 0;
	bpf_map_update_elem(&flows, key, flow, MAP_NOEXIST);
	flow = bpf_map_lookup_elem(&flows, key);
	if (!flow)
		count_loss(LOSS_FLOWS_FULL);
	return flow;
}

inline_always void count_operation(struct operation *operation, u64 bytes, u64 time, u64 scaled)
{
	u32 bucket = l4_bucket(scaled);

	add(operation->count, 1);
	if (bytes)
		add(operation->bytes, bytes);
	add(operation->time, time);
	if (bucket < L4_BUCKETS)
		add(operation->buckets[bucket], 1);
}

inline_always void count_status(const struct flow_key *flow, u32 status)
{
	struct status_key key = {.status = status};
	u64 *count, one = 1;

	key.flow = *flow;
	count = bpf_map_lookup_elem(&statuses, &key);
	if (count)
		add(*count, 1);
	else if (bpf_map_update_elem(&statuses, &key, &one, MAP_NOEXIST)) {
		count = bpf_map_lookup_elem(&statuses, &key);
		if (count)
			add(*count, 1);
		else
			count_loss(LOSS_STATUSES_FULL);
	}
}

#endif
