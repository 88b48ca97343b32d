/*
 * Libraries that are handed ciphertext in memory (Node.js, Python's asyncio) make no system call
 * that tells the socket. What does is the ciphertext: a session uses the socket from which its
 * thread last read the very bytes that the session is about to take from its memory.
 *
 * Where that memory lies is guessed from the layouts that libraries have had; a guess that is
 * wrong does not hold those bytes, and so proves nothing.
 */
#ifndef PODWIRE_PROOF_H
#define PODWIRE_PROOF_H

/* What OpenSSL (1.1.1 and 3.0; 3.2; BoringSSL) has of its source, and that of its data. */
#define SOURCES 3
#define POINTERS 2
#define MEMORIES 3
#define LAYOUTS (SOURCES * POINTERS * MEMORIES)
static const u8 source_at[4] = {16, 80, 24};
static const u8 pointer_at[2] = {64, 56};

struct proof {
	struct call *call;
	u64 session;
	u32 is_found;
	u32 padding;
};

inline_always u64 word_at(u64 address)
{
	u64 word = 0;

	bpf_probe_read_user(&word, sizeof(word), (void *)address);
	return word;
}

/* What a session reads next, if it is laid out like this. */
inline_always u64 unread_of(u64 session, u32 layout)
{
	u32 source = layout / (POINTERS * MEMORIES), pointer = layout / MEMORIES % POINTERS;
	u64 memory;

	hide(source);
	hide(pointer);
	memory = word_at(session + source_at[source & 3]);
	memory = memory ? word_at(memory + pointer_at[pointer & 1]) : 0;
	if (!memory)
		return 0;
	if (layout % MEMORIES == 0) { /* OpenSSL's own: a buffer, of which so much is read */
		memory = word_at(memory + 8);
		return memory ? word_at(memory + 8) : 0;
	}
	/* Node's: the first of several buffers; version 20 has a word more before it. */
	memory = word_at(memory + (layout % MEMORIES == 1 ? 48 : 40));
	return memory ? word_at(memory + 40) + word_at(memory + 8) : 0;
}

inline_always int is_arrived(const struct call *call, u64 unread)
{
	u64 words[ARRIVED] = {};

	if (!unread || bpf_probe_read_user(words, sizeof(words), (void *)unread))
		return 0;
	return words[0] == call->arrived[0] && words[1] == call->arrived[1] &&
	       words[2] == call->arrived[2] && words[3] == call->arrived[3];
}

static long try_layout(u32 index, void *context)
{
	struct proof *proof = context;
	u32 layout = (proof->call->layout + index) % LAYOUTS; /* first the one that it was before */

	if (!is_arrived(proof->call, unread_of(proof->session, layout)))
		return 0;
	proof->call->layout = layout;
	proof->is_found = 1;
	return 1;
}

/* Before a call: does its session hold what this thread has just read? */
apart int prove_session(struct call *call, const struct session_key *key)
{
	struct proof proof = {.call = call, .session = key->address};
	struct connection *connection;
	u64 sk = call->arrived_sk;

	bpf_loop(LAYOUTS, try_layout, &proof, 0);
	if (!proof.is_found)
		return 0;
	call->is_fresh = 0;
	connection = bpf_map_lookup_elem(&connections, &sk);
	if (connection && connection->key.tls)
		remember_session(sk, connection, key);
	return 0;
}

#endif
