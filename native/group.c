/*
 * Groups equal keys and adds up whole numbers that must not wrap: two loops that NumPy has no word for.
 */
#include <stdint.h>
#include <stdlib.h>

static inline uint64_t place_of(int64_t key)
{
	uint64_t mixed = (uint64_t)key * 0x9e3779b97f4a7c15;

	return mixed ^ mixed >> 32;
}

/*
 * Numbers equal keys in the order they first come: `group` of each key, `first` position of each group.
 * Returns the number of groups, or -1 when there is no memory.
 */
int64_t group_keys(const int64_t *keys, int64_t count, int64_t *group, int64_t *first)
{
	uint64_t room = 16, mask;
	int32_t *slots;
	int64_t groups = 0;

	while (room < (uint64_t)count * 2)
		room *= 2;
	mask = room - 1;
	slots = calloc(room, sizeof(*slots));
	if (!slots || count >= INT32_MAX) {
		free(slots);
		return -1;
	}
	for (int64_t at = 0; at < count; at++) {
		uint64_t place = place_of(keys[at]) & mask;

		while (slots[place] && keys[first[slots[place] - 1]] != keys[at])
			place = (place + 1) & mask;
		if (!slots[place]) {
			first[groups++] = at;
			slots[place] = (int32_t)groups;
		}
		group[at] = slots[place] - 1;
	}
	free(slots);
	return groups;
}

/* Adds each value to its group's total; a total stays within the least and the most there is. */
void add_longs(const int64_t *group, const int64_t *values, int64_t count, int64_t *totals)
{
	for (int64_t at = 0; at < count; at++) {
		int64_t *total = &totals[group[at]];

		if (__builtin_add_overflow(*total, values[at], total))
			*total = values[at] < 0 ? INT64_MIN : INT64_MAX;
	}
}
