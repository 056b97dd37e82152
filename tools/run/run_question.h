// A system call that waits for the supervisor's answer (seccomp_unotify(2)).
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

// The calling thread waits, but other threads of its process go on: they may change what its arguments point to, or end
// it. Everything is therefore copied once, and the copy counts only if the question still stands after that. One thread
// at a time.
class Question {
 public:
  // Waits for the next question and takes it. None if there was nothing to take after all.
  static std::optional<Question> Next(int listener);

  int number() const { return asked_.data.nr; }
  uint64_t argument(unsigned i) const { return asked_.data.args[i]; }
  pid_t thread() const { return static_cast<pid_t>(asked_.pid); }

  // True if the thread still waits. If it does not it was killed, and its id may be another's.
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

// What the descriptors of the application's threads are, for the threads that have asked. Each supervisor thread has
// one.
class ThreadHandles {
 public:
  // The supervisor's own descriptor for what `fd` is in the asking thread; none if there is no such, or we may not.
  std::optional<os::UniqueFd> Take(const Question& question, int fd);

 private:
  absl::flat_hash_map<pid_t, os::UniqueFd>
      handles_;  // pidfds: they stay the same thread's, whatever becomes of its id
};

// Makes the kernel run the supervisor on the CPU of the asking thread, which is about to sleep (Linux 6.6; without
// effect before).
void PreferSameCpu(int listener);

}  // namespace warp::tools

#endif  // WARP_TOOLS_RUN_RUN_QUESTION_H_
