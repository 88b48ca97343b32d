/*
 * Hash table from 128 bits to a number. Keys are keyed hashes already, so their low bits are the place.
 * It holds no text: a series costs 24 bytes and the free room beside it.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct hash {
	uint64_t low, high;
};

struct slot {
	struct hash key;
	int64_t value;
};

struct table {
	struct slot *slots;
	uint64_t room; /* a power of two, or 0 */
	uint64_t used;
};

#define NOTHING INT64_MIN /* the value of a free slot, and the answer for an unknown key */

static inline struct slot *slot_of(const struct table *table, struct hash key)
{
	uint64_t mask = table->room - 1;
	uint64_t at = key.low & mask;

	while (table->slots[at].value != NOTHING &&
	       (table->slots[at].key.low != key.low || table->slots[at].key.high != key.high))
		at = (at + 1) & mask;
	return &table->slots[at];
}

static inline int64_t table_get(const struct table *table, struct hash key)
{
	return table->room ? slot_of(table, key)->value : NOTHING;
}

static inline bool table_resize(struct table *table, uint64_t room)
{
	struct table grown = {malloc(room * sizeof(struct slot)), room, table->used};

	if (!grown.slots)
		return false;
	for (uint64_t at = 0; at < room; at++)
		grown.slots[at].value = NOTHING;
	for (uint64_t at = 0; at < table->room; at++)
		if (table->slots[at].value != NOTHING)
			*slot_of(&grown, table->slots[at].key) = table->slots[at];
	free(table->slots);
	*table = grown;
	return true;
}

/* False when there is no memory; the key is unknown then. */
static inline bool table_put(struct table *table, struct hash key, int64_t value)
{
	struct slot *slot;

	if (table->used * 8 >= table->room * 5 &&
	    !table_resize(table, table->room ? table->room * 2 : 1024))
		return false;
	slot = slot_of(table, key);
	table->used += slot->value == NOTHING;
	slot->key = key;
	slot->value = value;
	return true;
}

static inline void table_clear(struct table *table)
{
	free(table->slots);
	memset(table, 0, sizeof(*table));
}
