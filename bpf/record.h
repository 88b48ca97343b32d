/*
 * The bytes of messages, kept until it is decided whether a rule picks their exchange.
 *
 * A message that is underway owns a chain of pages; its first page's head tells the chain. When a
 * response ends, the exchange is handed to user space with its chains, or their pages are free
 * again: what no rule picks never leaves the kernel, and what was handed over is never written.
 */
#ifndef PODWIRE_RECORD_H
#define PODWIRE_RECORD_H

#include "token.h"
#include "work.h"

#define PAGE 4096
#define LONG_PIECE 2048
#define MOVES 12	     /* calls remembered with each page */
#define PIECES 8192	     /* of one call's body, at most: 4 MiB */
#define PART 64		     /* of them; a verifier without bpf_loop follows no more at once, */
#define PIECES_ALONE 512     /* or so many calls of what it has verified by itself: 256 KiB or more */

/* One call that moved some of a page's bytes. */
struct move {
	u64 start_ns;
	u64 end_ns;
	u32 bytes;
	u32 srtt_us;
	u32 number; /* of the system call */
	u32 segments; /* with data, since the call before; 0: nobody knows */
};

struct head {
	/* of the whole chain, in its first page */
	u64 start_ns;
	u64 end_ns;
	u64 bytes;    /* of the message, recorded or not */
	u64 recorded;
	u64 sequence; /* another one whenever a chain begins */
	u64 limit;    /* record no more than this */
	u32 last;
	u8 is_cut; /* what comes behind a gap is not recorded */
	u8 padding[3];
	/* of each page */
	u32 next;
	u32 length;
	u32 moves;
	u32 moves_missing;
	struct move moved[MOVES];
};

/* What the rules of a process's tasks together may pick, and how much of it they want. */
struct policy {
	u64 least_ns; /* all ones: nothing is picked for being slow */
	u64 request_limit;
	u64 response_limit;
	u8 when_4xx;
	u8 when_5xx;
	u8 padding[6];
};

/* An exchange that a rule may pick; its pages belong to user space from now on. */
struct picked {
	struct flow_key key;
	u32 status;
	u32 request; /* first pages; 0: not recorded */
	u32 response;
	u32 device; /* where the socket's packets leave, and what it is called; 0: no route yet */
	u64 request_sequence;
	u64 response_sequence;
	u64 response_bytes;
	u64 start_ns;
	u64 end_ns;
	char device_name[16];
};
struct picked *picked_named_in_btf;

/* Page 0 is nobody's; user space sets the size and fills `free_pages`. */
struct {
	__uint(type, MAP_ARRAY);
	__uint(max_entries, 2);
	__uint(map_flags, MMAPABLE);
	__type(key, u32);
	__type(value, struct { u8 bytes[PAGE]; });
} pages SEC(".maps");

/* Key: page. Value: what it holds. */
struct {
	__uint(type, MAP_ARRAY);
	__uint(max_entries, 2);
	__type(key, u32);
	__type(value, struct head);
} heads SEC(".maps");

/* The page that was used last is taken next: it is in the CPU's cache still. */
struct {
	__uint(type, MAP_STACK);
	__uint(max_entries, 2);
	__uint(key_size, 0);
	__uint(value_size, 4);
} free_pages SEC(".maps");

/* Key: process. Value: what may be picked of it; without one it is not recorded. */
struct {
	__uint(type, MAP_HASH);
	__uint(max_entries, 16384);
	__uint(map_flags, NO_PREALLOC);
	__type(key, u32);
	__type(value, struct policy);
} policies SEC(".maps");

/* For user space, which empties it once a drain: `struct picked`. */
struct {
	__uint(type, MAP_RINGBUF);
	__uint(max_entries, 262144);
} picked SEC(".maps");

/* Whether any process has a policy, and the last chain's number. */
struct recording {
	u64 is_on;
	u64 sequence;
};

struct {
	__uint(type, MAP_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct recording);
} recordings SEC(".maps");

inline_always struct head *head_of(u32 page)
{
	return page ? bpf_map_lookup_elem(&heads, &page) : 0;
}

inline_always u32 take_page(void)
{
	u32 page = 0;

	if (bpf_map_pop_elem(&free_pages, &page)) {
		count_loss(LOSS_PAGES_FULL);
		return 0;
	}
	return page;
}

static long free_page(u32 index, void *context)
{
	u32 *page = context, next;
	struct head *head = head_of(*page);

	if (!head)
		return 1;
	next = head->next;
	head->sequence = 0;
	bpf_map_push_elem(&free_pages, page, 0);
	*page = next;
	return !next;
}

#ifdef ELDER
/* Give so many of its pages back; the result is the next one. */
lone u32 free_part(u32 page)
{
	LOOP(PART, free_page, &page);
	return page;
}

lone int free_chain(u32 page)
{
	for (int part = 0; part < PIECES / PART && page; part++)
		page = free_part(page);
	return 0;
}
#else
/* Give a chain back. */
lone int free_chain(u32 page)
{
	if (page && !free_page(0, &page))
		bpf_loop(PIECES, free_page, &page, 0);
	return 0;
}
#endif

inline_always int is_recording(void)
{
	u32 zero = 0;
	struct recording *recording = bpf_map_lookup_elem(&recordings, &zero);

	return recording && recording->is_on;
}

/* A chain for a message that begins; 0 when nobody wants it or there is no room. */
lone u32 begin_chain(u32 pid, u64 start_ns, u32 is_response)
{
	u32 zero = 0, page;
	struct recording *recording = bpf_map_lookup_elem(&recordings, &zero);
	struct policy *policy;
	struct head *head;

	if (!recording)
		return 0;
	policy = bpf_map_lookup_elem(&policies, &pid);
	if (!policy)
		return 0;
	page = take_page();
	head = head_of(page);
	if (!head)
		return 0;
	head->start_ns = start_ns;
	head->end_ns = start_ns;
	head->bytes = 0;
	head->recorded = 0;
	head->sequence = add_fetching(recording->sequence, 1) + 1;
	head->limit = is_response ? policy->response_limit : policy->request_limit;
	head->last = page;
	head->is_cut = 0;
	head->next = 0;
	head->length = 0;
	head->moves = 0;
	head->moves_missing = 0;
	return page;
}

/* The page that takes the next piece: the last one, or a new one behind it. */
inline_always u32 page_with_room(struct head *chain)
{
	u32 page = chain->last, next;
	struct head *head = head_of(page), *fresh;

	if (!head)
		return 0;
	if (head->length <= PAGE - WINDOW)
		return page;
	next = take_page();
	fresh = head_of(next);
	if (!fresh)
		return 0;
	fresh->next = 0;
	fresh->length = 0;
	fresh->moves = 0;
	fresh->moves_missing = 0;
	head->next = next;
	chain->last = next;
	return next;
}

/* Remember the call that moved these bytes; several pieces of one call are one. */
inline_always void note_move(struct head *head, const struct work *work, u32 bytes)
{
	u32 at = head->moves;
	struct move *move;

	if (at && at <= MOVES && head->moved[(at - 1) % MOVES].end_ns == work->now_ns) {
		head->moved[(at - 1) % MOVES].bytes += bytes;
		return;
	}
	if (at >= MOVES) {
		head->moves_missing += 1;
		return;
	}
	move = &head->moved[at % MOVES];
	move->start_ns = work->start_ns;
	move->end_ns = work->now_ns;
	move->bytes = bytes;
	move->srtt_us = FIELD(struct tcp_sock, work->sk, srtt_us) >> 3;
	move->number = work->number;
	move->segments = work->segments;
	head->moves = at + 1;
}

/* Where bytes come from: `from` is a user address, a place in the window, or a token. */
enum origin { FROM_USER, FROM_WINDOW, FROM_TOKEN };

struct copying {
	struct head *chain;
	struct work *work;
	u64 from;
	u64 left;
	u32 origin;
};

inline_always long copy(void *to, u32 size, const struct copying *copying)
{
	u64 from = copying->from;

	if (copying->origin == FROM_USER)
		return bpf_probe_read_user(to, size, (void *)from);
	from &= WINDOW - 1;
	if (copying->origin == FROM_WINDOW)
		return bpf_probe_read_kernel(to, size, &copying->work->window[from]);
	return bpf_probe_read_kernel(to, size, &tokens[from & 15]);
}

/* As much as the page takes at once; 1 when nothing more can be recorded. */
static long copy_piece(u32 index, void *context)
{
	struct copying *copying = context;
	struct head *chain = copying->chain, *head;
	u32 page, at, piece;
	struct { u8 bytes[PAGE]; } *to;
	long failed;

	if (!copying->left)
		return 1;
	page = page_with_room(chain);
	head = head_of(page);
	to = bpf_map_lookup_elem(&pages, &page);
	if (!head || !to || !page) {
		chain->is_cut = 1;
		return 1;
	}
	at = head->length;
	piece = copying->left > LONG_PIECE ? LONG_PIECE : copying->left;
	hide(at);
	if (at <= PAGE - LONG_PIECE) {
		hide(piece);
		if (piece > LONG_PIECE)
			return 1;
		failed = copy(&to->bytes[at], piece, copying);
	} else {
		if (piece > WINDOW)
			piece = WINDOW;
		hide(piece);
		if (piece > WINDOW || at > PAGE - WINDOW)
			return 1;
		failed = copy(&to->bytes[at], piece, copying);
	}
	if (failed) {
		count_loss(LOSS_PAYLOAD_UNREAD);
		chain->is_cut = 1;
		return 1;
	}
	head->length = at + piece;
	note_move(head, copying->work, piece);
	chain->recorded += piece;
	copying->from += piece;
	copying->left -= piece;
	return 0;
}

#ifdef ELDER
/* One piece, by numbers alone; the result is its size, 0 when nothing more can be recorded. */
lone u32 copy_alone(u32 page, u32 which, u64 from, u64 left, u32 origin)
{
	struct copying copying = {
		.chain = head_of(page),
		.work = work_of(which),
		.from = from,
		.left = left,
		.origin = origin,
	};

	if (!copying.chain || !copying.work)
		return 0;
	copy_piece(0, &copying);
	return left - copying.left;
}

inline_always void copy_all(u32 page, struct copying *copying)
{
	u32 which = copying->work->which, copied;

	for (int piece = 0; piece < PIECES_ALONE && copying->left; piece++) {
		copied = copy_alone(page, which, copying->from, copying->left, copying->origin);
		if (!copied)
			break;
		copying->from += copied;
		copying->left -= copied;
	}
}
#else
inline_always void copy_all(u32 page, struct copying *copying)
{
	if (copying->left && !copy_piece(0, copying) && copying->left)
		bpf_loop(PIECES, copy_piece, copying, 0);
}
#endif

/* Keep bytes of a message, up to its limit. */
global int record(u32 page, struct work *work, u64 from, u64 bytes, u32 origin)
{
	struct copying copying = {.work = work, .from = from, .origin = origin};
	struct head *chain = head_of(page);

	if (!chain || !work || chain->is_cut)
		return 0;
	copying.chain = chain;
	copying.left = chain->limit - chain->recorded;
	if (bytes < copying.left)
		copying.left = bytes;
	else if (bytes > copying.left)
		chain->is_cut = 1;
	copy_all(page, &copying);
	if (copying.left)
		chain->is_cut = 1;
	return 0;
}

#ifdef ELDER
lone int record_alone(u32 page, u32 which, u64 from, u64 bytes, u32 origin)
{
	return record(page, work_of(which), from, bytes, origin);
}
#define record(page, work, from, bytes, origin)                                                    \
	record_alone(page, (work)->which, from, bytes, origin)
#endif

/* Bytes that have no user memory, or that passed unread: what follows does not fit behind. */
inline_always void record_gap(u32 page)
{
	struct head *chain = head_of(page);

	if (chain)
		chain->is_cut = 1;
}

inline_always void end_chain(u32 page, u64 bytes, u64 end_ns)
{
	struct head *chain = head_of(page);

	if (!chain)
		return;
	chain->bytes = bytes;
	chain->end_ns = end_ns;
}

inline_always int is_picked(const struct policy *policy, u32 status, u64 duration_ns)
{
	return (policy->when_5xx && status / 100 == 5) || (policy->when_4xx && status / 100 == 4) ||
	       duration_ns >= policy->least_ns;
}

/* The network interface of a socket's route. */
inline_always void name_device(struct picked *event, u64 sk)
{
	struct dst_entry *route = 0;
	struct net_device *device = 0;

	__builtin_memset(event->device_name, 0, sizeof(event->device_name));
	event->device = 0;
	if (READ(route, ((struct sock *)sk)->sk_dst_cache) || !route || READ(device, route->dev) ||
	    !device || READ(event->device, device->ifindex))
		return;
	READ(event->device_name, device->name);
}

/* An exchange is complete: hand it over, or free its pages. */
global int decide(const struct flow_key *key, const struct early *answer, u64 sk)
{
	struct policy *policy;
	struct picked *event;
	struct head *chain, *other;
	u32 pid, request;

	if (!key || !answer)
		return 0;
	request = answer->request;
	if (!request && !answer->page)
		return 0;
	pid = key->pid;
	policy = bpf_map_lookup_elem(&policies, &pid);
	chain = head_of(request);
	if (!policy || !chain || !is_picked(policy, answer->status, answer->end_ns - chain->start_ns))
		goto free;
	event = bpf_ringbuf_reserve(&picked, sizeof(*event), 0);
	if (!event) {
		count_loss(LOSS_SAMPLES_FULL);
		goto free;
	}
	other = head_of(answer->page);
	event->key = *key;
	event->status = answer->status;
	event->request = request;
	event->response = answer->page;
	name_device(event, sk);
	event->request_sequence = chain->sequence;
	event->response_sequence = other ? other->sequence : 0;
	event->response_bytes = answer->bytes;
	event->start_ns = chain->start_ns;
	event->end_ns = answer->end_ns;
	bpf_ringbuf_submit(event, NO_WAKEUP);
	return 0;
free:
	free_chain(request);
	free_chain(answer->page);
	return 0;
}

/* Keep what the window holds of a message. */
inline_always void record_window(struct message *message, struct work *work)
{
	u32 from = work->mark;

	work->mark = work->position;
	if (message->page && work->position > from && from < WINDOW)
		record(message->page, work, from, work->position - from, FROM_WINDOW);
}

/* Keep bytes of a body that are not looked at, or note that they cannot be had. */
inline_always void record_skipped(struct message *message, struct work *work, u64 bytes)
{
	if (!message->page)
		return;
	if (work->has_memory)
		record(message->page, work, work->base, bytes, FROM_USER);
	else
		record_gap(message->page);
}

inline_always void drop_chain(struct message *message)
{
	if (message->page && message->owns_page)
		free_chain(message->page);
	message->page = 0;
}

inline_always void drop_answer(struct early *answer)
{
	if (answer->page)
		free_chain(answer->page);
	if (answer->request)
		free_chain(answer->request);
	answer->page = 0;
	answer->request = 0;
}

/* An exchange is complete; it is decided when the call has been followed to its end. */
inline_always void owe(struct work *work, struct early *answer)
{
	u32 place = work->dues;

	if (!answer->page && !answer->request)
		return;
	if (place >= QUEUE) {
		count_loss(LOSS_SAMPLES_FULL);
		drop_answer(answer);
		return;
	}
	work->due[place & (QUEUE - 1)] = *answer;
	work->dues = place + 1;
}

static long decide_next(u32 index, void *context)
{
	struct work *work = *(struct work **)context;

	if (index >= work->dues || index >= QUEUE)
		return 1;
	decide(&work->key, &work->due[index & (QUEUE - 1)], work->sk);
	return 0;
}

inline_always void decide_all(struct work *work)
{
	if (work->dues)
		LOOP(QUEUE, decide_next, &work);
	work->dues = 0;
}

static long free_request(u32 index, void *context)
{
	struct connection *connection = *(struct connection **)context;
	u32 place = connection->popped + index, page;

	if (place == connection->pushed)
		return 1;
	page = connection->request_pages[place & (QUEUE - 1)];
	connection->request_pages[place & (QUEUE - 1)] = 0;
	if (page)
		free_chain(page);
	return 0;
}

/* The requests that wait are waited for no more. */
inline_always void drop_requests(struct connection *connection)
{
	if (connection->pushed != connection->popped)
		LOOP(QUEUE, free_request, &connection);
}

#endif
