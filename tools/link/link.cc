#include "tools/link/link.h"

#include <poll.h>
#include <sys/prctl.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "tools/gauge/gauge_socket.h"
#include "tools/link/link_interface.h"
#include "tools/link/link_log.h"
#include "tools/terminal/complain.h"

namespace warp::tools {
namespace {

constexpr Nanos kSpin = 50'000;
constexpr uint64_t kUpStream = 0, kDownStream = 1;

class Link {
 public:
  Link(const LinkRun& run, LinkInterface near, LinkInterface far, std::optional<LinkLog> log)
      : spin_(run.spin),
        end_(run.seconds > 0 ? static_cast<Nanos>(run.seconds * 1e9) : kNeverNanos),
        near_(std::move(near)),
        far_(std::move(far)),
        up_(run.directions[0], run.seed, kUpStream),
        down_(run.directions[1], run.seed, kDownStream),
        log_(std::move(log)),
        started_(MonotonicNow()) {}

  bool HasMemory() const { return up_.HasMemory() && down_.HasMemory(); }

  // One turn: what came is taken, what is due is sent, and then it waits for either.
  absl::Status Run(int stop) {
    while (true) {
      const absl::StatusOr<bool> more = Receive();
      if (!more.ok()) return more.status();
      const Nanos now = Now();
      Deliver(now, up_, far_);
      Deliver(now, down_, near_);
      WarnOfJoined();
      if (log_ && now >= log_->next()) {
        CountOverruns();
        log_->WriteTo(now, {&up_, &down_});
      }
      if (now >= end_ || Wait(now, *more, stop)) break;
    }
    return log_ ? log_->Close() : absl::OkStatus();
  }

  LinkReport Report(uint64_t seed) {
    const Nanos now = Now();
    up_.SampleTo(now);
    down_.SampleTo(now);
    CountOverruns();
    return {.started_ns = started_,
            .seconds = static_cast<double>(now) / kSecond,
            .seed = seed,
            .directions = {ReportOf(up_), ReportOf(down_)}};
  }

 private:
  Nanos Now() const { return static_cast<Nanos>(MonotonicNow() - started_); }

  static LinkDirectionReport ReportOf(const LinkDirection& direction) {
    return {.counts = direction.counts(),
            .under_way = direction.under_way(),
            .queue = direction.queue_samples()};
  }

  // True where there may be more at once.
  absl::StatusOr<bool> Receive() {
    const auto up = Receive(near_, up_);
    if (!up.ok()) return up.status();
    const auto down = Receive(far_, down_);
    if (!down.ok()) return down.status();
    return *up == LinkBatch::kFrames || *down == LinkBatch::kFrames;
  }

  absl::StatusOr<size_t> Receive(LinkInterface& from, LinkDirection& direction) {
    const absl::StatusOr<size_t> count = from.Receive(batch_);
    if (!count.ok()) return count;
    // After the frames were read: one that came while the batch was read did not come before this.
    const Nanos now = *count > 0 ? Now() : 0;
    for (size_t i = 0; i < *count; ++i) direction.Take(now, batch_.frame(i), batch_.offload(i));
    direction.CountUnreadable(from.TakeUnreadable());
    return count;
  }

  static void Deliver(Nanos now, LinkDirection& direction, LinkInterface& to) {
    std::array<LinkFrame*, LinkBatch::kFrames> frames;
    std::array<bool, LinkBatch::kFrames> refused;
    while (direction.next() <= now) {
      size_t count = 0;
      while (count < frames.size() && (frames[count] = direction.Due(now)) != nullptr) ++count;
      to.Send({frames.data(), count}, {refused.data(), count});
      for (size_t i = 0; i < count; ++i) {
        direction.Release(frames[i], refused[i] ? LinkDrop::kRefused : LinkDrop::kNone);
      }
    }
  }

  // Returns whether the run is to end.
  bool Wait(Nanos now, bool more, int stop) const {
    Nanos next = std::min({up_.next(), down_.next(), end_, log_ ? log_->next() : kNeverNanos});
    if (spin_) next -= kSpin;
    const Nanos left = more ? 0 : std::clamp<Nanos>(next - now, 0, 3600 * kSecond);
    const timespec timeout{.tv_sec = left / kSecond, .tv_nsec = left % kSecond};
    pollfd polled[] = {{.fd = near_.fd(), .events = POLLIN, .revents = 0},
                       {.fd = far_.fd(), .events = POLLIN, .revents = 0},
                       {.fd = stop, .events = POLLIN, .revents = 0}};
    return ppoll(polled, std::size(polled), &timeout, nullptr) > 0 && polled[2].revents != 0;
  }

  void CountOverruns() {
    up_.CountOverruns(near_.TakeOverruns());
    down_.CountOverruns(far_.TakeOverruns());
  }

  void WarnOfJoined() {
    if (warned_ || up_.counts().joined + down_.counts().joined == 0) return;
    warned_ = true;
    Complain(
        "joined frames (GSO), larger than any wire's, are dropped as oversize: switch them off "
        "where they come from "
        "(ethtool -K INTERFACE tso off gso off tx-udp-segmentation off), or pass them with "
        "--joined");
  }

  const bool spin_;
  const Nanos end_;
  LinkInterface near_;
  LinkInterface far_;
  LinkDirection up_;
  LinkDirection down_;
  LinkBatch batch_;
  std::optional<LinkLog> log_;
  const uint64_t started_;
  bool warned_ = false;
};

}  // namespace

absl::StatusOr<LinkReport> RunLink(const LinkRun& run, int stop) {
  if (run.near == run.far) {
    return absl::InvalidArgumentError("a link has two ends: the interfaces are the same");
  }
  absl::StatusOr<LinkInterface> near = LinkInterface::Open(run.near);
  if (!near.ok()) return near.status();
  absl::StatusOr<LinkInterface> far = LinkInterface::Open(run.far);
  if (!far.ok()) return far.status();
  std::optional<LinkLog> log;
  if (!run.log.empty()) {
    absl::StatusOr<LinkLog> opened = LinkLog::Open(run.log, run.log_interval);
    if (!opened.ok()) return opened.status();
    log = *std::move(opened);
  }
  // By default the kernel may wake a process 50 us late, to wake several at once.
  prctl(PR_SET_TIMERSLACK, 1);
  const auto link = std::make_unique<Link>(run, *std::move(near), *std::move(far), std::move(log));
  if (!link->HasMemory()) {
    return absl::ResourceExhaustedError(
        "the system has no memory for so many frames: see --memory");
  }
  Complain(absl::StrCat("link ", run.near, " - ", run.far, ": ready"));
  if (const absl::Status status = link->Run(stop); !status.ok()) return status;
  return link->Report(run.seed);
}

}  // namespace warp::tools
