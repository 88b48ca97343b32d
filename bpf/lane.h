/*
 * Programs that hang several times in one place.
 *
 * The kernel runs no program inside itself on one CPU. Where system calls' programs may be
 * preempted, one that is keeps itself from every other task of that CPU until it goes on. There
 * user space hangs copies of the same programs behind the first, over the same maps: each does
 * what those before it were kept from. What has been done is told by a byte: beside a task, which
 * is in one call at a time, and in a connection. Most of what TCP says needs none: to look twice
 * changes nothing.
 */
#ifndef PODWIRE_LANE_H
#define PODWIRE_LANE_H

#include "kernel.h"

#define MOST_LANES 3
knob u32 lanes = 1;
knob u32 lane = 0; /* of them, the one that this object is */

enum moment { MOMENT_NONE, MOMENT_ENTER, MOMENT_LEAVE, MOMENT_SENT, MOMENT_RECEIVED };

/* Whether a lane before this one was there; the last one forgets it. */
inline_always int is_done(u8 *done, u8 moment)
{
	u8 before;

	if (lanes == 1)
		return 0;
	before = *done;
	*done = lane + 1 < lanes ? moment : MOMENT_NONE;
	return lane && before == moment;
}

#endif
