#include "tools/top/tables.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <numeric>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "tools/top/plot.h"

namespace warp::tools {
namespace {

constexpr float kLossScale = 0.1F;  // at least, so that one probe does not look like a catastrophe

std::vector<float> Values(const Series& series, const std::function<float(const Point&)>& value) {
  std::vector<float> values;
  for (const Point& point : series) values.push_back(value(point));
  return values;
}

float Both(const Point& point) { return point.out + point.in; }

std::string Milliseconds(std::optional<double> ms) {
  return ms ? absl::StrFormat("%.*f", *ms < 99.95 ? 1 : 0, *ms) : "-";
}

std::string Percent(double share) {
  return absl::StrFormat("%.*f%%", share < 0.0995 ? 1 : 0, 100 * share);
}

std::string Count(double count) { return absl::StrFormat("%.0f", count); }

// Indices of `size` things in the order that `before` says, or as they are.
std::vector<size_t> Order(size_t size, bool reverse,
                          const std::function<bool(size_t, size_t)>& before) {
  std::vector<size_t> order(size);
  std::iota(order.begin(), order.end(), size_t{0});
  if (before) std::stable_sort(order.begin(), order.end(), before);
  if (reverse) std::reverse(order.begin(), order.end());
  return order;
}

RowPlot RatePlot(const Series& series) {
  RowPlot plot{.values = Values(series, Both)};
  const Point& now = series.back();
  plot.most = RoundUp(Most(plot.values));
  plot.label = {absl::StrCat("rate ", BitsText(Both(now))),
                absl::StrCat("▲", RateText(now.out), " ▼", RateText(now.in)),
                absl::StrCat("of ", RateText(plot.most))};
  return plot;
}

RowPlot DelayPlot(const PathSample& path, const Series& series) {
  RowPlot plot{.values = Values(series, [](const Point& point) { return point.rtt; })};
  plot.most = RoundUp(Most(plot.values));
  plot.label = {absl::StrCat("delay ", Milliseconds(path.rtt_ms), " ms"),
                absl::StrCat("jitter ", Milliseconds(path.jitter_ms)),
                absl::StrFormat("of %g ms", plot.most)};
  return plot;
}

RowPlot LossPlot(const PathSample& path, const Series& series) {
  RowPlot plot{.values = Values(series, [](const Point& point) { return point.loss; })};
  plot.most = std::max(kLossScale, RoundUp(Most(plot.values)));
  plot.look = path.loss > 0 ? Look::kWorn : Look::kCurve;
  plot.label = {absl::StrCat("loss ", Percent(path.loss)), "of probes",
                absl::StrFormat("of %g%%", 100 * plot.most)};
  return plot;
}

RowPlot OneRate(const char* name, const Series& series, float Point::*field) {
  RowPlot plot{.values = Values(series, [field](const Point& point) { return point.*field; })};
  plot.most = RoundUp(Most(plot.values));
  plot.label = {absl::StrCat(name, " ", BitsText(series.back().*field)), "",
                absl::StrCat("of ", RateText(plot.most))};
  return plot;
}

// As rates are compared: what is not known is least.
float Known(float value) { return std::isnan(value) ? -1 : value; }

Look LookOf(const PathSample& path) {
  if (path.state == "lost") return Look::kBad;
  if (path.state != "active") return Look::kDim;
  const bool bad = path.suspect || path.loss >= 0.05 || path.black_hole;
  return bad ? Look::kWorn : Look::kPlain;
}

Table PathTable(const Frame& frame, const ScreenState& state, size_t chosen) {
  const std::vector<PathSample>& paths = frame.sample.paths;
  const auto rate = [&](size_t i) { return Known(Both(frame.paths[i].back())); };
  std::function<bool(size_t, size_t)> before;
  switch (state.sort) {
    case Sort::kConfigured:
      break;
    case Sort::kRate:
      before = [&](size_t a, size_t b) { return rate(a) > rate(b); };
      break;
    case Sort::kDelay:
      before = [&](size_t a, size_t b) {
        return paths[a].rtt_ms.value_or(1e18) < paths[b].rtt_ms.value_or(1e18);
      };
      break;
    case Sort::kLoss:
      before = [&](size_t a, size_t b) { return paths[a].loss > paths[b].loss; };
      break;
    case Sort::kName:
      before = [&](size_t a, size_t b) {
        return std::tie(paths[a].link, paths[a].peer) < std::tie(paths[b].link, paths[b].peer);
      };
      break;
  }
  Table table{.columns = {{"LINK", 9},
                          {"PEER", 9},
                          {"ENDPOINT", 0},
                          {"STATE", 9},
                          {"OUT", 6, true},
                          {"IN", 6, true},
                          {"DELAY", 6, true},
                          {"LOSS", 5, true},
                          {"FIRST", 5, true}}};
  for (const size_t i : Order(paths.size(), state.reverse, before)) {
    const PathSample& path = paths[i];
    const Series& series = frame.paths[i];
    table.rows.push_back(
        {.cells = {path.link.empty() ? "-" : path.link, path.peer, path.endpoint, path.state,
                   RateText(series.back().out), RateText(series.back().in),
                   Milliseconds(path.rtt_ms), Percent(path.loss), Percent(path.first_share)},
         .look = LookOf(path)});
    table.rows.back().spark = Values(series, Both);
    table.titles.push_back(absl::StrCat(path.link.empty() ? "a closed port" : path.link, " to ",
                                        path.peer, " at ", path.endpoint,
                                        path.reason.empty() ? "" : ": ", path.reason));
    table.plots.emplace_back();
    if (table.rows.size() == chosen + 1) {
      table.plots.back() = {RatePlot(series), DelayPlot(path, series), LossPlot(path, series)};
    }
  }
  return table;
}

Table TunnelTable(const Frame& frame, const ScreenState& state, size_t chosen) {
  const std::vector<TunnelSample>& tunnels = frame.sample.tunnels;
  std::function<bool(size_t, size_t)> before;
  if (state.sort == Sort::kName) {
    before = [&](size_t a, size_t b) { return tunnels[a].name < tunnels[b].name; };
  } else if (state.sort != Sort::kConfigured) {
    before = [&](size_t a, size_t b) {
      return tunnels[a].out + tunnels[a].in > tunnels[b].out + tunnels[b].in;
    };
  }
  Table table{.columns = {{"TUNNEL", 10},
                          {"PEER", 9},
                          {"MODE", 9},
                          {"GATE", 0},
                          {"OUT", 6, true},
                          {"IN", 6, true},
                          {"QUEUED", 6, true},
                          {"LOST", 6, true},
                          {"DROPPED", 7, true}}};
  for (const size_t i : Order(tunnels.size(), state.reverse, before)) {
    const TunnelSample& tunnel = tunnels[i];
    const Series& series = frame.tunnels[i];
    table.rows.push_back({.cells = {tunnel.name, tunnel.peer, tunnel.mode, tunnel.listen,
                                    RateText(static_cast<float>(tunnel.out)),
                                    RateText(static_cast<float>(tunnel.in)), Count(tunnel.queued),
                                    tunnel.lost ? Count(*tunnel.lost) : "-", Count(tunnel.dropped)},
                          .look = tunnel.trouble.empty() ? Look::kPlain : Look::kBad});
    table.rows.back().spark = Values(series, Both);
    table.titles.push_back(absl::StrCat("tunnel ", tunnel.name, " to ", tunnel.peer,
                                        tunnel.trouble.empty() ? "" : ": ", tunnel.trouble));
    table.plots.emplace_back();
    if (table.rows.size() == chosen + 1) {
      table.plots.back() = {OneRate("out", series, &Point::out), OneRate("in", series, &Point::in)};
    }
  }
  return table;
}

Table DropTable(const Frame& frame, const ScreenState& state, size_t chosen) {
  std::vector<std::pair<std::string, double>> drops = frame.sample.counts;
  drops.insert(drops.end(), frame.sample.drops.begin(), frame.sample.drops.end());
  std::function<bool(size_t, size_t)> before;
  if (state.sort == Sort::kName) {
    before = [&](size_t a, size_t b) { return drops[a].first < drops[b].first; };
  } else if (state.sort != Sort::kConfigured) {
    before = [&](size_t a, size_t b) { return drops[a].second > drops[b].second; };
  }
  Table table{
      .columns = {{frame.sample.is_map ? "COUNT OR DROP" : "DROP", 0}, {"COUNT", 14, true}}};
  for (const size_t i : Order(drops.size(), state.reverse, before)) {
    table.rows.push_back({.cells = {drops[i].first, Count(drops[i].second)}});
    table.titles.emplace_back("all links");
    table.plots.emplace_back();
    if (table.rows.size() == chosen + 1) table.plots.back() = {RatePlot(frame.node)};
  }
  return table;
}

}  // namespace

Table MakeTable(const Frame& frame, const ScreenState& state, size_t chosen) {
  switch (state.tab) {
    case Tab::kPaths:
      return PathTable(frame, state, chosen);
    case Tab::kTunnels:
      return TunnelTable(frame, state, chosen);
    case Tab::kDrops:
      break;
  }
  return DropTable(frame, state, chosen);
}

}  // namespace warp::tools
