/*
 * SipHash-1-3 with 128 bits (Aumasson and Bernstein), keyed at random: what a sender may choose cannot
 * be made to collide on purpose, and by chance it does not.
 */
#pragma once

#include "table.h"

struct key {
	uint64_t first, second;
};

#define ROTATE(x, by) ((x) << (by) | (x) >> (64 - (by)))

struct sip {
	uint64_t v0, v1, v2, v3;
};

static inline void sip_round(struct sip *s)
{
	s->v0 += s->v1, s->v1 = ROTATE(s->v1, 13) ^ s->v0, s->v0 = ROTATE(s->v0, 32);
	s->v2 += s->v3, s->v3 = ROTATE(s->v3, 16) ^ s->v2;
	s->v0 += s->v3, s->v3 = ROTATE(s->v3, 21) ^ s->v0;
	s->v2 += s->v1, s->v1 = ROTATE(s->v1, 17) ^ s->v2, s->v2 = ROTATE(s->v2, 32);
}

static inline void sip_absorb(struct sip *s, uint64_t word)
{
	s->v3 ^= word;
	sip_round(s);
	s->v0 ^= word;
}

static inline uint64_t sip_finish(struct sip *s)
{
	for (int turn = 0; turn < 3; turn++)
		sip_round(s);
	return s->v0 ^ s->v1 ^ s->v2 ^ s->v3;
}

static inline struct hash hash_of(struct key key, const uint8_t *data, uint64_t size)
{
	struct sip s = {key.first ^ 0x736f6d6570736575, key.second ^ 0x646f72616e646f6d ^ 0xee,
			key.first ^ 0x6c7967656e657261, key.second ^ 0x7465646279746573};
	uint64_t tail = size << 56, word;
	const uint8_t *end = data + (size & ~7ULL);
	struct hash hash;

	for (; data < end; data += 8) {
		memcpy(&word, data, 8);
		sip_absorb(&s, word);
	}
	for (uint64_t at = 0; at < (size & 7); at++)
		tail |= (uint64_t)data[at] << (8 * at);
	sip_absorb(&s, tail);
	s.v2 ^= 0xee;
	hash.low = sip_finish(&s);
	s.v1 ^= 0xdd;
	hash.high = sip_finish(&s);
	return hash;
}
