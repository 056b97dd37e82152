#include "tools/watch/model/minute.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"

namespace warp::tools {
namespace {

// Two samples that are closer than this give no rate: a few packets more or less would decide it.
constexpr double kLeastInterval = 0.05;

bool Nothing(const Point& a) {
  return std::isnan(a.out) && std::isnan(a.in) && std::isnan(a.rtt) && std::isnan(a.loss);
}

float Value(const std::optional<double>& value) {
  return value ? static_cast<float>(*value) : kUnknown;
}

// Unknown and something is something.
float Plus(float sum, float value) {
  if (std::isnan(value)) return sum;
  return std::isnan(sum) ? value : sum + value;
}

// What every path of a link has at least is the link's own; the rest is the far end's.
float Least(float least, float value) {
  if (std::isnan(value)) return least;
  return std::isnan(least) ? value : std::min(least, value);
}

}  // namespace

struct Minute::Track {
  Series series{};
  double id = 0;
  std::optional<Carried> counts;  // of the last sample
  bool seen = false;              // in the sample that is added

  void Shift(size_t seconds) {
    const size_t shift = std::min(seconds, kSeconds);
    std::move(series.begin() + static_cast<ptrdiff_t>(shift), series.end(), series.begin());
    std::fill(series.end() - static_cast<ptrdiff_t>(shift), series.end(), Point{});
  }

  void Rate(const std::optional<Carried>& now, double interval) {
    if (now && counts && interval >= kLeastInterval && now->out >= counts->out &&
        now->in >= counts->in) {
      series.back().out = static_cast<float>((now->out - counts->out) * 8 / interval);
      series.back().in = static_cast<float>((now->in - counts->in) * 8 / interval);
    }
    counts = now;
  }

  bool empty() const { return std::all_of(series.begin(), series.end(), Nothing); }
};

Minute::Minute() : node_(std::make_unique<Track>()) {}
Minute::~Minute() = default;

const Series& Minute::node() const { return node_->series; }

void Minute::Advance(double now_s) {
  const auto second = static_cast<int64_t>(std::floor(now_s));
  if (second_ == std::numeric_limits<int64_t>::min()) second_ = second;
  const auto passed = static_cast<size_t>(std::max<int64_t>(second - second_, 0));
  second_ = std::max(second, second_);
  node_->Shift(passed);
  for (auto& [key, track] : tracks_) {
    track->Shift(passed);
    track->seen = false;
  }
}

void Minute::AddNothing(double now_s) { Advance(now_s); }

Minute::Track& Minute::TrackOf(const std::string& key, double id) {
  std::unique_ptr<Track>& track = tracks_[key];
  if (track == nullptr) track = std::make_unique<Track>();
  if (track->id != id || fresh_) track->counts.reset();
  track->id = id;
  return *track;
}

void Minute::Add(double now_s, const Sample& sample) {
  Advance(now_s);
  fresh_ = sample.uptime_s < uptime_s_;
  uptime_s_ = sample.uptime_s;
  const double interval = now_s - sampled_s_;
  sampled_s_ = now_s;
  links_.clear();
  paths_.clear();
  tunnels_.clear();

  node_->series.back() = Point{};
  absl::flat_hash_map<std::string, Point*> by_link;
  for (const LinkSample& link : sample.links) {
    Track& track = TrackOf(absl::StrCat("l\n", link.name), 0);
    if (!std::exchange(track.seen, true)) {
      track.series.back() = Point{};
      track.Rate(link.bytes, interval);
      by_link[link.name] = &track.series.back();
      Point& all = node_->series.back();
      all.out = Plus(all.out, track.series.back().out);
      all.in = Plus(all.in, track.series.back().in);
    }
    links_.push_back(&track.series);
  }
  for (const PathSample& path : sample.paths) {
    Track& track =
        TrackOf(absl::StrCat("p\n", path.peer, "\n", path.link, "\n", path.endpoint), path.id);
    if (!std::exchange(track.seen, true)) {
      const bool active = path.state == "active";
      track.series.back() = {.rtt = active ? Value(path.rtt_ms) : kUnknown,
                             .loss = static_cast<float>(path.loss)};
      track.Rate(path.bytes, interval);
      if (const auto link = by_link.find(path.link); link != by_link.end()) {
        link->second->rtt = Least(link->second->rtt, track.series.back().rtt);
        link->second->loss = Least(link->second->loss, track.series.back().loss);
      }
    }
    paths_.push_back(&track.series);
  }
  for (const TunnelSample& tunnel : sample.tunnels) {
    Track& track = TrackOf(absl::StrCat("t\n", tunnel.name), 0);
    track.seen = true;
    track.series.back() = {.out = static_cast<float>(tunnel.out),
                           .in = static_cast<float>(tunnel.in)};
    tunnels_.push_back(&track.series);
  }
  fresh_ = false;
  // What is gone is forgotten when its last value has left the minute, so that a path that flaps keeps its plot.
  absl::erase_if(tracks_, [](const auto& entry) {
    if (!entry.second->seen) entry.second->counts.reset();
    return !entry.second->seen && entry.second->empty();
  });
}

}  // namespace warp::tools
