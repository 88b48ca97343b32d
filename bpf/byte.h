/*
 * HTTP/1.x a byte at a time: what is right however messages are cut; http.h is its faster reader.
 *
 * In: one byte of a head, a chunk size or a trailer.  Out: message.h is told what begins and ends.
 */
#ifndef PODWIRE_BYTE_H
#define PODWIRE_BYTE_H

#include "message.h"

#define NAME_SIZE 18
static const char names[3][NAME_SIZE + 2] = {"", "content-length:", "transfer-encoding:"};
static const u8 name_sizes[3] = {0, 15, 18};
static const char chunked[8] = "chunked";

/* What has been read of a Content-Length. */
enum { LENGTH_NOTHING, LENGTH_DIGITS, LENGTH_DONE };
enum { CODING_CHUNKED = 7, CODING_ENDED, CODING_OTHER }; /* below: letters of `chunked` so far */
#define LONGEST_BODY (1ULL << 59)

inline_always u8 lower(u8 byte)
{
	return byte >= 'A' && byte <= 'Z' ? byte | 0x20 : byte;
}

inline_always void take_token(struct feed *feed, u8 byte)
{
	struct message *message = feed->message;
	u32 found = match_token(message->candidates, message->column, byte);

	message->column += 1;
	message->candidates = found;
	feed->work->mark = feed->work->position;
	if (found & TOKEN_ENDS)
		end_token(feed, found & (TOKEN_ENDS - 1));
	else if (!found)
		lose_track(feed, LOSS_HTTP_AMBIGUOUS);
}

/* Behind `HTTP/1.` a digit, a space and a status of three digits. */
inline_always void take_status(struct feed *feed, u8 byte)
{
	struct message *message = feed->message;
	u8 digit = byte - '0', column = message->column;

	message->column = column + 1;
	if (column == 8 ? byte != ' ' : digit > 9 || (column == 9 && !digit))
		lose_track(feed, LOSS_HTTP_AMBIGUOUS);
	else if (column > 8)
		message->status = message->status * 10 + digit;
}

inline_always void take_line(struct feed *feed, u8 byte)
{
	struct message *message = feed->message;
	u8 column = message->column;

	if (message->flags & IS_RESPONSE && column < 12) {
		take_status(feed, byte);
	} else if (byte == '\n') {
		message->state = MESSAGE_HEADER;
		message->column = 0;
	} else if (column < 255) {
		message->column = column + 1;
	}
}

inline_always void begin_value(struct message *message, u8 which)
{
	message->state = which == NAME_CONTENT_LENGTH ? MESSAGE_LENGTH : MESSAGE_CODING;
	message->matched = 0;
	message->remaining = 0;
	if (which != NAME_CONTENT_LENGTH)
		message->flags |= HAS_CODING;
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
		else if (column + 1 == name_sizes[which])
			begin_value(message, which);
	}
	if (column < 255)
		message->column = column + 1;
}

/* One value of Content-Length ends; several must be equal (RFC 9110 8.6). */
inline_always void end_length(struct message *message)
{
	if (message->matched == LENGTH_NOTHING)
		message->flags |= HAS_BAD_LENGTH;
	if (message->flags & HAS_LENGTH && message->length != message->remaining)
		message->flags |= HAS_BAD_LENGTH;
	message->flags |= HAS_LENGTH;
	message->length = message->remaining;
	message->remaining = 0;
	message->matched = LENGTH_NOTHING;
}

inline_always void take_length(struct message *message, u8 byte)
{
	u8 digit = byte - '0';

	if (byte == '\n' || byte == ',') {
		end_length(message);
	} else if (byte == ' ' || byte == '\t' || byte == '\r') {
		if (message->matched == LENGTH_DIGITS)
			message->matched = LENGTH_DONE;
	} else if (digit > 9 || message->matched == LENGTH_DONE ||
		   message->remaining > LONGEST_BODY) {
		message->flags |= HAS_BAD_LENGTH;
	} else {
		message->remaining = message->remaining * 10 + digit;
		message->matched = LENGTH_DIGITS;
	}
}

/* The last coding decides; the word must stand alone. */
inline_always void take_coding(struct message *message, u8 byte)
{
	u8 matched = message->matched;

	if (byte == '\n' || byte == ',') {
		if (matched)
			message->flags &= ~IS_CHUNKED;
		if (matched == CODING_CHUNKED || matched == CODING_ENDED)
			message->flags |= IS_CHUNKED;
		message->matched = 0;
	} else if (byte == ' ' || byte == '\t' || byte == '\r') {
		if (matched)
			message->matched = matched == CODING_CHUNKED || matched == CODING_ENDED ?
						   CODING_ENDED :
						   CODING_OTHER;
	} else {
		if (matched < 7 && lower(byte) == chunked[matched & 7])
			message->matched = matched + 1;
		else
			message->matched = CODING_OTHER;
	}
}

inline_always void take_value(struct feed *feed, u8 byte)
{
	struct message *message = feed->message;

	if (message->state == MESSAGE_LENGTH)
		take_length(message, byte);
	else
		take_coding(message, byte);
	if (byte != '\n')
		return;
	message->state = MESSAGE_HEADER;
	message->column = 0;
}

inline_always void end_chunk_size(struct feed *feed)
{
	struct message *message = feed->message;

	if (!message->column) {
		lose_track(feed, LOSS_HTTP_AMBIGUOUS);
		return;
	}
	message->flags &= ~IS_EXTENSION;
	message->column = 0;
	message->state = message->remaining ? MESSAGE_CHUNK : MESSAGE_TRAILER;
}

/* The value of a hexadecimal digit; 16 for what is none. */
inline_always u8 digit_of(u8 byte)
{
	byte = lower(byte);
	if (byte >= '0' && byte <= '9')
		return byte - '0';
	return byte >= 'a' && byte <= 'f' ? byte - 'a' + 10 : 16;
}

inline_always void take_chunk_size(struct feed *feed, u8 byte)
{
	struct message *message = feed->message;
	u8 digit = digit_of(byte);

	if (byte == '\n') {
		end_chunk_size(feed);
	} else if (byte == ';' || byte == ' ' || byte == '\t' || byte == '\r') {
		message->flags |= IS_EXTENSION;
	} else if (!(message->flags & IS_EXTENSION)) {
		if (digit > 15 || message->column > 14) {
			lose_track(feed, LOSS_HTTP_AMBIGUOUS);
			return;
		}
		message->remaining = message->remaining << 4 | digit;
		message->column += 1;
	}
}

inline_always void end_chunk(struct feed *feed, u8 byte)
{
	struct message *message = feed->message;

	if (byte == '\n') {
		message->remaining = 0;
		message->column = 0;
		message->state = MESSAGE_CHUNK_SIZE;
	} else if (byte != '\r') {
		lose_track(feed, LOSS_HTTP_AMBIGUOUS);
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
		end_chunk(feed, byte);
		break;
	case MESSAGE_TRAILER:
		take_trailer(feed, byte);
		break;
	}
}

#endif
