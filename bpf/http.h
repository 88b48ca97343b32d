/*
 * HTTP/1.x, one byte at a time, both ways of one connection.
 *
 * In: payload as it crossed the socket, in order.  Out: requests and responses counted in a flow.
 * Bodies are skipped by length and never read. RFC 9112: a message's body is chunked, or has
 * Content-Length bytes, or lasts until the connection closes; answers to HEAD, 1xx, 204 and 304
 * have none.
 */
#ifndef PODWIRE_HTTP_H
#define PODWIRE_HTTP_H

#include "token.h"
#include "work.h"

enum message_state {
	MESSAGE_START,
	MESSAGE_TOKEN,	/* a method, or HTTP/1. */
	MESSAGE_LINE,	/* the rest of the first line */
	MESSAGE_HEADER, /* a header's name, or a value that does not matter */
	MESSAGE_LENGTH, /* the value of Content-Length */
	MESSAGE_CODING, /* the value of Transfer-Encoding */
	MESSAGE_CHUNK_SIZE,
	MESSAGE_CHUNK_END,
	MESSAGE_TRAILER,
	/* from here on bytes are skipped, not read */
	MESSAGE_CHUNK,
	MESSAGE_BODY,
	MESSAGE_UNTIL_CLOSE,
	MESSAGE_OFF,
};

enum message_flag {
	IS_RESPONSE = 1,
	IS_CHUNKED = 2,
	IS_HEAD = 4,
	IS_CONNECT = 8,
	HAS_LENGTH = 16,
	IS_EXTENSION = 32, /* behind the ';' of a chunk size */
	IS_INFORMED = 64,  /* 1xx went before: its bytes belong to this response */
};

#define NAME_SIZE 18
static const char names[3][NAME_SIZE + 2] = {"", "content-length:", "transfer-encoding:"};
static const u8 name_sizes[3] = {0, 15, 18};
static const char chunked[8] = "chunked";

struct feed {
	struct connection *connection;
	struct message *message;
	struct work *work;
};

inline_always int is_skipped(u8 state)
{
	return state >= MESSAGE_CHUNK;
}

inline_always u8 lower(u8 byte)
{
	return byte >= 'A' && byte <= 'Z' ? byte | 0x20 : byte;
}

inline_always void stop_http(struct connection *connection)
{
	connection->messages[EGRESS].state = MESSAGE_OFF;
	connection->messages[INGRESS].state = MESSAGE_OFF;
}

/* The bytes are no message's start: not HTTP, or no longer ours to follow. */
inline_always void lose_track(struct feed *feed)
{
	struct connection *connection = feed->connection;

	if (connection->pushed)
		count_loss(LOSS_HTTP_AMBIGUOUS);
	else
		connection->key.protocol = PROTOCOL_UNKNOWN;
	if (connection->is_from_middle)
		feed->message->state = MESSAGE_START;
	else
		stop_http(connection);
	feed->work->left = 0;
}

inline_always void push_request(struct feed *feed)
{
	struct connection *connection = feed->connection;
	struct request *request = &connection->queue[connection->pushed & (QUEUE - 1)];

	if (connection->pushed - connection->popped >= QUEUE) {
		count_loss(LOSS_HTTP_PIPELINED);
		stop_http(connection);
		return;
	}
	request->start_ns = feed->message->start_ns;
	request->is_head = !!(feed->message->flags & IS_HEAD);
	request->is_connect = !!(feed->message->flags & IS_CONNECT);
	connection->pushed += 1;
}

inline_always void count_request(struct feed *feed)
{
	struct flow *flow = flow_of(&feed->work->key);
	u32 bucket = size_bucket(feed->message->bytes);

	if (!flow)
		return;
	add(flow->requests, 1);
	add(flow->request_bytes, feed->message->bytes);
	if (bucket < SIZE_BUCKETS)
		add(flow->request_sizes[bucket], 1);
}

inline_always void count_response(struct feed *feed)
{
	struct connection *connection = feed->connection;
	struct flow *flow = flow_of(&feed->work->key);
	u32 size = size_bucket(feed->message->bytes), bucket;
	u64 start_ns, duration_ns;

	if (!flow)
		return;
	add(flow->responses, 1);
	add(flow->response_bytes, feed->message->bytes);
	if (size < SIZE_BUCKETS)
		add(flow->response_sizes[size], 1);
	count_status(&feed->work->key, feed->message->status);
	if (connection->popped == connection->pushed) {
		count_loss(LOSS_HTTP_UNPAIRED);
		return;
	}
	start_ns = connection->queue[connection->popped & (QUEUE - 1)].start_ns;
	connection->popped += 1;
	duration_ns = feed->work->now_ns > start_ns ? feed->work->now_ns - start_ns : 0;
	bucket = duration_bucket(duration_ns / 1000000);
	add(flow->duration_ns, duration_ns);
	if (bucket < DURATION_BUCKETS)
		add(flow->durations[bucket], 1);
}

/* The last byte of a message was seen. */
apart int end_message(struct feed *feed)
{
	struct message *message = feed->message;

	message->state = MESSAGE_START;
	if (!(message->flags & IS_RESPONSE)) {
		count_request(feed);
		message->flags = 0;
	} else if (message->status < 200 && message->status != 101) {
		message->flags = IS_INFORMED;
	} else {
		count_response(feed);
		message->flags = 0;
		if (message->status == 101)
			stop_http(feed->connection);
	}
	return 0;
}

/* The blank line was seen: what follows? */
apart int end_head(struct feed *feed)
{
	struct connection *connection = feed->connection;
	struct message *message = feed->message;
	struct request *request = &connection->queue[connection->popped & (QUEUE - 1)];
	u8 is_response = message->flags & IS_RESPONSE, is_asked;

	is_asked = is_response && connection->popped != connection->pushed;
	if (is_asked && request->is_connect && message->status / 100 == 2) {
		end_message(feed);
		stop_http(connection);
	} else if (is_response && (message->status < 200 || message->status == 204 ||
				   message->status == 304 || (is_asked && request->is_head))) {
		end_message(feed);
	} else if (message->flags & IS_CHUNKED) {
		message->remaining = 0;
		message->state = MESSAGE_CHUNK_SIZE;
	} else if (message->flags & HAS_LENGTH && message->remaining) {
		message->state = MESSAGE_BODY;
	} else if (is_response && !(message->flags & HAS_LENGTH)) {
		message->state = MESSAGE_UNTIL_CLOSE;
	} else {
		end_message(feed);
	}
	return 0;
}

inline_always void begin_message(struct feed *feed)
{
	struct message *message = feed->message;

	message->start_ns =
		feed->work->direction == EGRESS ? feed->work->start_ns : feed->work->now_ns;
	if (!(message->flags & IS_INFORMED))
		message->bytes = 0;
	message->flags = 0;
	message->remaining = 0;
	message->status = 0;
	message->column = 0;
	message->candidates = (1 << TOKENS) - 1;
	message->state = MESSAGE_TOKEN;
}

/* A whole method or version was read: the direction tells the role where it was not known. */
inline_always void end_token(struct feed *feed, u32 token)
{
	struct connection *connection = feed->connection;
	struct message *message = feed->message;
	u8 is_sent = feed->work->direction == EGRESS;

	if (token == TOKEN_HTTP2) {
		connection->key.protocol = PROTOCOL_HTTP2;
		feed->work->key.protocol = PROTOCOL_HTTP2;
		stop_http(connection);
		feed->work->left = 0;
		return;
	}
	if (token == TOKEN_RESPONSE)
		message->flags |= IS_RESPONSE;
	if (token == 3)
		message->flags |= IS_HEAD;
	if (token == 8)
		message->flags |= IS_CONNECT;
	if (connection->is_from_middle)
		set_role(connection,
			 is_sent == (token != TOKEN_RESPONSE) ? ROLE_CLIENT : ROLE_SERVER);
	connection->is_from_middle = 0;
	connection->key.protocol = PROTOCOL_HTTP1;
	feed->work->key.protocol = PROTOCOL_HTTP1;
	feed->work->key.role = connection->key.role;
	feed->work->key.peer_port = connection->key.peer_port;
	message->state = MESSAGE_LINE;
	if (token != TOKEN_RESPONSE)
		push_request(feed);
}

inline_always void take_token(struct feed *feed, u8 byte)
{
	struct message *message = feed->message;
	u32 found = match_token(message->candidates, message->column, byte);

	message->column += 1;
	message->candidates = found;
	if (found & TOKEN_ENDS)
		end_token(feed, found & (TOKEN_ENDS - 1));
	else if (!found)
		lose_track(feed);
}

inline_always void take_line(struct feed *feed, u8 byte)
{
	struct message *message = feed->message;

	if (byte == '\n') {
		message->state = MESSAGE_HEADER;
		message->column = 0;
		return;
	}
	if (message->flags & IS_RESPONSE && message->column >= 9 && message->column <= 11)
		message->status = message->status * 10 + (byte - '0') % 10;
	if (message->column < 255)
		message->column += 1;
}

inline_always void take_header(struct feed *feed, u8 byte)
{
	struct message *message = feed->message;
	u8 column = message->column, which;

	if (byte == '\n') {
		message->column = 0;
		if (column == 0)
			end_head(feed);
		return;
	}
	if (byte == '\r' && column == 0)
		return;
	byte = lower(byte);
	if (column == 0)
		message->which = byte == 'c' ? 1 : byte == 't' ? 2 : 0;
	which = message->which;
	if (which == 1 || which == 2) {
		if (column >= NAME_SIZE || names[which][column] != byte)
			message->which = 0;
		else if (column + 1 == name_sizes[which]) {
			message->state = which == 1 ? MESSAGE_LENGTH : MESSAGE_CODING;
			message->matched = 0;
			if (which == 1)
				message->remaining = 0;
		}
	}
	if (column < 255)
		message->column = column + 1;
}

inline_always void take_value(struct feed *feed, u8 byte)
{
	struct message *message = feed->message;
	u8 matched = message->matched;

	if (byte == '\n') {
		message->state = MESSAGE_HEADER;
		message->column = 0;
	} else if (message->state == MESSAGE_LENGTH) {
		if (byte >= '0' && byte <= '9') {
			message->remaining = message->remaining * 10 + (byte - '0');
			message->flags |= HAS_LENGTH;
		}
	} else if (matched < 7) {
		if (lower(byte) == chunked[matched & 7])
			message->matched = matched + 1;
		else
			message->matched = lower(byte) == 'c';
		if (message->matched == 7)
			message->flags |= IS_CHUNKED;
	}
}

inline_always void take_chunk_size(struct feed *feed, u8 byte)
{
	struct message *message = feed->message;
	u8 digit = lower(byte);

	if (byte == '\n') {
		message->flags &= ~IS_EXTENSION;
		message->column = 0;
		message->state = message->remaining ? MESSAGE_CHUNK : MESSAGE_TRAILER;
	} else if (byte == ';') {
		message->flags |= IS_EXTENSION;
	} else if (!(message->flags & IS_EXTENSION)) {
		if (digit >= '0' && digit <= '9')
			message->remaining = message->remaining << 4 | (digit - '0');
		else if (digit >= 'a' && digit <= 'f')
			message->remaining = message->remaining << 4 | (digit - 'a' + 10);
	}
}

inline_always void take_trailer(struct feed *feed, u8 byte)
{
	struct message *message = feed->message;

	if (byte == '\n') {
		if (message->column == 0)
			end_message(feed);
		message->column = 0;
	} else if (byte != '\r') {
		message->column = 1;
	}
}

inline_always void take_byte(struct feed *feed, u8 byte)
{
	struct message *message = feed->message;

	if (message->state == MESSAGE_START) {
		if (byte == '\r' || byte == '\n')
			return;
		begin_message(feed);
	}
	message->bytes += 1;
	switch (message->state) {
	case MESSAGE_TOKEN:
		take_token(feed, byte);
		break;
	case MESSAGE_LINE:
		take_line(feed, byte);
		break;
	case MESSAGE_HEADER:
		take_header(feed, byte);
		break;
	case MESSAGE_LENGTH:
	case MESSAGE_CODING:
		take_value(feed, byte);
		break;
	case MESSAGE_CHUNK_SIZE:
		take_chunk_size(feed, byte);
		break;
	case MESSAGE_CHUNK_END:
		if (byte == '\n') {
			message->remaining = 0;
			message->state = MESSAGE_CHUNK_SIZE;
		}
		break;
	case MESSAGE_TRAILER:
		take_trailer(feed, byte);
		break;
	}
}

/* The rest of a line that does not matter, up to its newline, eight bytes at a step. */
apart int skip_line(struct work *work, struct message *message)
{
	u32 start = work->position, place = 8;

	for (int step = 0; step < WINDOW / 8 && place == 8; step++) {
		u32 at = work->position;

		hide(at);
		if (at >= work->length || at >= WINDOW)
			break;
		place = newline_in(*(u64 *)&work->window[at]);
		work->position = at + place;
	}
	if (work->position > work->length)
		work->position = work->length;
	message->bytes += work->position - start;
	return 0;
}

/* Whether the rest of the line can change nothing. */
inline_always int is_idle_line(const struct message *message)
{
	if (message->state == MESSAGE_HEADER)
		return message->column && !message->which;
	return message->state == MESSAGE_LINE &&
	       (!(message->flags & IS_RESPONSE) || message->column > 11);
}

/* A message that begins with eight bytes in the window is told at once. */
inline_always int take_start(struct feed *feed, u32 position)
{
	struct work *work = feed->work;
	u32 found;

	if (position + 8 > work->length || position + 8 > WINDOW)
		return 0;
	found = token_in(*(u64 *)&work->window[position]);
	if (!found)
		return 0;
	found &= TOKEN_ENDS - 1;
	if (found >= TOKENS)
		return 0;
	begin_message(feed);
	feed->message->bytes += token_sizes[found];
	feed->message->column = token_sizes[found];
	work->position = position + token_sizes[found];
	end_token(feed, found);
	return 1;
}

/* A header's name that lies whole in the window is told at once. */
inline_always int take_name(struct feed *feed, u32 position)
{
	struct message *message = feed->message;
	struct work *work = feed->work;
	u32 name;

	if (position + 16 > work->length || position >= WINDOW)
		return 0;
	name = name_in(*(u64 *)&work->window[position], *(u64 *)&work->window[position + 8]);
	if (name == NAME_PERHAPS)
		return 0;
	message->which = 0;
	if (name == NAME_CONTENT_LENGTH) {
		message->state = MESSAGE_LENGTH;
		message->remaining = 0;
		message->column = 15;
		message->bytes += 15;
		work->position = position + 15;
		return 1;
	}
	message->column = 1;
	skip_line(work, message);
	return 1;
}

static long next_byte(u32 index, void *context)
{
	struct feed *feed = context;
	struct work *work = feed->work;
	u32 position = work->position;
	u8 byte;

	if (position >= work->length || position >= WINDOW || is_skipped(feed->message->state))
		return 1;
	if (feed->message->state == MESSAGE_START && take_start(feed, position))
		return 0;
	byte = work->window[position];
	if (feed->message->state == MESSAGE_HEADER && !feed->message->column && byte != '\r' &&
	    byte != '\n' && take_name(feed, position))
		return 0;
	work->position = position + 1;
	take_byte(feed, byte);
	if (is_idle_line(feed->message))
		skip_line(work, feed->message);
	return 0;
}

inline_always void skip(struct feed *feed)
{
	struct message *message = feed->message;
	struct work *work = feed->work;
	u64 bytes = work->in_segment < work->left ? work->in_segment : work->left;

	if (message->state != MESSAGE_UNTIL_CLOSE && message->remaining < bytes)
		bytes = message->remaining;
	message->bytes += bytes;
	consume(work, bytes);
	if (message->state == MESSAGE_UNTIL_CLOSE)
		return;
	message->remaining -= bytes;
	if (message->remaining)
		return;
	if (message->state == MESSAGE_CHUNK)
		message->state = MESSAGE_CHUNK_END;
	else
		end_message(feed);
}

static long next_step(u32 index, void *context)
{
	struct feed *feed = context;
	struct work *work = feed->work;
	u64 length;

	if (!work->left || feed->message->state == MESSAGE_OFF)
		return 1;
	if (!work->in_segment)
		return !next_segment(work);
	if (is_skipped(feed->message->state)) {
		skip(feed);
		return 0;
	}
	length = work->in_segment < work->left ? work->in_segment : work->left;
	if (length > WINDOW)
		length = WINDOW;
	if (!work->has_memory ||
	    bpf_probe_read_user(work->window, length & (2 * WINDOW - 1), (void *)work->base)) {
		count_loss(work->has_memory ? LOSS_PAYLOAD_UNREAD : LOSS_HTTP_AMBIGUOUS);
		stop_http(feed->connection);
		return 1;
	}
	work->position = 0;
	work->length = length;
	bpf_loop(WINDOW, next_byte, feed, 0);
	if (work->left)
		consume(work, work->position);
	return 0;
}

/* The budget of a call: so many windows, 1 MiB of heads and chunk sizes; bodies cost nothing. */
#define STEPS 4096

/* Follow what a call carried; a connection whose call is longer than the budget is let go. */
inline_always void follow_http(struct connection *connection, struct work *work)
{
	struct feed feed = {
		.connection = connection,
		.message = &connection->messages[work->direction & 1],
		.work = work,
	};

	if (feed.message->state == MESSAGE_OFF)
		return;
	bpf_loop(STEPS, next_step, &feed, 0);
	if (work->left && feed.message->state != MESSAGE_OFF) {
		count_loss(LOSS_HTTP_AMBIGUOUS);
		stop_http(connection);
	}
}

/* No more bytes will come this way: a body that lasts until then ends now. */
inline_always void end_direction(struct connection *connection, struct work *work)
{
	struct feed feed = {
		.connection = connection,
		.message = &connection->messages[work->direction & 1],
		.work = work,
	};

	if (feed.message->state == MESSAGE_UNTIL_CLOSE)
		end_message(&feed);
}

#endif
