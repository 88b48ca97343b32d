/*
 * Messages of HTTP/1.x as they begin, end and are paired; http.h finds them in the bytes.
 *
 * A request waits in its connection's queue for the response that answers it. RFC 9112 6.3: a
 * body is chunked, or has Content-Length bytes, or lasts until the connection closes; answers to
 * HEAD, 1xx, 204 and 304 have none.
 */
#ifndef PODWIRE_MESSAGE_H
#define PODWIRE_MESSAGE_H

#include "record.h"

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
	/* from here on nothing is followed */
	MESSAGE_LOST, /* until a request proves itself */
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
	HAS_BAD_LENGTH = 128,
	HAS_CODING = 256,
};

struct feed {
	struct connection *connection;
	struct message *message;
	struct work *work;
};

#ifdef ELDER
/* The connection and message of a call, told by numbers alone; 0 when they are gone. */
inline_always int feed_of(u32 which, struct feed *feed)
{
	struct connection *connection;
	u64 sk;

	feed->work = work_of(which);
	if (!feed->work)
		return 0;
	sk = feed->work->sk;
	connection = bpf_map_lookup_elem(&connections, &sk);
	feed->connection = connection;
	if (!connection)
		return 0;
	feed->message = &connection->messages[feed->work->direction & 1];
	return 1;
}
#endif

inline_always int is_skipped(u8 state)
{
	return state >= MESSAGE_CHUNK && state < MESSAGE_LOST;
}

inline_always int is_underway(u8 state)
{
	return state > MESSAGE_TOKEN && state < MESSAGE_LOST;
}

inline_always void set_states(struct connection *connection, u8 state)
{
	drop_chain(&connection->messages[EGRESS]);
	drop_chain(&connection->messages[INGRESS]);
	connection->messages[EGRESS].state = state;
	connection->messages[EGRESS].flags = 0;
	connection->messages[EGRESS].column = 0;
	connection->messages[INGRESS].state = state;
	connection->messages[INGRESS].flags = 0;
	connection->messages[INGRESS].column = 0;
}

inline_always void stop_http(struct connection *connection)
{
	set_states(connection, MESSAGE_OFF);
}

global int count_unpaired(struct connection *connection, const struct flow_key *key, u32 status)
{
	struct flow *flow;

	if (!connection || !key)
		return 0;
	flow = flow_of(connection, key);
	count_loss(LOSS_HTTP_UNPAIRED);
	if (flow)
		add(flow->unpaired, 1);
	count_reason(connection->slot, WHAT_UNPAIRED, status);
	return 0;
}

inline_always void give_up_early(struct connection *connection, const struct flow_key *key)
{
	if (connection->early.is_waiting)
		count_unpaired(connection, key, connection->early.status);
	connection->early.is_waiting = 0;
	drop_answer(&connection->early);
}

/* Nothing that is underway can be told any more. */
whole int forget_messages(struct connection *connection, const struct flow_key *key)
{
	u32 waiting;

	if (!connection || !key)
		return 0;
	waiting = connection->pushed - connection->popped;
	if (waiting) {
		tally(TALLY_REQUESTS_FORGOTTEN, waiting);
		count_losses(LOSS_HTTP_FORGOTTEN, waiting);
	}
	drop_requests(connection);
	drop_answer(&connection->late);
	connection->popped = connection->pushed;
	give_up_early(connection, key);
	set_states(connection, MESSAGE_LOST);
	return 0;
}

#ifdef ELDER
lone int forget_alone(u32 which)
{
	struct feed feed;

	return feed_of(which, &feed) && forget_messages(feed.connection, &feed.work->key);
}
#endif

inline_always void forget_all(struct feed *feed)
{
#ifdef ELDER
	forget_alone(feed->work->which);
#else
	forget_messages(feed->connection, &feed->work->key);
#endif
}

/*
 * The bytes are no message's, or were not seen. What never was HTTP is let go; what was is
 * ambiguous until a request proves itself.
 */
inline_always void lose_track(struct feed *feed, enum loss reason)
{
	struct connection *connection = feed->connection;

	feed->work->left = 0;
	if (connection->is_http) {
		count_loss(reason);
		forget_all(feed);
	} else if (connection->is_from_middle) {
		feed->message->state = MESSAGE_LOST;
		feed->message->column = 0;
	} else {
		connection->key.protocol = PROTOCOL_UNKNOWN;
		stop_http(connection);
	}
}

inline_always void count_request(struct flow *flow, u64 bytes)
{
	u32 bucket = bytes < 512 ? 0 : size_bucket(bytes);

	add(flow->request_bytes, bytes);
	if (bucket < SIZE_BUCKETS)
		add(flow->request_sizes[bucket], 1);
}

/* The oldest waiting request is answered. */
aside int count_answer(struct connection *connection, const struct flow_key *key,
		       const struct early *answer)
{
	struct flow *flow;
	u64 start_ns, duration_ns;
	u32 size, duration, place;

	start_ns = connection->queue[connection->popped & (QUEUE - 1)] & REQUEST_START_NS;
	connection->popped += 1;
	tally(TALLY_REQUESTS_ANSWERED, 1);
	flow = flow_of(connection, key);
	if (!flow)
		return 0;
	place = place_of(flow, connection->slot, answer->status);
	if (place >= STATUSES) {
		count_loss(LOSS_STATUSES_FULL);
		return 0;
	}
	duration_ns = answer->end_ns > start_ns ? answer->end_ns - start_ns : 0;
	duration = duration_ns < 2000000 ? 0 : duration_bucket(duration_ns / 1000000);
	size = answer->bytes < 512 ? 0 : size_bucket(answer->bytes);
	add(flow->duration_ns, duration_ns);
	add(flow->response_bytes, answer->bytes);
	if (duration < DURATION_BUCKETS)
		add(flow->durations[duration], 1);
	if (size < SIZE_BUCKETS)
		add(flow->response_sizes[size], 1);
	add(flow->statuses[place].count, 1);
	return 0;
}

/* What is answered now may be picked: now, or when its request has ended too. */
inline_always void answer_request(struct connection *connection, struct work *work,
				  struct early *answer)
{
	u8 way = connection->key.role == ROLE_CLIENT ? EGRESS : INGRESS;
	u32 *page = &connection->request_pages[connection->popped & (QUEUE - 1)];

	answer->request = *page;
	*page = 0;
	count_answer(connection, &work->key, answer);
	if (answer->request && connection->messages[way].page == answer->request)
		connection->late = *answer;
	else
		owe(work, answer);
	answer->page = 0;
	answer->request = 0;
}

/* The answer came before the call that wrote its request returned. */
global int answer_early(struct connection *connection, struct work *work)
{
	if (!connection || !work)
		return 0;
	connection->early.is_waiting = 0;
	answer_request(connection, work, &connection->early);
	return 0;
}

/* A request begins. */
inline_always void push_request(struct feed *feed)
{
	struct connection *connection = feed->connection;
	u64 request = feed->message->start_ns;

	if (connection->pushed - connection->popped >= QUEUE) {
		free_chain(feed->message->page);
		feed->message->page = 0;
		lose_track(feed, LOSS_HTTP_PIPELINED);
		return;
	}
	if (connection->pushed != connection->popped)
		connection->has_pipelined = 1;
	else if (connection->messages[!feed->work->direction].state == MESSAGE_LOST)
		connection->messages[!feed->work->direction].state = MESSAGE_START;
	if (feed->message->flags & IS_HEAD)
		request |= REQUEST_IS_HEAD;
	if (feed->message->flags & IS_CONNECT)
		request |= REQUEST_IS_CONNECT;
	connection->queue[connection->pushed & (QUEUE - 1)] = request;
	connection->request_pages[connection->pushed & (QUEUE - 1)] = feed->message->page;
	connection->pushed += 1;
	tally(TALLY_REQUESTS_BEGUN, 1);
	if (rarely(connection->early.is_waiting))
		answer_early(connection, feed->work);
}

/* A response ended: it answers the oldest request, or one whose call has not returned yet. */
inline_always void end_response(struct connection *connection, struct message *message,
				struct work *work)
{
	struct early answer = {
		.end_ns = work->now_ns,
		.bytes = message->bytes,
		.status = message->status,
		.is_waiting = 1,
		.page = message->page,
	};

	end_chain(answer.page, answer.bytes, answer.end_ns);
	message->page = 0;
	if (connection->popped != connection->pushed) {
		answer_request(connection, work, &answer);
		return;
	}
	give_up_early(connection, &work->key);
	connection->early = answer;
}

/* A request is recorded whole; one that was answered before is decided now. */
inline_always void end_request_chain(struct connection *connection, struct message *message,
				     struct work *work)
{
	end_chain(message->page, message->bytes, work->now_ns);
	if (message->page && connection->late.request == message->page) {
		owe(work, &connection->late);
		connection->late.page = 0;
		connection->late.request = 0;
	}
	message->page = 0;
}

/* The last byte of a message was seen. */
whole int end_of_message(struct connection *connection, struct message *message,
			  struct work *work)
{
	struct flow *flow;

	if (!connection || !message || !work)
		return 0;
	record_window(message, work);
	message->state = MESSAGE_START;
	if (!(message->flags & IS_RESPONSE)) {
		message->flags = 0;
		end_request_chain(connection, message, work);
		flow = flow_of(connection, &work->key);
		if (flow)
			count_request(flow, message->bytes);
	} else if (message->status < 200 && message->status != 101) {
		message->flags = IS_INFORMED;
	} else {
		message->flags = 0;
		end_response(connection, message, work);
		if (message->status == 101)
			stop_http(connection);
	}
	return 0;
}

#ifdef ELDER
lone int end_alone(u32 which)
{
	struct feed feed;

	return feed_of(which, &feed) && end_of_message(feed.connection, feed.message, feed.work);
}
#endif

inline_always void end_message(struct feed *feed)
{
#ifdef ELDER
	end_alone(feed->work->which);
#else
	end_of_message(feed->connection, feed->message, feed->work);
#endif
}

inline_always int has_no_body(const struct message *message, u64 request)
{
	return message->status < 200 || message->status == 204 || message->status == 304 ||
	       request & REQUEST_IS_HEAD;
}

/* The blank line was seen: what follows? The order is that of RFC 9112 6.3. */
inline_always int end_head_here(struct feed *feed)
{
	struct connection *connection = feed->connection;
	struct message *message = feed->message;
	u64 is_response = message->flags & IS_RESPONSE, request = 0;

	if (is_response && connection->popped != connection->pushed)
		request = connection->queue[connection->popped & (QUEUE - 1)];
	message->remaining = 0;
	if (request & REQUEST_IS_CONNECT && message->status / 100 == 2) {
		end_message(feed);
		stop_http(connection);
	} else if (is_response && has_no_body(message, request)) {
		end_message(feed);
	} else if (message->flags & IS_CHUNKED) {
		message->column = 0;
		message->state = MESSAGE_CHUNK_SIZE;
	} else if (message->flags & HAS_CODING ? !is_response : message->flags & HAS_BAD_LENGTH) {
		lose_track(feed, LOSS_HTTP_AMBIGUOUS);
	} else if (message->flags & HAS_LENGTH && !(message->flags & HAS_CODING)) {
		message->remaining = message->length;
		message->state = MESSAGE_BODY;
		if (!message->remaining)
			end_message(feed);
	} else if (is_response) {
		message->state = MESSAGE_UNTIL_CLOSE;
	} else {
		end_message(feed);
	}
	return 0;
}

near int end_head(struct feed *feed)
{
	return end_head_here(feed);
}

/* When a message that a call begins with begins. */
inline_always u64 start_of(const struct work *work)
{
	return work->direction == EGRESS ? work->start_ns : work->now_ns;
}

inline_always void begin_message(struct feed *feed)
{
	struct message *message = feed->message;

	message->start_ns = start_of(feed->work);
	if (!(message->flags & IS_INFORMED))
		message->bytes = 0;
	message->flags = 0;
	message->status = 0;
	message->column = 0;
	message->candidates = (1 << TOKENS) - 1;
	message->state = MESSAGE_TOKEN;
}

/* What the token proves: HTTP, and which end this is where it was not known. */
inline_always void prove_http(struct connection *connection, struct work *work, u32 token)
{
	u8 is_sent = work->direction == EGRESS;

	if (connection->is_from_middle)
		set_role(connection,
			 is_sent == (token != TOKEN_RESPONSE) ? ROLE_CLIENT : ROLE_SERVER);
	connection->is_http = 1;
	connection->key.protocol = PROTOCOL_HTTP1;
	work->key.protocol = PROTOCOL_HTTP1;
	work->key.role = connection->key.role;
	work->key.peer_port = connection->key.peer_port;
}

inline_always void leave_to_http2(struct feed *feed)
{
	feed->connection->key.protocol = PROTOCOL_HTTP2;
	feed->work->key.protocol = PROTOCOL_HTTP2;
	feed->work->left = 0;
	stop_http(feed->connection);
}

/* Its first bytes are known: they are the token's. */
inline_always void record_start(struct feed *feed, u32 token)
{
	struct message *message = feed->message;
	struct work *work = feed->work;

	message->owns_page = token == TOKEN_RESPONSE;
	if (!message->page && rarely(is_recording()))
		message->page = begin_chain(work->key.pid, message->start_ns, token == TOKEN_RESPONSE);
	if (message->page && token < TOKENS)
		record(message->page, work, token, token_sizes[token], FROM_TOKEN);
}

/* A whole method or version was read. */
inline_always void end_token(struct feed *feed, u32 token)
{
	struct message *message = feed->message;

	if (token == TOKEN_HTTP2) {
		leave_to_http2(feed);
		return;
	}
	if (token == TOKEN_RESPONSE)
		message->flags |= IS_RESPONSE;
	if (token == TOKEN_HEAD)
		message->flags |= IS_HEAD;
	if (token == TOKEN_CONNECT)
		message->flags |= IS_CONNECT;
	prove_http(feed->connection, feed->work, token);
	feed->connection->is_from_middle = 0;
	message->state = MESSAGE_LINE;
	record_start(feed, token);
	if (token != TOKEN_RESPONSE)
		push_request(feed);
}

/* The connection is over: what waited is not answered any more. */
global int finish_messages(struct connection *connection)
{
	struct message *message;
	struct flow *flow;
	u32 waiting;
	int is_open;

	if (!connection || !connection->is_http)
		return 0;
	flow = flow_of(connection, &connection->key);
	give_up_early(connection, &connection->key);
	drop_requests(connection);
	drop_answer(&connection->late);
	message = &connection->messages[connection->key.role == ROLE_CLIENT ? EGRESS : INGRESS];
	waiting = connection->pushed - connection->popped;
	is_open = is_underway(message->state) && !(message->flags & IS_RESPONSE);
	if (is_open && waiting) {
		tally(TALLY_REQUESTS_UNFINISHED, 1);
		waiting -= 1;
	} else if (is_open && flow) {
		count_request(flow, message->bytes); /* answered before it was whole */
	}
	stop_http(connection);
	connection->popped = connection->pushed;
	tally(TALLY_REQUESTS_UNANSWERED, waiting);
	if (flow)
		add(flow->unanswered, waiting);
	return 0;
}

#endif
