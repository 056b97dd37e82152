// A system call that waits for the supervisor's word (seccomp_unotify(2)).
#ifndef WARP_TOOLS_RUN_RUN_QUESTION_H_
#define WARP_TOOLS_RUN_RUN_QUESTION_H_

#include <linux/seccomp.h>
#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "dataplane/os/unique_fd.h"

namespace warp::tools {

// The calling thread stands still; others of its process go on, and may change what its arguments point to, or end it. So
// everything is copied once, and what was copied counts only if the question still stands after that. One thread at a time.
class Question {
 public:
  // Takes the next one; waits for it. None if there was nothing to take after all.
  static std::optional<Question> Next(int listener);

  int number() const { return asked_.data.nr; }
  uint64_t argument(unsigned i) const { return asked_.data.args[i]; }
  pid_t thread() const { return static_cast<pid_t>(asked_.pid); }

  // Whether the thread still waits. If not it was killed, and its id may be another's.
  bool Stands() const;
  // Copies so many bytes from, or to, the address there. False if not all of it can be accessed.
  bool Read(uint64_t from, void* to, size_t size) const;
  bool Write(uint64_t to, const void* from, size_t size) const;

  // The answers, of which each question gets one: the kernel does what was asked for as if nobody had asked,
  void Continue() const;
  // or the call returns this: a value, or minus an errno.
  void Return(int64_t result) const;

 private:
  Question(int listener, const seccomp_notif& asked) : listener_(listener), asked_(asked) {}
  void Answer(seccomp_notif_resp answer) const;

  int listener_;
  seccomp_notif asked_;
};

// The application's threads, as far as they asked: what their descriptors are. One supervisor thread each.
class ThreadHandles {
 public:
  // The supervisor's own descriptor for what `fd` is in the asking thread; none if there is no such, or we may not.
  std::optional<os::UniqueFd> Take(const Question& question, int fd);

 private:
  absl::flat_hash_map<pid_t, os::UniqueFd>
      handles_;  // pidfds: they stay the same thread's, whatever becomes of its id
};

// Has the kernel run the supervisor where the asking thread ran, which is about to sleep (Linux 6.6; else without effect).
void PreferSameCpu(int listener);

}  // namespace warp::tools

#endif  // WARP_TOOLS_RUN_RUN_QUESTION_H_
