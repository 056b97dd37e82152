#include "tools/ask/status_client.h"

#include <poll.h>
#include <sys/socket.h>

#include <cerrno>
#include <nlohmann/json.hpp>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "dataplane/os/errno_status.h"
#include "dataplane/os/unique_fd.h"
#include "dataplane/os/unix_address.h"

namespace warp::tools {
namespace {

using std::chrono::steady_clock;

constexpr size_t kMaxAnswer = size_t{16} << 20;
constexpr size_t kMaxLine = size_t{1} << 20;

// A daemon that has heard nothing for 200 ms (StatusServerOptions::silence) answers with its status. What was said
// within this time was heard.
constexpr auto kSurelyHeard = std::chrono::milliseconds(150);
constexpr auto kPatience = std::chrono::seconds(5);

// Bounds the next call that waits. False: the time is up.
bool WaitUntil(int fd, steady_clock::time_point end) {
  const auto left = std::chrono::ceil<std::chrono::microseconds>(end - steady_clock::now());
  if (left.count() <= 0) return false;
  const timeval limit{.tv_sec = left.count() / 1'000'000, .tv_usec = left.count() % 1'000'000};
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
  setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
  return true;
}

absl::Status NoAnswer(const std::string& path, absl::string_view why) {
  return absl::UnavailableError(absl::StrCat("no daemon answers at ", path, ": ", why));
}

absl::Status TooLate(const std::string& path, absl::string_view why) {
  return absl::DeadlineExceededError(
      absl::StrCat("the daemon at ", path, " does not answer in time: ", why));
}

enum class Teller { kNobody, kNode, kMap };

// Whose status a text is, if it is one.
Teller TellerOf(absl::string_view text) {
  const auto json =
      nlohmann::json::parse(text.begin(), text.end(), nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) return Teller::kNobody;
  const auto is_object = [&json](const char* member) {
    const auto found = json.find(member);
    return found != json.end() && found->is_object();
  };
  return is_object("node") ? Teller::kNode : is_object("map") ? Teller::kMap : Teller::kNobody;
}

struct Called {
  os::UniqueFd fd;
  bool late = false;  // the daemon may not have heard the line
};

// Connects and says the line. It fits the socket's buffer; if the daemon is gone, so is its answer, and reading tells.
absl::StatusOr<Called> Call(const std::string& path, absl::string_view request,
                            steady_clock::time_point end) {
  const absl::StatusOr<os::UnixAddress> address = os::UnixAddress::Of(path);
  if (!address.ok()) return NoAnswer(path, address.status().message());
  os::UniqueFd fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const std::string line = absl::StrCat(request, "\n");
  const steady_clock::time_point begin = steady_clock::now();
  if (!WaitUntil(fd.get(), end)) return TooLate(path, "it is busy");
  if (connect(fd.get(), address->get(), address->size()) != 0) {
    return errno == EAGAIN ? TooLate(path, "it is busy") : NoAnswer(path, os::ErrnoText(errno));
  }
  (void)send(fd.get(), line.data(), line.size(), MSG_NOSIGNAL);
  return Called{.fd = std::move(fd), .late = steady_clock::now() - begin > kSurelyHeard};
}

// The whole answer.
absl::StatusOr<std::string> Hear(const std::string& path, int fd, steady_clock::time_point end) {
  std::string answer;
  char buffer[65536];
  while (true) {
    if (!WaitUntil(fd, end)) return TooLate(path, "it takes too long");
    const ssize_t got = recv(fd, buffer, sizeof(buffer), 0);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0 && errno == EAGAIN) return TooLate(path, "it says nothing");
    if (got < 0) return NoAnswer(path, os::ErrnoText(errno));
    if (got == 0) break;
    answer.append(buffer, static_cast<size_t>(got));
    if (answer.size() > kMaxAnswer) return NoAnswer(path, "it says too much");
  }
  if (answer.empty()) return NoAnswer(path, "it closed without a word");
  return answer;
}

// Takes whole lines from the front of `text`. False: `heed` has heard enough.
bool TakeLines(std::string& text, absl::FunctionRef<bool(const std::string&)> heed) {
  size_t begin = 0;
  for (size_t end; (end = text.find('\n', begin)) != std::string::npos; begin = end + 1) {
    if (!heed(text.substr(begin, end - begin))) return false;
  }
  text.erase(0, begin);
  return true;
}

}  // namespace

absl::StatusOr<std::string> AskDaemon(const std::string& path, absl::string_view request,
                                      std::chrono::milliseconds patience) {
  const steady_clock::time_point end = steady_clock::now() + patience;
  while (true) {
    const absl::StatusOr<Called> called = Call(path, request, end);
    if (!called.ok()) return called.status();
    absl::StatusOr<std::string> answer = Hear(path, called->fd.get(), end);
    const bool unheard =
        called->late && request != "status" && answer.ok() && TellerOf(*answer) != Teller::kNobody;
    if (!unheard) return answer;
    if (steady_clock::now() >= end) return TooLate(path, "this machine is too busy to ask it");
  }
}

absl::Status FollowDaemon(const std::string& path, absl::string_view request, int stop,
                          absl::FunctionRef<bool(const std::string&)> heed) {
  const steady_clock::time_point end = steady_clock::now() + kPatience;
  absl::StatusOr<Called> called = Call(path, request, end);
  if (!called.ok()) return called.status();
  bool unheard = false;
  const auto heed_unless_unheard = [&](const std::string& line) {
    unheard = std::exchange(called->late, false) && TellerOf(line) != Teller::kNobody;
    return !unheard && heed(line);
  };
  std::string text;
  char buffer[65536];
  while (true) {
    if (!TakeLines(text, heed_unless_unheard)) {
      if (!unheard) break;
      called = Call(path, request, end);
      if (!called.ok()) return called.status();
      text.clear();
    }
    if (text.size() > kMaxLine) return NoAnswer(path, "it says too much");
    pollfd both[2] = {{.fd = called->fd.get(), .events = POLLIN, .revents = 0},
                      {.fd = stop, .events = POLLIN, .revents = 0}};
    if (poll(both, 2, -1) < 0 && errno == EINTR) continue;
    if (both[1].revents != 0) break;
    const ssize_t got = recv(called->fd.get(), buffer, sizeof(buffer), MSG_DONTWAIT);
    if (got < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (got <= 0) return absl::UnavailableError(absl::StrCat("the daemon at ", path, " has ended"));
    text.append(buffer, static_cast<size_t>(got));
  }
  return absl::OkStatus();
}

absl::Status NoSuchRequest(const std::string& path, absl::string_view answer,
                           absl::string_view what) {
  const bool is_map = TellerOf(answer) == Teller::kMap;
  return absl::UnimplementedError(absl::StrCat(
      "the daemon at ", path, is_map ? " is a warp-map, which " : " is of a version that ", what));
}

}  // namespace warp::tools
