/* The payload of one system call: where it lies in user memory, and a window on it. */
#ifndef PODWIRE_WORK_H
#define PODWIRE_WORK_H

#include "connection.h"

struct vector {
	u64 base;
	u64 length;
};

/* What one system call carries, and how far it has been looked at. */
#define WINDOW 512
struct work {
	struct flow_key key; /* of the process that made the call */
	u64 now_ns;
	u64 start_ns;
	u64 vector; /* next iovec in user memory */
	u64 vectors;
	struct vector pair[2]; /* the last that were read: one read of user memory for both */
	u64 base;
	u64 in_segment;
	u64 left; /* of the whole call */
	u64 more; /* next mmsghdr of sendmmsg and recvmmsg */
	u64 messages;
	u64 in_message; /* what the current one carried, of its vectors */
	u64 sk;
	u32 position;
	u32 length;
	u32 mark; /* of the window, so much is recorded */
	u32 dues;
	u32 segments; /* with data, that crossed since the call before */
	u32 nothing; /* 0, which the verifier does not know */
	u16 number;
	u8 direction;
	u8 has_memory; /* 0: sendfile and splice have no user memory */
	u8 is_first;   /* nothing of the call has been looked at */
	u8 which;      /* of the works it is */
	u8 has_second; /* of the pair: it comes next */
	u8 padding[1];
	u8 window[WINDOW + 16]; /* so that two words may begin at every byte */
	struct early due[QUEUE]; /* complete exchanges, to be decided when the call is done */
};

/*
 * What a call carries is too much for the stack. A program never runs twice on one CPU at a time
 * (the kernel refuses and counts it), so a place for each that needs one is enough, in each lane.
 */
enum { WORK_OF_CALLS, WORK_OF_CONNECTS, WORK_OF_STATES, WORK_OF_ENDS, WORKS };
struct {
	__uint(type, MAP_PERCPU_ARRAY);
	__uint(max_entries, WORKS * MOST_LANES);
	__type(key, u32);
	__type(value, struct work);
} works SEC(".maps");

inline_always struct work *work_of(u32 which)
{
	u32 place = which + lane * WORKS;
	struct work *work = bpf_map_lookup_elem(&works, &place);

	if (work)
		work->which = which;
	return work;
}

struct message_header {
	u64 name, name_length;
	u64 vector, vectors;
	u64 control, control_length, flags;
	u32 length; /* of sendmmsg and recvmmsg: how much this one carried */
	u32 padding;
};

inline_always void consume(struct work *work, u64 bytes)
{
	work->base += bytes;
	work->in_segment -= bytes < work->in_segment ? bytes : work->in_segment;
	work->left -= bytes < work->left ? bytes : work->left;
}

/*
 * The next message of sendmmsg or recvmmsg that carried something. Apart, for the stack: a chain of
 * calls has 512 bytes of it, and each frame takes them in steps of 32 before 6.3.
 */
apart int next_message(struct work *work)
{
	struct message_header header = {};

	if (!work || !work->messages)
		return 0;
	if (bpf_probe_read_user(&header, sizeof(header), (void *)work->more))
		return 0;
	work->messages -= 1;
	work->more += sizeof(header);
	work->vector = header.vector;
	work->vectors = header.length ? header.vectors : 0;
	work->has_second = 0;
	work->in_message = header.length;
	return 1;
}

inline_always int next_segment(struct work *work)
{
	const struct vector *vector = &work->pair[0];

	if (!work->vectors || !work->in_message)
		return next_message(work);
	if (work->has_second) {
		vector = &work->pair[1];
		work->has_second = 0;
	} else {
		if (bpf_probe_read_user(work->pair, work->vectors > 1 ? 32 : 16,
					(void *)work->vector))
			return 0;
		work->has_second = work->vectors > 1;
	}
	work->vectors -= 1;
	work->vector += sizeof(*vector);
	work->base = vector->base;
	work->in_segment = vector->length < work->in_message ? vector->length : work->in_message;
	work->in_message -= work->in_segment;
	return 1;
}

/* Eight bytes from anywhere; through a declared array the compiler would take them one by one. */
inline_always u64 eight_at(const void *place)
{
	return *(const u64 *)place;
}

/* Place of the first newline in eight bytes, 8 when there is none. */
inline_always u32 newline_in(u64 word)
{
	u64 ones = 0x0101010101010101ULL, zeros = word ^ (ones * '\n');
	u64 found = (zeros - ones) & ~zeros & (ones << 7);

	/* Every byte up to the first that was found has its lowest bit now. */
	return found ? (((found & -found) - 1 & ones) * ones >> 56) - 1 : 8;
}

#endif
