#include "tests/control/protocol/attacker.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <string>
#include <utility>

#include "dataplane/wire/byte_order.h"
#include "dataplane/wire/message.h"

namespace warp::protocol {
namespace {

std::vector<uint8_t> Random(size_t size, std::mt19937_64& random) {
  std::vector<uint8_t> bytes(size);
  std::generate(bytes.begin(), bytes.end(), [&] { return static_cast<uint8_t>(random()); });
  return bytes;
}

}  // namespace

Timers ShortLives() {
  Timers timers;
  timers.rekey_after = 2s;
  timers.rekey_after_responder = 2250ms;
  timers.session_lifetime = 3s;
  return timers;
}

std::vector<uint8_t> WithIndex(std::vector<uint8_t> message, uint32_t index,
                               const wire::PublicKey& receiver) {
  wire::WriteAs(wire::Le32(index), message.data() + 4);
  wire::WriteMacs(wire::Mac1Key(receiver), nullptr, message);
  return message;
}

std::vector<uint8_t> ForgedCookie(wire::Bytes initiation, const wire::PublicKey& responder) {
  return wire::EncodeCookieReply(*wire::DecodeCookieRequest(initiation), wire::Cookie{0xbd},
                                 wire::CookieSealKey(responder));
}

std::vector<uint8_t> ForgedRetry(wire::Bytes initiation, std::mt19937_64& random) {
  std::vector<uint8_t> retry = wire::EncodeRetry(wire::DecodeInitiation(initiation)->sender_index,
                                                 wire::Token{0xbd}, wire::RetrySecret{});
  const std::vector<uint8_t> noise = Random(retry.size() - 8, random);
  std::copy(noise.begin(), noise.end(), retry.begin() + 8);
  return retry;
}

std::vector<uint8_t> ForgedResponse(wire::Bytes initiation, const wire::PublicKey& initiator,
                                    std::mt19937_64& random) {
  const std::vector<uint8_t> noise =
      Random(wire::kNoiseResponseOverhead + wire::kMinResponsePayloadSize, random);
  std::vector<uint8_t> response = wire::EncodeResponse(
      {.receiver_index = wire::DecodeInitiation(initiation)->sender_index, .noise = noise});
  wire::WriteMacs(wire::Mac1Key(initiator), nullptr, response);
  return response;
}

std::vector<uint8_t> ForgedConfirm(wire::Bytes initiation, std::mt19937_64& random) {
  std::vector<uint8_t> datagram = Random(wire::kMinSealedSize + 2, random);
  wire::WriteDataHeader({.receiver_index = wire::DecodeInitiation(initiation)->sender_index,
                         .counter = random() % 16},
                        datagram.data());
  return datagram;
}

void Replayer::Send() {
  if (tape_.empty()) return;
  std::vector<uint8_t> datagram = tape_[next_++ % tape_.size()];
  wire::WriteMacs(wire::Mac1Key(net_.key(victim_)), cookie_ ? &*cookie_ : nullptr, datagram);
  const wire::CookieRequest request = *wire::DecodeCookieRequest(datagram);
  net_.Record(true);
  net_.Inject(victim_, 0, at_, std::move(datagram));
  net_.Record(false);
  for (const Seen& seen : net_.TakeSeen()) {
    if (seen.to != at_) continue;
    ++answers_[seen.type()];
    const auto cookie =
        wire::OpenCookieReply(seen.datagram, request.mac1, wire::CookieSealKey(net_.key(victim_)));
    if (cookie) cookie_ = cookie;
  }
}

size_t LostUnderAttack(VirtualNet& net, int a, int b, Duration duration,
                       const std::function<void()>& every_millisecond) {
  size_t sent = 0;
  std::set<std::string> received;
  const auto take = [&] {
    for (const int n : {a, b}) {
      for (std::string& text : net.TakeReceived(n)) {
        EXPECT_TRUE(received.insert(std::to_string(n) + text).second) << "twice: " << text;
      }
    }
  };
  take();
  received.clear();
  for (int64_t i = 0; i < duration / 1ms; ++i) {
    every_millisecond();
    if (i % 10 == 0) {
      net.Send(a, b, std::to_string(i));
      net.Send(b, a, std::to_string(i));
      sent += 2;
    }
    net.Run(1ms);
    if (i % 1000 == 0) take();
  }
  net.Run(2s);
  take();
  return sent - std::min(sent, received.size());
}

}  // namespace warp::protocol
