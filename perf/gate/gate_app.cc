#include "perf/gate/gate_app.h"

#include <netinet/in.h>
#include <netinet/udp.h>
#include <poll.h>
#include <sched.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>

#include "dataplane/os/boot_clock.h"

namespace warp::perf {
namespace {

constexpr size_t kBatch = 32;
constexpr int kPatienceMs = 20;  // the time after which a thread sees that it must stop

uint64_t Nanoseconds() { return static_cast<uint64_t>(os::Now().time_since_epoch().count()); }

size_t SegmentsFor(size_t size) { return std::min<size_t>(kBatch, 65000 / size); }

// Sends, with one call, as many payloads of `size` as `data` holds.
bool SendSegments(int fd, const std::vector<uint8_t>& data, size_t size) {
  iovec vector = {const_cast<uint8_t*>(data.data()), data.size()};
  alignas(cmsghdr) uint8_t control[CMSG_SPACE(sizeof(uint16_t))] = {};
  msghdr message = {};
  message.msg_iov = &vector;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof(control);
  cmsghdr* const header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_UDP;
  header->cmsg_type = UDP_SEGMENT;
  header->cmsg_len = CMSG_LEN(sizeof(uint16_t));
  const auto segment = static_cast<uint16_t>(size);
  std::memcpy(CMSG_DATA(header), &segment, sizeof(segment));
  return sendmsg(fd, &message, 0) >= 0;
}

// Returns how many payloads a receive with UDP_GRO brought.
uint64_t SegmentsOf(const msghdr& message, size_t bytes) {
  msghdr copy = message;
  for (cmsghdr* c = CMSG_FIRSTHDR(&copy); c != nullptr; c = CMSG_NXTHDR(&copy, c)) {
    if (c->cmsg_level != SOL_UDP || c->cmsg_type != UDP_GRO) continue;
    int segment = 0;
    std::memcpy(&segment, CMSG_DATA(c), sizeof(segment));
    if (segment > 0)
      return (bytes + static_cast<size_t>(segment) - 1) / static_cast<size_t>(segment);
  }
  return 1;
}

}  // namespace

void PinThisThread(int cpu) {
  if (cpu < 0) return;
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(static_cast<size_t>(cpu), &set);
  sched_setaffinity(0, sizeof(set), &set);
}

AppSender::AppSender(const AppSockets& sockets, size_t size, Batching batching, int cpu)
    : sockets_(sockets), payload_(size, 0x5a), thread_([=, this] { Run(batching, cpu); }) {}

AppSender::~AppSender() {
  stop_ = true;
  thread_.join();
}

void AppSender::Run(Batching batching, int cpu) {
  PinThisThread(cpu);
  const size_t size = payload_.size();
  const size_t segments = batching == Batching::kSegments ? SegmentsFor(size) : 1;
  if (segments > 1) payload_.resize(size * segments);
  while (!stop_) {
    for (const os::UniqueFd& fd : sockets_.near) {
      const bool taken = segments > 1 ? SendSegments(fd.get(), payload_, size)
                                      : send(fd.get(), payload_.data(), size, MSG_NOSIGNAL) >= 0;
      if (taken) {
        sent_.fetch_add(segments, std::memory_order_relaxed);
        // A Unix gate has held the sender back for the socket's time-out.
      } else if (errno == EAGAIN) {
        if (stop_) return;
      }
    }
  }
}

void SendRound(const AppSockets& sockets, size_t size, Batching batching, size_t count, int cpu) {
  PinThisThread(cpu);
  const size_t segments = batching == Batching::kSegments ? SegmentsFor(size) : 1;
  const std::vector<uint8_t> data(size * segments, 0x5a);
  for (size_t sent = 0; sent < count; sent += segments) {
    const int fd = sockets.near[sent / segments % sockets.near.size()].get();
    if (segments > 1) {
      SendSegments(fd, data, size);
    } else {
      send(fd, data.data(), size, MSG_NOSIGNAL);
    }
  }
}

AppReceiver::AppReceiver(const AppSockets& sockets, Batching batching, int cpu)
    : sockets_(sockets), thread_([=, this] { Run(batching, cpu); }) {}

AppReceiver::~AppReceiver() {
  stop_ = true;
  thread_.join();
}

void AppReceiver::Run(Batching batching, int cpu) {
  PinThisThread(cpu);
  const size_t room = batching == Batching::kSegments ? 65536 : 2048;
  std::vector<uint8_t> buffer(kBatch * room);
  std::array<mmsghdr, kBatch> messages{};
  std::array<iovec, kBatch> vectors{};
  std::array<std::array<uint8_t, CMSG_SPACE(sizeof(int))>, kBatch> controls{};
  std::vector<pollfd> polls;
  for (const os::UniqueFd& fd : sockets_.far) {
    const int on = batching == Batching::kSegments;
    setsockopt(fd.get(), SOL_UDP, UDP_GRO, &on, sizeof(on));
    polls.push_back({.fd = fd.get(), .events = POLLIN, .revents = 0});
  }
  while (!stop_) {
    if (poll(polls.data(), polls.size(), kPatienceMs) <= 0) continue;
    for (const pollfd& ready : polls) {
      if ((ready.revents & POLLIN) == 0) continue;
      for (size_t i = 0; i < kBatch; ++i) {
        vectors[i] = {&buffer[i * room], room};
        messages[i].msg_hdr = {};
        messages[i].msg_hdr.msg_iov = &vectors[i];
        messages[i].msg_hdr.msg_iovlen = 1;
        messages[i].msg_hdr.msg_control = controls[i].data();
        messages[i].msg_hdr.msg_controllen = controls[i].size();
      }
      const int count = recvmmsg(ready.fd, messages.data(), kBatch, MSG_DONTWAIT, nullptr);
      uint64_t payloads = 0, bytes = 0;
      for (int i = 0; i < count; ++i) {
        const mmsghdr& message = messages[static_cast<size_t>(i)];
        payloads += SegmentsOf(message.msg_hdr, message.msg_len);
        bytes += message.msg_len;
      }
      received_.fetch_add(payloads, std::memory_order_relaxed);
      bytes_.fetch_add(bytes, std::memory_order_relaxed);
    }
  }
}

std::vector<uint64_t> ProbeLatency(const AppSockets& sockets, size_t size, size_t count,
                                   uint64_t interval_us, int cpu) {
  PinThisThread(cpu);
  const int near = sockets.near.front().get(), far = sockets.far.front().get();
  std::vector<uint8_t> payload(size, 0xa5), received(size);
  std::vector<uint64_t> times;
  times.reserve(count);
  for (size_t i = 0; i < count; ++i) {
    if (interval_us > 0) std::this_thread::sleep_for(std::chrono::microseconds(interval_us));
    std::memcpy(payload.data(), &i, sizeof(i));
    const uint64_t start = Nanoseconds();
    if (send(near, payload.data(), size, 0) < 0) continue;
    for (;;) {
      pollfd ready = {.fd = far, .events = POLLIN, .revents = 0};
      if (recv(far, received.data(), size, MSG_DONTWAIT) < 0) {
        if (poll(&ready, 1, 1000) <= 0) break;
        continue;
      }
      // This payload is a late one.
      if (std::memcmp(payload.data(), received.data(), sizeof(i)) != 0) continue;
      times.push_back(Nanoseconds() - start);
      break;
    }
  }
  return times;
}

}  // namespace warp::perf
