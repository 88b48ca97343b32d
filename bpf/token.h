/* What a message can begin with: methods, a version, and the preface of another protocol. */
#ifndef PODWIRE_TOKEN_H
#define PODWIRE_TOKEN_H

#include "kernel.h"

#define TOKENS 11
#define TOKEN_GET 0
#define TOKEN_HEAD 3
#define TOKEN_CONNECT 8
#define TOKEN_RESPONSE 9
#define TOKEN_HTTP2 10
#define TOKEN_SIZE 8

static const char tokens[16][TOKEN_SIZE + 1] = {
	"GET ", "POST ", "PUT ", "HEAD ", "DELETE ", "OPTIONS ", "PATCH ", "TRACE ", "CONNECT ",
	"HTTP/1.", "PRI * H",
};

/* The same tokens as words of eight bytes, masks, and sizes. */
static const u64 token_words[TOKENS] = {
	0x0000000020544547ULL, /* GET */
	0x0000002054534f50ULL, /* POST */
	0x0000000020545550ULL, /* PUT */
	0x0000002044414548ULL, /* HEAD */
	0x00204554454c4544ULL, /* DELETE */
	0x20534e4f4954504fULL, /* OPTIONS */
	0x0000204843544150ULL, /* PATCH */
	0x0000204543415254ULL, /* TRACE */
	0x205443454e4e4f43ULL, /* CONNECT */
	0x002e312f50545448ULL, /* HTTP/1. */
	0x0048202a20495250ULL, /* PRI * H */
};
static const u64 token_masks[TOKENS] = {
	0xffffffffULL, 0xffffffffffULL, 0xffffffffULL, 0xffffffffffULL,
	0xffffffffffffffULL, 0xffffffffffffffffULL, 0xffffffffffffULL, 0xffffffffffffULL,
	0xffffffffffffffffULL, 0xffffffffffffffULL, 0xffffffffffffffULL,
};
static const u8 token_sizes[TOKENS] = {4, 5, 4, 5, 7, 8, 6, 6, 8, 7, 7};

#define TOKEN_ENDS 0x10000

/* Which tokens still fit with this byte; with TOKEN_ENDS set, the one that is complete. */
lone u32 match_token(u32 candidates, u32 column, u32 byte)
{
	u32 matching = 0;

	if (column >= TOKEN_SIZE)
		return 0;
	for (u32 token = 0; token < TOKENS; token++) {
		if (!(candidates & 1 << token) || (u8)tokens[token][column] != (u8)byte)
			continue;
		if (tokens[token][column + 1] == 0)
			return token | TOKEN_ENDS;
		matching |= 1 << token;
	}
	return matching;
}

lone u32 rarer_token_in(u64 word)
{
	for (u32 token = 0; token < TOKENS; token++)
		if (!((word ^ token_words[token]) & token_masks[token]))
			return token;
	return TOKENS;
}

/* The token that eight bytes begin with; TOKENS when there is none. */
inline_always u32 token_in(u64 word)
{
	if (!((word ^ token_words[TOKEN_RESPONSE]) & token_masks[TOKEN_RESPONSE]))
		return TOKEN_RESPONSE;
	if (!((word ^ token_words[TOKEN_GET]) & token_masks[TOKEN_GET]))
		return TOKEN_GET;
	return rarer_token_in(word);
}

/* Whether so many bytes begin a method, and are less than all of it. */
lone int begins_method(u64 word, u32 size)
{
	if (!size || size >= TOKEN_SIZE)
		return 0;
	for (u32 token = 0; token < TOKEN_RESPONSE; token++)
		if (size < token_sizes[token] && !((word ^ token_words[token]) << (64 - 8 * size)))
			return 1;
	return 0;
}

enum name { NAME_OTHER, NAME_CONTENT_LENGTH, NAME_PERHAPS };

#define CASELESS 0x2020202020202020ULL
#define WORD_CONTENT_ 0x2d746e65746e6f63ULL  /* content- */
#define WORD_LENGTH 0x003a6874676e656cULL    /* length: */
#define WORD_TRANSFER 0x726566736e617274ULL  /* transfer */
#define CASELESS_CONTENT 0x0020202020202020ULL /* letters have two cases, '-' and ':' have not */
#define CASELESS_LENGTH 0x0000202020202020ULL
#define SEVEN_BYTES 0x00ffffffffffffffULL
#define LENGTH_NAME 15
#define WORD_ENCODIN 0x6e69646f636e652dULL /* -encodin */
#define CASELESS_ENCODIN 0x2020202020202000ULL
#define WORD_CHUNK 0x6b6e756863203a67ULL /* g: chunk */
#define CASELESS_CHUNK 0x2020202020000020ULL
#define WORD_ED 0x0a0d6465U /* ed and the line's end */
#define CASELESS_ED 0x00002020U
#define CHUNKED_LINE 28

/* Which header the sixteen bytes of a line's start name; NAME_PERHAPS is for a closer look. */
inline_always u32 name_in(u64 first, u64 second)
{
	if ((first | CASELESS_CONTENT) == WORD_CONTENT_ &&
	    ((second | CASELESS_LENGTH) & SEVEN_BYTES) == WORD_LENGTH)
		return NAME_CONTENT_LENGTH;
	return (first | CASELESS) == WORD_TRANSFER ? NAME_PERHAPS : NAME_OTHER;
}

#endif
