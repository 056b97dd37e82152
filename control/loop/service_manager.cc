#include "control/loop/service_manager.h"

#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "dataplane/os/errno_status.h"

namespace warp::control {
namespace {

// How soon a manager that did not take a datagram is told again, and how often the status at most.
constexpr wire::Duration kRetry = std::chrono::milliseconds(200);
constexpr wire::Duration kStatusInterval = std::chrono::seconds(1);

// Returns a variable of the environment and removes it; empty: there is none.
std::string TakeVariable(const char* name) {
  const char* const value = std::getenv(name);
  std::string taken = value == nullptr ? "" : value;
  unsetenv(name);
  return taken;
}

os::UnixAddress AddressOf(const std::string& socket) {
  absl::StatusOr<os::UnixAddress> address = socket.starts_with('@')
                                                ? os::UnixAddress::Abstract(socket.substr(1))
                                                : os::UnixAddress::Of(socket);
  return address.ok() ? *address : os::UnixAddress();
}

}  // namespace

ServiceEnvironment ServiceEnvironment::Take() {
  ServiceEnvironment environment{.socket = TakeVariable("NOTIFY_SOCKET"), .watchdog = {}};
  const std::string time = TakeVariable("WATCHDOG_USEC");
  const std::string process = TakeVariable("WATCHDOG_PID");
  uint64_t microseconds = 0;
  int pid = 0;
  // The variables of another process may have come down to this one.
  const bool ours = process.empty() || (absl::SimpleAtoi(process, &pid) && pid == getpid());
  if (ours && absl::SimpleAtoi(time, &microseconds))
    environment.watchdog = std::chrono::microseconds(microseconds);
  return environment;
}

absl::StatusOr<std::unique_ptr<ServiceManager>> ServiceManager::Open(
    Loop& loop, const ServiceEnvironment& environment) {
  os::UniqueFd socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket) return os::ErrnoStatus(errno, "a socket to the service manager");
  return std::unique_ptr<ServiceManager>(new ServiceManager(
      loop, std::move(socket), AddressOf(environment.socket), environment.watchdog));
}

// Half of the time that the manager allows, as sd_watchdog_enabled(3) advises.
ServiceManager::ServiceManager(Loop& loop, os::UniqueFd socket, os::UnixAddress address,
                               wire::Duration watchdog)
    : loop_(loop),
      socket_(std::move(socket)),
      address_(address),
      sign_interval_(watchdog / 2),
      tell_(loop, [this] { Tell(); }),
      sign_(loop, [this] { GiveSign(); }) {}

void ServiceManager::Ready() {
  news_ += "READY=1\n";
  Tell();
  if (listens() && sign_interval_ > wire::Duration::zero()) sign_.Set(sign_interval_);
}

void ServiceManager::Stopping() {
  sign_.Cancel();
  news_ += "STOPPING=1\n";
  Tell();
}

void ServiceManager::SetStatus(absl::string_view status) {
  std::string line = absl::StrReplaceAll(status, {{"\n", " "}});
  if (line == status_) return;
  status_ = std::move(line);
  status_told_ = false;
  if (loop_.now() >= next_status_) {
    Tell();
  } else if (!tell_.running()) {
    tell_.SetAt(next_status_);
  }
}

void ServiceManager::GiveSign() {
  sign_.Set(sign_interval_);
  if (news_.find("WATCHDOG=1\n") == std::string::npos) news_ += "WATCHDOG=1\n";
  Tell();
}

void ServiceManager::Tell() {
  if (!listens()) return;
  const bool with_status = !status_told_ && loop_.now() >= next_status_;
  const std::string text = absl::StrCat(news_, with_status ? "STATUS=" : "",
                                        with_status ? status_ : "", with_status ? "\n" : "");
  if (!text.empty()) {
    const ssize_t sent = sendto(socket_.get(), text.data(), text.size(),
                                MSG_DONTWAIT | MSG_NOSIGNAL, address_.get(), address_.size());
    if (sent < 0) {
      tell_.Set(kRetry);
      return;
    }
    news_.clear();
    if (with_status) {
      status_told_ = true;
      next_status_ = loop_.now() + kStatusInterval;
    }
  }
  if (!status_told_) tell_.SetAt(next_status_);
}

}  // namespace warp::control
