/*
 * Programs that hang several times in one place.
 *
 * The kernel runs no program inside itself on one CPU. Where system calls' programs may be
 * preempted, one that is keeps itself from every other task of that CPU until it goes on. There
 * user space hangs copies of the same programs behind the first, over the same maps: each does
 * what those before it were kept from. A task is in one call at a time, so what has been done for
 * it is told by a byte beside it; what TCP says of a socket is idempotent by itself.
 */
#ifndef PODWIRE_LANE_H
#define PODWIRE_LANE_H

#include "kernel.h"

#define MOST_LANES 3
knob u32 lanes = 1;
knob u32 lane = 0; /* of them, the one that this object is */

enum moment { MOMENT_NONE, MOMENT_ENTER, MOMENT_LEAVE };

#endif
