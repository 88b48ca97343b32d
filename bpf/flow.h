/* What one process and one peer said to each other: keys, counters, and the map of them. */
#ifndef PODWIRE_FLOW_H
#define PODWIRE_FLOW_H

#include "bounds.h"
#include "loss.h"

enum role { ROLE_UNKNOWN, ROLE_CLIENT, ROLE_SERVER };
enum protocol { PROTOCOL_UNKNOWN, PROTOCOL_HTTP1, PROTOCOL_HTTP2 };

#define STATUSES 32

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
	u8 is_other; /* what is beyond the process's share of flows, together */
	u8 padding[2];
} __attribute__((aligned(8))); /* so that it is copied by words */

/*
 * A count is the sum of its buckets. It lies before its totals and is added after them, so that a
 * reader, who goes upwards, finds every total of what is counted.
 */
struct operation {
	u32 buckets[L4_BUCKETS];
	u64 bytes;
	u64 time; /* ns; us for rtt */
};

struct status {
	u32 code; /* 0: free */
	u32 count;
};

/* The kernel's own account of a connection. */
struct facts {
	u64 bytes_acked;
	u64 bytes_received;
	u64 segments_out;
	u64 segments_in;
	u64 delivered;
	u64 busy_ticks; /* of the kernel's clock: its time with something to send, */
	u64 rwnd_limited_ticks; /* of it waiting for the peer's window, */
	u64 sndbuf_limited_ticks; /* of it waiting for room in its own buffer */
};

struct flow {
	struct flow_key key;
	u64 holders; /* open connections that count here; the slot is reused when there are none */
	struct operation write;
	struct operation read;
	struct operation rtt;
	struct operation connect;
	struct operation close;
	u32 request_sizes[SIZE_BUCKETS];
	u32 padding;
	u64 request_bytes;
	struct status statuses[STATUSES];
	u32 response_sizes[SIZE_BUCKETS];
	u32 durations[DURATION_BUCKETS];
	u64 response_bytes;
	u64 duration_ns;
	u64 unanswered; /* requests whose connection ended */
	u64 unpaired;	/* responses without a request that was seen */
	u64 uncalled_written; /* bytes that crossed without a call that we see */
	u64 uncalled_read;
	u64 retransmits;
	u64 handshake_retransmits; /* of them, SYN and SYN-ACK */
	u64 drops;
	u64 resets_sent;
	u64 resets_received;
	u64 tls_connections;
	u64 tls_readable; /* of them, those whose plaintext was seen */
	struct facts facts;
};

/* Value: counters that only grow. Slot 0 is nobody's; user space sets the size. */
struct {
	__uint(type, MAP_ARRAY);
	__uint(max_entries, 1024);
	__type(key, u32);
	__type(value, struct flow);
} flows SEC(".maps");

/* Key: process, peer, role, protocol, TLS. Value: the flow's slot. */
struct {
	__uint(type, MAP_HASH);
	__uint(max_entries, 1024);
	__uint(map_flags, NO_PREALLOC);
	__type(key, struct flow_key);
	__type(value, u32);
} slots SEC(".maps");

/* Slots that were used and are free again; those freed last are used first, and few are. */
struct {
	__uint(type, MAP_STACK);
	__uint(max_entries, 1024);
	__uint(key_size, 0);
	__uint(value_size, 4);
} vacant SEC(".maps");

struct usage {
	u64 flows; /* slots that were ever used */
	u64 ticks; /* of the kernel's clock, at the last gathering */
	u64 ns;
	u64 has_unexplained; /* then: some bytes had crossed and no call had told of them yet */
	u64 is_unexplained;  /* so far */
	u64 is_checked;	     /* whose calls are underway was looked at since */
};

struct {
	__uint(type, MAP_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct usage);
} usages SEC(".maps");

/* Key: process. Value: its flows; user space corrects it when slots become free. */
struct {
	__uint(type, MAP_HASH);
	__uint(max_entries, 16384);
	__uint(map_flags, NO_PREALLOC);
	__type(key, u32);
	__type(value, u64);
} shares SEC(".maps");

/* What happened for a reason, by that reason; so rare that a look-up does not matter. */
enum what { WHAT_DROP, WHAT_CONNECT_FAILED, WHAT_UNPAIRED };
enum what what_named_in_btf;

struct reason_key {
	u32 slot;
	u16 what;
	u16 reason; /* a drop reason, an errno, a status */
};

/* Key: flow and reason. Value: how often. */
struct {
	__uint(type, MAP_HASH);
	__uint(max_entries, 4096);
	__uint(map_flags, NO_PREALLOC);
	__type(key, struct reason_key);
	__type(value, u64);
} reasons SEC(".maps");

knob u32 flow_slots = 1024;
knob u32 flows_of_process = 1024;

inline_always u32 new_slot(void)
{
	struct usage *usage;
	u32 zero = 0, slot = 0;

	if (!bpf_map_pop_elem(&vacant, &slot))
		return slot;
	usage = bpf_map_lookup_elem(&usages, &zero);
	if (!usage || usage->flows + 1 >= flow_slots || !hold())
		return 0;
	slot = add_fetching(usage->flows, 1) + 1;
	let_go();
	return slot < flow_slots ? slot : 0;
}

/* Give a slot to a key; 0 when there is none, or somebody else's when another CPU was faster. */
inline_always u32 claim_slot(const struct flow_key *key)
{
	struct flow *flow;
	u32 slot = new_slot(), *found;

	flow = slot ? bpf_map_lookup_elem(&flows, &slot) : 0;
	if (!flow)
		return 0;
	flow->key = *key;
	if (!bpf_map_update_elem(&slots, key, &slot, MAP_NOEXIST))
		return slot;
	__builtin_memset(&flow->key, 0, sizeof(flow->key));
	bpf_map_push_elem(&vacant, &slot, 0);
	found = bpf_map_lookup_elem(&slots, key);
	return found ? *found : 0;
}

inline_always int is_within_share(u32 pid)
{
	u64 *flows = bpf_map_lookup_elem(&shares, &pid), one = 1;

	if (flows)
		return add_fetching(*flows, 1) < flows_of_process;
	bpf_map_update_elem(&shares, &pid, &one, MAP_NOEXIST);
	return 1;
}

/*
 * The flow's slot, a new one if need be; 0 when it cannot be counted. The key is copied: before
 * 6.2 a map takes none out of the memory of an argument.
 */
global u32 slot_of(const struct flow_key *wanted)
{
	struct flow_key key;
	u32 *found, slot;

	if (!wanted)
		return 0;
	key = *wanted;
	found = bpf_map_lookup_elem(&slots, &key);
	if (found)
		return *found;
	slot = is_within_share(key.pid) ? claim_slot(&key) : 0;
	if (slot)
		return slot;
	key.peer_pid = 0;
	__builtin_memset(&key.local, 0, sizeof(key.local));
	__builtin_memset(&key.peer, 0, sizeof(key.peer));
	key.peer_port = 0;
	key.is_other = 1;
	found = bpf_map_lookup_elem(&slots, &key);
	slot = found ? *found : claim_slot(&key);
	count_loss(slot ? LOSS_FLOWS_OTHER : LOSS_FLOWS_FULL);
	return slot;
}

inline_always struct flow *flow_in(u32 slot)
{
	return slot ? bpf_map_lookup_elem(&flows, &slot) : 0;
}

/* Most calls and round trips are in the first buckets: they are told without a search. */
inline_always u32 l4_bucket_of(u64 ns)
{
	for (u32 bucket = 0; bucket < 5; bucket++)
		if (ns < l4_ns[bucket + 1])
			return bucket;
	return l4_bucket(ns);
}

inline_always void count_operation(struct operation *operation, u64 bytes, u64 time, u64 scaled)
{
	u32 bucket = l4_bucket_of(scaled);

	if (bytes)
		add(operation->bytes, bytes);
	add(operation->time, time);
	if (bucket < L4_BUCKETS)
		add(operation->buckets[bucket], 1);
}

/* Where a flow counts a status; STATUSES when it has seen too many different ones. */
whole u32 place_of_status(struct flow *flow, u32 slot, u32 code)
{
	if (!flow)
		return STATUSES;
	for (u32 probe = 0; probe < STATUSES; probe++) {
		u32 place = (code + probe) & (STATUSES - 1);
		u32 before = flow->statuses[place].code;

		if (!before && !hold())
			return STATUSES;
		if (!before) {
			before = claim(flow->statuses[place].code, code);
			let_go();
		}
		if (!before || before == code)
			return place;
	}
	return STATUSES;
}

#ifdef ELDER
lone u32 place_alone(u32 slot, u32 code)
{
	return place_of_status(bpf_map_lookup_elem(&flows, &slot), slot, code);
}
#define place_of_status(flow, slot, code) place_alone(slot, code)
#endif

/* The same; most statuses lie where they are looked for first. */
inline_always u32 place_of(struct flow *flow, u32 slot, u32 code)
{
	u32 place = code & (STATUSES - 1);

	return flow->statuses[place].code == code ? place : place_of_status(flow, slot, code);
}

lone int count_reason(u32 slot, u32 what, u32 reason)
{
	struct reason_key key = {.slot = slot, .what = what, .reason = reason};
	u64 *count = bpf_map_lookup_elem(&reasons, &key), one = 1;

	if (count)
		add(*count, 1);
	else if (bpf_map_update_elem(&reasons, &key, &one, MAP_NOEXIST)) {
		count = bpf_map_lookup_elem(&reasons, &key);
		if (count)
			add(*count, 1);
		else
			count_loss(LOSS_REASONS_FULL);
	}
	return 0;
}

#endif
