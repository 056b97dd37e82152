// The story of one siege, and what must hold in it.
#ifndef WARP_TESTS_CONTROL_PROTOCOL_SIEGE_SIEGE_H_
#define WARP_TESTS_CONTROL_PROTOCOL_SIEGE_SIEGE_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "tests/control/protocol/siege/besieger.h"
#include "tests/control/protocol/siege/field.h"

namespace warp::protocol {

struct SiegeOptions {
  uint64_t seed = 1;
  int peers = 20;
  int attackers = 50;
  int seconds = 16;       // under attack, all talkers being connected
  int per_second = 1000;  // datagrams of all attackers
};

class Siege {
 public:
  explicit Siege(const SiegeOptions& options);

  // Tells the story; false where somebody did not connect at all.
  bool Run();

  // --- What came of it. ---
  size_t sent() const { return payloads_.size(); }
  size_t owed() const;  // payloads that left over the whole link too
  size_t lost() const;  // of those
  size_t refused() const { return sent() - owed(); }
  size_t twice() const;
  size_t fewest_rekeys() const;  // of all talkers
  // What grew beyond its bound, each in a line.
  const std::vector<std::string>& excesses() const { return excesses_; }
  const Field& field() const { return field_; }
  // The most datagrams, payloads apart, that all nodes may have sent.
  uint64_t most_controls() const;
  // The figures of the story in a line.
  std::string Summary() const;

 private:
  struct Payload {
    int to = 0;
    bool owed = false;
    int received = 0;
  };
  struct Conversation {
    Duration interval{};
    Instant next;
    std::shared_ptr<wire::Session> session;  // the last in use
    size_t sessions = 0;
  };

  void Step(bool talk);
  void Attack();
  void Talk();
  bool AllConnected();
  // Whether a payload that leaves now goes over the whole link.
  bool WholeCarries(const Talkers& talkers, int from, int to);
  void Take();
  void Look();
  void LookAt(int node);
  void Expect(size_t value, size_t most, int node, const char* what);

  const SiegeOptions options_;
  Field field_;
  std::vector<std::unique_ptr<Besieger>> besiegers_;
  std::vector<size_t> most_paths_;  // by node
  std::vector<Conversation> conversations_;
  std::vector<Payload> payloads_;
  std::vector<std::string> excesses_;
  int64_t steps_ = 0;
  Duration connected_{};  // after this time
};

}  // namespace warp::protocol

#endif  // WARP_TESTS_CONTROL_PROTOCOL_SIEGE_SIEGE_H_
