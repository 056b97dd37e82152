// The ground of a siege: who talks to whom over which links, what becomes of each datagram, and a ledger of what
// everybody has sent.
//
// Link i of two talkers joins port i of one to port i of the other. One link of each two is whole: it loses nothing,
// and nobody can cut it, though somebody may hear it. The others die, lose and are slow, and an attacker may sit on
// them.
#ifndef WARP_TESTS_CONTROL_PROTOCOL_SIEGE_FIELD_H_
#define WARP_TESTS_CONTROL_PROTOCOL_SIEGE_FIELD_H_

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <random>
#include <string>
#include <tuple>
#include <vector>

#include "tests/control/protocol/virtual_net.h"

namespace warp::protocol {

// Two nodes that talk, and their links.
struct Talkers {
  int a = 0;
  int b = 0;
  int links = 0;
  int whole = 0;  // the number of the whole link
};

struct Link {
  size_t talkers = 0;
  int a = 0;
  int b = 0;
  int port = 0;
  bool whole = false;
  // By nature, for a while.
  bool dead = false;
  double loss = 0;
  // The attacker that sits on it; it loses and holds back these shares of what it carries.
  bool held = false;
  double takes = 0;
  double holds = 0;
  // Who hears it.
  std::vector<std::function<void(const Seen&)>> ears;
};

// What each kind of address belongs to. An attacker's number is in the address.
enum class Place : uint8_t {
  kNode,
  kStranger,  // an attacker, of whom nobody there has read anything authentic: the ledger is strict
  kBystander,  // somebody whom attackers name as the source of what they forge: the same
  kProven,  // an attacker that relays what nodes have sealed, or has a key that a node is configured with
};
Place PlaceOf(const wire::Endpoint& endpoint);
wire::Endpoint StrangerAt(int attacker);
wire::Endpoint BystanderAt(int number);
wire::Endpoint ProvenAt(int attacker, int number);
int AttackerAt(const wire::Endpoint& endpoint);  // of StrangerAt and ProvenAt

class Field {
 public:
  struct Shape {
    uint64_t seed = 1;
    int peers = 0;     // ends of conversations; where there is a hub, it is one node more
    bool hub = false;  // all peers talk to one node; else each two to each other
    Timers timers;
  };
  explicit Field(const Shape& shape);

  VirtualNet& net() { return net_; }
  std::mt19937_64& random() { return random_; }
  int Pick(int below) { return static_cast<int>(random_() % static_cast<uint64_t>(below)); }
  bool Chance(double share) { return std::uniform_real_distribution<double>()(random_) < share; }

  int nodes() const { return static_cast<int>(ports_.size()); }
  int ports(int n) const { return ports_[static_cast<size_t>(n)]; }
  const std::vector<Talkers>& talkers() const { return talkers_; }
  std::vector<Link>& links() { return links_; }

  // Some links change for the worse, or for the better.
  void ChangeWeather();
  // Puts a datagram on the wire of a node's port.
  void Attack(int node, int port, const wire::Endpoint& from, std::vector<uint8_t> datagram);
  // Lets the datagrams go that were held back until now.
  void ReleaseHeld();
  // Sends a payload and counts its copies apart. False where no session or path carries it.
  bool Send(int a, int b, const std::string& text);
  // Who receives what is sent to attackers.
  void Hear(std::function<void(int attacker, const Seen&)> ear) { attackers_ = std::move(ear); }

  // --- The ledger. ---
  uint64_t attacks() const { return attacks_; }        // datagrams of attackers
  uint64_t controls() const { return controls_; }      // datagrams of nodes that are no payloads
  size_t most_copies() const { return most_copies_; }  // of one payload
  // Datagrams to strangers and bystanders that were no answer to the datagram of an attacker that had just come under
  // that address, or made more of its bytes.
  size_t overpaid() const { return overpaid_; }

 private:
  struct Held {
    Instant due;
    int node;
    int port;
    wire::Endpoint from;
    std::vector<uint8_t> datagram;
  };
  // Fills ports_ and talkers_.
  NetOptions Draw(const Shape& shape);
  bool Passes(const Seen& seen);
  Link* LinkOf(const Seen& seen, int node, int port);

  std::mt19937_64 random_;
  std::vector<int> ports_;
  std::vector<Talkers> talkers_;
  VirtualNet net_;
  std::vector<Link> links_;
  std::map<std::tuple<int, int, int>, size_t> links_by_ends_;
  std::vector<Held> held_;
  std::function<void(int, const Seen&)> attackers_;

  bool sending_ = false;
  size_t copies_ = 0;
  size_t most_copies_ = 0;
  uint64_t attacks_ = 0;
  uint64_t controls_ = 0;
  // What may be answered to the datagram of an attacker that is being delivered.
  wire::Endpoint answered_;
  size_t may_answer_ = 0;
  size_t overpaid_ = 0;
};

}  // namespace warp::protocol

#endif  // WARP_TESTS_CONTROL_PROTOCOL_SIEGE_FIELD_H_
