/*
 * Numbers in a window of a head, eight bytes at once: a status, a Content-Length.
 *
 * In: where one begins.  Out: its value, or 0 where it takes a closer look; http.h knows what for.
 */
#ifndef PODWIRE_NUMBER_H
#define PODWIRE_NUMBER_H

#include "byte.h"

inline_always int is_digit(u8 byte)
{
	return byte >= '0' && byte <= '9';
}

/* ` 200` behind the version, if it is one: the status, or 0. */
inline_always u32 status_in(const struct work *work, u32 position)
{
	const u8 *at = &work->window[position & (WINDOW - 1)];

	if (!is_digit(at[7]) || at[8] != ' ' || !is_digit(at[9]) || at[9] == '0' ||
	    !is_digit(at[10]) || !is_digit(at[11]))
		return 0;
	return (at[9] - '0') * 100 + (at[10] - '0') * 10 + (at[11] - '0');
}

#define TWO_BYTES 0xffff
#define BLANK_LINE 0x0a0d

/* How many decimal digits eight bytes begin with; 8 when all of them are. */
inline_always u32 digits_in(u64 word)
{
	u64 ones = 0x0101010101010101ULL, values = word ^ (ones * '0');
	u64 others = ((values + ones * 6) | values) & (ones * 0xf0);

	/* Every byte up to the first that is none has its lowest bit now. */
	return others ? (((others & -others) - 1 & ones) * ones >> 56) - 1 : 8;
}

/* The value of that many digits, 1 to 8: pairs, then fours, then all. */
inline_always u64 value_of(u64 word, u32 digits)
{
	u64 values = (word ^ 0x3030303030303030ULL) << (64 - 8 * digits & 63);

	values = values * 10 + (values >> 8);
	return ((values & 0x000000ff000000ffULL) * 0x000f424000000064ULL +
		((values >> 16) & 0x000000ff000000ffULL) * 0x0000271000000001ULL) >> 32;
}

/*
 * The number of a Content-Length and the end of its line: the value, and in the low byte how many
 * bytes that was. 0 where it takes a closer look.
 */
inline_always u64 number_in(const struct work *work, u32 position)
{
	u32 spaces = work->window[position & (WINDOW - 1)] == ' ', digits;
	u64 word = eight_at(&work->window[(position + spaces) & (WINDOW - 1)]), end;

	digits = digits_in(word);
	end = eight_at(&work->window[(position + spaces + digits) & (WINDOW - 1)]);
	if (!digits || (end & TWO_BYTES) != BLANK_LINE)
		return 0;
	return value_of(word, digits) << 8 | (spaces + digits + 2);
}

#endif
