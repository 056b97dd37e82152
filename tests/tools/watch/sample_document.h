// A status document of a node with two links to one peer, for tests of what watches it.
#ifndef WARP_TESTS_TOOLS_WATCH_SAMPLE_DOCUMENT_H_
#define WARP_TESTS_TOOLS_WATCH_SAMPLE_DOCUMENT_H_

#include <nlohmann/json.hpp>
#include <string>

namespace warp::tools {

inline nlohmann::json PathDocument(const std::string& port, const std::string& endpoint, int id) {
  return {{"id", id},         {"port", port},        {"endpoint", endpoint}, {"state", "active"},
          {"reason", ""},     {"since_s", 60.5},     {"carries", true},      {"rtt_ms", 20.25},
          {"jitter_ms", 0.5}, {"loss", 0.0},         {"first_share", 0.75},  {"skew_ms", nullptr},
          {"mtu", 1500},      {"black_hole", false}, {"tx_bytes", 1000},     {"rx_bytes", 500},
          {"bond", nullptr}};
}

inline nlohmann::json NodeDocument() {
  const auto port = [](const char* name, const char* device) {
    return nlohmann::json{{"name", name},
                          {"state", "up"},
                          {"reason", ""},
                          {"device", device},
                          {"driver", "af_packet"},
                          {"tier", 1},
                          {"pattern", nullptr},
                          {"cap", nullptr},
                          {"tx_bytes", 1000},
                          {"rx_bytes", 500},
                          {"kernel_interface", device}};
  };
  return {{"version", 1},
          {"node",
           {{"public_key", "J8sk3d4vKEY"},
            {"version", "0.1.0"},
            {"uptime_s", 100},
            {"state", "running"}}},
          {"ports", {port("fibre", "eth0"), port("lte", "wwan0")}},
          {"maps", {{{"address", "map:13117"}, {"state", "registered"}, {"reason", ""}}}},
          {"peers",
           {{{"name", "hq"},
             {"state", "connected"},
             {"reason", ""},
             {"since_s", 90},
             {"key_used_by", nlohmann::json::array()},
             {"paths",
              {PathDocument("fibre", "198.51.100.7:13116", 1),
               PathDocument("lte", "198.51.100.7:13116", 2)}}}}},
          {"tunnels",
           {{{"name", "office"},
             {"peer", "hq"},
             {"mode", "stripe"},
             {"gate", {{"type", "tun"}, {"listen", "warp0"}, {"trouble", ""}}},
             {"spread", {{"lost", 3}}},
             {"from_app", 10},
             {"to_app", 20},
             {"from_app_rate", 1000000},
             {"to_app_rate", 2000000},
             {"queued", 0},
             {"drops", {{"deadline", 2}}}}}},
          {"drops", {{"deadline", 2}, {"malformed", 1}}}};
}

// `tunnel show` of the same node.
inline nlohmann::json PoliciesDocument(const std::string& paths = "all") {
  return {{"policies",
           {{{"tunnel", "office"},
             {"peer", "hq"},
             {"settings", {{"mode", "stripe"}, {"paths", paths}}}}}}};
}

}  // namespace warp::tools

#endif  // WARP_TESTS_TOOLS_WATCH_SAMPLE_DOCUMENT_H_
