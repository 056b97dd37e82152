// Stands in for a Unix gate of warpd. It peeks each payload, holds it as long as sending would take, and then removes
// it.
#ifndef WARP_TESTS_TOOLS_RUN_RUN_GATE_DOUBLE_H_
#define WARP_TESTS_TOOLS_RUN_RUN_GATE_DOUBLE_H_

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <cstring>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "dataplane/os/unique_fd.h"
#include "dataplane/os/unix_address.h"
#include "tools/gauge/gauge_socket.h"

namespace warp::tools {

class GateDouble {
 public:
  explicit GateDouble(const std::string& path, int type = SOCK_DGRAM)
      : path_(path), type_(type), fd_(::socket(AF_UNIX, type | SOCK_CLOEXEC, 0)) {
    ::unlink(path.c_str());
    const os::UnixAddress address = os::UnixAddress::Of(path).value();
    ::bind(fd_.get(), address.get(), address.size());
    if (type == SOCK_SEQPACKET) ::listen(fd_.get(), 8);
    thread_ = std::thread([this] { Run(); });
  }
  ~GateDouble() {
    stop_ = true;
    thread_.join();
  }
  GateDouble(const GateDouble&) = delete;
  GateDouble& operator=(const GateDouble&) = delete;

  void HoldFor(int microseconds) { hold_ = microseconds; }
  void Hold() { hold_ = -1; }  // until HoldFor is called
  // Waits until the gate has peeked a payload.
  void AwaitPayload() const {
    while (!looks_) ::usleep(200);
  }
  // Returns when each payload was removed, by the number that it begins with.
  std::map<uint64_t, uint64_t> taken() const {
    const std::lock_guard lock(mutex_);
    return taken_;
  }
  uint64_t count() const { return count_; }
  size_t largest() const { return largest_; }

 private:
  void Run() {
    std::vector<pollfd> polled{{.fd = fd_.get(), .events = POLLIN, .revents = 0}};
    std::vector<os::UniqueFd> clients;
    while (!stop_) {
      if (::poll(polled.data(), polled.size(), 5) <= 0) continue;
      if (type_ == SOCK_DGRAM) {
        Take(fd_.get());
        continue;
      }
      for (size_t i = 1; i < polled.size(); ++i) {
        if ((polled[i].revents & POLLIN) != 0 && !Take(polled[i].fd)) polled[i].fd = -1;
      }
      if (polled[0].revents == 0) continue;
      clients.emplace_back(::accept4(fd_.get(), nullptr, nullptr, SOCK_CLOEXEC));
      polled.push_back({.fd = clients.back().get(), .events = POLLIN, .revents = 0});
    }
  }

  bool Take(int fd) {
    const ssize_t size = ::recv(fd, buffer_.data(), buffer_.size(), MSG_PEEK | MSG_DONTWAIT);
    if (size <= 0) return false;  // the client has closed, or the payload is gone
    looks_ = true;
    const uint64_t end = MonotonicNow() + static_cast<uint64_t>(hold_.load()) * 1000;
    while (!stop_ && (hold_ < 0 || MonotonicNow() < end)) ::usleep(50);
    if (stop_) return true;
    uint64_t number = 0;
    std::memcpy(&number, buffer_.data(), sizeof(number));
    {
      const std::lock_guard lock(mutex_);
      taken_[number] = MonotonicNow();
    }
    ++count_;
    largest_ = std::max(largest_.load(), static_cast<size_t>(size));
    ::recv(fd, buffer_.data(), buffer_.size(), MSG_DONTWAIT);
    return true;
  }

  const std::string path_;
  const int type_;
  os::UniqueFd fd_;
  std::atomic<int> hold_ = 0;  // in microseconds; negative: without end
  std::atomic<bool> stop_ = false;
  std::atomic<bool> looks_ = false;
  std::atomic<uint64_t> count_ = 0;
  std::atomic<size_t> largest_ = 0;
  mutable std::mutex mutex_;
  std::map<uint64_t, uint64_t> taken_;
  std::vector<uint8_t> buffer_ = std::vector<uint8_t>(1 << 18);
  std::thread thread_;
};

}  // namespace warp::tools

#endif  // WARP_TESTS_TOOLS_RUN_RUN_GATE_DOUBLE_H_
