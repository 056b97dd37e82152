#include "dataplane/wire/session/compact_session.h"

#include <sodium.h>

#include <algorithm>

#include "dataplane/wire/crypto/bulk_key.h"
#include "dataplane/wire/message.h"

namespace warp::wire {

static_assert(sizeof(CompactSession) == 104);

CompactSession::~CompactSession() {
  if (wide()) delete[] wide_window_;
}

void CompactSession::Start(uint32_t local_index, uint32_t remote_index,
                           const SymmetricKey& seal_key, const SymmetricKey& open_key) {
  seal_key_.mutable_bytes() = seal_key.bytes();
  open_key_.mutable_bytes() = open_key.bytes();
  local_index_ = local_index;
  remote_index_ = remote_index;
}

void CompactSession::Widen() {
  if (wide()) return;
  uint64_t* const block = new uint64_t[kWideWords];
  std::copy(narrow_window_.begin(), narrow_window_.end(), block);
  // Whatever came before is said to have come.
  std::fill(block + kWords, block + kWideWords, UINT64_MAX);
  wide_window_ = block;
  wide_ = 1;
}

std::span<const uint64_t> CompactSession::words() const {
  if (wide()) return {wide_window_, kWideWords};
  return narrow_window_;
}

std::span<uint64_t> CompactSession::words() {
  if (wide()) return {wide_window_, kWideWords};
  return narrow_window_;
}

std::optional<std::vector<uint8_t>> CompactSession::Seal(Bytes plaintext) {
  if (sent_ >= kCounterLimit) return std::nullopt;
  const uint64_t counter = sent_++;
  std::vector<uint8_t> datagram(kMinSealedSize + plaintext.size());
  WriteDataHeader({.receiver_index = remote_index_, .counter = counter}, datagram.data());
  uint8_t* const text = datagram.data() + kDataHeaderSize;
  crypto_aead_chacha20poly1305_ietf_encrypt_detached(
      text, text + plaintext.size(), nullptr, plaintext.data(), plaintext.size(), datagram.data(),
      kDataHeaderSize, nullptr, Nonce(counter).data(), seal_key_.bytes().data());
  return datagram;
}

std::variant<Session::Opened, Drop> CompactSession::Open(MutableBytes datagram) {
  if (ClassifyDatagram(datagram) != MessageType::kSealed) return Drop::kUnknownType;
  const std::optional<DataHeader> header = ReadDataHeader(datagram);
  if (!header) return Drop::kTruncated;
  if (local_index_ == 0 || header->receiver_index != local_index_) return Drop::kUnknownSession;
  if (const Drop drop = Look(header->counter); drop != Drop::kNone) return drop;
  const MutableBytes text = datagram.subspan(kDataHeaderSize, datagram.size() - kMinSealedSize);
  if (crypto_aead_chacha20poly1305_ietf_decrypt_detached(
          text.data(), nullptr, text.data(), text.size(), text.data() + text.size(),
          datagram.data(), kDataHeaderSize, Nonce(header->counter).data(),
          open_key_.bytes().data()) != 0) {
    return Drop::kUnauthentic;
  }
  Claim(header->counter);
  return Session::Opened{.counter = header->counter, .plaintext = text};
}

Drop CompactSession::Look(uint64_t counter) const {
  if (counter >= kCounterLimit) return Drop::kBadCounter;
  if (counter >= expected_) return Drop::kNone;
  const uint64_t back = expected_ - 1 - counter;
  const std::span<const uint64_t> window = words();
  if (back / 64 >= window.size()) return Drop::kTooOld;
  return (window[back / 64] >> (back % 64) & 1) != 0 ? Drop::kDuplicate : Drop::kNone;
}

void CompactSession::Claim(uint64_t counter) {
  const std::span<uint64_t> window = words();
  if (counter < expected_) {
    const uint64_t back = expected_ - 1 - counter;
    window[back / 64] |= uint64_t{1} << (back % 64);
    return;
  }
  const uint64_t step = counter + 1 - expected_;
  expected_ = counter + 1;
  const uint64_t whole = step / 64;
  const uint64_t rest = step % 64;
  for (size_t i = window.size(); i-- > 0;) {
    const uint64_t upper = i >= whole ? window[i - whole] : 0;
    const uint64_t lower = i > whole ? window[i - whole - 1] : 0;
    window[i] = rest == 0 ? upper : upper << rest | lower >> (64 - rest);
  }
  window[0] |= 1;
}

}  // namespace warp::wire
