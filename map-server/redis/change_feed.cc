#include "map-server/redis/change_feed.h"

#include <algorithm>
#include <array>
#include <limits>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace warp::map {

using wire::Instant;

namespace {

constexpr uint64_t kLatest = uint64_t{1} << 40;  // seconds since 1970 that make no number too large

}  // namespace

ChangeFeed::ChangeFeed(const Link::Options& options, const MakeTransport& make, std::string stream,
                       std::string map, Events events)
    : stream_(std::move(stream)),
      map_(std::move(map)),
      events_(std::move(events)),
      link_(options, make, [this](Instant now, const std::string& run) { OnUp(now, run); }) {}

std::optional<ChangeFeed::EntryId> ChangeFeed::ParseId(absl::string_view text) {
  const size_t dash = text.find('-');
  EntryId id;
  if (dash == absl::string_view::npos || !absl::SimpleAtoi(text.substr(0, dash), &id.first) ||
      !absl::SimpleAtoi(text.substr(dash + 1), &id.second)) {
    return std::nullopt;
  }
  return id;
}

// Of an answer to XRANGE ... COUNT 1: [[id, [...]]], or nothing.
std::optional<ChangeFeed::EntryId> ChangeFeed::OnlyId(const Reply& entries) {
  if (!entries.is_array(1) || !entries.elements[0].is_array(2)) return std::nullopt;
  return ParseId(entries.elements[0].elements[0].text);
}

void ChangeFeed::OnUp(Instant now, const std::string& run) {
  const bool another_life = !run_.empty() && run != run_;
  run_ = run;
  if (++fruitless_ > kMostFruitless) return SkipToNow(now);
  const std::array<absl::string_view, 6> first = {"XRANGE", stream_, "-", "+", "COUNT", "1"};
  link_.Ask(now, first, [this](Instant, Reply* reply) {
    if (reply != nullptr) first_ = OnlyId(*reply);
  });
  const std::array<absl::string_view, 6> last = {"XREVRANGE", stream_, "+", "-", "COUNT", "1"};
  link_.Ask(now, last, [this, another_life](Instant at, Reply* reply) {
    if (reply == nullptr) return;
    if (reply->kind != Reply::Kind::kArray) {
      ++foreign_;
      return link_.Distrust(at, "its stream of changes is none");
    }
    OnEnds(at, OnlyId(*reply), another_life);
  });
}

// Something stands in the stream that ends each connection that reads it. What comes from now on has later numbers,
// because redis gives its time as the number of an entry.
void ChangeFeed::SkipToNow(Instant now) {
  const std::array<absl::string_view, 1> time = {"TIME"};
  link_.Ask(now, time, [this](Instant at, Reply* reply) {
    if (reply == nullptr) return;
    uint64_t seconds = 0, microseconds = 0;
    if (!reply->is_array(2) || !absl::SimpleAtoi(reply->elements[0].text, &seconds) ||
        !absl::SimpleAtoi(reply->elements[1].text, &microseconds) || seconds > kLatest) {
      ++foreign_;
      return link_.Distrust(at, "it does not know the time");
    }
    seen_ = EntryId{seconds * 1000 + microseconds / 1000, 0};
    events_.missed(at);
    Read(at);
  });
}

void ChangeFeed::OnEnds(Instant now, const std::optional<EntryId>& last, bool another_life) {
  const EntryId end = last.value_or(EntryId{});
  if (!seen_.has_value()) {
    seen_ = end;  // whoever registers here hears from now on
  } else {
    // A server that has lost the newest entries goes on with numbers that were seen already, if its clock is behind.
    const bool lost = end < *seen_;
    if (lost) seen_ = EntryId{};
    const bool gone = first_.has_value() && *first_ > *seen_ && end > *seen_;
    if (another_life || lost || gone) events_.missed(now);
  }
  Read(now);
}

void ChangeFeed::Read(Instant now) {
  const std::string count = absl::StrCat(kMostRead);
  const std::string block = absl::StrCat(kBlock / std::chrono::milliseconds(1));
  const std::string from = absl::StrCat(seen_->first, "-", seen_->second);
  const std::array<absl::string_view, 8> command = {"XREAD", "COUNT",   count,   "BLOCK",
                                                    block,   "STREAMS", stream_, from};
  link_.Ask(
      now, command,
      [this](Instant at, Reply* reply) {
        if (reply == nullptr) return;
        if (reply->kind != Reply::Kind::kNil && !OnEntries(at, *reply)) {
          ++foreign_;
          return link_.Distrust(at, "its stream of changes is none");
        }
        fruitless_ = 0;
        Read(at);
      },
      kBlock);
}

// [[stream, [entry, ...]]]
bool ChangeFeed::OnEntries(Instant now, const Reply& reply) {
  if (!reply.is_array(1) || !reply.elements[0].is_array(2)) return false;
  const Reply& entries = reply.elements[0].elements[1];
  if (entries.kind != Reply::Kind::kArray || entries.elements.empty()) return false;
  return std::all_of(entries.elements.begin(), entries.elements.end(),
                     [&](const Reply& entry) { return OnEntry(now, entry); });
}

// [id, [field, value, ...]]. An entry that no map wrote is passed over, and one without a later number would be read
// for ever.
bool ChangeFeed::OnEntry(Instant now, const Reply& entry) {
  if (!entry.is_array(2)) return false;
  const std::optional<EntryId> id = ParseId(entry.elements[0].text);
  if (!id.has_value() || *id <= *seen_) return false;
  seen_ = *id;
  ++read_;
  const std::vector<Reply>& fields = entry.elements[1].elements;
  absl::string_view name, map;
  for (size_t i = 0; i + 1 < fields.size(); i += 2) {
    if (fields[i].text == "n") name = fields[i + 1].text;
    if (fields[i].text == "m") map = fields[i + 1].text;
  }
  if (name.size() != kRecordNameSize || map.empty()) {
    ++foreign_;
    return true;
  }
  if (map == map_) return true;
  RecordName changed;
  std::copy(name.begin(), name.end(), changed.begin());
  events_.changed(now, changed);
  return true;
}

}  // namespace warp::map
