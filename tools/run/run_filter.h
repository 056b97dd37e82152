// The filter of an application under `warp run`: which of its system calls ask the supervisor (seccomp(2)).
#ifndef WARP_TOOLS_RUN_RUN_FILTER_H_
#define WARP_TOOLS_RUN_RUN_FILTER_H_

namespace warp::tools {

// Installs the filter for the calling thread, what it executes, and all that they start. write, writev, sendto (send),
// sendmsg and sendmmsg ask; all other calls do not. Three kinds of those five do not ask either: calls with
// MSG_DONTWAIT, which never wait; calls on descriptors 0, 1 and 2 unless they are sockets now; and calls of a program
// of another architecture (32 bit).
//
// Returns the listener (close-on-exec), or minus the errno. From here on a call that asks waits until the listener's
// owner answers. Needs Linux 5.19. Sets no_new_privs where CAP_SYS_ADMIN is missing.
int InstallFilter();

}  // namespace warp::tools

#endif  // WARP_TOOLS_RUN_RUN_FILTER_H_
