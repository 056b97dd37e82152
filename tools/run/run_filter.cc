#include "tools/run/run_filter.h"

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <bit>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace warp::tools {
namespace {

#if defined(__x86_64__)
constexpr uint32_t kArchitecture = AUDIT_ARCH_X86_64;
#elif defined(__aarch64__)
constexpr uint32_t kArchitecture = AUDIT_ARCH_AARCH64;
#else
#error "which audit architecture is this?"
#endif
static_assert(std::endian::native == std::endian::little, "an argument's low word comes first");

constexpr uint32_t Argument(unsigned i) {
  return static_cast<uint32_t>(offsetof(seccomp_data, args) + i * sizeof(uint64_t));
}

// Builds a filter program from its end to its beginning, because jumps are relative and lead forward.
class Program {
 public:
  using Place = size_t;  // of an instruction, counted from the end

  Place Return(uint32_t what) { return Add(BPF_STMT(BPF_RET | BPF_K, what)); }
  Place Load(uint32_t offset) { return Add(BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offset)); }
  // Jumps there if the loaded word is `value`. Otherwise the next instruction follows.
  Place IfEqual(uint32_t value, Place then) { return Add(Jump(BPF_JEQ, value, then)); }
  Place IfAny(uint32_t bits, Place then) { return Add(Jump(BPF_JSET, bits, then)); }
  Place Go(Place where) { return Add(BPF_STMT(BPF_JMP | BPF_JA, Distance(where))); }

  std::vector<sock_filter> Finish() const { return {reversed_.rbegin(), reversed_.rend()}; }

 private:
  uint32_t Distance(Place where) const { return static_cast<uint32_t>(reversed_.size() - where); }
  sock_filter Jump(uint16_t kind, uint32_t value, Place then) const {
    return BPF_JUMP(static_cast<uint16_t>(BPF_JMP | kind | BPF_K), value,
                    static_cast<uint8_t>(Distance(then)), 0);
  }
  Place Add(sock_filter instruction) {
    reversed_.push_back(instruction);
    return reversed_.size();
  }

  std::vector<sock_filter> reversed_;
};

// Returns true if writing to this descriptor can never be a send.
bool IsNoSocket(int fd) {
  struct stat status;
  return ::fstat(fd, &status) == 0 && !S_ISSOCK(status.st_mode);
}

std::vector<sock_filter> Filter() {
  Program program;
  const Program::Place allow = program.Return(SECCOMP_RET_ALLOW);
  // The last part checks the descriptor, for calls that may ask.
  program.Return(SECCOMP_RET_USER_NOTIF);
  for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (IsNoSocket(fd)) program.IfEqual(static_cast<uint32_t>(fd), allow);
  }
  const Program::Place descriptor = program.Load(Argument(0));
  // The part before it checks the flags, for calls that have some.
  const auto flags = [&](unsigned argument) {
    program.Go(descriptor);
    program.IfAny(MSG_DONTWAIT, allow);
    return program.Load(Argument(argument));
  };
  const Program::Place third = flags(2);
  const Program::Place fourth = flags(3);
  // The part before that checks the number of the call.
  program.Return(SECCOMP_RET_ALLOW);
  program.IfEqual(__NR_sendmmsg, fourth);
  program.IfEqual(__NR_sendmsg, third);
  program.IfEqual(__NR_sendto, fourth);
  program.IfEqual(__NR_writev, descriptor);
  program.IfEqual(__NR_write, descriptor);
  const Program::Place number = program.Load(offsetof(seccomp_data, nr));
  // The first part checks the architecture, because other architectures number their calls differently.
  program.Return(SECCOMP_RET_ALLOW);
  program.IfEqual(kArchitecture, number);
  program.Load(offsetof(seccomp_data, arch));
  return program.Finish();
}

}  // namespace

int InstallFilter() {
  std::vector<sock_filter> filter = Filter();
  const sock_fprog program{.len = static_cast<unsigned short>(filter.size()),
                           .filter = filter.data()};
  // The wait is killable only: a signal's handler waits until the call was answered. A payload that was handed over
  // cannot be taken back, and a restarted call must not send it again. A signal that ends the process ends the wait.
  const unsigned flags = SECCOMP_FILTER_FLAG_NEW_LISTENER | SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV;
  const auto install = [&] {
    return static_cast<int>(::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &program));
  };
  int listener = install();
  if (listener < 0 && errno == EACCES && ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0) {
    listener = install();
  }
  return listener < 0 ? -errno : listener;
}

}  // namespace warp::tools
