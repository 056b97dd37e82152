#include "map-server/redis/link.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "control/config/text/host_port.h"
#include "control/config/text/problems.h"

namespace warp::map {

using wire::Duration;
using wire::Instant;

namespace {

constexpr Duration kPause = std::chrono::milliseconds(100);
constexpr Duration kLongestPause = std::chrono::milliseconds(500);
// A connection that lived for so long was a good one: the next attempt is soon again.
constexpr Duration kSettled = std::chrono::seconds(2);
constexpr size_t kMaxReason = 200;  // of a server's words, which may be anything

// Whether a text repeats the password, or its beginning: a server quotes commands that it does not know.
bool Repeats(absl::string_view text, const std::string& password) {
  constexpr size_t kBeginning = 8;
  return !password.empty() && absl::StrContains(text, password.substr(0, kBeginning));
}

// Errors after which this connection is of no use: it is not the master's any more, or it has lost what the greeting
// brought.
bool EndsLink(const Reply& reply) {
  if (!reply.is_error()) return false;
  for (const char* word : {"READONLY", "LOADING", "MASTERDOWN", "NOSCRIPT", "NOAUTH", "NOPERM"}) {
    if (absl::StrContains(reply.text, word)) return true;
  }
  return false;
}

// Where a sentinel says that the master is; nullopt where no redis can be. What it says is shown to operators, so it
// has to be an address and no more.
std::optional<std::string> AddressIn(const Reply& reply) {
  if (!reply.is_array(2) || reply.elements[0].kind != Reply::Kind::kString ||
      reply.elements[1].kind != Reply::Kind::kString) {
    return std::nullopt;
  }
  const std::string& host = reply.elements[0].text;
  const bool v6 = absl::StrContains(host, ':');
  const absl::StatusOr<config::HostPort> address = config::HostPort::Parse(
      absl::StrCat(v6 ? "[" : "", host, v6 ? "]:" : ":", reply.elements[1].text));
  // An interface would be one of the sentinel's machine.
  if (!address.ok() || !address->interface.empty()) return std::nullopt;
  return address->ToString();
}

// The value of "NAME:VALUE" in the text of INFO.
std::string InfoOf(absl::string_view info, absl::string_view name) {
  for (absl::string_view line : absl::StrSplit(info, '\n')) {
    if (absl::ConsumePrefix(&line, name) && absl::ConsumePrefix(&line, ":"))
      return std::string(absl::StripSuffix(line, "\r"));
  }
  return "";
}

}  // namespace

Link::Link(const Options& options, const MakeTransport& make, Up up)
    : options_(options),
      on_up_(std::move(up)),
      transport_(make({
          .opened = [this](Instant now) { OnOpened(now); },
          .received = [this](Instant now, absl::string_view bytes) { OnReceived(now, bytes); },
          .closed = [this](Instant now, const std::string& reason) { End(now, reason); },
      })),
      pause_(kPause) {}

// --- The states. ---

void Link::Begin(Instant now) {
  const std::string& server = options_.servers[next_server_ % options_.servers.size()];
  ++next_server_;
  Connect(now, options_.sentinel.empty() ? State::kConnecting : State::kAsking, server);
}

void Link::Connect(Instant now, State state, const std::string& server) {
  state_ = state;
  due_ = now + options_.timeout;
  server_ = server;
  reader_ = std::make_unique<ReplyReader>();
  transport_->Connect(server);
}

void Link::OnOpened(Instant now) {
  if (state_ == State::kAsking) {
    AskSentinel(now);
  } else if (state_ == State::kConnecting) {
    Greet(now);
  }
}

void Link::AskSentinel(Instant now) {
  if (!options_.sentinel_password.empty()) {
    Say(now, {"AUTH", options_.sentinel_password}, [this](Instant at, Reply* reply) {
      if (reply != nullptr && reply->is_error()) End(at, Shown(reply->text));
    });
  }
  Say(now, {"SENTINEL", "get-master-addr-by-name", options_.sentinel},
      [this](Instant at, Reply* reply) {
        if (reply == nullptr || state_ != State::kAsking) return;
        if (reply->is_error()) return End(at, Shown(reply->text));
        if (reply->kind == Reply::Kind::kNil) {
          return End(at, absl::StrCat("the sentinel knows no master named ", options_.sentinel));
        }
        const std::optional<std::string> master = AddressIn(*reply);
        if (!master.has_value()) return End(at, "the sentinel names no address of a master");
        transport_->Close();
        waiting_.clear();
        Connect(at, State::kConnecting, *master);
      });
}

void Link::Greet(Instant now) {
  state_ = State::kGreeting;
  const Done expect_no_error = [this](Instant at, Reply* reply) {
    if (reply != nullptr && reply->is_error()) End(at, Shown(reply->text));
  };
  if (!options_.password.empty()) {
    if (options_.user.empty()) {
      Say(now, {"AUTH", options_.password}, expect_no_error);
    } else {
      Say(now, {"AUTH", options_.user, options_.password}, expect_no_error);
    }
  }
  scripts_.clear();
  for (const std::string& script : options_.scripts) {
    Say(now, {"SCRIPT", "LOAD", script}, [this](Instant at, Reply* reply) {
      if (reply == nullptr) return;
      if (reply->is_error()) return End(at, Shown(reply->text));
      scripts_.push_back(reply->text);
    });
  }
  Say(now, {"INFO"}, [this](Instant at, Reply* reply) {
    if (reply != nullptr && state_ == State::kGreeting) OnInfo(at, *reply);
  });
}

void Link::OnInfo(Instant now, const Reply& info) {
  if (info.is_error()) return End(now, Shown(info.text));
  if (info.kind != Reply::Kind::kString) return End(now, "it is no redis: INFO has no text");
  const std::string role = InfoOf(info.text, "role");
  if (role != "master") return End(now, absl::StrCat("it is no master, but a ", Shown(role)));
  if (InfoOf(info.text, "loading") == "1") return End(now, "it is still loading its data");
  run_ = InfoOf(info.text, "run_id");
  state_ = State::kUp;
  up_since_ = now;
  ++times_up_;
  on_up_(now, run_);
}

void Link::End(Instant now, const std::string& reason) {
  if (state_ == State::kWaiting) return;
  transport_->Close();
  error_ = reason;
  if (up() && now - up_since_ >= kSettled) pause_ = kPause;
  state_ = State::kWaiting;
  due_ = now + pause_;
  pause_ = std::min(pause_ * 2, kLongestPause);
  // Whoever is answered may ask again, and is refused.
  for (Waiting& waiting : std::exchange(waiting_, {})) waiting.done(now, nullptr);
}

std::string Link::Shown(absl::string_view text) const {
  if (text.empty()) return "it answers with an error";
  if (Repeats(text, options_.password) || Repeats(text, options_.sentinel_password))
    return "it answers with an error that repeats the password";
  return config::Printable(text.substr(0, kMaxReason));
}

void Link::Distrust(Instant now, const std::string& reason) { End(now, reason); }

// --- Questions and answers. ---

bool Link::Ask(Instant now, std::span<const absl::string_view> command, Done done,
               Duration patience) {
  if (!up()) return false;
  return Put(now, command, std::move(done), patience);
}

bool Link::Put(Instant now, std::span<const absl::string_view> command, Done done,
               Duration patience) {
  if (waiting_.size() >= options_.most || transport_->unsent() >= options_.most_bytes) return false;
  waiting_.push_back({now + options_.timeout + patience, std::move(done)});
  transport_->Send(EncodeCommand(command));
  return true;
}

void Link::OnReceived(Instant now, absl::string_view bytes) {
  if (state_ == State::kWaiting) return;
  const uint64_t connection = next_server_;
  const State asking = state_;
  reader_->Feed(bytes);
  while (true) {
    Reply reply;
    switch (reader_->Take(&reply)) {
      case ReplyReader::Next::kMore:
        return;
      case ReplyReader::Next::kBad:
        return End(now, "it does not speak as redis does");
      case ReplyReader::Next::kReply:
        break;
    }
    if (waiting_.empty()) return End(now, "it answers what was not asked");
    // Whoever asked learns that the connection ended, and asks the next one.
    if (up() && EndsLink(reply)) return End(now, Shown(reply.text));
    const Done done = std::move(waiting_.front().done);
    waiting_.pop_front();
    done(now, &reply);
    // The answer may have ended the connection, or led from a sentinel to its master.
    if (state_ == State::kWaiting || connection != next_server_) return;
    if (asking == State::kAsking && state_ != State::kAsking) return;
  }
}

// --- Time. ---

Instant Link::NextTimeout() const {
  if (state_ != State::kUp) return due_;
  return waiting_.empty() ? wire::kNever : waiting_.front().deadline;
}

void Link::HandleTimeout(Instant now) {
  if (NextTimeout() > now) return;
  if (state_ == State::kWaiting) return Begin(now);
  End(now, state_ == State::kConnecting || state_ == State::kAsking
               ? "it does not accept the connection in time"
               : "it does not answer in time");
}

}  // namespace warp::map
