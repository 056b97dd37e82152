// Named points of the code at which a test can stop a thread, for as long as it likes, while all other threads go on.
// They stand at the steps by which threads meet, so that a test need not wait for the scheduler to stop a thread at the
// one instruction that matters. docs/threads.md lists them.
//
// A point is a probe of sys/sdt.h: one `nop`, and a note in the binary that tells where it is. A tracer writes a
// breakpoint there (tests/scenarios/stop_thread.py). So it is the very binary which users run that is tested. Where the
// header is missing there are no points.
#ifndef WARP_DATAPLANE_OS_STOP_POINT_H_
#define WARP_DATAPLANE_OS_STOP_POINT_H_

// `name` is an identifier. Its first word says whose thread comes by (tests/scenarios/fault_plan.py).
#if __has_include(<sys/sdt.h>)
#include <sys/sdt.h>
#define WARP_STOP_POINT(name) DTRACE_PROBE(warp, name)
#else
#define WARP_STOP_POINT(name) static_cast<void>(0)
#endif

#endif  // WARP_DATAPLANE_OS_STOP_POINT_H_
