// Nodes, ports and links in virtual time. A whole network runs in one thread, and minutes of its time pass within
// milliseconds.
//
// Port p of node n has the addresses 10.n.p.1 and fd00:n:p::1; the 256 nodes after the first 256 have 11.n.p.1, and so
// on. Every port reaches every port of the other nodes, as in
// a routed network. Each direction between two ports has a delay of its own. A datagram passes the access links of its
// sender and of its receiver.
#ifndef WARP_TESTS_CONTROL_PROTOCOL_VIRTUAL_NET_H_
#define WARP_TESTS_CONTROL_PROTOCOL_VIRTUAL_NET_H_

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <queue>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "control/protocol/node/node.h"

namespace warp::protocol {

using namespace std::chrono_literals;

struct NetOptions {
  std::vector<int> ports = {1, 1};  // the number of ports of each node
  bool ipv6 = false;                // the ports have only IPv6 addresses
  Timers timers;
  uint64_t seed = 1;
  std::vector<wire::Cipher> ciphers;  // for all nodes; empty: what the machine offers
};

// A datagram that was sent, whether it arrives or not.
struct Seen {
  Instant sent;
  int from_node = 0;
  int from_port = 0;
  wire::Endpoint from;
  wire::Endpoint to;
  std::vector<uint8_t> datagram;

  uint8_t type() const { return datagram[0]; }
};

// The size tells what a sealed datagram holds: 32 bytes of header and tag around kind, message and its fields.
inline bool IsSealedOf(const Seen& seen, size_t plaintext) {
  return seen.type() == 1 && seen.datagram.size() == wire::kMinSealedSize + plaintext;
}
inline bool IsProbe(const Seen& seen) { return IsSealedOf(seen, 21); }
inline bool IsAnswer(const Seen& seen) { return IsSealedOf(seen, 12); }
// A payload of a few bytes, such as Talk sends.
inline bool IsPayload(const Seen& seen) {
  return seen.type() == 1 && seen.datagram.size() < 43 && seen.datagram.size() > 34;
}

class VirtualNet {
 public:
  explicit VirtualNet(NetOptions options);
  ~VirtualNet();  // at the end of no story is one node taken for two

  // --- The cast ---
  Node& node(int n) { return *nodes_[Index(n)].node; }
  wire::PublicKey key(int n) const { return nodes_[Index(n)].key.Public(); }
  // Makes b a peer of a. With `endpoints`, a knows all endpoints of b; without, a waits until b begins a handshake.
  PeerId AddPeer(int a, int b, bool endpoints = true);
  // Makes each node a peer of the other.
  void Introduce(int a, int b) {
    AddPeer(a, b);
    AddPeer(b, a);
  }
  // Ends the node without a word, as SIGKILL does. Start makes it again, with the same key and peers.
  void Kill(int n);
  void Start(int n);
  void Restart(int n) {
    Kill(n);
    Start(n);
  }
  // Sets the node's wall clock at the start of the story, in nanoseconds since 1970. Must be called before Start.
  void SetClock(int n, uint64_t wall) { nodes_[Index(n)].wall = wall; }
  // The node is a copy of the other one, its key included. Before anybody is introduced.
  void Clone(int n, int other) {
    has_clones_ = true;
    nodes_[Index(n)].key = nodes_[Index(other)].key.Clone();
    Restart(n);
  }
  void SetPsk(int n, uint8_t byte) { nodes_[Index(n)].psk = byte; }
  // The node changes its key to this one. Its peers do not know that.
  void ChangeKey(int n, const wire::SecretKey& key, Replaced replaced = Replaced::kServes) {
    nodes_[Index(n)].key = key.Clone();
    node(n).SetKey(now_, key.Clone(), replaced);
  }
  // a's file has this key for b from now on.
  void LearnKey(int a, int b, const wire::PublicKey& key, Replaced replaced = Replaced::kServes);
  // What the node says that it understands; 0: as a version before features. Before anybody is introduced.
  void SetFeatures(int n, uint32_t features) {
    nodes_[Index(n)].features = features;
    Restart(n);
  }

  // --- Links ---
  // The access link silently loses everything, and the node is not told.
  void Cut(int n, int port) { nodes_[Index(n)].cut.insert(port); }
  void Restore(int n, int port) { nodes_[Index(n)].cut.erase(port); }
  // The interface itself loses its link, and the node is told.
  void PortDown(int n, int port);
  void PortUp(int n, int port);
  // What the node's configuration lets come in by the port, in bits a second.
  void LimitPort(int n, int port, uint64_t rate) {
    nodes_[Index(n)].rates[port] = rate;
    node(n).SetPort(now_, static_cast<PortId>(port), StateOf(n, port));
  }
  // How the node wants its port to be used.
  void UsePort(int n, int port, PortUse use) {
    nodes_[Index(n)].uses[port] = use;
    node(n).SetPort(now_, static_cast<PortId>(port), StateOf(n, port));
  }
  // Cuts one direction between two ports.
  void CutWay(int a, int a_port, int b, int b_port) { ways_[{a, a_port, b, b_port}].cut = true; }
  void RestoreWay(int a, int a_port, int b, int b_port) {
    ways_[{a, a_port, b, b_port}].cut = false;
  }
  void Delay(int a, int a_port, int b, int b_port, Duration delay) {
    ways_[{a, a_port, b, b_port}].delay = delay;
  }
  void DelayBoth(int a, int a_port, int b, int b_port, Duration delay) {
    Delay(a, a_port, b, b_port, delay);
    Delay(b, b_port, a, a_port, delay);
  }
  void Loss(double share) { loss_ = share; }
  void Jitter(Duration most) { jitter_ = most; }
  void Duplicate(double share) { duplicate_ = share; }
  // From now on the network sees the port at the endpoint `outside` instead of its own.
  void Nat(int n, int port, const wire::Endpoint& outside) {
    nodes_[Index(n)].nat[port] = outside;
    places_.reset();
  }
  wire::Endpoint EndpointOf(int n, int port) const;  // as the network sees it

  // --- Time ---
  void Run(Duration duration);
  // Runs until the condition holds. Returns false if it did not within `most`.
  bool RunUntil(const std::function<bool()>& condition, Duration most);
  Instant now() const { return now_; }

  // Other addresses of a port, which the network knows as well as its own.
  void Alias(int n, int port, const wire::Endpoint& outside) {
    nodes_[Index(n)].aliases.emplace_back(port, outside);
    places_.reset();
  }
  // Another address of the port's own, of which the node knows.
  void AddAddress(int n, int port, const wire::IpAddress& address) {
    nodes_[Index(n)].more.emplace_back(port, address);
    node(n).SetPort(now_, static_cast<PortId>(port), StateOf(n, port));
    places_.reset();
  }
  // What the network does with each datagram: false loses it. Empty: it carries all.
  void Filter(std::function<bool(const Seen&)> passes) { passes_ = std::move(passes); }

  // --- Payloads ---
  // From now on both send each other a payload every `interval`; zero: no longer.
  void Talk(int a, int b, Duration interval = 20ms);
  size_t talked() const { return talked_; }  // payloads sent so, refused ones included
  // Sends over every path that carries, as the dataplane does; a last resort only where there is no other. Returns
  // false where there is no session or path.
  bool Send(int a, int b, const std::string& text);
  // Returns what has reached the node since the last call, each payload once.
  std::vector<std::string> TakeReceived(int n) {
    return std::exchange(nodes_[Index(n)].received, {});
  }

  // Whether a's probes ask b for feedback.
  void SetSpreads(int a, int b, bool spreads) {
    node(a).SetSpreads(now_, nodes_[Index(a)].ids.at(b), spreads);
  }
  // The feedback that has reached the node since the last call.
  struct Told {
    Instant when;
    const wire::Session* session;
    uint64_t counter;
    Feedback feedback;
  };
  std::vector<Told> TakeFeedback(int n) { return std::exchange(nodes_[Index(n)].told, {}); }

  // --- Looking ---
  // What the lcores of a know of b. Costs little, however many peers there are. Valid until time goes on.
  const ForwardingPeer& Forwarding(int a, int b);
  PeerStatus Peer(int a, int b);
  bool Connected(int a, int b) { return Peer(a, b).connected; }
  PathStatus Path(int a, int a_port, int b, int b_port);
  bool HasPath(int a, int a_port, const wire::Endpoint& remote);
  size_t ActivePaths(int a, int b);
  size_t CarryingPaths(int a, int b);
  // Counts the drops of the node and of the code that stands in for its lcores here.
  uint64_t Drops(int n, wire::Drop drop) {
    return node(n).drops(drop) + nodes_[Index(n)].drops[drop];
  }

  // --- Hostility ---
  // While recording is on, TakeSeen returns every datagram sent since its last call.
  void Record(bool on) { recording_ = on; }
  std::vector<Seen> TakeSeen() { return std::exchange(seen_, {}); }
  void Inject(int n, int port, const wire::Endpoint& from, std::vector<uint8_t> datagram);
  // How many datagrams the node has sent since the start of the story.
  uint64_t Sent(int n) const { return nodes_[Index(n)].sent; }

 private:
  struct Way {
    bool cut = false;
    std::optional<Duration> delay;
  };
  struct Host {
    wire::SecretKey key;
    std::unique_ptr<Node> node;
    int ports = 0;
    std::set<int> cut;
    std::set<int> down;
    std::map<int, uint64_t> rates;  // of ports that take only so much
    std::map<int, PortUse> uses;
    std::map<int, wire::Endpoint> nat;
    std::vector<std::pair<int, wire::Endpoint>> aliases;
    std::vector<std::pair<int, wire::IpAddress>> more;  // addresses of a port, the first left out
    std::vector<std::pair<int, bool>> peers;  // the peer, and whether its endpoints are known
    uint64_t wall = 1'700'000'000'000'000'000;
    uint8_t psk = 0;
    uint32_t features = IdentityOptions{}.features;
    uint64_t starts = 0;
    uint64_t sent = 0;
    std::vector<std::string> received;
    std::map<wire::Drop, uint64_t> drops;
    std::map<int, PeerId> ids;             // of its peers
    std::map<int, wire::PublicKey> known;  // keys of its peers, as its file has them
    // What its lcores know, as of `version`, and what they count.
    std::map<PeerId, ForwardingPeer> forwarding;
    uint64_t version = 0;
    std::map<PathId, PathTraffic> traffic;
    struct Newest {
      uint64_t counter;
      uint32_t session;
      Instant when;
    };
    std::map<PathId, Newest> newest;
    std::vector<Told> told;
  };
  struct Flight {
    Instant arrives;
    uint64_t order;
    int node;
    int port;
    wire::Endpoint from;
    std::vector<uint8_t> datagram;
    wire::IpAddress to;  // of the receiver
    bool operator>(const Flight& other) const {
      return std::tie(arrives, order) > std::tie(other.arrives, other.order);
    }
  };

  static size_t Index(int n) { return static_cast<size_t>(n); }
  wire::IpAddress AddressOf(int n, int port) const;
  bool HasAddress(int n, int port, const wire::IpAddress& address) const;
  PortState StateOf(int n, int port) const;
  PeerId AddPeerNow(int a, int b, bool endpoints);
  void Pump(int n);
  void Carry(int n, const Transmit& transmit);
  void Deliver(Flight flight);
  // Takes over what has changed in the node, as the lcores of the product do.
  void Follow(Host& host);
  // nullopt where the endpoint is of no path.
  std::optional<PathId> PathOf(Host& host, const wire::Session* session, const Route& route);
  wire::Drop Open(Host& host, const Arrival& arrival, wire::MutableBytes datagram);
  // The ports that the network knows by each endpoint.
  using Places = std::map<wire::Endpoint, std::vector<std::pair<int, int>>>;
  const Places& FindPlaces();
  Instant NextEvent() const;
  double Chance() { return std::uniform_real_distribution<double>()(random_); }

  const NetOptions options_;
  std::mt19937_64 random_;
  Instant now_{1s};
  bool has_clones_ = false;
  std::vector<Host> nodes_;
  std::optional<Places> places_;  // nullopt: an address has changed
  std::map<std::tuple<int, int, int, int>, Way> ways_;
  std::priority_queue<Flight, std::vector<Flight>, std::greater<>> flights_;
  uint64_t orders_ = 0;
  struct Conversation {
    int a = 0;
    int b = 0;
    Duration interval{0};
    Instant next = kNever;
  };
  Conversation talk_;
  size_t talked_ = 0;
  std::function<bool(const Seen&)> passes_;
  double loss_ = 0;
  double duplicate_ = 0;
  Duration jitter_{0};
  bool recording_ = false;
  std::vector<Seen> seen_;
};

// Initiations by a stranger who knows the node's public key and nothing else. Each costs a Diffie-Hellman until the
// node is under load.
void FloodWithInitiations(VirtualNet& net, int n, int count);

}  // namespace warp::protocol

#endif  // WARP_TESTS_CONTROL_PROTOCOL_VIRTUAL_NET_H_
