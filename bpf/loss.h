/* What could not be counted, by reason, and the sums that must agree: never silence. */
#ifndef PODWIRE_LOSS_H
#define PODWIRE_LOSS_H

#include "kernel.h"

enum loss {
	LOSS_FLOWS_FULL,      /* a flow that the map has no room for */
	LOSS_FLOWS_OTHER,     /* a flow beyond its process's share, added to the process's `other` */
	LOSS_PROCESSES_FULL,  /* a child of a watched process that the map has no room for */
	LOSS_SOCKETS_FULL,    /* a socket that the map, or its process's share, has no room for */
	LOSS_CALLS_FULL,      /* a system call in flight that there is no memory for */
	LOSS_CALLS_COMPAT,    /* a 32-bit system call: its bytes are told by the socket's end */
	LOSS_STATUSES_FULL,   /* a response whose status is one more than a flow remembers */
	LOSS_REASONS_FULL,    /* a drop or failed connect whose reason the map has no room for */
	LOSS_PAYLOAD_UNREAD,  /* user memory that could not be read at the end of a call */
	LOSS_PAGES_FULL,      /* a message, or the rest of it, that no page was free to record */
	LOSS_SAMPLES_FULL,    /* a picked exchange that user space had no room for */
	LOSS_HTTP_UNSEEN,     /* a message's start that passed without user memory (sendfile, splice) */
	LOSS_HTTP_AMBIGUOUS,  /* a connection whose messages could no longer be told apart */
	LOSS_HTTP_BUDGET,     /* a call with more to look at than its budget */
	LOSS_HTTP_UNPAIRED,   /* a response without a request that was seen */
	LOSS_HTTP_FORGOTTEN,  /* a request whose response cannot be told any more */
	LOSS_HTTP_PIPELINED,  /* more requests waiting on one connection than are remembered */
	LOSS_TLS_UNPLACED,    /* a TLS library's call whose socket is not proven: its plaintext is lost */
	LOSS_TLS_TORN,	      /* a TLS library's call that used more than one socket: the same */
	LOSS_TLS_NESTED,      /* a TLS library's call inside another session's: the same */
	LOSS_SESSIONS_FULL,   /* a TLS session that the map has no room for */
	LOSS_CALLS_MISSED,    /* a call's start or end, because tasks were preempted in every lane */
	LOSS_REASONS,
};

/* Both sides of each conservation law; `capture/balance.py` sets them against each other. */
enum tally {
	TALLY_REQUESTS_BEGUN,
	TALLY_REQUESTS_ANSWERED,
	TALLY_REQUESTS_UNANSWERED, /* complete, and the connection ended */
	TALLY_REQUESTS_UNFINISHED, /* broken off by the end of the connection */
	TALLY_REQUESTS_FORGOTTEN,
	TALLY_BYTES_CROSSED, /* by the sequence numbers of sockets that ended */
	TALLY_BYTES_CALLED,  /* of them, by their calls */
	TALLY_BYTES_UNCALLED, /* of them, the rest: io_uring, 32-bit calls, others */
	TALLY_PLAINTEXT_CALLED, /* calls of TLS libraries that moved bytes */
	TALLY_PLAINTEXT_FOLLOWED, /* of them, those whose socket was proven */
	TALLY_PLAINTEXT_LOST, /* of them, the rest: tls_unplaced, tls_torn, tls_nested */
	TALLIES,
};

/* Key: reason. Value: how often, on each CPU. */
struct {
	__uint(type, MAP_PERCPU_ARRAY);
	__uint(max_entries, LOSS_REASONS);
	__type(key, u32);
	__type(value, u64);
} losses SEC(".maps");

/* Key: tally. Value: how much, on each CPU. */
struct {
	__uint(type, MAP_PERCPU_ARRAY);
	__uint(max_entries, TALLIES);
	__type(key, u32);
	__type(value, u64);
} tallies SEC(".maps");

enum loss losses_named_in_btf; /* or the enums would be nowhere in the object's BTF */
enum tally tallies_named_in_btf;

inline_always void count_losses(enum loss reason, u64 number)
{
	u32 key = reason;
	u64 *count = bpf_map_lookup_elem(&losses, &key);

	if (count)
		add(*count, number);
}

inline_always void count_loss(enum loss reason)
{
	count_losses(reason, 1);
}

inline_always void tally(enum tally what, u64 number)
{
	u32 key = what;
	u64 *sum = bpf_map_lookup_elem(&tallies, &key);

	if (sum)
		add(*sum, number);
}

#endif
