// What there is to see of a running node over time: its events, with the log and hooks that hear of them, what each
// link does for each peer, and the history of that.
//
// Peers are looked at in turn, a few at a time, so that a thousand of them hold up no payload. Control thread only.
#ifndef WARP_CONTROL_OBSERVE_OBSERVER_H_
#define WARP_CONTROL_OBSERVE_OBSERVER_H_

#include <chrono>
#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "control/cap/cap.h"
#include "control/config/node_config.h"
#include "control/event/event_log.h"
#include "control/history/history_keeper.h"
#include "control/hook/hooks.h"
#include "control/link/links.h"
#include "control/loop/loop.h"
#include "control/observe/peer_events.h"
#include "control/protocol/node/node.h"
#include "control/tunnel/traffic.h"
#include "control/verdict/link_book.h"
#include "dataplane/os/unique_fd.h"
#include "dataplane/wire/time.h"

namespace warp::control {

class Observer {
 public:
  // `hooks`: as hook::Hooks has it. Both `loop` and `config` outlive this.
  Observer(Loop& loop, const config::NodeConfig& config, os::UniqueFd hooks);

  EventLog& events() { return events_; }
  const EventLog& events() const { return events_; }
  void Raise(Event event) { events_.Raise(std::move(event)); }
  // The configuration is in force from now on, for this reason.
  void NoteConfig(const std::string& reason);
  // A changed file is not followed, for this reason.
  void NoteConfigRefused(const std::string& reason);
  // The data cap of a port changed its state.
  void NoteCap(const cap::Cap& cap);
  // What the protocol says of some peers, one of which has changed at least.
  void NotePeers(const std::vector<protocol::PeerStatus>& peers, const Links& links);
  size_t connected() const { return peer_events_.connected(); }

  // The peer is gone, and was removed by the configuration.
  void ForgetPeer(wire::PeerId peer);

  // Reads the history, and looks from now on. All outlive this.
  struct Parts {
    const protocol::Node& protocol;
    const Links& links;
    const Traffic& traffic;
    // What the protocol says of the peers of the configuration from this place on, `count` at most.
    std::function<std::vector<protocol::PeerStatus>(size_t first, size_t count)> peers;
  };
  absl::Status Begin(const Parts& parts);
  // The node has another key from now on.
  void NoteOwnKey(const wire::PublicKey& key) { history_->SetNode(key); }
  // Writes the history, for so long at most.
  void Finish(wire::Duration patience);

  const verdict::LinkBook& link_book() const { return link_book_; }
  const hook::Hooks& hooks() const { return hooks_; }
  const history::History& past() const { return history_->history(); }  // after Begin
  // Since when the port is as it is.
  wire::Instant PortSince(const std::string& port) const;

 private:
  static constexpr size_t kPeersPerLook = 8;
  static constexpr wire::Duration kRound =
      std::chrono::seconds(1);  // of all peers, where there are few
  static constexpr wire::Duration kShortest = std::chrono::milliseconds(50);  // between looks
  static constexpr wire::Duration kHistoryInterval = std::chrono::seconds(5);

  static constexpr size_t kMostPorts =
      1024;  // of which it is known since when they are as they are

  void Hear(const Event& event);
  void ForgetOldestPort();
  void Look();
  void LookAt(const protocol::PeerStatus& peer);
  void LookAtHistory();

  Loop& loop_;
  const config::NodeConfig& config_;
  const wire::Instant started_;
  EventLog events_;
  PeerEvents peer_events_;
  hook::Hooks hooks_;
  std::map<std::string, wire::Instant> port_since_;
  verdict::LinkBook link_book_;
  std::unique_ptr<history::HistoryKeeper> history_;
  std::unique_ptr<const Parts> parts_;  // null before Begin
  size_t next_peer_ = 0;
  Timer look_;
  Timer history_look_;
};

}  // namespace warp::control

#endif  // WARP_CONTROL_OBSERVE_OBSERVER_H_
