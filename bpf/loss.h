/* What could not be counted, by reason: one number a reason, never silence. */
#ifndef PODWIRE_LOSS_H
#define PODWIRE_LOSS_H

#include "kernel.h"

enum loss {
	LOSS_FLOWS_FULL,     /* a flow that the map has no room for */
	LOSS_SOCKETS_FULL,   /* a socket that the map has no room for */
	LOSS_CALLS_FULL,     /* a system call in flight that the map has no room for */
	LOSS_STATUSES_FULL,  /* a status code that the map has no room for */
	LOSS_PAYLOAD_UNREAD, /* user memory that could not be read at the end of a call */
	LOSS_HTTP_AMBIGUOUS, /* a connection whose messages can no longer be told apart */
	LOSS_HTTP_UNPAIRED,  /* a response without a request that was seen */
	LOSS_HTTP_PIPELINED, /* more requests waiting on one connection than are remembered */
	LOSS_REASONS,
};

/* Key: reason. Value: how often, on each CPU. */
struct {
	__uint(type, MAP_PERCPU_ARRAY);
	__uint(max_entries, LOSS_REASONS);
	__type(key, u32);
	__type(value, u64);
} losses SEC(".maps");

enum loss named_in_btf; /* or the enum would be nowhere in the object's BTF */

inline_always void count_loss(enum loss reason)
{
	u32 key = reason;
	u64 *count = bpf_map_lookup_elem(&losses, &key);

	if (count)
		*count += 1;
}

#endif
