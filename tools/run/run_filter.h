// The filter of an application under `warp run`: which of its system calls ask the supervisor (seccomp(2)).
#ifndef WARP_TOOLS_RUN_RUN_FILTER_H_
#define WARP_TOOLS_RUN_RUN_FILTER_H_

namespace warp::tools {

// For the calling thread, what it executes, and all that they start: write, writev, sendto (send), sendmsg and sendmmsg ask;
// all other calls do not. Nor do those with MSG_DONTWAIT, which never wait, those on descriptors 0, 1 and 2 unless they are
// sockets now, nor any of a program of another architecture (32 bit).
//
// Returns the listener, close-on-exec, or minus the errno: from here on a call that asks waits until somebody who listens
// answers. Needs Linux 5.19. Sets no_new_privs where CAP_SYS_ADMIN is missing.
int InstallFilter();

}  // namespace warp::tools

#endif  // WARP_TOOLS_RUN_RUN_FILTER_H_
