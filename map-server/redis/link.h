// A connection to the redis server that takes writes, made again whenever it ends. It is pure: bytes by a Transport,
// the time as a parameter.
//
//              ┌──────────────── refused, closed, silent, no redis, or no longer the master ◄───────┐
//              ▼                                                                                    │
//   waiting (100 ms, doubled up to 500) ──► asking a sentinel ──► connecting ──► greeting ──► up ───┘
//                                       └── without Sentinel ───►
//
// The greeting is AUTH, who is there (INFO) and the map's scripts; whoever is a replica is refused. Each question has
// one answer, in order. When the connection ends, all that wait are answered by null: a question may then have been
// carried out or not.
#ifndef WARP_MAP_SERVER_REDIS_LINK_H_
#define WARP_MAP_SERVER_REDIS_LINK_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <initializer_list>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "dataplane/wire/time.h"
#include "map-server/redis/reply.h"
#include "map-server/redis/transport.h"

namespace warp::map {

class Link {
 public:
  struct Options {
    std::vector<std::string> servers;  // host:port, tried in turn; of Sentinel: the sentinels
    std::string sentinel;              // the name of the master; empty: no Sentinel
    std::string user;                  // empty: the default user
    std::string password;              // empty: none
    std::string sentinel_password;
    // Until a connection is up, and until a question is answered.
    wire::Duration timeout = std::chrono::milliseconds(500);
    size_t most = 65536;                   // questions that wait for their answers
    size_t most_bytes = size_t{16} << 20;  // bytes of them that the network has not taken
    std::vector<std::string> scripts;      // loaded in the greeting, so that EVALSHA finds them
  };
  // `up`: called whenever the connection is up. `run` is a name of the server's life: another one may know less.
  using Up = std::function<void(wire::Instant now, const std::string& run)>;
  Link(const Options& options, const MakeTransport& make, Up up);

  // Null: the connection ended first. The reply is for the taking.
  using Done = std::function<void(wire::Instant now, Reply*)>;
  // False, and nothing happens, where the link is not up or as much is waiting as may.
  bool Ask(wire::Instant now, std::span<const absl::string_view> command, Done done,
           wire::Duration patience = {});
  bool has_room() const {
    return up() && waiting_.size() < options_.most && transport_->unsent() < options_.most_bytes;
  }

  // The name by which EVALSHA finds a script of the options; while up.
  const std::string& script(size_t number) const { return scripts_[number]; }

  // Ends the connection, because of an answer that makes no sense.
  void Distrust(wire::Instant now, const std::string& reason);

  wire::Instant NextTimeout() const;
  void HandleTimeout(wire::Instant now);

  enum class State : uint8_t { kWaiting, kAsking, kConnecting, kGreeting, kUp };
  State state() const { return state_; }
  bool up() const { return state_ == State::kUp; }
  const std::string& server() const { return server_; }  // that of the last attempt
  const std::string& error() const { return error_; }    // why it ended last; empty: it never did
  uint64_t times_up() const { return times_up_; }
  size_t waiting() const { return waiting_.size(); }

 private:
  struct Waiting {
    wire::Instant deadline;
    Done done;
  };

  bool Put(wire::Instant now, std::span<const absl::string_view> command, Done done,
           wire::Duration patience);
  void Say(wire::Instant now, std::initializer_list<absl::string_view> command, Done done) {
    Put(now, {command.begin(), command.size()}, std::move(done), {});
  }
  void Begin(wire::Instant now);
  void Connect(wire::Instant now, State state, const std::string& server);
  void OnOpened(wire::Instant now);
  void OnReceived(wire::Instant now, absl::string_view bytes);
  void AskSentinel(wire::Instant now);
  void Greet(wire::Instant now);
  void OnInfo(wire::Instant now, const Reply& info);
  void End(wire::Instant now, const std::string& reason);
  // A server's words, which may be anything, for an operator.
  std::string Shown(absl::string_view text) const;

  const Options options_;
  const Up on_up_;
  const std::unique_ptr<Transport> transport_;
  State state_ = State::kWaiting;
  wire::Instant due_{};  // of the next attempt, or the end of this one; not in kUp
  wire::Instant up_since_{};
  wire::Duration pause_;
  size_t next_server_ = 0;
  std::string server_;
  std::string run_;
  std::vector<std::string> scripts_;
  std::string error_;
  uint64_t times_up_ = 0;
  std::unique_ptr<ReplyReader> reader_;
  std::deque<Waiting> waiting_;
};

}  // namespace warp::map

#endif  // WARP_MAP_SERVER_REDIS_LINK_H_
