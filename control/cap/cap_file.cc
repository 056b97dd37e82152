#include "control/cap/cap_file.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/time/civil_time.h"
#include "absl/types/span.h"
#include "control/config/text/digits.h"

namespace warp::cap {
namespace {

constexpr size_t kMostBytes = 64 * 1024;
constexpr size_t kMostName = 64;
constexpr absl::string_view kFirstWords = "warp-caps 1 ";

absl::Status Malformed(size_t line) {
  return absl::InvalidArgumentError(absl::StrCat("is damaged at line ", line + 1));
}

bool Fits(const config::CapPeriod& period) {
  switch (period.each) {
    case config::CapUnit::kDay:
      return period.from == 1;
    case config::CapUnit::kWeek:
      return period.from >= 1 && period.from <= 7;
    case config::CapUnit::kMonth:
      return period.from >= 1 && period.from <= 31;
  }
  return false;
}

std::optional<CapRecord> ReadPort(const std::vector<absl::string_view>& words) {
  if (words.size() != 4 || words[0] != "port") return std::nullopt;
  CapRecord record{.port = std::string(words[1])};
  const auto* const unit = std::find_if(config::kCapUnitWords.begin(), config::kCapUnitWords.end(),
                                        [&](const auto& word) { return word.first == words[2]; });
  const std::optional<uint64_t> from = config::ReadDigits(words[3]);
  if (record.port.empty() || record.port.size() > kMostName) return std::nullopt;
  if (unit == config::kCapUnitWords.end() || !from || *from > 31) return std::nullopt;
  record.period = {.each = unit->second, .from = static_cast<uint8_t>(*from)};
  return Fits(record.period) ? std::optional(record) : std::nullopt;
}

// A day and a number. Only days as they are written: ParseCivilTime takes more.
std::optional<Ledger::Entry> ReadEntry(absl::Span<const absl::string_view> words) {
  Ledger::Entry entry;
  if (words.size() != 2 || words[0].size() != 10) return std::nullopt;
  if (!absl::ParseCivilTime(words[0], &entry.begin) ||
      absl::FormatCivilTime(entry.begin) != words[0]) {
    return std::nullopt;
  }
  const std::optional<uint64_t> bytes = config::ReadDigits(words[1]);
  if (!bytes) return std::nullopt;
  entry.bytes = *bytes;
  return entry;
}

// A line that says more of the port before it, whose entries are still to come. False: it is none, or not one that may
// stand here.
bool ReadMore(absl::Span<const absl::string_view> words, CapRecord* record) {
  if (!record->entries.empty() || record->lost) return false;
  if (words.size() == 1 && words[0] == "lost") return record->lost = true;
  if (words[0] != "clock" || record->clock.days > 0) return false;
  const std::optional<Ledger::Entry> clock = ReadEntry(words.subspan(1));
  if (!clock || clock->bytes < 1 || clock->bytes > Ledger::kDaysBelieved) return false;
  record->clock = {.day = clock->begin, .days = static_cast<uint8_t>(clock->bytes)};
  return true;
}

}  // namespace

std::string WriteCapRecords(const wire::PublicKey& node, const std::vector<CapRecord>& records) {
  std::string text = absl::StrCat(kFirstWords, node.ToBase64(), "\n");
  for (const CapRecord& record : records) {
    absl::StrAppend(&text, "port ", record.port, " ",
                    wire::WordOf(config::kCapUnitWords, record.period.each), " ",
                    record.period.from, "\n");
    if (record.clock.days > 0) {
      absl::StrAppend(&text, "clock ", absl::FormatCivilTime(record.clock.day), " ",
                      record.clock.days, "\n");
    }
    if (record.lost) absl::StrAppend(&text, "lost\n");
    for (const Ledger::Entry& entry : record.entries) {
      absl::StrAppend(&text, absl::FormatCivilTime(entry.begin), " ", entry.bytes, "\n");
    }
  }
  return text + "end\n";
}

absl::StatusOr<std::vector<CapRecord>> ParseCapRecords(absl::string_view text,
                                                       const wire::PublicKey& node) {
  std::vector<absl::string_view> lines = absl::StrSplit(text, '\n');
  if (lines[0].substr(0, kFirstWords.size()) != kFirstWords) {
    return absl::InvalidArgumentError("is no file of data caps, or of another version");
  }
  if (lines[0].substr(kFirstWords.size()) != node.ToBase64()) {
    return absl::InvalidArgumentError("is of another node");
  }
  if (lines.size() < 3 || lines[lines.size() - 2] != "end" || !lines.back().empty()) {
    return absl::InvalidArgumentError("is cut off");
  }
  std::vector<CapRecord> records;
  for (size_t i = 1; i + 2 < lines.size(); ++i) {
    const std::vector<absl::string_view> words = absl::StrSplit(lines[i], ' ');
    if (const std::optional<CapRecord> port = ReadPort(words)) {
      const bool before = !records.empty() && records.back().entries.empty();
      const bool again = std::any_of(records.begin(), records.end(), [&](const CapRecord& other) {
        return other.port == port->port;
      });
      if (before || again || records.size() == kMostRecords) return Malformed(i);
      records.push_back(*port);
      continue;
    }
    if (!records.empty() && ReadMore(words, &records.back())) continue;
    const std::optional<Ledger::Entry> entry = ReadEntry(words);
    if (!entry || records.empty()) return Malformed(i);
    std::vector<Ledger::Entry>& entries = records.back().entries;
    const bool late = !entries.empty() && entries.back().begin <= entry->begin;
    if (late || entries.size() == Ledger::kMostEntries) return Malformed(i);
    entries.push_back(*entry);
  }
  if (!records.empty() && records.back().entries.empty()) return Malformed(lines.size() - 2);
  return records;
}

absl::StatusOr<std::optional<CapFile>> ReadCapFile(const state::Place& place) {
  absl::StatusOr<std::optional<state::FoundFile>> found = state::FindStateFile(place, kMostBytes);
  if (!found.ok()) return found.status();
  if (!found->has_value()) return std::nullopt;
  auto& [origin, body] = **found;
  absl::StatusOr<std::vector<CapRecord>> records = ParseCapRecords(body, origin.node);
  if (!records.ok()) return records.status();
  return CapFile{*std::move(records), std::move(origin)};
}

}  // namespace warp::cap
