/*
 * What a hook is told. A typed or raw tracepoint hands over its arguments, a plain one its record:
 * the lowest rung, for kernels that refuse the two others. Which it is, user space says by a knob
 * of each program before it is loaded, and the verifier drops the other way.
 */
#ifndef PODWIRE_RUNG_H
#define PODWIRE_RUNG_H

#include "kernel.h"

#define RUNG(program) knob u32 program##_is_plain = 0

RUNG(enter);
RUNG(leave);
RUNG(set_state);
RUNG(retransmit);
RUNG(destroy);
RUNG(send_reset);
RUNG(receive_reset);
RUNG(drop);

/* Records begin with what all have in common; their fields are what tracefs calls their format. */
struct call_record {
	u64 common;
	s64 number;
	s64 result; /* of a call that ends; arguments of one that begins */
};

struct state_record {
	u64 common;
	u64 sk;
	s32 before;
	s32 state;
};

struct sock_record {
	u64 common;
	u64 sk;
};

struct packet_record {
	u64 common;
	u64 skb;
	u64 sk;
};

/*
 * An argument by its number, or the same by its name in the record. One of the loads is in words:
 * a compiler that knew both would make them one, of a place that varies.
 */
#define TOLD(program, context, number, record, field)                                              \
	({                                                                                         \
		u64 told_;                                                                         \
                                                                                                   \
		if (program##_is_plain)                                                            \
			told_ = (u64)((struct record *)(context))->field;                          \
		else                                                                               \
			__asm__ volatile("%0 = *(u64 *)(%1 + %2)"                                  \
					 : "=r"(told_)                                             \
					 : "r"(context), "i"((number) * 8));                       \
		told_;                                                                             \
	})

#endif
