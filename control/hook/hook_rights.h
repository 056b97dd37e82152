// What the process that runs hooks gives up before it runs any, and what holds together what they start.
//
// Who it is: the user kHookUser, which nothing else of the machine is; where there is no such user, `nobody`; and this
// process's own user where it may not become another one. It has no capability and no way to one.
//
// What holds its commands: a PID namespace (pid_namespaces(7)), of which the process that runs them is the first. A
// command can leave its process group and its session, and its parent, but not the namespace: whatever it starts is
// there to be killed, all at once. Root may make one, and where user namespaces are allowed anybody may. Elsewhere the
// process adopts what its commands leave behind (PR_SET_CHILD_SUBREAPER, prctl(2)) and kills it one by one.
#ifndef WARP_CONTROL_HOOK_HOOK_RIGHTS_H_
#define WARP_CONTROL_HOOK_HOOK_RIGHTS_H_

#include "absl/status/statusor.h"

namespace warp::hook {

inline constexpr char kHookUser[] = "_warp-hook";

enum class HookUser { kOwn, kNobody, kOfWarpd };

// Of a process without threads, for good: its children, and not itself, are in the namespace. The error says in one
// sentence what could not be given up; then nothing may be run.
absl::StatusOr<HookUser> GiveUpRights();

// In the child that is to run the commands: from now on it and they have what others leave of the CPUs. Not before,
// because warpd waits at its start for the process that gives up the rights, and would wait until a CPU is left over.
void YieldCpus();

// In the same child: from now on whatever they leave behind becomes a child of this process.
void AdoptOrphans();

// Kills all that commands have started and left, and waits until it has gone, but not for ever: what sits in the kernel
// (a file system that does not answer) goes when it can. False: something is left. Single thread; of the process that
// AdoptOrphans was called in. `status`: of waitpid(2) for the child `wanted`, if it was among them.
bool KillAll(int wanted, int* status);

}  // namespace warp::hook

#endif  // WARP_CONTROL_HOOK_HOOK_RIGHTS_H_
