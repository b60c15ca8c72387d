#ifndef SLUICE_BENCH_ALLOCATIONS_H
#define SLUICE_BENCH_ALLOCATIONS_H

#include <stdint.h>

/// Calls of malloc, calloc, realloc and their aligned kin by the calling thread since it began.
uint64_t allocations_of_this_thread(void);

#endif
