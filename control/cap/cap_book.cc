#include "control/cap/cap_book.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "control/config/payer.h"
#include "control/config/text/problems.h"
#include "control/config/text/suggest.h"

namespace warp::cap {
namespace {

constexpr absl::string_view kLostBefore =
    "what ports had carried could not be read in an earlier run: data caps count as reached until "
    "a period begins, or `warp cap set` says better";

}  // namespace

CapBook::CapBook(const std::vector<config::PortConfig>& ports, const wire::PublicKey& node,
                 absl::TimeZone zone)
    : node_(node), zone_(zone) {
  for (const config::PortConfig& port : ports) {
    if (!port.cap.has_value()) continue;
    empty_ = false;
    if (!port.is_pattern()) caps_.emplace_back(port);
  }
  for (const Cap& cap : caps_) told_.push_back({TermsAsConfigured(cap.port())});
}

Cap* CapBook::FindCap(const std::string& port) {
  const auto found = std::find_if(caps_.begin(), caps_.end(),
                                  [&](const Cap& cap) { return cap.port().name == port; });
  return found == caps_.end() ? nullptr : &*found;
}

const Cap* CapBook::Find(const std::string& port) const {
  return const_cast<CapBook*>(this)->FindCap(port);
}

void CapBook::Restore(const absl::StatusOr<std::optional<std::vector<CapRecord>>>& file,
                      absl::Time wall) {
  if (!file.ok()) {
    read_problem_ = std::string(file.status().message());
    for (Cap& cap : caps_) cap.Lose();
    return;
  }
  if (!file->has_value()) return;
  for (const CapRecord& record : **file) {
    if (Cap* const cap = FindCap(record.port)) {
      cap->Restore(record, DayOf(wall));
    } else if (others_.size() + caps_.size() < kMostRecords) {
      others_.push_back(record);
    }
  }
}

void CapBook::Add(const config::PortConfig& port, absl::Time wall) {
  if (!port.cap.has_value()) return;
  empty_ = false;
  Cap& cap = caps_.emplace_back(port);
  const auto record = std::find_if(others_.begin(), others_.end(),
                                   [&](const CapRecord& other) { return other.port == port.name; });
  if (record != others_.end()) {
    cap.Restore(*record, DayOf(wall));
    others_.erase(record);
  } else if (!read_problem_.empty()) {
    cap.Lose();
  }
  cap.Look(DayOf(wall), ClockWatch());  // nobody has looked for this port meanwhile
  told_.push_back({cap.terms(), cap.state()});
  Forget();
}

void CapBook::Remove(const config::PortConfig& port) {
  const auto cap = std::find_if(caps_.begin(), caps_.end(),
                                [&](const Cap& one) { return one.port().name == port.name; });
  if (cap == caps_.end()) return;
  others_.push_back(cap->record());
  told_.erase(told_.begin() + (cap - caps_.begin()));
  caps_.erase(cap);
}

// The port that has been gone the longest is forgotten first.
void CapBook::Forget() {
  while (others_.size() + caps_.size() > kMostRecords && !others_.empty()) {
    others_.erase(others_.begin());
  }
}

void CapBook::Count(Cap& cap, uint64_t total) { unsaved_ += cap.Count(total); }

std::vector<const config::PortConfig*> CapBook::Look(Instant now, absl::Time wall,
                                                     TotalFunction total) {
  clock_.Look(now, wall);
  looked_ = now;
  std::vector<const config::PortConfig*> changed;
  for (size_t i = 0; i < caps_.size(); ++i) {
    Cap& cap = caps_[i];
    const CapRecord before = cap.record();
    cap.Look(DayOf(wall), clock_);
    urgent_ |= cap.record() != before;
    if (const std::optional<uint64_t> counted = total(cap.port())) Count(cap, *counted);
    const Told present{cap.terms(), cap.state()};
    if (present == told_[i]) continue;
    told_[i] = present;
    changed.push_back(&cap.port());
  }
  return changed;
}

void CapBook::NoteOpened(const config::PortConfig& port, uint64_t total) {
  Cap* const cap = FindCap(port.name);
  if (cap == nullptr || cap->record().entries.empty()) return;
  cap->Closed();
  Count(*cap, total);
}

void CapBook::NoteClosing(const config::PortConfig& port, uint64_t total) {
  Cap* const cap = FindCap(port.name);
  if (cap == nullptr || cap->record().entries.empty()) return;
  Count(*cap, total);
  cap->Closed();
}

absl::Status CapBook::Set(const std::string& port, uint64_t bytes) {
  Cap* const cap = FindCap(port);
  if (cap == nullptr) {
    std::vector<std::string> names;
    for (const Cap& other : caps_) names.push_back(other.port().name);
    return absl::NotFoundError(absl::StrCat("there is no port ", config::Quote(port),
                                            " with a data cap", config::DidYouMean(port, names)));
  }
  cap->Set(bytes);
  urgent_ = true;
  return absl::OkStatus();
}

// --- Writing. ---

bool CapBook::due(Instant now) const {
  if (writing_ || !unsaved() || now < not_before_) return false;
  return urgent_ || unsaved_ >= kMostUnsaved || now - saved_ >= kLongestUnsaved;
}

std::string CapBook::Take(Instant now) {
  unsaved_ = 0;
  urgent_ = false;
  writing_ = true;
  saved_ = now;
  not_before_ = now + kLookInterval;
  std::vector<CapRecord> records = others_;
  for (const Cap& cap : caps_) {
    if (!cap.record().entries.empty()) records.push_back(cap.record());
  }
  return WriteCapRecords(node_, records);
}

void CapBook::NoteWritten(Instant now, const absl::Status& status) {
  writing_ = false;
  write_problem_ = std::string(status.message());
  if (status.ok()) return;
  urgent_ = true;
  not_before_ = now + kTryAgain;
}

// --- What is. ---

PortTerms CapBook::TermsOf(const config::PortConfig& port) const {
  const Cap* const cap = Find(config::PayerOf(port));
  return cap == nullptr ? TermsAsConfigured(port) : cap->terms();
}

std::string CapBook::problem() const {
  const bool lost =
      std::any_of(caps_.begin(), caps_.end(), [](const Cap& cap) { return cap.lost(); });
  const std::string unwritten = writing_ && looked_ - saved_ > kSlowDisk
                                    ? "the disk hangs: what is counted now is not written yet"
                                    : write_problem_;
  if (!lost) return unwritten;
  const absl::string_view why = read_problem_.empty() ? kLostBefore : read_problem_;
  return absl::StrCat(why, unwritten.empty() ? "" : "; ", unwritten);
}

}  // namespace warp::cap
