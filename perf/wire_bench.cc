// Measures what costs a node something only now and then, which engine_bench does not see: keys, handshakes, fragments,
// addresses, the map's messages, and the look for work. It also measures steps of the packet path that engine_bench
// sees only in sum. See README.md.
#include <benchmark/benchmark.h>
#include <sodium.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <memory>
#include <vector>

#include "control/protocol/map/map_message.h"
#include "control/protocol/node/node.h"
#include "control/tunnel/reassembler.h"
#include "dataplane/wire/byte_order.h"
#include "dataplane/wire/endpoint.h"
#include "dataplane/wire/fragment.h"
#include "dataplane/wire/frame/frame.h"
#include "dataplane/wire/handshake/handshake_mac.h"
#include "dataplane/wire/handshake/handshake_message.h"
#include "dataplane/wire/handshake/noise.h"
#include "dataplane/wire/message.h"
#include "dataplane/wire/session/window.h"
#include "perf/must.h"
#include "tests/control/protocol/virtual_net.h"

namespace warp::perf {
namespace {

using benchmark::DoNotOptimize;
using benchmark::State;

// --- Keys and handshakes ---

void X25519PublicKey(State& state) {
  const wire::SecretKey key = wire::SecretKey::Generate();
  for (auto _ : state) DoNotOptimize(key.Public());
}
BENCHMARK(X25519PublicKey);

void X25519SharedSecret(State& state) {
  const wire::SecretKey key = wire::SecretKey::Generate();
  const wire::PublicKey remote = wire::SecretKey::Generate().Public();
  std::array<uint8_t, wire::kKeySize> shared;
  for (auto _ : state) {
    DoNotOptimize(crypto_scalarmult(shared.data(), key.bytes().data(), remote.bytes().data()));
  }
}
BENCHMARK(X25519SharedSecret);

// Plays both sides of a handshake, with the payloads that WARP sends along.
class Handshake {
 public:
  wire::NoiseInitiator MakeInitiator() const {
    return {initiator_keys_, responder_keys_.public_key(), prologue_};
  }
  std::vector<uint8_t> Initiate(wire::NoiseInitiator& initiator) const {
    return Must(initiator.WriteInitiation(
        wire::EncodeInitiationPayload({.token = {}, .ciphers = wire::SupportedCiphers()})));
  }
  std::vector<uint8_t> Respond(wire::Bytes initiation) const {
    wire::NoiseResponder responder(responder_keys_, prologue_);
    const auto offer =
        wire::DecodeInitiationPayload(Must(responder.ReadInitiation(initiation)).payload);
    std::vector<uint8_t> response = Must(responder.WriteResponse(
        psk_, wire::EncodeResponsePayload({.cipher = offer->ciphers.front()})));
    DoNotOptimize(Must(responder.Split()));
    return response;
  }
  void Finish(wire::NoiseInitiator& initiator, wire::Bytes response) const {
    const wire::NoiseInitiator::Response heard = Must(initiator.ReadResponse(psk_, response));
    DoNotOptimize(wire::DecodeResponsePayload(heard.payload));
    DoNotOptimize(heard.keys.handshake_hash);
  }

 private:
  const wire::KeyPair initiator_keys_ = wire::KeyPair::Generate();
  const wire::KeyPair responder_keys_ = wire::KeyPair::Generate();
  const wire::PresharedKey psk_;
  const std::vector<uint8_t> prologue_ = wire::HandshakePrologue(wire::Role::kPeer, 1);
};

// Runs both sides, one after the other.
void NoiseHandshake(State& state) {
  const Handshake handshake;
  for (auto _ : state) {
    wire::NoiseInitiator initiator = handshake.MakeInitiator();
    handshake.Finish(initiator, handshake.Respond(handshake.Initiate(initiator)));
  }
}
BENCHMARK(NoiseHandshake);

// An initiation with a right mac1 costs this much at whoever gets it.
void NoiseResponderAlone(State& state) {
  const Handshake handshake;
  wire::NoiseInitiator initiator = handshake.MakeInitiator();
  const std::vector<uint8_t> initiation = handshake.Initiate(initiator);
  for (auto _ : state) DoNotOptimize(handshake.Respond(initiation));
}
BENCHMARK(NoiseResponderAlone);

std::vector<uint8_t> AnInitiation(const wire::MacKey& mac_key) {
  const Handshake handshake;
  wire::NoiseInitiator initiator = handshake.MakeInitiator();
  const std::vector<uint8_t> noise = handshake.Initiate(initiator);
  std::vector<uint8_t> datagram = wire::EncodeInitiation({.sender_index = 1, .noise = noise});
  wire::WriteMacs(mac_key, nullptr, datagram);
  return datagram;
}

// An initiation with a wrong mac1 costs this much.
void VerifyMac1(State& state) {
  const wire::MacKey key = wire::Mac1Key(wire::SecretKey::Generate().Public());
  const std::vector<uint8_t> datagram = AnInitiation(key);
  for (auto _ : state) DoNotOptimize(wire::VerifyMac1(key, datagram));
}
BENCHMARK(VerifyMac1);

// The largest message with a right mac1 and a wrong mac2 costs this much: the dearest that a worker throws away.
void VerifyBothMacs(State& state) {
  const wire::MacKey key = wire::Mac1Key(wire::SecretKey::Generate().Public());
  const std::array<uint8_t, wire::kKeySize> one = {1}, two = {2};
  const wire::CookieSecrets secrets{wire::SecretBytes(one), wire::SecretBytes(two)};
  const wire::Endpoint source{wire::IpAddress::V4({203, 0, 113, 7}), 7};
  std::vector<uint8_t> datagram(wire::kMaxHandshakeSize, 0x55);
  wire::WriteAs(wire::Le32(2), datagram.data());
  const wire::Cookie other{};
  wire::WriteMacs(key, &other, datagram);
  for (auto _ : state) {
    DoNotOptimize(wire::VerifyMac1(key, datagram));
    DoNotOptimize(wire::VerifyCookie(secrets, source, datagram));
  }
}
BENCHMARK(VerifyBothMacs);

// --- Messages ---

void ClassifyInitiation(State& state) {
  std::vector<uint8_t> datagram = AnInitiation({});
  for (auto _ : state) {
    DoNotOptimize(datagram.data());
    DoNotOptimize(wire::ClassifyDatagram(datagram));
    DoNotOptimize(wire::DecodeInitiation(datagram));
  }
}
BENCHMARK(ClassifyInitiation);

// Reads the outer header of a sealed datagram, and then the inner header of its payload.
void ClassifySealed(State& state) {
  std::vector<uint8_t> datagram(1456), plaintext(1424);
  wire::WriteDataHeader({.receiver_index = 7, .counter = 1}, datagram.data());
  wire::WritePayloadHeader({.tunnel_id = 1}, plaintext.data());
  for (auto _ : state) {
    DoNotOptimize(datagram.data());
    DoNotOptimize(plaintext.data());
    DoNotOptimize(wire::ClassifyDatagram(datagram));
    DoNotOptimize(wire::ReadDataHeader(datagram));
    DoNotOptimize(wire::ClassifyPlaintext(plaintext));
    DoNotOptimize(wire::ReadPayloadHeader(plaintext));
  }
}
BENCHMARK(ClassifySealed);

// Reassembles a payload of 4,000 bytes that was cut in three, from its first fragment until it is whole.
void ReassembleThree(State& state) {
  const std::vector<uint8_t> payload(4000, 'x');
  const wire::FragmentPlan plan = *wire::PlanFragments(payload.size(), 1404);
  std::vector<std::vector<uint8_t>> fragments;
  for (uint8_t index = 0; index < plan.count; ++index) {
    std::vector<uint8_t>& fragment =
        fragments.emplace_back(wire::kFragmentHeaderSize + plan.SizeOf(index), 'x');
    wire::WriteFragmentHeader(plan.HeaderOf(index, 1), fragment.data());
  }
  control::Reassembler reassembler(control::Reassembler::LimitsFor(wire::kDefaultWindow));
  uint64_t counter = 0;
  for (auto _ : state) {
    bool whole = false;
    for (const std::vector<uint8_t>& fragment : fragments) {
      whole = reassembler.Add(0, 1, counter++, fragment).payload.has_value();
    }
    if (!whole) return state.SkipWithError("it did not come together");
  }
  state.SetBytesProcessed(static_cast<int64_t>(state.iterations() * payload.size()));
}
BENCHMARK(ReassembleThree);

void WindowLookClaim(State& state) {
  wire::ReplayWindow window(wire::kDefaultWindow);
  uint64_t counter = 0;
  for (auto _ : state) {
    DoNotOptimize(window.Look(counter));
    DoNotOptimize(window.Claim(counter++));
  }
}
BENCHMARK(WindowLookClaim);

// Once a payload; the next is for each copy.
void DatagramSum(State& state) {
  const std::vector<uint8_t> datagram(static_cast<size_t>(state.range(0)), 0x5a);
  for (auto _ : state) DoNotOptimize(wire::DatagramSum(datagram));
}
BENCHMARK(DatagramSum)->Arg(100)->Arg(1456);

void WriteFrameHeader(State& state, wire::UdpChecksum checksum) {
  const wire::Endpoint from = Must(wire::Endpoint::Parse("192.0.2.1:13116"));
  const wire::Endpoint to = Must(wire::Endpoint::Parse("192.0.2.2:13116"));
  const wire::FrameTemplate frame = wire::MakeFrameTemplate({}, {}, from, to, checksum);
  std::array<uint8_t, wire::kMaxFrameHeaderSize> header;
  uint32_t sum = 1;
  for (auto _ : state) {
    wire::WriteFrameHeader(frame, 1456, sum += 7, header.data());
    DoNotOptimize(header);
  }
}
BENCHMARK_CAPTURE(WriteFrameHeader, without_sum, wire::UdpChecksum::kNoneOnV4);
BENCHMARK_CAPTURE(WriteFrameHeader, with_sum, wire::UdpChecksum::kAlways);

void EndpointParse(State& state, const char* text) {
  for (auto _ : state) DoNotOptimize(wire::Endpoint::Parse(text));
}
BENCHMARK_CAPTURE(EndpointParse, v4, "192.0.2.1:13116");
BENCHMARK_CAPTURE(EndpointParse, v6, "[2001:db8::1:2]:13116");

// --- Control ---

protocol::MapMessage ARegistration() {
  protocol::MapRegister message{.port = 3};
  for (const char* text : {"192.0.2.1:13116", "[2001:db8::1:2]:13116"}) {
    message.candidates.push_back(Must(wire::Endpoint::Parse(text)));
  }
  return message;
}

void MapRegisterEncode(State& state) {
  const protocol::MapMessage message = ARegistration();
  for (auto _ : state) DoNotOptimize(protocol::EncodeMapMessage(message));
}
BENCHMARK(MapRegisterEncode);

void MapRegisterDecode(State& state) {
  const std::vector<uint8_t> plaintext = protocol::EncodeMapMessage(ARegistration());
  for (auto _ : state) DoNotOptimize(protocol::DecodeMapMessage(plaintext));
}
BENCHMARK(MapRegisterDecode);

// Returns node 0, connected with `peers` others.
std::unique_ptr<protocol::VirtualNet> Star(int peers) {
  auto net = std::make_unique<protocol::VirtualNet>(
      protocol::NetOptions{.ports = std::vector<int>(static_cast<size_t>(peers) + 1, 1)});
  for (int peer = 1; peer <= peers; ++peer) net->Introduce(0, peer);
  const bool all = net->RunUntil(
      [&] {
        const auto statuses = net->node(0).Peers();
        return std::all_of(statuses.begin(), statuses.end(),
                           [](const protocol::PeerStatus& peer) { return peer.connected; });
      },
      std::chrono::seconds(60));
  if (!all) MustBeOk(absl::DeadlineExceededError("not all peers have connected"));
  return net;
}

// Does what control does at the end of each turn, while nothing is due.
void NodeLook(State& state) {
  const auto net = Star(static_cast<int>(state.range(0)));
  protocol::Node& node = net->node(0);
  node.HandleTimeout(net->now());
  for (auto _ : state) {
    if (node.NextTimeout() <= net->now()) node.HandleTimeout(net->now());
    DoNotOptimize(node.NextTransmit());
  }
}
BENCHMARK(NodeLook)->Arg(1)->Arg(200)->Iterations(20000);

// Calls all timers of the node, while nothing or little is due.
void NodeHandleTimeout(State& state) {
  const auto net = Star(static_cast<int>(state.range(0)));
  for (auto _ : state) net->node(0).HandleTimeout(net->now());
}
BENCHMARK(NodeHandleTimeout)->Arg(1)->Arg(200)->Iterations(20000);

}  // namespace
}  // namespace warp::perf

int main(int argc, char** argv) {
  warp::perf::MustBeOk(warp::wire::InitCrypto());
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  return benchmark::RunSpecifiedBenchmarks() > 0 ? 0 : 1;
}
