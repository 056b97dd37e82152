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

  // Returns true if the thread still waits. Otherwise it was killed, and its id may belong to another thread.
  bool Stands() const;
  // Copies `size` bytes from, or to, the address in the application. Returns false if not all of it can be accessed.
  bool Read(uint64_t from, void* to, size_t size) const;
  bool Write(uint64_t to, const void* from, size_t size) const;

  // Each question gets one answer. With Continue, the kernel does what was asked as if nobody had asked.
  void Continue() const;
  // With Return, the call returns this: a value, or minus an errno.
  void Return(int64_t result) const;

 private:
  Question(int listener, const seccomp_notif& asked) : listener_(listener), asked_(asked) {}
  void Answer(seccomp_notif_resp answer) const;

  int listener_;
  seccomp_notif asked_;
};

// Keeps handles of the application's threads that have asked, in order to take their descriptors. Each supervisor
// thread has one such object.
class ThreadHandles {
 public:
  // Returns the supervisor's own descriptor for `fd` of the asking thread. Returns none if there is no such descriptor,
  // or if it may not be taken.
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
