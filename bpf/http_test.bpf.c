/*
 * The HTTP machine without sockets: BPF_PROG_TEST_RUN plays one call of a connection after another.
 *
 * In: a step; its payload lies in the test's memory and is read as a hook reads it.  Out: the maps
 * of flow.h and loss.h. Not part of the product.
 */
#pragma clang diagnostic ignored "-Wunused-function" /* what only hooks call */
#include "http.h"

char LICENSE[] SEC("license") = "GPL";

enum step_kind { STEP_CALL, STEP_VECTORS, STEP_HIDDEN, STEP_END, STEP_CLOSE };
enum step_kind named_for_tests;

struct step {
	u64 sk;	    /* a key of `connections`, where the test put the connection */
	u64 base;   /* bytes, or iovecs */
	u64 length; /* of all bytes */
	u64 vectors;
	u64 start_ns;
	u64 now_ns;
	u32 direction;
	u32 kind;
};

inline_always void prepare(struct work *work, const struct step *step)
{
	work->start_ns = step->start_ns;
	work->now_ns = step->now_ns;
	work->direction = step->direction;
	work->has_memory = step->kind != STEP_HIDDEN;
	work->left = step->length;
	work->base = step->base;
	work->in_segment = step->kind == STEP_VECTORS ? 0 : step->length;
	work->vector = step->base;
	work->vectors = step->vectors;
	work->has_second = 0;
	work->in_message = step->length;
	work->messages = 0;
}

SEC("syscall")
int play(struct step *step)
{
	struct connection *connection;
	struct work *work;
	u64 sk = step->sk;

	connection = bpf_map_lookup_elem(&connections, &sk);
	work = work_of(WORK_OF_CALLS);
	if (!connection || !work)
		return 1;
	work->key = connection->key;
	work->sk = sk;
	prepare(work, step);
	if (step->kind == STEP_CLOSE)
		finish_messages(connection);
	else if (step->kind == STEP_END)
		end_direction(connection, work);
	else
		follow_http(connection, work);
	return 0;
}
