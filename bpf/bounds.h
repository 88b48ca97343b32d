/* Lower bounds of the wire's histogram buckets; a test compares them with model/bounds.py. */
#ifndef PODWIRE_BOUNDS_H
#define PODWIRE_BOUNDS_H

#include "kernel.h"

#define L4_BUCKETS 34
#define SIZE_BUCKETS 25
#define DURATION_BUCKETS 45

/* Execution times, in ns; round-trip times are these divided by 1000, in us. */
static const u64 l4_ns[34] = {
	0, 10000, 50000, 100000, 500000, 1000000, 1200000, 1500000, 1700000, 2000000, 2500000,
	3000000, 5000000, 7000000, 10000000, 13000000, 16000000, 20000000, 25000000, 30000000,
	35000000, 40000000, 45000000, 50000000, 70000000, 100000000, 150000000, 200000000,
	300000000, 500000000, 1000000000, 2000000000, 3000000000, 5000000000,
};

/* Sizes of HTTP messages, in bytes. */
static const u32 http_bytes[25] = {
	256, 512, 1048, 1536, 2048, 3072, 5120, 8192, 10240, 15360, 20480, 35840, 51200, 76800,
	102400, 204800, 512000, 819200, 1048576, 1572864, 2097152, 5242880, 10485760, 20971520,
	52428800,
};

/* Durations of HTTP exchanges, in ms. */
static const u32 http_ms[45] = {
	1, 2, 5, 10, 15, 20, 25, 30, 40, 45, 50, 60, 65, 70, 80, 90, 100, 110, 130, 150, 170, 200,
	230, 260, 290, 330, 380, 430, 480, 500, 600, 700, 800, 900, 1000, 1100, 1300, 1500, 1800,
	2000, 5000, 10000, 15000, 20000, 30000,
};

/*
 * The last bucket whose bound is not above the value; the first for what is below them all.
 * Lone functions: the verifier proves each once and not on every path that calls it.
 */
#define DEFINE_BUCKET(name, bounds, size)                                                          \
	lone u32 name(u64 value)                                                                   \
	{                                                                                          \
		u32 low = 0, high = size;                                                          \
                                                                                                   \
		for (int step = 0; step < 6; step++) {                                             \
			u32 middle = (low + high) / 2;                                             \
                                                                                                   \
			if (high - low <= 1 || middle >= size)                                     \
				break;                                                             \
			if (bounds[middle] > value)                                                \
				high = middle;                                                     \
			else                                                                       \
				low = middle;                                                      \
		}                                                                                  \
		return low;                                                                        \
	}

DEFINE_BUCKET(l4_bucket, l4_ns, L4_BUCKETS)
DEFINE_BUCKET(size_bucket, http_bytes, SIZE_BUCKETS)
DEFINE_BUCKET(duration_bucket, http_ms, DURATION_BUCKETS)

#endif
