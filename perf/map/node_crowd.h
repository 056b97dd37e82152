// A crowd of nodes with their sessions, each at an address of its own in 127.0.0.0/8: what a million nodes say to a map
// and hear from it, by real datagrams through one socket. Each node has one port, and an allow list of eight keys.
#ifndef WARP_PERF_MAP_NODE_CROWD_H_
#define WARP_PERF_MAP_NODE_CROWD_H_

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "control/protocol/map/map_message.h"
#include "dataplane/wire/crypto/keys.h"
#include "dataplane/wire/session/compact_session.h"
#include "map-server/server/udp_socket.h"

namespace warp::perf {

using Clock = std::chrono::steady_clock;

class NodeCrowd {
 public:
  NodeCrowd(const wire::PublicKey& map, const wire::Endpoint& at, size_t nodes);
  ~NodeCrowd();

  // Gives the first `nodes` a session and a registration, at most so many under way at a time.
  void Register(size_t nodes, size_t under_way);
  // Refreshes those in turn for so long. Returns how many were answered.
  size_t Refresh(std::chrono::milliseconds time, size_t under_way);

  // What a map hears of nodes that do not wait for each other, in a second.
  struct Load {
    double refreshes = 0;
    double sessions = 0;  // new ones, each with its registration
    double lookups = 0;   // of which one is under way at a time
  };
  // Whom a node allows: those of its group, who hear of it then by a push each, or keys that nobody has.
  enum class Friends : uint8_t { kGroup, kNobody };
  // Does the work of so many new sessions that can be done before anybody is asked.
  void Prepare(size_t sessions, Friends friends);
  // Takes what is still under way, which is nobody's answer later.
  void Settle();
  // Sends this for so long, where the map keeps up. Returns what was answered, and notes how long look-ups took.
  Load Offer(std::chrono::milliseconds time, const Load& load);

  // The map's relay forwards datagrams of `size` bytes from the first node to the second for so long, at most so many
  // under way at a time. Returns how many arrived.
  size_t Relay(std::chrono::milliseconds time, size_t size, size_t under_way);

  size_t registered() const { return registered_; }
  size_t lost() const { return lost_; }        // datagrams that were sent again, or given up
  size_t refused() const { return refused_; }  // registers for which the map had no room
  // How long the look-ups took since this was asked last.
  std::vector<Clock::duration> TakeLookups() { return std::exchange(lookups_, {}); }

 private:
  struct Node;
  struct Handshake;
  enum class State : uint8_t { kNew, kGreeting, kEchoing, kRegistered };

  wire::Endpoint AddressOf(size_t node) const;
  size_t NodeAt(const wire::IpAddress& address) const;
  wire::SecretKey SecretOf(size_t node) const;
  void NameGroup(size_t node);  // makes the public keys of the node's group
  std::vector<wire::PublicKey> FriendsOf(size_t node) const;
  void Begin(size_t node);  // makes its initiation
  void Greet(size_t node);  // sends it
  void SendRegister(size_t node, bool with_list);
  void LookUp(size_t node);
  void Say(size_t node, const protocol::MapMessage& message);
  // `udp_port`: of the map's relay; 0: the map's own.
  void Push(size_t node, std::vector<uint8_t> datagram, uint16_t udp_port = 0);
  void Bind(size_t node);
  void Flush();
  // Takes what has come; waits a little where nothing has.
  void Receive();
  void OnResponse(size_t node, wire::Bytes datagram);
  void OnMessage(size_t node, const protocol::MapMessage& message);

  const wire::PublicKey map_;
  const wire::Endpoint at_;
  const std::unique_ptr<map::UdpSocket> socket_;
  std::array<uint8_t, 32> seed_;
  std::vector<Node> nodes_;
  struct Outgoing {
    wire::IpAddress from;
    wire::Endpoint to;
    std::vector<uint8_t> datagram;
  };
  std::vector<Outgoing> outgoing_;
  size_t begun_ = 0;  // nodes that were greeted, or are about to be
  std::pair<size_t, size_t>
      alone_;  // the first of those without friends, and the one behind their last
  size_t registered_ = 0;
  size_t answered_ = 0;
  size_t lost_ = 0;
  size_t refused_ = 0;
  size_t looking_ = SIZE_MAX;  // the node whose look-up is under way
  Clock::time_point asked_;
  std::vector<Clock::duration> lookups_;
  protocol::MapChannel channel_;  // of the first two nodes
  bool open_ = false;             // it is
  size_t relayed_ = 0;            // datagrams that came through it
};

}  // namespace warp::perf

#endif  // WARP_PERF_MAP_NODE_CROWD_H_
