#include "tools/gauge/gauge_sender.h"

#include <sched.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <ctime>
#include <span>
#include <utility>

#include "tools/gauge/gauge_datagram.h"
#include "tools/gauge/gauge_pacer.h"
#include "tools/gauge/gauge_socket.h"
#include "tools/gauge/gauge_tally.h"
#include "tools/gauge/gauge_wait.h"

namespace warp::tools {
namespace {

constexpr uint64_t kLongestSleep = 50'000'000;  // in ns; within this time Stop is seen
// In ns. The default of 50 us would be a quarter of the interval at 5,000 packets a second.
constexpr unsigned long kTimerSlack = 1000;

// The sender stays awake for waits up to this long. A sleep takes at least as long, and with eight datagrams for each
// sleep the sender would be the limit of what it measures.
constexpr uint64_t kShortestSleep = 60'000;  // ns

void WaitUntil(uint64_t now, uint64_t when) {
  if (when - now < kShortestSleep) {
    ::sched_yield();
    return;
  }
  const timespec deadline{.tv_sec = static_cast<time_t>(when / 1'000'000'000),
                          .tv_nsec = static_cast<long>(when % 1'000'000'000)};
  ::clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &deadline, nullptr);
}

bool IsUnix(int fd) {
  int domain = 0;
  socklen_t size = sizeof(domain);
  ::getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &size);
  return domain == AF_UNIX;
}

}  // namespace

GaugeSender::GaugeSender(int fd, uint64_t run, double rate, size_t size, double seconds)
    : fd_(fd),
      run_(run),
      rate_(rate),
      size_(size),
      seconds_(seconds),
      waits_(IsUnix(fd)),
      done_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      buffers_(GaugePacer::kMaxBatch * size),
      thread_([this] { Run(); }) {}

GaugeSender::~GaugeSender() {
  Stop();
  thread_.join();
}

void GaugeSender::Run() {
  ::prctl(PR_SET_TIMERSLACK, kTimerSlack, 0, 0, 0);
  if (waits_) {
    const timeval look{.tv_sec = 0, .tv_usec = kLongestSleep / 1000};
    ::setsockopt(fd_, SOL_SOCKET, SO_SNDTIMEO, &look, sizeof(look));
  }
  // The time counts from the thread's own start, which may be late on a busy machine, so that the run is as long as
  // asked for.
  const uint64_t start = MonotonicNow();
  const uint64_t end = After(start, seconds_);
  GaugePacer pacer(rate_, start);
  for (uint64_t now = start; !stop_ && now < end && sent_ < GaugeTally::kMaxSequence;
       now = MonotonicNow()) {
    if (const uint64_t count = pacer.Take(now); count > 0) {
      SendBatch(std::min(count, GaugeTally::kMaxSequence - sent_), end);
    } else {
      WaitUntil(now, std::min({pacer.next(), now + kLongestSleep, end}));
    }
  }
  const uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = ::write(done_.get(), &one, sizeof(one));
}

void GaugeSender::SendBatch(size_t count, uint64_t end) {
  std::array<iovec, GaugePacer::kMaxBatch> vectors{};
  std::array<mmsghdr, GaugePacer::kMaxBatch> messages{};
  size_t done = 0;
  // Each datagram must bear the time at which its own send began.
  const size_t at_once = waits_ ? 1 : count;
  bool refused = false;
  while (done < count) {
    const uint64_t now = MonotonicNow();
    for (size_t i = done; i < count; ++i) {
      const std::span<uint8_t> datagram(buffers_.data() + i * size_, size_);
      WriteGauge({run_, sent_ + (i - done), now}, datagram);
      vectors[i] = {datagram.data(), datagram.size()};
      messages[i].msg_hdr.msg_iov = &vectors[i];
      messages[i].msg_hdr.msg_iovlen = 1;
    }
    const size_t now_sent = std::min(at_once, count - done);
    const int sent = ::sendmmsg(fd_, &messages[done], static_cast<unsigned>(now_sent), 0);
    if (sent > 0) {
      done += static_cast<size_t>(sent);
      sent_ += static_cast<uint64_t>(sent);
      refused = false;
      continue;
    }
    if (errno == EAGAIN && (stop_ || MonotonicNow() >= end)) return;
    if (errno == EINTR || errno == EAGAIN) continue;
    // A connected socket reports here, once, that an earlier datagram was refused (ECONNREFUSED). This datagram was not
    // tried yet.
    if (std::exchange(refused, true)) break;
  }
  errors_ += count - done;
}

}  // namespace warp::tools
