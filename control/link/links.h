// The links of a node: its ports, what the kernel knows of the networks behind them, and the forwarding snapshot that
// the workers read. This is the face of the room: the daemon's turn calls it, and status reads its parts.
//
//   ports, next hops (kernel) ──┐
//   sessions, paths (protocol) ─┴─► PublishIfChanged ─► snapshot ─► workers;  routes ─► tunnels
//   protocol's datagrams ─► SendDatagrams ─► ports
//
// Control thread only.
#ifndef WARP_CONTROL_LINK_LINKS_H_
#define WARP_CONTROL_LINK_LINKS_H_

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "control/cap/port_terms.h"
#include "control/config/node_config.h"
#include "control/event/event.h"
#include "control/kernel/netlink.h"
#include "control/link/forwarding_builder.h"
#include "control/link/nat64/prefix_finder.h"
#include "control/link/next_hop_table.h"
#include "control/link/peer_queue.h"
#include "control/link/port_table.h"
#include "control/link/transmitter.h"
#include "control/link/worker_health.h"
#include "control/loop/loop.h"
#include "control/loop/resolver.h"
#include "control/protocol/node/node.h"
#include "dataplane/facade/dataplane.h"
#include "dataplane/wire/time.h"

namespace warp::control {

class Links : private PortListener {
 public:
  // The objects of the node that the links need. All of them outlive the links.
  struct Context {
    Loop& loop;
    Netlink& netlink;
    lcore::Dataplane& dataplane;
    protocol::Node& protocol;
    const config::NodeConfig& config;
    // Asks for the prefixes of networks that translate; null: nobody does.
    Resolver* resolver = nullptr;
    // On what terms a port is used now, and who is told when its device was opened, and before it is closed.
    cap::PortTermsFunction terms = cap::TermsAsConfigured;
    std::function<void(const config::PortConfig&)> opened = {};  // may be empty, as the next three
    std::function<void(const config::PortConfig&)> closing = {};
    // The port has come while the node ran, or it is about to be forgotten.
    std::function<void(const config::PortConfig&)> made = {}, forgotten = {};
    // Hears of ports that go up, down or away; may be empty.
    std::function<void(Event)> raise = {};
  };

  // What a snapshot changed. Both are bounded, however many peers there are.
  struct Published {
    const std::vector<wire::PeerId>& changed;  // peers whose changes in the protocol it took
    const std::vector<wire::PeerId>& routes;   // peers whose routes were made anew
  };
  // `on_published` runs after each new snapshot, when the routes agree with it.
  Links(const Context& context, std::function<void(const Published&)> on_published);

  // At start a port that cannot be opened is an error, in one sentence. One whose interface is down, or absent and
  // optional, is opened when it comes.
  absl::Status OpenPorts();

  // --- The configuration changes while the node runs (control/reload). Ports are as PortTable has them. ---
  // Context::config has other contents now, though ports are those that it had.
  void FollowConfig();
  absl::Status OpenPort(const config::PortConfig& port, bool was_there = false) {
    return ports_.Open(port, was_there);
  }
  absl::StatusOr<bool> PortSettled(const std::string& name) const { return ports_.Settled(name); }
  void ClosePort(const std::string& name) { ports_.Close(name); }
  void ClosePort(const std::string& name, const std::string& reason) { ports_.Close(name, reason); }
  void RetunePort(const config::PortConfig& port) { ports_.Retune(port); }
  void AskAgainForBuffers() { ports_.AskAgainForBuffers(); }

  // Of a port in a connection, as PortTable has it.
  void SetCarried(const std::string& name, const std::optional<wire::IpAddress>& only,
                  const std::string& reason) {
    ports_.SetCarried(name, only, reason);
  }

  // The port is used on other terms from now on.
  void TermsChanged(const config::PortConfig& port);
  // What its device has counted, sent and received; nullopt: it is not open.
  std::optional<uint64_t> BytesOf(const config::PortConfig& port) const;
  // On which terms it is used now.
  cap::PortTerms TermsOf(const config::PortConfig& port) const { return context_.terms(port); }

  // Returns what tunnels to this peer need in order to send. The object stays where it is, and changes with each
  // snapshot.
  const PeerRoute& Route(wire::PeerId peer) { return forwarding_.Route(peer); }

  // --- The stages of a turn. ---
  // Takes note of the ports that were opened; returns how many.
  size_t TakePortNews() { return ports_.TakeNews(); }
  // A frame that is not WARP's, for the kernel.
  void ToKernel(const lcore::ForeignFrame& frame) { ports_.ToKernel(frame); }
  // Gives the workers a new snapshot where a port, a next hop or the protocol changed, but not more often than once
  // in kPublishInterval, because a snapshot costs some time for every peer. It takes the changes of kPeersPerSnapshot
  // peers at most, first of those whose sessions changed; the next one goes on.
  void PublishIfChanged();
  // Sends up to `limit` of the protocol's datagrams. A handshake response must not be on the wire before the workers
  // know its session, so all wait while a session is in no snapshot.
  void SendDatagrams(size_t limit);
  // When one of the two above has something to do; kNever where nothing changed and nothing is left to send.
  wire::Instant NextTimeout() const;

  // Looks whether each worker turns. Call at health().NextCheck().
  void CheckWorkers();
  // Expires what waited too long and what nobody asks for any more, and tries again to open ports. Call about once a
  // second.
  void Expire();

  // Why nothing leaves by a port, or not as far as people expect. Empty where there is nothing to say.
  std::string ReasonOf(const PortTable::Port& port) const;

  // A port's name, for people.
  std::string PortName(wire::PortId port) const;

  // What is known of the next hop of a path; null where nothing was sent over it lately.
  const NextHop* NextHopOf(const protocol::PathStatus& path) const {
    return next_hops_.Find(path.port, {.local = {path.local, context_.config.node.listen_port},
                                       .remote = path.target});
  }
  // The prefix by which an open port reaches IPv4 endpoints; nullopt where it has an IPv4 address, or shall not.
  std::optional<SourcedPrefix> TranslationOf(const PortTable::Port& port) const;

  const PortTable& ports() const { return ports_; }
  const ForwardingBuilder& forwarding() const { return forwarding_; }
  const Transmitter& transmitter() const { return transmitter_; }
  const WorkerHealth& health() const { return health_; }

 private:
  // PortListener.
  void OnPortChanged(wire::PortId id) override;
  void AfterPortOpened(const PortTable::Port& port) override {
    if (context_.opened) context_.opened(port.config);
  }
  void BeforePortCloses(const PortTable::Port& port) override;
  void OnSizeHint(wire::PortId id, const SizeHint& hint) override;
  void OnPortClosing(wire::PortId id) override;
  void OnPortMade(const config::PortConfig& port) override;
  void OnPortForgotten(const config::PortConfig& port) override;
  void BeforePortRetunes(const PortTable::Port& port) override;
  void AfterPortRetuned(const PortTable::Port& port) override;

  static constexpr wire::Duration kPublishInterval = std::chrono::milliseconds(1);
  static constexpr size_t kPeersPerSnapshot = 32;

  struct PrefixSearch {
    PrefixFinder finder;
    std::unique_ptr<Resolver::Name> name;  // while the link is up
  };

  // What was told of an open port. One that was just opened is down until the kernel has reported its companion. So
  // that is said only if it lasts from one call of Expire to the next.
  struct Said {
    absl::string_view state;  // empty: nothing yet
    bool seen = false;        // by Expire
  };

  bool changed() const {
    return changed_ || context_.protocol.version() != protocol_version_ ||
           !changed_peers_.empty() || !forwarding_.complete();
  }
  // Whether the last snapshot has all sessions that somebody may answer under. Nobody answers a goodbye.
  bool knows_sessions() const {
    return context_.protocol.draining() ||
           (context_.protocol.sessions_version() <= protocol_version_ &&
            !changed_peers_.has_urgent());
  }
  void Publish();
  void TellState(const PortTable::Port& port);
  void Raise(EventKind kind, const PortTable::Port& port, std::string reason);
  void TellPort(wire::PortId id, const PortTable::Port& port);
  // Finds out by which prefix the port's network translates, or ceases to, as the port is now.
  void FollowPrefix(wire::PortId id, const PortTable::Port& port);
  // Does something to what is known of that, and tells what follows from it.
  using FinderChange = absl::FunctionRef<void(PrefixFinder&)>;
  void ChangePrefix(wire::PortId id, FinderChange change);
  std::optional<wire::Nat64Prefix> Nat64Of(const PortTable::Port& port) const;
  // What routers or the kernel know of the size of a way out, in the protocol's measure.
  void TellSize(wire::PortId id, const wire::IpAddress& to, uint32_t size);
  void OnNextHopChanged(wire::PortId port, const Flow& flow);

  const Context context_;
  const std::function<void(const Published&)> on_published_;

  // Members stand in the order of construction. The table of ports is last, because it calls this object, which then
  // calls the others.
  ForwardingBuilder forwarding_;
  WorkerHealth health_;
  NextHopTable next_hops_;
  Transmitter transmitter_;
  std::map<wire::PortId, Said> said_;
  std::map<wire::PortId, PrefixSearch> searches_;  // of open ports that have IPv6 alone
  PortTable ports_;

  bool changed_ = true;  // a port, next hop or worker did; the protocol tells by its version
  uint64_t protocol_version_ =
      0;                       // what changed up to it is in the last snapshot, or in this queue
  PeerQueue changed_peers_;    // urgent: their sessions changed
  wire::Instant published_{};  // when
};

}  // namespace warp::control

#endif  // WARP_CONTROL_LINK_LINKS_H_
