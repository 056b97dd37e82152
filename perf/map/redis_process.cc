#include "perf/map/redis_process.h"

#include <arpa/inet.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "perf/map/process.h"

namespace warp::perf {
namespace {

using namespace std::chrono_literals;

constexpr auto kPatience = 10s;

sockaddr_in Loopback(uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

// One that nobody has now.
uint16_t FreePort() {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address = Loopback(0);
  socklen_t size = sizeof(address);
  auto* const raw = reinterpret_cast<sockaddr*>(&address);
  if (fd < 0 || bind(fd, raw, sizeof(address)) != 0 || getsockname(fd, raw, &size) != 0)
    Fail("cannot find a free port");
  close(fd);
  return ntohs(address.sin_port);
}

// What redis answers to one command, until it has nothing more to say for a while; empty where nobody answers.
std::string Ask(uint16_t port, const std::string& command) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const sockaddr_in address = Loopback(port);
  const timeval patience{.tv_sec = 0, .tv_usec = 200'000};
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
  std::string text;
  if (connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0 &&
      send(fd, command.data(), command.size(), MSG_NOSIGNAL) ==
          static_cast<ssize_t>(command.size())) {
    char part[4096];
    for (ssize_t size; (size = recv(fd, part, sizeof(part), 0)) > 0;)
      text.append(part, static_cast<size_t>(size));
  }
  close(fd);
  return text;
}

}  // namespace

RedisProcess::RedisProcess(const std::string& program) : port_(FreePort()) {
  pid_ = Start({program, "--bind", "127.0.0.1", "--port", absl::StrCat(port_), "--save", "",
                "--appendonly", "no", "--dir", "/", "--logfile", "/dev/null"},
               -1);
  const auto end = std::chrono::steady_clock::now() + kPatience;
  while (Ask(port_, "PING\r\n") != "+PONG\r\n") {
    if (std::chrono::steady_clock::now() > end) Fail(program + " does not answer");
    std::this_thread::sleep_for(50ms);
  }
}

RedisProcess::~RedisProcess() {
  kill(pid_, SIGTERM);
  waitpid(pid_, nullptr, 0);
}

size_t RedisProcess::Memory() const {
  const std::string info = Ask(port_, "INFO memory\r\n");
  const std::string field = "used_memory:";
  const size_t at = info.find(field);
  size_t bytes = 0;
  if (at == std::string::npos ||
      !absl::SimpleAtoi(info.substr(at + field.size(), info.find('\r', at) - at - field.size()),
                        &bytes))
    Fail("redis does not say what it uses");
  return bytes;
}

double RedisProcess::CpuSeconds() const { return perf::CpuSeconds(pid_); }

}  // namespace warp::perf
