/* The payload of one system call: where it lies in user memory, and a window on it. */
#ifndef PODWIRE_WORK_H
#define PODWIRE_WORK_H

#include "connection.h"

/* What one system call carries, and how far it has been looked at. */
#define WINDOW 256
struct work {
	struct flow_key key; /* of the process that made the call */
	u64 now_ns;
	u64 start_ns;
	u64 vector; /* next iovec in user memory */
	u64 vectors;
	u64 base;
	u64 in_segment;
	u64 left; /* of the whole call */
	u32 position;
	u32 length;
	u8 direction;
	u8 has_memory; /* 0: sendfile and splice have no user memory */
	u8 padding[6];
	u8 window[WINDOW + 16]; /* so that two words may begin at every byte */
};

struct vector {
	u64 base;
	u64 length;
};

inline_always void consume(struct work *work, u64 bytes)
{
	work->base += bytes;
	work->in_segment -= bytes < work->in_segment ? bytes : work->in_segment;
	work->left -= bytes < work->left ? bytes : work->left;
}

inline_always int next_segment(struct work *work)
{
	struct vector vector = {};

	if (!work->vectors)
		return 0;
	if (bpf_probe_read_user(&vector, sizeof(vector), (void *)work->vector))
		return 0;
	work->vectors -= 1;
	work->vector += sizeof(vector);
	work->base = vector.base;
	work->in_segment = vector.length;
	return 1;
}

/* Place of the first newline in eight bytes, 8 when there is none. */
inline_always u32 newline_in(u64 word)
{
	u64 ones = 0x0101010101010101ULL, zeros = word ^ (ones * '\n');
	u64 found = (zeros - ones) & ~zeros & (ones << 7);
	u32 place = 0;

	if (!found)
		return 8;
	found &= -found;
	place += found > 0x80000000ULL ? 4 : 0;
	place += (found >> (place * 8)) > 0x8000ULL ? 2 : 0;
	place += (found >> (place * 8)) > 0x80ULL ? 1 : 0;
	return place;
}

#endif
