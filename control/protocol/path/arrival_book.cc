#include "control/protocol/path/arrival_book.h"

#include <algorithm>
#include <cassert>

namespace warp::protocol {
namespace {

// A path that was never measured may be as slow as any; what it brought is not waited for longer.
constexpr Duration kLongestReportLag = std::chrono::seconds(2);

}  // namespace

void ArrivalBook::Begin(Instant now) { last_report_ = now; }

void ArrivalBook::BeginSession(Instant now) {
  there_.clear();
  judgements_.clear();
  Begin(now);
}

void ArrivalBook::Count(Instant now, PathSet& paths) {
  if (!traffic_) return;
  for (Path& path : paths.paths()) {
    const PathTraffic total = traffic_(path.id());
    Path::Counted& counted = path.counted();
    path.NoteSent(now, total.sent, total.sent_bytes);
    const uint64_t packets = total.received - counted.received;
    // A control message may be counted here before it is opened, and is taken off then.
    const uint64_t control = std::min(packets, counted.control);
    counted.control -= control;
    const uint64_t payloads = packets - control;
    const uint64_t bytes = total.received_bytes - counted.received_bytes;
    counted.received = total.received;
    counted.received_bytes = total.received_bytes;
    if (payloads == 0 || !path.remote_port()) continue;
    const PortPair pair{*path.remote_port(), path.route().port};
    if (!here_.contains(pair) && !MakeRoom(here_, pair, paths, false)) continue;
    Receipt& receipt = here_[pair];
    receipt.from = pair.first;
    receipt.to = pair.second;
    receipt.packets += static_cast<uint32_t>(payloads);
    receipt.bytes += static_cast<uint32_t>(bytes);
    received_.payloads += payloads;
    received_.bytes += bytes;
    if (std::find(changed_.begin(), changed_.end(), pair) == changed_.end()) {
      changed_.push_back(pair);
    }
  }
}

std::vector<Report> ArrivalBook::TakeReports(Instant now, PathSet& paths) {
  std::vector<Report> reports;
  Count(now, paths);
  for (const PortPair& pair : std::exchange(changed_, {})) {
    if (!here_.contains(pair)) continue;
    if (reports.empty() || reports.back().receipts.size() >= kMaxReceipts) reports.emplace_back();
    reports.back().receipts.push_back(here_[pair]);
  }
  return reports;
}

// Ports are renumbered, and a peer may name as many as it likes: pairs of no path are forgotten. Where such a pair has
// a path again, its total begins anew, which the peer sees by the order of the reports.
template <typename Value>
bool ArrivalBook::MakeRoom(absl::flat_hash_map<PortPair, Value>& book, const PortPair& pair,
                           const PathSet& paths, bool leaves) {
  if (book.size() < kMaxPaths) return true;
  const auto has_path = [&](const PortPair& one) {
    const auto [own, remote] = leaves ? one : PortPair{one.second, one.first};
    return std::any_of(paths.paths().begin(), paths.paths().end(),
                       [own = own, remote = remote](const Path& path) {
                         return path.route().port == own && path.remote_port() == remote;
                       });
  };
  if (!has_path(pair)) return false;
  absl::erase_if(book, [&](const auto& entry) { return !has_path(entry.first); });
  assert(book.size() < kMaxPaths);
  return true;
}

void ArrivalBook::HandleReport(Instant now, const Timers& timers, const Report& report,
                               SealOrder order, PathSet& paths) {
  if (!traffic_) return;
  NoteArrivals(now, timers, report, order, paths);
  for (Path& path : paths.paths()) {
    if (path.carries() && path.active() && path.remote_port()) Judge(now, timers, paths, path);
    path.counted().reported = traffic_(path.id()).sent;
  }
  last_report_ = now;
}

bool ArrivalBook::SpeaksOf(Instant now, const Timers& timers, const PathSet& paths,
                           const Path& path) {
  return std::none_of(paths.paths().begin(), paths.paths().end(), [&](const Path& other) {
    if (other.id() == path.id() || other.route().port != path.route().port ||
        other.remote_port() != path.remote_port())
      return false;
    if (other.carries()) return true;
    const Duration lag = std::min(other.report_lag(), kLongestReportLag) + timers.report_interval;
    return other.carries_changed() != Instant{} && now < other.carries_changed() + lag;
  });
}

void ArrivalBook::NoteArrivals(Instant now, const Timers& timers, const Report& report,
                               SealOrder order, PathSet& paths) {
  for (const Receipt& receipt : report.receipts) {
    const PortPair pair{receipt.from, receipt.to};
    const auto known = there_.find(pair);
    if (known == there_.end()) {
      // A judgement that is under way does not know where the total began.
      if (!MakeRoom(there_, pair, paths, true)) continue;
      judgements_.erase(pair);
    } else if (static_cast<int32_t>(receipt.packets - known->second.packets) <= 0) {
      // A report that was overtaken, or the other copy of one, says nothing new. A total that is lower in a report
      // sealed later has begun anew.
      if (receipt.packets == known->second.packets || order < known->second.sealed) continue;
      judgements_.erase(pair);
    }
    Total& total = there_[pair];
    total = {receipt.packets, std::max(order, total.sealed)};
    for (Path& path : paths.paths()) {
      if (path.carries() && path.route().port == pair.first && path.remote_port() == pair.second &&
          SpeaksOf(now, timers, paths, path))
        path.NoteArrival(timers);
    }
  }
}

void ArrivalBook::Judge(Instant now, const Timers& timers, const PathSet& paths, Path& path) {
  const PortPair pair{path.route().port, *path.remote_port()};
  const auto known = there_.find(pair);
  const uint32_t arrived = known != there_.end() ? known->second.packets : 0;
  const uint64_t sent = traffic_(path.id()).sent;
  if (!judgements_.contains(pair) && !MakeRoom(judgements_, pair, paths, true)) return;
  Judgement& judgement = judgements_[pair];
  // What was sent before the path was lost and came back, or was too large, says nothing of the path as it is now.
  if (judgement.begun == Instant{} || judgement.path != path.id() ||
      judgement.begun < path.since() || judgement.begun < path.size().since()) {
    judgement = {path.id(), now, sent, arrived};
    return;
  }
  // What was sent last may be under way, in a report or a payload.
  const Duration lag = path.report_lag() + 2 * timers.report_interval;
  if (judgement.ended == kNever) {
    judgement.copies = sent - judgement.sent;
    if (judgement.copies < kJudgedCopies || now - judgement.begun < std::max(kJudgedFor, 2 * lag))
      return;
    judgement.ended = now;
  }
  if (now - judgement.ended < lag) return;
  const uint32_t receipts = arrived - judgement.arrived;
  const double share = static_cast<double>(receipts) / static_cast<double>(judgement.copies);
  // A path that lost its probes as well had an outage. Where that lasts it is lost for want of answers, and where it is
  // over nothing is wrong with the path any more.
  const bool outage = share < kArrivingShare &&
                      path.ProbeShare(judgement.begun, judgement.ended) < kProbesOfWorkingPath;
  if (!outage) path.SetDelivery(now, timers, share);
  judgement = {path.id(), now, sent, arrived};
}

bool ArrivalBook::HandleSilence(Instant now, const Timers& timers, PathSet& paths) {
  if (!traffic_) return false;
  bool any_due = false;
  bool any_left = false;
  for (Path& path : paths.paths()) {
    if (!path.carries()) continue;
    const uint64_t sent = traffic_(path.id()).sent;
    any_due |= sent > path.counted().reported;
    if (sent - path.counted().reported < kUnreportedCopies ||
        now - last_report_ < kReportsMissing + path.report_lag() ||
        !paths.HasAlternative(path, now)) {
      continue;
    }
    // A guess: where the alternative fails, it is better than one that is known to lose all.
    path.SetDelivery(now, timers, kArrivingShare);
    path.counted().reported = sent;
    any_left = true;
  }
  if (!any_due) last_report_ = now;
  return any_left;
}

Duration ArrivalBook::Patience(const PathSet& paths) const {
  Duration lag{0};
  for (const Path& path : paths.paths()) {
    if (path.carries()) lag = std::max(lag, path.report_lag());
  }
  return kReportsMissing + lag;
}

}  // namespace warp::protocol
