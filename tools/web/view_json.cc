#include "tools/web/view_json.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

namespace warp::tools {
namespace {

using Json = nlohmann::ordered_json;

// So many digits as a plot shows: a tenth of the text.
Json Rounded(float value, double scale) {
  if (std::isnan(value)) return nullptr;
  const double rounded = std::round(static_cast<double>(value) * scale) / scale;
  if (scale == 1) return static_cast<int64_t>(rounded);
  return rounded;
}

Json Values(const Series& series, size_t seconds, float Point::*field, double scale) {
  Json values = Json::array();
  for (size_t i = kSeconds - std::min(seconds, kSeconds); i < kSeconds; ++i) {
    values.push_back(Rounded(series[i].*field, scale));
  }
  return values;
}

Json RatesJson(const Series& series, size_t seconds) {
  return {{"out", Values(series, seconds, &Point::out, 1)},
          {"in", Values(series, seconds, &Point::in, 1)}};
}

Json SeriesJson(const Series& series, size_t seconds) {
  Json json = RatesJson(series, seconds);
  json["rtt"] = Values(series, seconds, &Point::rtt, 100);
  json["loss"] = Values(series, seconds, &Point::loss, 1000);
  return json;
}

Json Maybe(const std::optional<double>& value) { return value ? Json(*value) : Json(nullptr); }

Json TroublesJson(const Judgement& judgement) {
  Json list = Json::array();
  for (const Trouble& trouble : judgement.troubles) {
    list.push_back({{"health", std::string(HealthWord(trouble.health))},
                    {"what", trouble.what},
                    {"why", trouble.why},
                    {"advice", trouble.advice},
                    {"link", trouble.link},
                    {"since_s", Maybe(trouble.since_s)}});
  }
  return list;
}

Json LinkJson(const View& view, size_t index, size_t seconds) {
  const LinkSample& link = view.sample->links[index];
  size_t may = 0;
  const LinkName name{.name = link.name, .pattern = link.pattern};
  for (const TunnelPaths& tunnel : *view.tunnel_paths) may += MayUse(tunnel.paths, name) ? 1 : 0;
  Json json = {{"name", link.name},
               {"state", link.state},
               {"reason", link.reason},
               {"device", link.device},
               {"driver", link.driver},
               {"tier", link.tier},
               {"carries", Carries(*view.sample, link.name)},
               {"used_by", may},  // of so many tunnels as there are policies
               {"cap", nullptr},
               {"worth", link.worth ? WorthFigures(*link.worth) : ""},
               {"series", SeriesJson(*view.minute->links()[index], seconds)}};
  if (!link.cap_state.empty()) {
    json["cap"] = {{"state", link.cap_state}, {"used", link.cap_used}, {"bytes", link.cap_bytes}};
  }
  return json;
}

Json PathJson(const View& view, size_t index, size_t seconds) {
  const PathSample& path = view.sample->paths[index];
  return {{"peer", path.peer},
          {"link", path.link},
          {"endpoint", path.endpoint},
          {"state", path.state},
          {"reason", path.reason},
          {"since_s", path.since_s},
          {"carries", path.carries},
          {"relayed", path.relayed},
          {"suspect", path.suspect},
          {"contested", path.contested},
          {"black_hole", path.black_hole},
          {"rtt_ms", Maybe(path.rtt_ms)},
          {"jitter_ms", Maybe(path.jitter_ms)},
          {"skew_ms", Maybe(path.skew_ms)},
          {"loss", path.loss},
          {"first_share", path.first_share},
          {"mtu", path.mtu},
          {"tx_bytes", path.bytes.out},
          {"rx_bytes", path.bytes.in},
          {"series", SeriesJson(*view.minute->paths()[index], seconds)}};
}

Json TunnelJson(const View& view, size_t index, size_t seconds) {
  const TunnelSample& tunnel = view.sample->tunnels[index];
  Json paths = nullptr;
  for (const TunnelPaths& one : *view.tunnel_paths) {
    if (one.tunnel == tunnel.name) paths = one.paths;
  }
  return {{"name", tunnel.name},
          {"peer", tunnel.peer},
          {"mode", tunnel.mode},
          {"gate", tunnel.gate},
          {"listen", tunnel.listen},
          {"trouble", tunnel.trouble},
          {"paths", std::move(paths)},
          {"out", tunnel.out},
          {"in", tunnel.in},
          {"from_app", tunnel.from_app},
          {"to_app", tunnel.to_app},
          {"queued", tunnel.queued},
          {"lost", Maybe(tunnel.lost)},
          {"dropped", tunnel.dropped},
          {"series", RatesJson(*view.minute->tunnels()[index], seconds)}};
}

void AddSample(const View& view, size_t seconds, Json* json) {
  const Sample& sample = *view.sample;
  Json& out = *json;
  out["node"] = {{"map", sample.is_map},        {"key", sample.key},
                 {"version", sample.version},   {"state", sample.state},
                 {"uptime_s", sample.uptime_s}, {"left_out", sample.left_out}};
  for (const char* list : {"links", "peers", "paths", "tunnels", "maps", "drops", "counts"}) {
    out[list] = Json::array();
  }
  for (size_t i = 0; i < sample.links.size(); ++i) {
    out["links"].push_back(LinkJson(view, i, seconds));
  }
  for (const PeerSample& peer : sample.peers) {
    out["peers"].push_back({{"name", peer.name},
                            {"state", peer.state},
                            {"reason", peer.reason},
                            {"since_s", peer.since_s}});
  }
  for (size_t i = 0; i < sample.paths.size(); ++i) {
    out["paths"].push_back(PathJson(view, i, seconds));
  }
  for (size_t i = 0; i < sample.tunnels.size(); ++i) {
    out["tunnels"].push_back(TunnelJson(view, i, seconds));
  }
  for (const MapSample& map : sample.maps) {
    out["maps"].push_back({{"address", map.address}, {"state", map.state}, {"reason", map.reason}});
  }
  for (const auto& [name, count] : sample.drops) {
    out["drops"].push_back({{"name", name}, {"count", count}});
  }
  for (const auto& [name, count] : sample.counts) {
    out["counts"].push_back({{"name", name}, {"count", count}});
  }
}

}  // namespace

std::string ViewJson(const View& view, size_t seconds) {
  Json json = {{"number", view.number},
               {"seconds", std::min(seconds, kSeconds)},
               {"health", std::string(HealthWord(view.judgement->health))},
               {"answer", view.judgement->answer},
               {"reason", view.judgement->reason},
               {"troubles", TroublesJson(*view.judgement)},
               {"rate", RatesJson(view.minute->node(), seconds)},
               {"node", nullptr}};
  if (view.sample != nullptr) AddSample(view, seconds, &json);
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace warp::tools
