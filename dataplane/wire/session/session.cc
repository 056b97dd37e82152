#include "dataplane/wire/session/session.h"

#include <algorithm>
#include <utility>

#include "dataplane/wire/message.h"

namespace warp::wire {

namespace {

// Submits one job and waits for it.
void RunOne(AeadEngine& engine, Direction direction, AeadJob& job) {
  while (engine.Submit(direction, {&job, 1}) == 0) {
  }
  AeadJob* done = nullptr;
  while (engine.Collect({&done, 1}) == 0) {
  }
}

}  // namespace

Session::Session(const Params& params, const SymmetricKey& seal_key, const SymmetricKey& open_key)
    : params_(params),
      seal_key_(params.cipher, seal_key),
      open_key_(params.cipher, open_key),
      window_(params.window),
      opening_hints_(params.window > kMapWindow ? std::make_unique<OpeningHints>() : nullptr) {}

std::optional<uint64_t> Session::ReserveCounters(uint32_t count) {
  // Without this look a used-up session that is asked again and again would wrap around.
  if (next_counter_.load(std::memory_order_relaxed) >= kCounterLimit) return std::nullopt;
  const uint64_t first = next_counter_.fetch_add(count, std::memory_order_relaxed);
  if (first + count > kCounterLimit) {
    // The few counters that were left are given up, and the session ends for every thread.
    next_counter_.store(kCounterLimit, std::memory_order_relaxed);
    return std::nullopt;
  }
  return first;
}

std::optional<std::vector<uint8_t>> Session::Seal(Instant now, AeadEngine& engine,
                                                  Bytes plaintext) {
  if (has_expired(now)) return std::nullopt;
  const std::optional<uint64_t> counter = ReserveCounters(1);
  if (!counter) return std::nullopt;
  std::vector<uint8_t> datagram(kMinSealedSize + plaintext.size());
  WriteDataHeader({.receiver_index = params_.remote_index, .counter = *counter}, datagram.data());
  uint8_t* const text = datagram.data() + kDataHeaderSize;
  std::copy(plaintext.begin(), plaintext.end(), text);
  AeadJob job{.key = &seal_key_,
              .counter = *counter,
              .header = datagram.data(),
              .text = text,
              .text_size = static_cast<uint32_t>(plaintext.size())};
  RunOne(engine, Direction::kSeal, job);
  return datagram;
}

std::variant<Session::Opened, Drop> Session::Open(Instant now, AeadEngine& engine,
                                                  MutableBytes datagram) {
  if (ClassifyDatagram(datagram) != MessageType::kSealed) return Drop::kUnknownType;
  const std::optional<DataHeader> header = ReadDataHeader(datagram);
  if (!header) return Drop::kTruncated;
  if (header->receiver_index != params_.local_index) return Drop::kUnknownSession;
  if (has_expired(now)) return Drop::kSessionExpired;

  const auto drop_of = [](ReplayWindow::Verdict verdict) -> std::optional<Drop> {
    switch (verdict) {
      case ReplayWindow::Verdict::kNew:
        return std::nullopt;
      case ReplayWindow::Verdict::kSeen:
        return Drop::kDuplicate;
      case ReplayWindow::Verdict::kTooOld:
        return Drop::kTooOld;
      case ReplayWindow::Verdict::kRefused:
        return Drop::kBadCounter;
    }
    return Drop::kBadCounter;
  };
  if (const auto drop = drop_of(window_.Look(header->counter))) return *drop;

  const MutableBytes text = datagram.subspan(kDataHeaderSize, datagram.size() - kMinSealedSize);
  AeadJob job{.key = &open_key_,
              .counter = header->counter,
              .header = datagram.data(),
              .text = text.data(),
              .text_size = static_cast<uint32_t>(text.size())};
  RunOne(engine, Direction::kOpen, job);
  if (!job.authentic) return Drop::kUnauthentic;

  const auto drop = drop_of(window_.Claim(header->counter));
  if (drop == Drop::kDuplicate) return Drop::kOpenedTwice;
  if (drop) return *drop;
  return Opened{.counter = header->counter, .plaintext = text};
}

}  // namespace warp::wire
