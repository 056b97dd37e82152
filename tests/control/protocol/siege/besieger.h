// One of those who besiege a network. Each has something that helps it, and sends one datagram at a time.
#ifndef WARP_TESTS_CONTROL_PROTOCOL_SIEGE_BESIEGER_H_
#define WARP_TESTS_CONTROL_PROTOCOL_SIEGE_BESIEGER_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "control/protocol/handshake/handshake.h"
#include "tests/control/protocol/siege/field.h"

namespace warp::protocol {

class Besieger {
 public:
  enum class Means : uint8_t {
    kRecording,  // of the first seconds of one link
    kEar,   // on one link, from the beginning to the end; it holds the link, unless that is whole
    kKey,   // of its own, with which nobody is configured
    kPeer,  // a key with which the victim is configured
    kCount
  };
  // Takes its place on a link. Must not be moved.
  Besieger(Field& field, int number, Means means);
  Besieger(const Besieger&) = delete;
  Besieger& operator=(const Besieger&) = delete;

  Means means() const { return means_; }
  int victim() const { return victim_; }
  // A datagram came to one of its addresses.
  void Receive(const Seen& seen);
  // Sends a datagram.
  void Act();

 private:
  void Record(const Seen& seen);
  // What everybody can send.
  void Forge();
  // What it has heard, changed or not, from here or there.
  void Replay();
  // Answers the last initiation that it heard as if it were the peer.
  void AnswerForged();
  // With a key of its own.
  void Initiate();
  void Lie();
  std::vector<uint8_t> Sealed();

  // An address to send from, of which nothing authentic ever comes.
  wire::Endpoint AnySource();
  std::vector<uint8_t> Noise(size_t size);
  // A port of the node.
  int PortOf(int node) { return field_.Pick(field_.ports(node)); }
  // The other end of the link, as seen from `node`.
  int Other(const Link& link, int node) const { return link.a == node ? link.b : link.a; }

  Field& field_;
  const int number_;
  const Means means_;
  const size_t link_;
  const int victim_;
  std::vector<Seen> tape_;
  size_t newest_ = 0;  // on the tape
  size_t heard_ = 0;
  std::vector<Seen> initiations_;   // those that were heard first, which never leave the tape
  std::optional<Seen> initiation_;  // the last that was heard

  Identity identity_;
  const wire::PresharedKey psk_;
  HandshakeParams params_;
  CookieJar cookies_{120s};
  wire::Token token_{};
  std::unique_ptr<InitiatorHandshake> handshake_;
  std::shared_ptr<wire::Session> session_;
  std::optional<Seen> asked_;  // an initiation of the victim's
  uint64_t probes_ = 0;
};

}  // namespace warp::protocol

#endif  // WARP_TESTS_CONTROL_PROTOCOL_SIEGE_BESIEGER_H_
