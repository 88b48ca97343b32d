/*
 * Reads the pieces of which protobuf messages are made. Whatever is wrong marks the reader odd and ends it.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

struct span {
	const uint8_t *at;
	int64_t size; /* negative: the field is not there */
};

#define ABSENT ((struct span){NULL, -1})

struct reader {
	const uint8_t *at, *end;
	bool odd;
};

static inline uint64_t read_varint(struct reader *r)
{
	uint64_t value = 0;

	if (r->at < r->end && *r->at < 0x80)
		return *r->at++;
	for (int shift = 0; shift < 70 && r->at < r->end; shift += 7) {
		uint8_t byte = *r->at++;

		if (shift < 64)
			value |= (uint64_t)(byte & 0x7f) << shift;
		if (byte < 0x80) {
			if (shift == 63 && byte > 1)
				break;
			return value;
		}
	}
	r->odd = true;
	r->at = r->end;
	return 0;
}

static inline struct span read_span(struct reader *r)
{
	uint64_t size = read_varint(r);
	struct span span = {r->at, (int64_t)size};

	if (r->odd || size > (uint64_t)(r->end - r->at)) {
		r->odd = true;
		r->at = r->end;
		return (struct span){r->at, 0};
	}
	r->at += size;
	return span;
}

static inline uint64_t read_fixed(struct reader *r)
{
	uint64_t bits = 0;

	if (r->end - r->at < 8) {
		r->odd = true;
		r->at = r->end;
		return 0;
	}
	memcpy(&bits, r->at, 8);
	r->at += 8;
	return bits;
}

static inline bool is_text(struct span text)
{
	const uint8_t *at = text.at, *end = text.at + (text.size > 0 ? text.size : 0);
	uint64_t word;

	while (at < end) {
		uint32_t point, more;

		while (end - at >= 8 && (memcpy(&word, at, 8), !(word & 0x8080808080808080)))
			at += 8;
		if (at == end)
			return true;
		if (*at < 0x80) {
			at++;
			continue;
		}
		more = *at >= 0xf0 ? 3 : *at >= 0xe0 ? 2 : 1;
		if (*at < 0xc2 || *at > 0xf4 || end - at <= more)
			return false;
		point = *at++ & (0x3f >> more);
		for (uint32_t left = more; left; left--, at++) {
			if ((*at & 0xc0) != 0x80)
				return false;
			point = point << 6 | (*at & 0x3f);
		}
		if ((more == 2 && (point < 0x800 || (point >= 0xd800 && point < 0xe000))) ||
		    (more == 3 && (point < 0x10000 || point > 0x10ffff)))
			return false;
	}
	return true;
}
