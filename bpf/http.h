/*
 * The bytes of HTTP/1.x, both ways of one connection: message.h is told what they begin and end.
 *
 * In: payload as it crossed the socket, in order, a call at a time.  Heads and chunk sizes are
 * read, a line at a step where a line cannot matter; bodies are skipped by length.
 */
#ifndef PODWIRE_HTTP_H
#define PODWIRE_HTTP_H

#include "number.h"

/* The place of the next newline in the window, or the window's end; eight bytes at a step. */
whole u32 find_newline(const struct work *work)
{
	u32 position, place;

	if (!work)
		return 0;
	position = work->position;
	for (int step = 0; step < WINDOW / 8; step++) {
		u32 at = position ^ work->nothing;

		hide(at);
		if (at >= work->length || at >= WINDOW)
			break;
		place = newline_in(eight_at(&work->window[at]));
		position = at + place;
		if (place < 8)
			break;
	}
	return position < work->length ? position : work->length;
}

#ifdef ELDER
lone u32 find_newline_alone(u32 which)
{
	return find_newline(work_of(which));
}
#define find_newline(work) find_newline_alone((work)->which)
#endif

/* A line that does not matter: go behind its newline, or to the window's end without it. */
inline_always void skip_line(struct work *work, struct message *message)
{
	u32 place = find_newline(work);

	if (place < work->length) {
		place += 1;
		message->state = MESSAGE_HEADER;
		message->column = 0;
	}
	message->bytes += place - work->position;
	work->position = place;
}

/* Whether the rest of the line can change nothing. */
inline_always int is_idle_line(const struct message *message)
{
	if (message->state == MESSAGE_HEADER)
		return message->column && !message->which;
	return message->state == MESSAGE_LINE &&
	       (!(message->flags & IS_RESPONSE) || message->column > 11);
}

/* `Transfer-Encoding: chunked` and nothing else on its line, as most say it. */
inline_always int is_chunked_line(const struct work *work, u32 at)
{
	const u8 *line = &work->window[at];

	return (eight_at(line) | CASELESS) == WORD_TRANSFER &&
	       (eight_at(line + 8) | CASELESS_ENCODIN) == WORD_ENCODIN &&
	       (eight_at(line + 16) | CASELESS_CHUNK) == WORD_CHUNK &&
	       ((u32)eight_at(line + 24) | CASELESS_ED) == WORD_ED;
}

/* What a line says of the body: how long the line is, or 0 where it takes a closer look. */
inline_always u32 take_framing(struct message *message, const struct work *work, u32 at, u32 name)
{
	u64 number;

	if (message->flags & (HAS_LENGTH | HAS_CODING))
		return 0;
	if (name == NAME_PERHAPS) {
		if (!is_chunked_line(work, at))
			return 0;
		message->flags |= HAS_CODING | IS_CHUNKED;
		return CHUNKED_LINE;
	}
	number = number_in(work, at + LENGTH_NAME);
	if (!number)
		return 0;
	message->flags |= HAS_LENGTH;
	message->length = number >> 8;
	return LENGTH_NAME + (u8)number;
}

#define LINE_STEPS 104 /* words of a window, and lines that begin in it */

/*
 * The rest of a head in one pass, eight bytes at a step: where it is whole in the window, and says
 * nothing unusual of its body. Otherwise nothing is changed, and it is read more closely.
 */
global int take_lines(struct message *message, struct work *work)
{
	u32 at, place, flags;
	u64 first;

	if (!message || !work)
		return 0;
	flags = message->flags;
	at = work->position;
	for (int step = 0; step < LINE_STEPS; step++) {
		at ^= work->nothing; /* ways that differ in it are one to the verifier */
		hide(at);
		if (at >= work->length || at > WINDOW - CHUNKED_LINE)
			break;
		place = newline_in(eight_at(&work->window[at]));
		at += place;
		if (place == 8)
			continue;
		at += 1;
		hide(at);
		if (at + 2 > work->length || at > WINDOW - CHUNKED_LINE)
			break;
		first = eight_at(&work->window[at]);
		if ((first & TWO_BYTES) == BLANK_LINE) {
			message->bytes += at + 2 - work->position;
			work->position = at + 2;
			return 1;
		}
		place = name_in(first, eight_at(&work->window[at + 8]));
		if (place != NAME_OTHER) {
			place = take_framing(message, work, at, place);
			if (!place)
				break;
			at += place - 1;
		} else if ((u8)first == '\r' || (u8)first == '\n')
			break;
	}
	message->flags = flags;
	return 0;
}

/* A header's line that begins in the window: its name decides how closely to look. */
inline_always int take_header_line(struct feed *feed, u32 position)
{
	struct message *message = feed->message;
	struct work *work = feed->work;
	u64 first, second;
	u32 name;

	if (position + 2 > work->length || position >= WINDOW)
		return 0;
	first = eight_at(&work->window[position]);
	second = eight_at(&work->window[position + 8]);
	if ((first & TWO_BYTES) == BLANK_LINE) {
		message->bytes += 2;
		work->position = position + 2;
		end_head(feed);
		return 1;
	}
	if ((u8)first == '\r' || (u8)first == '\n')
		return 0;
	name = name_in(first, second);
	if (name == NAME_PERHAPS || (position + 16 > work->length && name != NAME_OTHER))
		return 0;
	if (name == NAME_CONTENT_LENGTH) {
		message->which = 0;
		begin_value(message, name);
		message->bytes += LENGTH_NAME;
		work->position = position + LENGTH_NAME;
		return 1;
	}
	if (position + 16 > work->length && find_newline(work) >= work->length)
		return 0;
	message->which = 0;
	message->column = 1;
	skip_line(work, message);
	return 1;
}

inline_always void end_body(struct feed *feed)
{
	if (feed->message->state == MESSAGE_CHUNK)
		feed->message->state = MESSAGE_CHUNK_END;
	else
		end_message(feed);
}

/* A body, or a chunk of it, that ends in the window; 0 when it does not. */
inline_always int skip_here(struct feed *feed)
{
	struct message *message = feed->message;
	struct work *work = feed->work;

	if (message->state == MESSAGE_UNTIL_CLOSE ||
	    message->remaining > work->length - work->position)
		return 0;
	message->bytes += message->remaining;
	work->position += message->remaining;
	message->remaining = 0;
	end_body(feed);
	return 1;
}

/* A message that begins with a whole token in the window is told at once, its head if it can be. */
inline_always int take_start(struct feed *feed, u32 position)
{
	struct work *work = feed->work;
	struct message *message = feed->message;
	u32 found, size, status = 0;

	if (position + 12 > work->length || position >= WINDOW)
		return 0;
	found = token_in(eight_at(&work->window[position]));
	if (found >= TOKENS)
		return 0;
	size = token_sizes[found];
	if (found == TOKEN_RESPONSE) {
		status = status_in(work, position);
		if (!status)
			return 0;
		size = 12;
	}
	begin_message(feed);
	message->bytes += size;
	message->column = size;
	work->position = position + size;
	work->mark = position + token_sizes[found];
	message->status = status;
	end_token(feed, found);
	if (message->state != MESSAGE_LINE)
		return 1;
#ifndef ELDER
	if (take_lines(message, work)) {
		end_head_here(feed);
		return 1;
	}
#endif
	skip_line(work, message);
	return 1;
}

#ifndef ELDER
/* A whole head, or what is left of a body; 1 at the end, and where something takes a closer look. */
inline_always long take_whole(struct feed *feed)
{
	struct work *work = feed->work;
	u32 position = work->position;
	u8 state = feed->message->state;

	if (position >= work->length || position >= WINDOW || state >= MESSAGE_LOST)
		return 1;
	if (!is_skipped(state) && (state != MESSAGE_START || !take_start(feed, position)))
		return 1;
	if (is_skipped(feed->message->state) && !skip_here(feed))
		return 1;
	return work->position >= work->length; /* a step that only found this would cost a call */
}

static long next_whole(u32 index, void *context)
{
	return take_whole(context);
}
#endif

/* A line or a byte. */
static long next_piece(u32 index, void *context)
{
	struct feed *feed = context;
	struct message *message = feed->message;
	struct work *work = feed->work;
	u32 position = work->position;
	u8 byte;

	if (position >= work->length || position >= WINDOW || message->state >= MESSAGE_LOST)
		return 1;
	if (is_skipped(message->state))
		return !skip_here(feed);
#ifdef ELDER
	if (message->state == MESSAGE_START && take_start(feed, position))
		return 0;
#endif
	if (message->state == MESSAGE_HEADER && !message->column &&
	    take_header_line(feed, position))
		return 0;
	byte = work->window[position & (WINDOW - 1)];
	work->position = position + 1;
	take_byte(feed, byte);
	if (is_idle_line(message))
		skip_line(work, message);
	return 0;
}

#ifdef ELDER
lone int next_piece_alone(u32 which)
{
	struct feed feed;

	return !feed_of(which, &feed) || next_piece(0, &feed);
}

/* A loop calls what is verified by itself, so what it goes through once is verified once. */
#define LOOP_ALONE(times, step, feed)                                                              \
	for (u32 index_ = 0, which_ = (feed)->work->which; index_ < (times); index_++)             \
		if (step##_alone(which_))                                                          \
			break
#else
#define LOOP_ALONE LOOP
#endif

/* What the window holds; of a call's first one, one message is the rule, and a step is a call. */
inline_always void read_window(struct feed *feed, int is_first)
{
#ifndef ELDER
	struct work *work = feed->work;
	u8 state;

	if (rarely(!is_first || !take_whole(feed)))
		LOOP(WINDOW, next_whole, feed);
	state = feed->message->state;
	if (!rarely(work->position < work->length && !is_skipped(state) && state < MESSAGE_LOST))
		return;
#endif
	LOOP_ALONE(WINDOW, next_piece, feed);
}

inline_always void skip(struct feed *feed)
{
	struct message *message = feed->message;
	struct work *work = feed->work;
	u64 bytes = work->in_segment < work->left ? work->in_segment : work->left;

	if (message->state != MESSAGE_UNTIL_CLOSE && message->remaining < bytes)
		bytes = message->remaining;
	message->bytes += bytes;
	record_skipped(message, work, bytes);
	consume(work, bytes);
	if (message->state == MESSAGE_UNTIL_CLOSE)
		return;
	message->remaining -= bytes;
	if (!message->remaining)
		end_body(feed);
}

/* Fill the window with what comes next; 0 on success. */
inline_always int look(struct work *work)
{
	u64 length = work->in_segment < work->left ? work->in_segment : work->left;

	if (length > WINDOW)
		length = WINDOW;
	work->position = 0;
	work->mark = 0;
	work->length = length;
	return !work->has_memory ||
	       bpf_probe_read_user(work->window, length & (2 * WINDOW - 1), (void *)work->base);
}

inline_always enum loss why_unseen(const struct work *work)
{
	return work->has_memory ? LOSS_PAYLOAD_UNREAD : LOSS_HTTP_UNSEEN;
}

/*
 * `METHOD target HTTP/1.x` and a newline, in the window up to there; so long is the method in it.
 * Ten bytes stand behind whatever of a method may have come before.
 */
inline_always int is_request_line(const struct work *work, u32 size)
{
	u32 end = find_newline(work), last = end - 1;

	if (end >= work->length || end < 10 + size)
		return 0;
	hide(last);
	if (work->window[last & (WINDOW - 1)] != '\r')
		last += 1;
	last -= 9; /* where ` HTTP/1.x` begins */
	hide(last);
	last &= WINDOW - 1;
	return last > size && work->window[last] == ' ' && is_digit(work->window[last + 8]) &&
	       !((eight_at(&work->window[last + 1]) ^ token_words[TOKEN_RESPONSE]) &
		 token_masks[TOKEN_RESPONSE]);
}

inline_always u64 first_bytes(u64 word, u32 size)
{
	return word & ((1ULL << (8 * size & 63)) - 1);
}

/*
 * A call that carried a part of a method and nothing else: Go's server reads one byte ahead. It is
 * kept for the next call, which may have the rest of the line; `kept` bytes are there already.
 */
inline_always void keep_beginning(struct message *message, const struct work *work, u32 kept)
{
	u32 length = work->length;
	u64 word;

	if (length != work->left || length >= TOKEN_SIZE)
		return;
	word = first_bytes(eight_at(work->window), length);
	if (kept && begins_method(message->length | word << (8 * kept & 63), kept + length)) {
		message->length |= word << (8 * kept & 63);
		message->column = kept + length;
	} else if (begins_method(word, length)) {
		message->length = word;
		message->column = length;
		message->start_ns = start_of(work);
	}
}

/* The rest of a request line whose first bytes were kept: the message is as if it had had them. */
inline_always int take_rest(struct feed *feed, u32 kept)
{
	struct message *message = feed->message;
	struct work *work = feed->work;
	u64 begun_ns = message->start_ns;
	u32 token;

	if (!kept || kept >= TOKEN_SIZE)
		return 0;
	token = token_in(message->length | eight_at(work->window) << (8 * kept & 63));
	if (token >= TOKEN_RESPONSE || !is_request_line(work, token_sizes[token] - kept))
		return 0;
	set_states(feed->connection, MESSAGE_START);
	begin_message(feed);
	message->start_ns = begun_ns;
	message->candidates = 1 << token;
	message->bytes = kept;
	message->column = kept;
	return 1;
}

/*
 * Out of step, only the beginning of a call can prove anything. A whole request line of a client
 * that never sent one before the last was answered says that everything before it is over.
 */
apart int resume(struct feed *feed)
{
	struct connection *connection = feed->connection;
	struct work *work = feed->work;
	u32 token, status, kept = feed->message->column;

	feed->message->column = 0;
	if (!work->is_first || (!work->in_segment && !next_segment(work)) || look(work))
		return 0;
	if (work->length < 16) {
		keep_beginning(feed->message, work, kept);
		return 0;
	}
	token = token_in(eight_at(work->window));
	if (token == TOKEN_HTTP2 && connection->is_from_middle) {
		leave_to_http2(feed);
	} else if (token == TOKEN_RESPONSE) {
		status = status_in(work, 0);
		if (status < 200)
			return 0;
		prove_http(connection, work, token);
		count_unpaired(connection, &work->key, status);
	} else if (token < TOKENS && !connection->has_pipelined &&
		   is_request_line(work, token_sizes[token])) {
		set_states(connection, MESSAGE_START);
		return 1;
	}
	return !connection->has_pipelined && take_rest(feed, kept);
}

inline_always long take_step(struct feed *feed, int is_first)
{
	struct work *work = feed->work;

	if (!work->left || feed->message->state >= MESSAGE_LOST)
		return 1;
	if (rarely(!work->in_segment) && !next_segment(work))
		return 1;
	if (rarely(!work->in_segment))
		return 0; /* an empty one */
	if (rarely(is_skipped(feed->message->state))) {
		skip(feed);
		return !work->left;
	}
	if (rarely(look(work))) {
		lose_track(feed, why_unseen(work));
		return 1;
	}
	read_window(feed, is_first);
	record_window(feed->message, work);
	if (work->left)
		consume(work, work->position);
	return !work->left;
}

static long next_step(u32 index, void *context)
{
	return take_step(context, 0);
}

#ifdef ELDER
lone int next_step_alone(u32 which)
{
	struct feed feed;

	return !feed_of(which, &feed) || next_step(0, &feed);
}
#endif

/* The budget of a call: so many windows and skips, at most 512 KiB of heads and chunk sizes. */
#define STEPS 1024

/* Follow what a call carried. */
inline_always void follow_http(struct connection *connection, struct work *work)
{
	struct feed feed = {
		.connection = connection,
		.message = &connection->messages[work->direction & 1],
		.work = work,
	};

	work->is_first = 1;
	work->dues = 0;
	if (feed.message->state == MESSAGE_OFF)
		return;
	if (rarely(feed.message->state == MESSAGE_LOST) && !resume(&feed))
		return;
#ifndef ELDER
	if (rarely(!take_step(&feed, 1)))
#endif
		LOOP_ALONE(STEPS, next_step, &feed);
	if (rarely(work->left && feed.message->state < MESSAGE_LOST))
		lose_track(&feed, LOSS_HTTP_BUDGET);
	decide_all(work);
}

/* No more bytes will come this way: a body that lasts until then ends now. */
inline_always void end_direction(struct connection *connection, struct work *work)
{
	struct feed feed = {
		.connection = connection,
		.message = &connection->messages[work->direction & 1],
		.work = work,
	};

	work->dues = 0;
	work->mark = work->position;
	if (feed.message->state == MESSAGE_UNTIL_CLOSE)
		end_message(&feed);
	decide_all(work);
}

#endif
