#include "control/protocol/path/arrival_book.h"

#include <algorithm>
#include <cassert>

namespace warp::protocol {
namespace {

constexpr Duration kJudgedFor = std::chrono::seconds(1);
constexpr Duration kReportsMissing = std::chrono::seconds(2);

}  // namespace

void ArrivalBook::Begin(Instant now) {
  judgements_.clear();
  last_report_ = now;
  sent_then_ = 0;
}

void ArrivalBook::BeginSession(Instant now) {
  there_.clear();
  Begin(now);
}

std::optional<Report> ArrivalBook::TakeReport(PathSet& paths) {
  if (!traffic_) return std::nullopt;
  Report report;
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
    if (!here_.contains(pair) && here_.size() >= kMaxPaths) continue;
    Receipt& receipt = here_[pair];
    receipt.from = pair.first;
    receipt.to = pair.second;
    receipt.packets += static_cast<uint32_t>(payloads);
    receipt.bytes += static_cast<uint32_t>(bytes);
    std::erase_if(report.receipts, [&](const Receipt& other) {
      return other.from == receipt.from && other.to == receipt.to;
    });
    if (report.receipts.size() < kMaxReceipts) report.receipts.push_back(receipt);
  }
  if (report.receipts.empty()) return std::nullopt;
  return report;
}

void ArrivalBook::HandleReport(Instant now, const Timers& timers, const Report& report,
                               PathSet& paths) {
  if (!traffic_) return;
  NoteArrivals(timers, report, paths);
  for (Path& path : paths.paths()) {
    if (path.carries() && path.active() && path.remote_port()) Judge(now, timers, path);
  }
  last_report_ = now;
  sent_then_ = SentByCarriers(paths);
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
  if (judgement.begun == Instant{} || judgement.path != path.id()) {
    judgement = {path.id(), now, sent, arrived};
    return;
  }
  const uint64_t copies = sent - judgement.sent;
  if (copies < kJudgedCopies || now - judgement.begun < kJudgedFor + path.report_lag()) return;
  const uint32_t receipts = arrived - judgement.arrived;
  if (receipts * kArrivingShare < copies) path.Block(now, timers);
  judgement = {path.id(), now, sent, arrived};
}

bool ArrivalBook::HandleSilence(Instant now, const Timers& timers, PathSet& paths) {
  if (!traffic_) return false;
  Duration lag{0};
  for (const Path& path : paths.paths()) {
    if (path.carries()) lag = std::max(lag, path.report_lag());
  }
  const uint64_t sent = SentByCarriers(paths);
  // Other paths carry than then.
  if (sent_then_ == 0 || sent < sent_then_) sent_then_ = sent;
  if (sent - sent_then_ < kJudgedCopies || now - last_report_ < kReportsMissing + lag) return false;
  last_report_ = now;
  sent_then_ = sent;
  bool blocked = false;
  for (Path& path : paths.paths()) {
    if (!path.carries() || !paths.HasAlternative(path, now)) continue;
    path.Block(now, timers);
    blocked = true;
  }
  return blocked;
}

uint64_t ArrivalBook::SentByCarriers(const PathSet& paths) const {
  uint64_t sent = 0;
  for (const Path& path : paths.paths()) {
    if (path.carries()) sent += traffic_(path.id()).sent;
  }
  return sent;
}

}  // namespace warp::protocol
