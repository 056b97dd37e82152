// What arrives over the paths of one peer, at both ends: the reports of what came here, and what the peer's reports say
// of what was sent there: the delivery of each path, by which PathSet chooses who carries.
//
// The dataplane counts, the book compares totals. It is asked only while payloads flow.
#ifndef WARP_CONTROL_PROTOCOL_PATH_ARRIVAL_BOOK_H_
#define WARP_CONTROL_PROTOCOL_PATH_ARRIVAL_BOOK_H_

#include <cstdint>
#include <functional>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "control/protocol/constants.h"
#include "control/protocol/control_message.h"
#include "control/protocol/path/path_set.h"
#include "control/protocol/seal_order.h"

namespace warp::protocol {

// The dataplane counts the traffic of each path: payloads, and what is received of them twice as well.
struct PathTraffic {
  uint64_t sent = 0;  // payloads alone
  uint64_t sent_bytes = 0;
  uint64_t received = 0;  // control messages too
  uint64_t received_bytes = 0;
};
// Called for the paths of peers with which payloads flow, a few times a second.
using PathTrafficFunction = std::function<PathTraffic(PathId)>;

class ArrivalBook {
 public:
  // `traffic` may be empty: then nothing is reported, and reports say nothing.
  explicit ArrivalBook(PathTrafficFunction traffic) : traffic_(std::move(traffic)) {}

  // Payloads begin to flow: reports are waited for from now on. What was sent and not reported before still counts.
  void Begin(Instant now);

  // There is another session: the peer may have begun to count anew.
  void BeginSession(Instant now);

  // Adds up what has come since the last call.
  void Count(Instant now, PathSet& paths);
  // Counts, and gives every pair of ports over which payloads have come since the last call, in as many reports as that
  // takes.
  std::vector<Report> TakeReports(Instant now, PathSet& paths);
  // What has come from the peer's port `from` at ours; null: nothing has.
  const Receipt* Find(uint16_t from, uint16_t to) const {
    const auto known = here_.find({from, to});
    return known != here_.end() ? &known->second : nullptr;
  }
  // What has come over all pairs since the beginning.
  struct Sum {
    uint64_t payloads = 0;
    uint64_t bytes = 0;
  };
  const Sum& received() const { return received_; }

  // A report of the peer. Each path that carries is judged by at least kJudgedCopies of its copies, gathered over a
  // second or more, in which its probes are answered. What its round trip may hold back is waited for, because payloads
  // may come in bursts.
  void HandleReport(Instant now, const Timers& timers, const Report& report, SealOrder order,
                    PathSet& paths);

  // Looks whether reports have stayed away although payloads leave: then nothing may arrive at all. Paths that have an
  // alternative leave it to that. True when some do.
  bool HandleSilence(Instant now, const Timers& timers, PathSet& paths);
  // How long after the last payload HandleSilence may still find something.
  Duration Patience(const PathSet& paths) const;

 private:
  // Two ports: the one that a payload leaves, and the one that it comes in on, as each end calls its own.
  using PortPair = std::pair<uint16_t, uint16_t>;
  // Whether what the peer has reported just now may have been sent over this path alone. Reports speak of pairs of
  // ports, and another address of the same pair may have carried until a moment ago.
  static bool SpeaksOf(Instant now, const Timers& timers, const PathSet& paths, const Path& path);
  // What the peer has reported of a pair.
  struct Total {
    uint32_t packets = 0;
    SealOrder sealed;  // the report that said so
  };
  // The totals when the judgement of a carrying path began, and when its copies were enough.
  struct Judgement {
    PathId path = 0;
    Instant begun;
    uint64_t sent = 0;
    uint32_t arrived = 0;
    Instant ended = kNever;
    uint64_t copies = 0;
  };

  // Makes room for another pair in one of the books below, of which `leaves` says whether payloads leave here by the
  // first port. Where the book is full there is room for pairs of paths alone; false for others.
  template <typename Value>
  static bool MakeRoom(absl::flat_hash_map<PortPair, Value>& book, const PortPair& pair,
                       const PathSet& paths, bool leaves);
  void NoteArrivals(Instant now, const Timers& timers, const Report& report, SealOrder order,
                    PathSet& paths);
  void Judge(Instant now, const Timers& timers, const PathSet& paths, Path& path);

  const PathTrafficFunction traffic_;
  // At most kMaxPaths of each.
  absl::flat_hash_map<PortPair, Receipt> here_;  // from the peer
  std::vector<PortPair> changed_;                // since the last reports
  Sum received_;
  absl::flat_hash_map<PortPair, Total> there_;
  absl::flat_hash_map<PortPair, Judgement> judgements_;
  // The peer's last report, or the last time when none was due.
  Instant last_report_{};
};

}  // namespace warp::protocol

#endif  // WARP_CONTROL_PROTOCOL_PATH_ARRIVAL_BOOK_H_
