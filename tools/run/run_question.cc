#include "tools/run/run_question.h"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/pidfd.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <fstream>
#include <string>

#include "absl/strings/str_cat.h"

namespace warp::tools {
namespace {

constexpr size_t kMostHandles = 256;
constexpr unsigned kPidfdThread = O_EXCL;  // Linux 6.9
// Linux 6.6. Debian 12's headers do not have the two, Debian 13's do, under names of their own.
constexpr unsigned long kSetFlags = SECCOMP_IOW(4, uint64_t);
constexpr unsigned long kSyncWakeUp = 1;

// The process that a thread belongs to, or 0.
pid_t ProcessOf(pid_t thread) {
  std::ifstream status(absl::StrCat("/proc/", thread, "/status"));
  for (std::string line; std::getline(status, line);) {
    if (line.rfind("Tgid:", 0) == 0) return static_cast<pid_t>(std::stol(line.substr(5)));
  }
  return 0;
}

os::UniqueFd OpenPidfd(pid_t pid, unsigned flags) {
  return os::UniqueFd(static_cast<int>(::syscall(SYS_pidfd_open, pid, flags)));
}

os::UniqueFd TakeFrom(const os::UniqueFd& pidfd, int fd) {
  return os::UniqueFd(static_cast<int>(::syscall(SYS_pidfd_getfd, pidfd.get(), fd, 0)));
}

}  // namespace

std::optional<Question> Question::Next(int listener) {
  // The kernel writes the fields that it knows of, and expects zeroes there before.
  union {
    seccomp_notif notification;
    std::array<uint8_t, 256> room;
  } asked;
  asked.room.fill(0);
  if (::ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &asked) != 0) return std::nullopt;
  return Question(listener, asked.notification);
}

bool Question::Stands() const {
  return ::ioctl(listener_, SECCOMP_IOCTL_NOTIF_ID_VALID, &asked_.id) == 0;
}

bool Question::Read(uint64_t from, void* to, size_t size) const {
  const iovec local{.iov_base = to, .iov_len = size};
  const iovec remote{.iov_base = reinterpret_cast<void*>(from), .iov_len = size};
  return ::process_vm_readv(thread(), &local, 1, &remote, 1, 0) == static_cast<ssize_t>(size);
}

bool Question::Write(uint64_t to, const void* from, size_t size) const {
  const iovec local{.iov_base = const_cast<void*>(from), .iov_len = size};
  const iovec remote{.iov_base = reinterpret_cast<void*>(to), .iov_len = size};
  return ::process_vm_writev(thread(), &local, 1, &remote, 1, 0) == static_cast<ssize_t>(size);
}

void Question::Continue() const {
  Answer({.id = asked_.id, .flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE});
}

void Question::Return(int64_t result) const {
  if (result < 0) return Answer({.id = asked_.id, .error = static_cast<int32_t>(result)});
  Answer({.id = asked_.id, .val = result});
}

void Question::Answer(seccomp_notif_resp answer) const {
  // This fails if the thread was killed; nobody waits for the answer then.
  ::ioctl(listener_, SECCOMP_IOCTL_NOTIF_SEND, &answer);
}

// Descriptors belong to threads, and nearly always to all threads of a process together. A handle of the thread itself
// can be kept, because it works only as long as that thread lives and nobody else has its id. Before Linux 6.9 only
// first threads have such a handle.
std::optional<os::UniqueFd> ThreadHandles::Take(const Question& question, int fd) {
  const pid_t thread = question.thread();
  os::UniqueFd taken;
  if (const auto kept = handles_.find(thread); kept != handles_.end()) {
    taken = TakeFrom(kept->second, fd);
    if (taken.get() >= 0) return taken;
    handles_.erase(kept);
  }
  os::UniqueFd handle = OpenPidfd(thread, kPidfdThread);
  if (handle.get() < 0) handle = OpenPidfd(thread, 0);
  const bool exact = handle.get() >= 0;
  if (!exact) handle = OpenPidfd(ProcessOf(thread), 0);
  taken = TakeFrom(handle, fd);
  // Only now is it certain that the id was the asking thread's.
  if (taken.get() < 0 || !question.Stands()) return std::nullopt;
  if (handles_.size() >= kMostHandles) handles_.clear();
  if (exact) handles_.emplace(thread, std::move(handle));
  return taken;
}

void PreferSameCpu(int listener) { ::ioctl(listener, kSetFlags, kSyncWakeUp); }

}  // namespace warp::tools
