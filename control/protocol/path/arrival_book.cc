#include "control/protocol/path/arrival_book.h"

#include <algorithm>
#include <cassert>

namespace warp::protocol {

void ArrivalBook::Begin(Instant now) { last_report_ = now; }

void ArrivalBook::BeginSession(Instant now) {
  there_.clear();
  judgements_.clear();
  Begin(now);
}

std::vector<Report> ArrivalBook::TakeReports(PathSet& paths) {
  std::vector<Report> reports;
  if (!traffic_) return reports;
  std::vector<PortPair> changed;
  for (Path& path : paths.paths()) {
    const PathTraffic total = traffic_(path.id());
    Path::Counted& counted = path.counted();
    const uint64_t packets = total.received - counted.received;
    const uint64_t payloads = packets - std::min(packets, std::exchange(counted.control, 0));
    const uint64_t bytes = total.received_bytes - counted.received_bytes;
    counted.received = total.received;
    counted.received_bytes = total.received_bytes;
    if (payloads == 0 || !path.remote_port()) continue;
    const PortPair pair{*path.remote_port(), path.route().port};
    if (!here_.contains(pair)) MakeRoom(paths);
    Receipt& receipt = here_[pair];
    receipt.from = pair.first;
    receipt.to = pair.second;
    receipt.packets += static_cast<uint32_t>(payloads);
    receipt.bytes += static_cast<uint32_t>(bytes);
    if (std::find(changed.begin(), changed.end(), pair) == changed.end()) changed.push_back(pair);
  }
  for (const PortPair& pair : changed) {
    if (reports.empty() || reports.back().receipts.size() >= kMaxReceipts) reports.emplace_back();
    reports.back().receipts.push_back(here_[pair]);
  }
  return reports;
}

// Ports are renumbered, and a peer may name as many as it likes: pairs of no path are forgotten.
void ArrivalBook::MakeRoom(const PathSet& paths) {
  if (here_.size() < kMaxPaths) return;
  absl::erase_if(here_, [&](const auto& entry) {
    return std::none_of(paths.paths().begin(), paths.paths().end(), [&](const Path& path) {
      return path.remote_port() == entry.first.first && path.route().port == entry.first.second;
    });
  });
}

void ArrivalBook::HandleReport(Instant now, const Timers& timers, const Report& report,
                               PathSet& paths) {
  if (!traffic_) return;
  NoteArrivals(timers, report, paths);
  for (Path& path : paths.paths()) {
    if (path.carries() && path.active() && path.remote_port()) Judge(now, timers, path);
    path.counted().reported = traffic_(path.id()).sent;
  }
  last_report_ = now;
}

void ArrivalBook::NoteArrivals(const Timers& timers, const Report& report, PathSet& paths) {
  for (const Receipt& receipt : report.receipts) {
    const PortPair pair{receipt.from, receipt.to};
    const auto known = there_.find(pair);
    if (known == there_.end() && there_.size() >= kMaxPaths) continue;
    // A report that was overtaken, or the other copy of one, says nothing new.
    if (known != there_.end() && static_cast<int32_t>(receipt.packets - known->second) <= 0)
      continue;
    there_[pair] = receipt.packets;
    for (Path& path : paths.paths()) {
      if (path.carries() && path.route().port == pair.first && path.remote_port() == pair.second)
        path.NoteArrival(timers);
    }
  }
}

void ArrivalBook::Judge(Instant now, const Timers& timers, Path& path) {
  const PortPair pair{path.route().port, *path.remote_port()};
  const auto known = there_.find(pair);
  const uint32_t arrived = known != there_.end() ? known->second : 0;
  const uint64_t sent = traffic_(path.id()).sent;
  if (!judgements_.contains(pair) && judgements_.size() >= kMaxPaths) return;
  Judgement& judgement = judgements_[pair];
  // What was sent before the path was lost and came back says nothing of the path as it is now.
  if (judgement.begun == Instant{} || judgement.path != path.id() ||
      judgement.begun < path.since()) {
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
