/*
 * Reads collections of meters off the wire without making a message of them.
 *
 * In: serialized MeterDataCollections, and what the caller has taught: names and label sets by their hash.
 * Out: heads of collections, then columns of samples, family by family in the order they came.
 * A label set is known by the sum of its labels' hashes and its reporter's, so their order is free.
 * Whatever a canonical writer would not write (a field twice, an unknown one) makes a collection ODD; the
 * caller reads those with protobuf. Fields in any order, omitted zeros and long varints are read here.
 */
#include "hash.h"
#include "read.h"

enum status { READ, ODD, HEADLESS };

struct head {
	int64_t status, meters, timestamp;
	int64_t service_at, service_size, instance_at, instance_size;
};

struct meter {
	int64_t collection, name, labels; /* NOTHING where not known yet */
	int64_t samples;		  /* -1: a single value */
	int64_t first;			  /* its first bucket among the scanner's */
	double value;
	int64_t at, size; /* the MeterData in the buffer */
	struct hash name_hash, labels_hash;
};

struct bucket {
	double count;
	int64_t bound;
};

struct bound {
	uint64_t bits;
	int64_t code; /* plus 1; 0 where nothing is remembered */
};

#define RECENT_BITS 9

struct scanner {
	struct key label_key, owner_key;
	struct table names, labels, bounds;
	struct bound recent[1 << RECENT_BITS]; /* bounds by a short hash: those in use fit */
	uint64_t *bound_bits; /* by code */
	int64_t bound_room;
	struct meter *meters;
	int64_t meter_count, meter_room;
	struct bucket *buckets;
	int64_t bucket_count, bucket_room;
	struct span last; /* the labels of the meter before, and what came of them */
	struct hash last_hash;
};

#define BUCKETS_LIMIT 1024
#define REFUSED_BUCKETS (-1) /* as if its label set had been refused for reason 1 */
#define NEGATIVE_INFINITY 0xc3e0000000000000 /* -2^63 as a double */

/* Keeps a text field that may come once. */
static void take_text(struct reader *r, struct span *text)
{
	if (text->size >= 0)
		r->odd = true;
	*text = read_span(r);
	if (!is_text(*text))
		r->odd = true;
}

/* One form for all ways to write a label: as most writers do where sizes fit a byte, else with long sizes. */
static uint8_t *put_text(uint8_t *to, uint8_t tag, struct span text, bool is_short)
{
	uint64_t size = text.size > 0 ? (uint64_t)text.size : 0;
	int width = is_short ? 1 : 8;

	*to++ = is_short ? tag : 0;
	memcpy(to, &size, width); /* little endian */
	to += width;
	if (size)
		memcpy(to, text.at, size);
	return to + size;
}

static struct hash hash_label(struct key key, struct span name, struct span value, bool is_short, bool *odd)
{
	uint8_t small[512], *form = small, *end;
	uint64_t need = 18 + (name.size > 0 ? name.size : 0) + (value.size > 0 ? value.size : 0);
	struct hash hash = {0};

	if (need > sizeof(small) && !(form = malloc(need))) {
		*odd = true;
		return hash;
	}
	end = put_text(put_text(form, 0x0a, name, is_short), 0x12, value, is_short);
	hash = hash_of(key, form, end - form);
	if (form != small)
		free(form);
	return hash;
}

static struct hash read_label(struct key key, struct span body, bool *odd)
{
	struct reader r = {body.at, body.at + body.size, false};
	struct span name = ABSENT, value = ABSENT;
	bool is_short;

	while (r.at < r.end && !r.odd) {
		switch (*r.at++) {
		case 0x0a:
			take_text(&r, &name);
			break;
		case 0x12:
			take_text(&r, &value);
			break;
		default:
			r.odd = true;
		}
	}
	*odd |= r.odd;
	is_short = name.size > 0 && name.size < 0x80 && value.size > 0 && value.size < 0x80;
	if (is_short && body.size == 4 + name.size + value.size && name.at == body.at + 2)
		return hash_of(key, body.at, body.size); /* already in that form */
	return hash_label(key, name, value, is_short, odd);
}

static int64_t new_bound(struct scanner *s, struct hash key, bool *odd)
{
	int64_t code = (int64_t)s->bounds.used;

	if (code == s->bound_room) {
		int64_t room = s->bound_room ? s->bound_room * 2 : 256;
		uint64_t *grown = realloc(s->bound_bits, room * sizeof(uint64_t));

		if (!grown) {
			*odd = true;
			return 0;
		}
		s->bound_bits = grown;
		s->bound_room = room;
	}
	if (!table_put(&s->bounds, key, code))
		*odd = true;
	s->bound_bits[code] = key.high;
	return code;
}

static inline int64_t code_of_bound(struct scanner *s, uint64_t bits, bool *odd)
{
	uint64_t mixed = bits * 0x9e3779b97f4a7c15;
	struct bound *recent = &s->recent[mixed >> (64 - RECENT_BITS)];
	struct hash key = {mixed ^ mixed >> 32, bits};
	int64_t code;

	if (recent->code && recent->bits == bits)
		return recent->code - 1;
	code = table_get(&s->bounds, key);
	if (code == NOTHING)
		code = new_bound(s, key, odd);
	*recent = (struct bound){bits, code + 1};
	return code;
}

/* Bound and count in any order, each at most once, zeros omitted or not. */
static struct bucket read_bucket(struct scanner *s, struct span body, bool *odd)
{
	struct reader r = {body.at, body.at + body.size, false};
	uint64_t bits = 0, count = 0, negative = 0;
	int seen = 0;

	while (r.at < r.end && !r.odd) {
		uint8_t tag = *r.at++;
		int bit = tag == 0x09 ? 1 : tag == 0x10 ? 2 : tag == 0x18 ? 4 : 8;

		r.odd |= bit == 8 || (seen & bit);
		seen |= bit;
		if (bit == 1)
			bits = read_fixed(&r);
		else if (bit == 2)
			count = read_varint(&r);
		else if (bit == 4)
			negative = read_varint(&r);
	}
	*odd |= r.odd;
	bits = negative ? NEGATIVE_INFINITY : bits;
	return (struct bucket){(double)(int64_t)count, code_of_bound(s, bits, odd)};
}

/* The buckets that follow each other from here on, the form of most writers first. */
static void read_buckets(struct scanner *s, struct reader *r)
{
	const uint8_t *at = r->at - 1;

	while (at < r->end && *at == 0x1a && !r->odd) {
		struct bucket *grown, *bucket;
		uint64_t bits;

		if (s->bucket_count == s->bucket_room) {
			int64_t room = s->bucket_room ? s->bucket_room * 2 : 4096;

			if (!(grown = realloc(s->buckets, room * sizeof(struct bucket)))) {
				r->odd = true;
				break;
			}
			s->buckets = grown;
			s->bucket_room = room;
		}
		bucket = &s->buckets[s->bucket_count++];
		if (r->end - at >= 13 && at[1] == 11 && at[2] == 0x09 && at[11] == 0x10 && at[12] < 0x80) {
			memcpy(&bits, at + 3, 8);
			*bucket = (struct bucket){at[12], code_of_bound(s, bits, &r->odd)};
			at += 13;
			continue;
		}
		if (r->end - at >= 11 && at[1] == 9 && at[2] == 0x09) { /* a count of zero is left out */
			memcpy(&bits, at + 3, 8);
			*bucket = (struct bucket){0, code_of_bound(s, bits, &r->odd)};
			at += 11;
			continue;
		}
		r->at = at + 1;
		*bucket = read_bucket(s, read_span(r), &r->odd);
		at = r->at;
	}
	r->at = at;
}

static inline void add_hash(struct hash *sum, struct hash more)
{
	sum->low += more.low;
	sum->high += more.high;
}

/* Name, labels and values of a single value (`histogram` false) or a histogram. */
static void read_metric(struct scanner *s, struct span body, bool histogram, struct meter *m, bool *odd)
{
	struct reader r = {body.at, body.at + body.size, false};
	struct span name = ABSENT, run = ABSENT;
	struct hash labels = {0};
	bool valued = false, broken = false;

	m->first = s->bucket_count;
	while (r.at < r.end && !r.odd) {
		const uint8_t *start = r.at;
		uint8_t tag = *r.at++;

		if (tag == 0x0a) {
			take_text(&r, &name);
		} else if (tag == 0x12) {
			/* Labels stand together; the same run as the meter before needs no second look. */
			if (run.size < 0 && s->last.size > 0 && r.end - start >= s->last.size &&
			    !memcmp(start, s->last.at, s->last.size) &&
			    (r.end - start == s->last.size || start[s->last.size] != 0x12)) {
				labels = s->last_hash;
				run = (struct span){start, s->last.size};
				r.at = start + s->last.size;
				continue;
			}
			add_hash(&labels, read_label(s->label_key, read_span(&r), &r.odd));
			broken |= run.size >= 0 && run.at + run.size != start;
			run = run.size < 0 ? (struct span){start, r.at - start}
					   : (struct span){run.at, r.at - run.at};
		} else if (!histogram && tag == 0x19 && !valued) {
			uint64_t bits = read_fixed(&r);

			memcpy(&m->value, &bits, 8);
			valued = true;
		} else if (histogram && tag == 0x1a) {
			read_buckets(s, &r);
		} else {
			r.odd = true;
		}
	}
	*odd |= r.odd;
	if (!r.odd && !broken && run.size > 0) {
		s->last = run;
		s->last_hash = labels;
	}
	m->samples = histogram ? s->bucket_count - m->first : -1;
	m->name_hash = hash_of(s->label_key, name.at, name.size > 0 ? name.size : 0);
	m->labels_hash = labels;
}

static void settle(struct scanner *s, struct meter *m)
{
	m->name = table_get(&s->names, m->name_hash);
	if (m->name >= 0)
		m->labels = m->samples > BUCKETS_LIMIT ? REFUSED_BUCKETS
						       : table_get(&s->labels, m->labels_hash);
}

static void read_meter(struct scanner *s, const uint8_t *buffer, struct span body, int64_t collection,
		       struct head *head, struct hash owner, bool *odd)
{
	struct reader r = {body.at, body.at + body.size, false};
	struct meter *m;
	bool metric = false;

	if (s->meter_count == s->meter_room) {
		int64_t room = s->meter_room ? s->meter_room * 2 : 1024;
		struct meter *grown = realloc(s->meters, room * sizeof(struct meter));

		if (!grown) {
			*odd = true;
			return;
		}
		s->meters = grown;
		s->meter_room = room;
	}
	m = &s->meters[s->meter_count];
	memset(m, 0, sizeof(*m));
	m->collection = collection;
	m->at = body.at - buffer;
	m->size = body.size;
	m->labels = NOTHING;
	while (r.at < r.end && !r.odd) {
		uint8_t tag = *r.at++;

		if (tag == 0x0a || tag == 0x12) {
			r.odd |= metric;
			metric = true;
			read_metric(s, read_span(&r), tag == 0x12, m, &r.odd);
		} else if (tag == 0x28) {
			read_varint(&r);
		} else { /* service or instance: the head pass has seen that there is nothing else */
			read_span(&r);
		}
	}
	*odd |= r.odd;
	if (!metric || r.odd)
		return;
	add_hash(&m->labels_hash, owner);
	settle(s, m);
	head->meters++;
	s->meter_count++;
}

static void keep_text(struct reader *r, const uint8_t *buffer, int64_t *at, int64_t *size, int *seen, int bit)
{
	struct span text = read_span(r);

	r->odd |= (*seen & bit) || !is_text(text);
	*seen |= bit;
	if (text.size > 0) {
		*at = text.at - buffer;
		*size = text.size;
	}
}

/* Who reports, and when: the last that is not empty, wherever it stands. */
static void read_head(const uint8_t *buffer, struct span body, struct head *head)
{
	struct reader all = {body.at, body.at + body.size, false};

	while (all.at < all.end && !all.odd) {
		struct reader r;
		struct span entry;
		int seen = 0;

		if (*all.at++ != 0x0a) {
			all.odd = true;
			break;
		}
		entry = read_span(&all);
		r = (struct reader){entry.at, entry.at + entry.size, false};
		while (r.at < r.end && !r.odd) {
			switch (*r.at++) {
			case 0x0a:
			case 0x12:
				read_span(&r);
				break;
			case 0x1a:
				keep_text(&r, buffer, &head->service_at, &head->service_size, &seen, 1);
				break;
			case 0x22:
				keep_text(&r, buffer, &head->instance_at, &head->instance_size, &seen, 2);
				break;
			case 0x28: {
				int64_t timestamp = (int64_t)read_varint(&r);

				r.odd |= seen & 4;
				seen |= 4;
				head->timestamp = timestamp ? timestamp : head->timestamp;
				break;
			}
			default:
				r.odd = true;
			}
		}
		all.odd |= r.odd;
	}
	if (all.odd)
		head->status = ODD;
}

static struct hash hash_owner(const struct scanner *s, const uint8_t *buffer, const struct head *head)
{
	struct hash service = hash_of(s->owner_key, buffer + head->service_at, head->service_size);
	struct key mixed = {s->owner_key.first ^ service.low, s->owner_key.second ^ service.high};

	return hash_of(mixed, buffer + head->instance_at, head->instance_size);
}

static void read_collection(struct scanner *s, const uint8_t *buffer, struct span body, int64_t number,
			    struct head *head)
{
	int64_t meters = s->meter_count, buckets = s->bucket_count;
	struct reader r = {body.at, body.at + body.size, false};
	struct hash owner;
	bool odd = false;

	memset(head, 0, sizeof(*head));
	read_head(buffer, body, head);
	if (head->status == ODD)
		return;
	owner = hash_owner(s, buffer, head);
	s->last = ABSENT;
	while (r.at < r.end && !odd) {
		r.at++;
		read_meter(s, buffer, read_span(&r), number, head, owner, &odd);
	}
	if (odd || !head->service_size || !head->instance_size || !head->timestamp) {
		head->status = odd ? ODD : HEADLESS;
		s->meter_count = meters;
		s->bucket_count = buckets;
	}
}

/* NULL when there is no memory. */
struct scanner *scanner_new(const uint64_t key[4])
{
	struct scanner *s = calloc(1, sizeof(*s));

	if (s) {
		s->label_key = (struct key){key[0], key[1]};
		s->owner_key = (struct key){key[2], key[3]};
	}
	return s;
}

/* Forget label sets and bounds; names stay. */
void scanner_forget(struct scanner *s)
{
	table_clear(&s->labels);
	table_clear(&s->bounds);
	memset(s->recent, 0, sizeof(s->recent));
}

void scanner_forget_names(struct scanner *s)
{
	table_clear(&s->names);
}

void scanner_free(struct scanner *s)
{
	scanner_forget(s);
	scanner_forget_names(s);
	free(s->bound_bits);
	free(s->meters);
	free(s->buckets);
	free(s);
}

/* Reads every message; `starts` has one more than there are. Returns the number of meters. */
int64_t scan(struct scanner *s, const uint8_t *buffer, const int64_t *starts, int64_t count,
	     struct head *heads)
{
	s->meter_count = s->bucket_count = 0;
	for (int64_t number = 0; number < count; number++) {
		struct span body = {buffer + starts[number], starts[number + 1] - starts[number]};

		read_collection(s, buffer, body, number, &heads[number]);
	}
	return s->meter_count;
}

/* Number, collection, position and size of each meter that is not known, into rows of four. */
int64_t unknown_meters(const struct scanner *s, int64_t *unknown)
{
	int64_t found = 0;

	for (int64_t at = 0; at < s->meter_count; at++) {
		const struct meter *m = &s->meters[at];

		if (m->name != NOTHING && (m->name < 0 || m->labels != NOTHING))
			continue;
		*unknown++ = at;
		*unknown++ = m->collection;
		*unknown++ = m->at;
		*unknown++ = m->size;
		found++;
	}
	return found;
}

/* Looks a meter up again; whether it is known by now. */
int settle_meter(struct scanner *s, int64_t at)
{
	struct meter *m = &s->meters[at];

	settle(s, m);
	return m->name != NOTHING && (m->name < 0 || m->labels != NOTHING);
}

/* False when there is no memory. A negative name is one that nobody wants. */
int learn_name(struct scanner *s, int64_t at, int64_t name)
{
	return table_put(&s->names, s->meters[at].name_hash, name);
}

/* A negative id refuses the set for reason -id. */
int learn_labels(struct scanner *s, int64_t at, int64_t labels)
{
	return table_put(&s->labels, s->meters[at].labels_hash, labels);
}

int64_t known_names(const struct scanner *s)
{
	return (int64_t)s->names.used;
}

int64_t known_labels(const struct scanner *s)
{
	return (int64_t)s->labels.used;
}

int64_t known_bounds(const struct scanner *s)
{
	return (int64_t)s->bounds.used;
}

/* The bits of the bounds met so far, by code, from `from` on. */
void bounds_from(const struct scanner *s, int64_t from, uint64_t *bits)
{
	memcpy(bits, s->bound_bits + from, (s->bounds.used - from) * sizeof(uint64_t));
}

/* Samples by name, and refused meters by reason, of the collections that are not left out. */
void count_samples(const struct scanner *s, const uint8_t *left_out, int64_t *samples, int64_t *refused,
		   int64_t reasons)
{
	for (int64_t at = 0; at < s->meter_count; at++) {
		const struct meter *m = &s->meters[at];

		if (left_out[m->collection] || m->name < 0)
			continue;
		if (m->labels >= 0)
			samples[m->name] += m->samples < 0 ? 1 : m->samples;
		else if (-m->labels <= reasons)
			refused[-m->labels - 1]++;
	}
}

#define BOUND_MASK ((1LL << 24) - 1)

/* Fills the columns; `next` says where each name's samples begin. `bounds` are the caller's, by code. */
void fill_samples(const struct scanner *s, const uint8_t *left_out, int64_t *next, const int64_t *bounds,
		  int64_t *ids, double *values)
{
	for (int64_t at = 0; at < s->meter_count; at++) {
		const struct meter *m = &s->meters[at];
		const struct bucket *bucket = s->buckets + m->first;
		int64_t id = m->collection << 48 | m->labels, *to;

		if (left_out[m->collection] || m->name < 0 || m->labels < 0)
			continue;
		to = &next[m->name];
		if (m->samples < 0) {
			ids[*to] = id;
			values[(*to)++] = m->value;
		}
		for (int64_t left = m->samples; left > 0; left--, bucket++) {
			ids[*to] = (id & ~BOUND_MASK) | bounds[bucket->bound];
			values[(*to)++] = bucket->count;
		}
	}
}
