#include "control/tunnel/reassembler.h"

#include <algorithm>
#include <utility>

namespace warp::control {

using wire::Bytes;
using wire::Drop;
using wire::FragmentHeader;
using wire::kFragmentHeaderSize;

Reassembler::Result Reassembler::Add(int64_t now_ns, uint64_t session, uint64_t counter,
                                     Bytes plaintext) {
  Result result;
  result.timed_out = Expire(now_ns);

  const std::optional<FragmentHeader> header = wire::ReadFragmentHeader(plaintext);
  if (!header || counter < header->index) {
    result.drop = Drop::kMalformed;
    return result;
  }
  if (size_t{header->count} * header->chunk > limits_.max_bytes || limits_.max_entries == 0) {
    result.drop = Drop::kTooLarge;
    return result;
  }

  const Key key{
      .session = session, .first_counter = counter - header->index, .tunnel_id = header->tunnel_id};
  const auto found = index_.find(key);
  const Queue::iterator entry =
      found != index_.end() ? found->second : Start(key, *header, now_ns, &result);
  if (entry->count != header->count || entry->chunk != header->chunk) {
    Remove(entry);
    result.drop = Drop::kReassemblyConflict;
    return result;
  }
  if (entry->present[header->index]) {
    result.drop = Drop::kDuplicate;
    return result;
  }

  const Bytes chunk = plaintext.subspan(kFragmentHeaderSize);
  const size_t offset = size_t{header->index} * header->chunk;
  std::copy(chunk.begin(), chunk.end(), entry->bytes.begin() + static_cast<ptrdiff_t>(offset));
  if (header->index == header->count - 1) entry->bytes.resize(offset + chunk.size());
  entry->present.set(header->index);
  if (++entry->have == entry->count) {
    result.payload = Payload{.tunnel_id = key.tunnel_id, .bytes = std::move(entry->bytes)};
    Remove(entry);
  }
  return result;
}

uint32_t Reassembler::Expire(int64_t now_ns) {
  uint32_t expired = 0;
  while (!queue_.empty() && queue_.front().deadline_ns <= now_ns) {
    Remove(queue_.begin());
    ++expired;
  }
  return expired;
}

std::optional<int64_t> Reassembler::NextTimeout() const {
  if (queue_.empty()) return std::nullopt;
  return queue_.front().deadline_ns;
}

Reassembler::Queue::iterator Reassembler::Start(const Key& key, const FragmentHeader& header,
                                                int64_t now_ns, Result* result) {
  const size_t size = size_t{header.count} * header.chunk;
  while (index_.size() >= limits_.max_entries || bytes_ + size > limits_.max_bytes) {
    Remove(queue_.begin());
    ++result->evicted;
  }
  const auto entry = queue_.insert(queue_.end(), Entry{.key = key,
                                                       .deadline_ns = now_ns + limits_.timeout_ns,
                                                       .count = header.count,
                                                       .chunk = header.chunk,
                                                       .bytes = std::vector<uint8_t>(size)});
  index_.emplace(key, entry);
  bytes_ += size;
  return entry;
}

void Reassembler::Remove(Queue::iterator entry) {
  bytes_ -= Reserved(*entry);
  index_.erase(entry->key);
  queue_.erase(entry);
}

}  // namespace warp::control
