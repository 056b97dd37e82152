// An application that knows nothing of `warp run`. It sends numbered payloads into a gate, and notes when each send
// returned.
//
//   run_sender_program PATH CALL COUNT SENDERS NOTES
//
// CALL is one of send, sendto (not connected), sendmsg, sendmmsg (batches of 5), write, writev, packet (seqpacket),
// shared (all senders use one socket), forked (the senders are processes that share one socket) and signals (a timer
// interrupts the sends all the time). NOTES is a file of COUNT x SENDERS times (CLOCK_MONOTONIC, ns), in the order of
// the payloads' numbers.
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <string>
#include <thread>
#include <vector>

namespace {

constexpr size_t kBatch = 5;

uint64_t Now() {
  timespec now;
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(now.tv_nsec);
}

[[noreturn]] void Fail(const char* what) {
  std::perror(what);
  std::exit(2);
}

sockaddr_un AddressOf(const char* path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
  return address;
}

int Connect(const sockaddr_un& address, int type) {
  const int fd = ::socket(AF_UNIX, type, 0);
  // The gate may start after the application.
  while (::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
    if (errno != ENOENT && errno != ECONNREFUSED) Fail("connect");
    ::usleep(2000);
  }
  return fd;
}

class Sender {
 public:
  Sender(const sockaddr_un& address, const std::string& call, int shared)
      : address_(address), call_(call) {
    fd_ = shared >= 0        ? shared
          : call == "sendto" ? ::socket(AF_UNIX, SOCK_DGRAM, 0)
                             : Connect(address, call == "packet" ? SOCK_SEQPACKET : SOCK_DGRAM);
  }

  // Sends `numbers`. Returns whether all of them went.
  bool Send(const std::vector<uint64_t>& numbers) {
    std::array<std::array<uint64_t, 2>, kBatch> payloads{};
    std::array<std::array<iovec, 2>, kBatch> parts{};
    std::array<mmsghdr, kBatch> messages{};
    for (size_t i = 0; i < numbers.size(); ++i) {
      payloads[i][0] = numbers[i];
      parts[i] = {{{&payloads[i][0], 3}, {reinterpret_cast<char*>(&payloads[i][0]) + 3, 13}}};
      messages[i].msg_hdr.msg_iov = parts[i].data();
      messages[i].msg_hdr.msg_iovlen = 2;
    }
    const auto* to = reinterpret_cast<const sockaddr*>(&address_);
    if (call_ == "sendmmsg") {
      const int sent = ::sendmmsg(fd_, messages.data(), static_cast<unsigned>(numbers.size()), 0);
      for (size_t i = 0; i < numbers.size(); ++i) {
        if (messages[i].msg_len != 16) return false;
      }
      return sent == static_cast<int>(numbers.size());
    }
    ssize_t sent = 0;
    do {
      if (call_ == "sendto")
        sent = ::sendto(fd_, payloads[0].data(), 16, 0, to, sizeof(address_));
      else if (call_ == "sendmsg")
        sent = ::sendmsg(fd_, &messages[0].msg_hdr, 0);
      else if (call_ == "write")
        sent = ::write(fd_, payloads[0].data(), 16);
      else if (call_ == "writev")
        sent = ::writev(fd_, parts[0].data(), 2);
      else
        sent = ::send(fd_, payloads[0].data(), 16, 0);
    } while (sent < 0 && errno == EINTR);
    return sent == 16;
  }

  void Run(uint64_t first, uint64_t count, uint64_t* notes) {
    const uint64_t step = call_ == "sendmmsg" ? kBatch : 1;
    for (uint64_t number = first; number < first + count; number += step) {
      std::vector<uint64_t> numbers;
      for (uint64_t i = number; i < number + step; ++i) numbers.push_back(i);
      if (!Send(numbers)) Fail(call_.c_str());
      const uint64_t now = Now();
      for (const uint64_t i : numbers) notes[i] = now;
    }
  }

 private:
  const sockaddr_un address_;
  const std::string call_;
  int fd_;
};

void InterruptAllTheTime() {
  struct sigaction action = {};
  action.sa_handler = [](int) {};
  ::sigaction(SIGALRM, &action, nullptr);  // without SA_RESTART
  const itimerval often{.it_interval = {0, 100}, .it_value = {0, 100}};
  ::setitimer(ITIMER_REAL, &often, nullptr);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 6) return 2;
  const sockaddr_un address = AddressOf(argv[1]);
  const std::string call = argv[2];
  const uint64_t count = std::strtoull(argv[3], nullptr, 10);
  const uint64_t senders = std::strtoull(argv[4], nullptr, 10);
  const int file = ::open(argv[5], O_RDWR | O_CREAT, 0600);
  const size_t size = count * senders * sizeof(uint64_t);
  if (::ftruncate(file, static_cast<off_t>(size)) != 0) Fail("notes");
  auto* notes =
      static_cast<uint64_t*>(::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0));
  if (call == "signals") InterruptAllTheTime();
  const int shared = call == "shared" || call == "forked" ? Connect(address, SOCK_DGRAM) : -1;
  if (call == "forked") {
    for (uint64_t i = 0; i < senders; ++i) {
      if (::fork() != 0) continue;
      Sender(address, call, shared).Run(i * count, count, notes);
      ::_exit(0);
    }
    int status = 0;
    while (::wait(&status) > 0) {
      if (status != 0) return 2;
    }
    return 0;
  }
  std::vector<std::thread> threads;
  for (uint64_t i = 0; i < senders; ++i) {
    threads.emplace_back([&, i] { Sender(address, call, shared).Run(i * count, count, notes); });
  }
  for (std::thread& thread : threads) thread.join();
  return 0;
}
