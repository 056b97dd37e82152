#include "control/history/history_file.h"

#include <sodium.h>

#include <algorithm>
#include <cstring>

namespace warp::history {
namespace {

constexpr absl::string_view kMagic = "WARPHIST";
constexpr uint64_t kVersion = 1;
constexpr size_t kDigest = 32;
constexpr size_t kMostName = 64;
constexpr size_t kFields = 9;
constexpr size_t kMostBytes = size_t{8} << 20;
constexpr int64_t kMostBegin = 253'402'300'800;  // the year 10000, which no calendar has to know

absl::Status Malformed(absl::string_view what) { return absl::InvalidArgumentError(what); }

std::string DigestOf(absl::string_view bytes) {
  std::string digest(kDigest, '\0');
  crypto_generichash(reinterpret_cast<uint8_t*>(digest.data()), kDigest,
                     reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size(), nullptr, 0);
  return digest;
}

void Put(std::string& to, uint64_t value, size_t size) {
  for (size_t i = 0; i < size; ++i) to.push_back(static_cast<char>(value >> 8 * i));
}

std::array<uint64_t, kFields> FieldsOf(const Record& record) {
  return {static_cast<uint64_t>(record.begin),
          record.up_s,
          record.first,
          record.sole,
          record.duplicates,
          record.rx_bytes,
          record.tx_bytes,
          record.skew_samples,
          record.skew_us};
}

// Takes from the front. What is too short gives zeros, and is noticed by `fits`.
class Cursor {
 public:
  explicit Cursor(absl::string_view bytes) : rest_(bytes) {}
  absl::string_view Take(size_t size) {
    fits_ = fits_ && size <= rest_.size();
    if (!fits_) return {};
    const absl::string_view taken = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return taken;
  }
  uint64_t Number(size_t size) {
    uint64_t value = 0;
    const absl::string_view bytes = Take(size);
    for (size_t i = 0; i < bytes.size(); ++i) {
      value |= uint64_t{static_cast<unsigned char>(bytes[i])} << 8 * i;
    }
    return value;
  }
  bool fits() const { return fits_; }
  bool at_end() const { return rest_.empty(); }

 private:
  absl::string_view rest_;
  bool fits_ = true;
};

Record TakeRecord(Cursor& cursor) {
  std::array<uint64_t, kFields> fields;
  for (uint64_t& field : fields) field = cursor.Number(8);
  return {.begin = static_cast<int64_t>(fields[0]),
          .up_s = fields[1],
          .first = fields[2],
          .sole = fields[3],
          .duplicates = fields[4],
          .rx_bytes = fields[5],
          .tx_bytes = fields[6],
          .skew_samples = fields[7],
          .skew_us = fields[8]};
}

bool TakeLink(Cursor& cursor, Link& link) {
  const size_t name = cursor.Number(2);
  if (name == 0 || name > kMostName) return false;
  link.port = std::string(cursor.Take(name));
  for (size_t by = 0; by < kBys; ++by) {
    const size_t count = cursor.Number(2);
    if (count > kKept[by]) return false;
    for (size_t i = 0; i < count; ++i) {
      const Record record = TakeRecord(cursor);
      std::deque<Record>& records = link.records[by];
      if (record.begin < 0 || record.begin >= kMostBegin ||
          (!records.empty() && record.begin <= records.back().begin))
        return false;
      records.push_back(record);
    }
  }
  return cursor.fits();
}

}  // namespace

std::string WriteHistory(const wire::PublicKey& node, absl::Time now,
                         const std::vector<Link>& links) {
  std::string bytes(kMagic);
  Put(bytes, kVersion, 4);
  Put(bytes, links.size(), 4);
  Put(bytes, static_cast<uint64_t>(absl::ToUnixSeconds(now)), 8);
  bytes.append(reinterpret_cast<const char*>(node.bytes().data()), node.bytes().size());
  for (const Link& link : links) {
    const absl::string_view name = absl::string_view(link.port).substr(0, kMostName);
    Put(bytes, name.size(), 2);
    bytes.append(name.data(), name.size());
    for (const std::deque<Record>& records : link.records) {
      Put(bytes, records.size(), 2);
      for (const Record& record : records) {
        for (const uint64_t field : FieldsOf(record)) Put(bytes, field, 8);
      }
    }
  }
  return bytes + DigestOf(bytes);
}

absl::StatusOr<std::vector<Link>> ParseHistory(absl::string_view bytes,
                                               const wire::PublicKey& node) {
  Cursor cursor(bytes.substr(0, bytes.size() - std::min(bytes.size(), kDigest)));
  if (cursor.Take(kMagic.size()) != kMagic || cursor.Number(4) != kVersion) {
    return Malformed("is no history of links, or of another version");
  }
  const absl::string_view digest = bytes.substr(bytes.size() - kDigest);
  if (digest != DigestOf(bytes.substr(0, bytes.size() - kDigest))) {
    return Malformed("is cut off or damaged");
  }
  const uint64_t count = cursor.Number(4);
  cursor.Take(8);  // when it was written
  const absl::string_view key = cursor.Take(node.bytes().size());
  if (key !=
      absl::string_view(reinterpret_cast<const char*>(node.bytes().data()), node.bytes().size())) {
    return Malformed("is of another node");
  }
  if (count > History::kMostLinks) return Malformed("is damaged");
  std::vector<Link> links(count);
  for (auto link = links.begin(); link != links.end(); ++link) {
    const bool fits = TakeLink(cursor, *link);
    const bool again = std::any_of(links.begin(), link,
                                   [&](const Link& other) { return other.port == link->port; });
    if (!fits || again) return Malformed("is damaged");
  }
  if (!cursor.at_end()) return Malformed("is damaged");
  return links;
}

absl::StatusOr<std::optional<HistoryFile>> ReadHistoryFile(const state::Place& place) {
  absl::StatusOr<std::optional<state::FoundFile>> found = state::FindStateFile(place, kMostBytes);
  if (!found.ok()) return found.status();
  if (!found->has_value()) return std::nullopt;
  auto& [origin, body] = **found;
  absl::StatusOr<std::vector<Link>> links = ParseHistory(body, origin.node);
  if (!links.ok()) return links.status();
  return HistoryFile{*std::move(links), std::move(origin)};
}

}  // namespace warp::history
