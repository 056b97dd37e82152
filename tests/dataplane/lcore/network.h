// Two nodes in one process, joined by a switch that the test controls. The switch sees every frame, and cuts, repeats,
// reorders or forges frames on demand. Everything moves only when the test says so; there is no clock and no thread.
//
//   node a: ports ──wires── switch ──wires── ports: node b
#ifndef WARP_TESTS_DATAPLANE_LCORE_NETWORK_H_
#define WARP_TESTS_DATAPLANE_LCORE_NETWORK_H_

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "dataplane/lcore/plane/dpdk_dataplane.h"

namespace warp::lcore {

using FrameBytes = std::vector<uint8_t>;

// A node's side of the test: its plane and the tables that control would keep.
class Node {
 public:
  struct Options {
    uint16_t ports = 1;
    uint16_t workers = 1;
    bool v6 = false;
    std::string device_arguments;  // for each of its ports: ",rate=0"
    uint32_t ring_size = 256;
    bool inline_worker = false;
    std::string device;  // the device of its first port, instead of a wire to the switch
    // Its ports are these VLANs of that one device. 0: what has no tag.
    std::vector<uint16_t> vlans;
    std::optional<Polling> polling;
    std::string crypto_device;  // the device that seals and opens; empty: the CPU does
  };
  // Names and addresses are derived from `number`.
  Node(int number, const Options& options);

  DpdkDataplane& plane() { return *plane_; }
  PortId port(size_t i) const { return ports_[i]; }
  size_t ports() const { return ports_.size(); }
  wire::Endpoint endpoint(size_t i) const;
  wire::MacAddress mac(size_t i) const { return plane_->Info(ports_[i]).mac; }
  const std::string& wire(size_t i) const { return wires_[i]; }
  PortSpec spec(size_t i) const;
  // Opens a port anew that was removed.
  absl::Status AddAgain(size_t i);
  // Of ports that are opened from now on.
  void SetMtu(uint16_t mtu) { mtu_ = mtu; }

  // Makes a path from each local port to each remote endpoint. `active(i, j)` says which of them send.
  void Connect(const Node& other, std::shared_ptr<wire::Session> session);
  void SetActive(std::function<bool(size_t local, size_t remote)> active) {
    active_ = std::move(active);
  }
  // The largest datagram of each path; without a call there is no limit. Takes effect with Publish.
  void SetRoom(std::function<uint32_t(size_t local, size_t remote)> room) {
    room_ = std::move(room);
  }
  // The slot of each path; without a call, that of SlotOf. Takes effect with Publish.
  void SetSlots(std::function<wire::PathSlot(size_t local, size_t remote)> slot) {
    slot_ = std::move(slot);
  }
  static wire::PathSlot SlotOf(size_t local, size_t remote) {
    return static_cast<wire::PathSlot>(63 - local * 8 - remote);
  }
  static wire::PathMask MaskOf(size_t local, size_t remote) {
    return wire::MaskOf(SlotOf(local, remote));
  }
  void SetPresent(size_t i, bool present) { present_[i] = present; }
  void SetUp(size_t i, bool up) { up_[i] = up; }
  void SetSendSession(std::shared_ptr<wire::Session> session) {
    send_session_ = std::move(session);
  }
  void AddReceiveSession(std::shared_ptr<wire::Session> session) {
    receive_sessions_.push_back(std::move(session));
  }
  void ForgetReceiveSessions() { receive_sessions_.clear(); }
  std::unique_ptr<Snapshot> MakeSnapshot() const;
  void Publish() { plane_->Publish(MakeSnapshot()); }
  // What tells handshake messages apart, beside kMacKey. Takes effect with Publish.
  std::shared_ptr<const wire::CookieSecrets> cookies;
  std::shared_ptr<const wire::IndexBoard> indices;
  PathCounters& path(size_t local, size_t remote) {
    return *counters_[local * remotes_.size() + remote];
  }

  // Turns every worker until none has work.
  void Turn();

  // --- Control's part. ---
  void Send(const std::string& payload, WorkerId home = 0);
  void Send(const std::vector<std::string>& payloads, WorkerId home = 0);
  bool SendTracked(const std::string& payload, uint32_t slot, uint32_t generation,
                   WorkerId home = 0);
  // The peer is filled in. False where there is no buffer.
  bool SendAs(const std::string& payload, SendRequest request, WorkerId home = 0);
  std::vector<std::string> Received();
  std::vector<Completion> Completions();
  uint64_t Drops(wire::Drop drop) { return plane_->Drops(drop); }

  // Counts the buffers that are not in their pools.
  uint32_t BuffersInUse() const;

  static constexpr PeerId kPeer = 3;  // not 0, so that an index that is not set is noticed
  static constexpr uint16_t kListenPort = 13116;
  static constexpr std::array<uint8_t, 32> kMacKey = {7, 7, 7};

 private:
  const int number_;
  const Options options_;
  std::unique_ptr<DpdkDataplane> plane_;
  std::vector<PortId> ports_;
  std::vector<std::string> wires_;
  struct Remote {
    wire::Endpoint endpoint;
    wire::MacAddress mac;
  };
  std::vector<Remote> remotes_;
  std::vector<std::shared_ptr<PathCounters>> counters_;
  std::function<bool(size_t, size_t)> active_ = [](size_t, size_t) { return true; };
  std::function<uint32_t(size_t, size_t)> room_ = [](size_t, size_t) { return UINT32_MAX; };
  std::function<wire::PathSlot(size_t, size_t)> slot_ = SlotOf;
  std::vector<bool> present_, up_;
  uint16_t mtu_ = PortSpec().mtu;
  std::shared_ptr<wire::Session> send_session_;
  std::vector<std::shared_ptr<wire::Session>> receive_sessions_;
};

// The two ends of a session: what `a` seals, `b` opens, and the other way round.
struct SessionPair {
  std::shared_ptr<wire::Session> a, b;
};
SessionPair MakeSessions(uint32_t salt = 1, wire::Cipher cipher = wire::Cipher::kChaCha20Poly1305,
                         size_t window = 2048, wire::Instant expires = wire::kNever);

class Network {
 public:
  Network(const Node::Options& a, const Node::Options& b);
  ~Network();

  Node& a() { return *a_; }
  Node& b() { return *b_; }
  SessionPair& sessions() { return sessions_; }

  // Turns both nodes and delivers frames until nothing moves.
  void Settle();
  // Takes the frames that have left a node from the wires, without delivering them. Collect turns the nodes first.
  void Collect();
  void CollectFrames();
  std::deque<FrameBytes>& in_flight() { return in_flight_; }
  // Puts a frame on the wire of the port that has its destination MAC. Returns false if no port has it, or it is cut.
  bool Deliver(const FrameBytes& frame);
  void Cut(const Node& node, size_t port) { cut_.insert(node.wire(port)); }
  void Mend(const Node& node, size_t port) { cut_.erase(node.wire(port)); }

 private:
  struct Jack {  // the switch's end of a wire
    std::unique_ptr<Port> port;
    Node* node;
    size_t index;
  };
  PoolPtr pool_;
  std::unique_ptr<Node> a_, b_;
  SessionPair sessions_;
  std::vector<Jack> jacks_;
  std::set<std::string> cut_;
  std::deque<FrameBytes> in_flight_;
};

// Returns a frame as node `from` sends it, from its port i to port j of the other node.
FrameBytes MakeFrame(const Node& from, size_t i, const Node& to, size_t j,
                     const FrameBytes& datagram);
// Returns the WARP datagram in a frame.
FrameBytes DatagramOf(const FrameBytes& frame);

}  // namespace warp::lcore

#endif  // WARP_TESTS_DATAPLANE_LCORE_NETWORK_H_
