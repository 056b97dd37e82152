#include "tools/metrics/metric_table.h"

#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

namespace warp::tools {
namespace {

using enum MetricKind;
using enum MetricMerge;

constexpr double kMilli = 1e-3;      // milliseconds to seconds
constexpr double kBits = 1.0 / 8.0;  // bit/s to bytes a second

constexpr Metric kMetrics[] = {
    // Of the reading itself.
    {"warp_up", kComputed, "", "Whether the daemon answered with a status that is understood."},
    {"warp_status_malformed_fields", kComputed, "",
     "Fields that metrics are read from and that were not of their type."},
    {"warp_status_version", kGauge, "version", "Version of the status document."},

    // Of a node.
    {"warp_build_info", kInfo, "node.version", "Version of warpd, as a label."},
    {"warp_uptime_seconds", kGauge, "node.uptime_s", "Time since warpd started."},
    {"warp_draining", kWord, "node.state", "Whether warpd is about to end.", 1, "draining"},
    {"warp_drops_total", kCounter, "drops.<drop>", "All drops of the daemon by name."},
    {"warp_maps", kPresent, "maps[].address", "Maps that are configured."},
    {"warp_maps_registered", kWord, "maps[].state", "Maps that the node is registered at.", 1,
     "registered"},
    {"warp_interfaces_without_port", kGauge, "patterns[].without_port",
     "Interfaces that match a pattern and have no port."},
    {"warp_discovery_sent_total", kCounter, "node.discovery.sent",
     "Announcements made for peers on the same links."},
    {"warp_discovery_heard_total", kCounter, "node.discovery.heard",
     "Announcements of peers on the same links."},
    {"warp_discovery_dropped_total", kCounter, "node.discovery.dropped.<reason>",
     "Announcements that were not taken, by the reason."},

    // Of a port.
    {"warp_port_up", kWord, "ports[].state", "Whether the port is open and its link is up.", 1,
     "up", kLeast},
    {"warp_port_mtu_bytes", kGauge, "ports[].mtu", "Largest IP packet.", 1, "", kLeast},
    {"warp_port_transmit_limit_bytes_per_second", kGauge, "ports[].rate.up",
     "The most that may be sent by the port, as configured.", kBits},
    {"warp_port_cap_bytes", kGauge, "ports[].cap.bytes", "Data cap of a period, as configured."},
    {"warp_port_cap_used_bytes", kGauge, "ports[].cap.used",
     "Carried in this period of the data cap."},
    {"warp_port_cap_reached", kWord, "ports[].cap.state", "Whether the data cap is used up.", 1,
     "reached"},
    {"warp_port_receive_packets_total", kCounter, "ports[].rx_packets",
     "Frames received, those of others included."},
    {"warp_port_receive_bytes_total", kCounter, "ports[].rx_bytes", "Bytes of frames received."},
    {"warp_port_receive_missed_packets_total", kCounter, "ports[].rx_missed",
     "Frames lost because the queue of the port was full."},
    {"warp_port_transmit_packets_total", kCounter, "ports[].tx_packets", "Frames sent."},
    {"warp_port_transmit_bytes_total", kCounter, "ports[].tx_bytes", "Bytes of frames sent."},
    {"warp_port_transmit_dropped_packets_total", kCounter, "ports[].tx_dropped",
     "Frames that the device refused."},
    {"warp_port_drops_total", kCounter, "ports[].drops.<drop>", "Drops of the port by name."},

    // Of a peer.
    {"warp_peer_connected", kWord, "peers[].state", "Whether there is a session with the peer.", 1,
     "connected", kLeast},
    {"warp_peer_state_age_seconds", kGauge, "peers[].since_s",
     "Time since the peer was connected or lost.", 1, "", kMost},

    // Of a link to a peer: what it is worth.
    {"warp_link_first_packets_total", kCounter, "peers[].links[].first",
     "Packets of payloads whose copy by this link came first."},
    {"warp_link_sole_payloads_total", kCounter, "peers[].links[].sole",
     "Payloads that no other link brought, estimated by one in sixteen."},
    {"warp_link_duplicate_packets_total", kCounter, "peers[].links[].duplicates",
     "Copies that came after the copy of another link."},
    {"warp_link_skew_seconds", kGauge, "peers[].links[].skew_ms",
     "Median lag of duplicates behind the first copy.", kMilli, "", kMost},
    {"warp_link_receive_bytes_total", kCounter, "peers[].links[].rx_bytes",
     "Bytes of frames received by the link from the peer."},
    {"warp_link_transmit_bytes_total", kCounter, "peers[].links[].tx_bytes",
     "Bytes of frames sent by the link to the peer."},

    // Of a path.
    {"warp_path_active", kWord, "peers[].paths[].state", "Whether the path may carry payloads.", 1,
     "active"},
    {"warp_path_lost", kWord, "peers[].paths[].state",
     "Whether the path was active and is not any more.", 1, "lost"},
    {"warp_path_carries", kBoolean, "peers[].paths[].carries",
     "Whether the path gets copies of payloads."},
    {"warp_path_relayed", kBoolean, "peers[].paths[].relayed",
     "Whether the path leads through a map's relay."},
    {"warp_path_state_age_seconds", kGauge, "peers[].paths[].since_s",
     "Time since the state of the path changed.", 1, "", kMost},
    {"warp_path_mtu_bytes", kGauge, "peers[].paths[].mtu",
     "Largest IP packet that may be sent over the path.", 1, "", kLeast},
    {"warp_path_black_hole", kBoolean, "peers[].paths[].black_hole",
     "Whether larger packets vanish unseen."},
    {"warp_path_round_trip_seconds", kGauge, "peers[].paths[].rtt_ms",
     "Smoothed round trip of probes.", kMilli, "", kMost},
    {"warp_path_jitter_seconds", kGauge, "peers[].paths[].jitter_ms",
     "Mean deviation of the round trip.", kMilli, "", kMost},
    {"warp_path_probe_loss_ratio", kGauge, "peers[].paths[].loss",
     "Share of the last probes that were not answered.", 1, "", kMost},
    {"warp_path_skew_seconds", kGauge, "peers[].paths[].skew_ms",
     "Mean lag of duplicates behind the first copy.", kMilli, "", kMost},
    {"warp_path_first_packets_total", kCounter, "peers[].paths[].first",
     "Packets of payloads whose copy by this path came first."},
    {"warp_path_duplicate_packets_total", kCounter, "peers[].paths[].duplicates",
     "Copies that came after the copy of another path."},
    {"warp_path_receive_bytes_total", kCounter, "peers[].paths[].rx_bytes",
     "Bytes of frames received by the path."},
    {"warp_path_transmit_packets_total", kCounter, "peers[].paths[].tx_packets",
     "Copies that the port took."},
    {"warp_path_transmit_bytes_total", kCounter, "peers[].paths[].tx_bytes",
     "Bytes of frames sent by the path."},
    {"warp_path_transmit_dropped_packets_total", kCounter, "peers[].paths[].tx_dropped",
     "Copies that the port refused, or that found no buffer."},
    {"warp_path_capacity_bytes_per_second", kGauge, "peers[].paths[].bond.capacity",
     "What the path carries, as far as it was used.", kBits},
    {"warp_path_capacity_known", kBoolean, "peers[].paths[].bond.known",
     "Whether the path was ever full, so that its capacity is known."},
    {"warp_path_in_use_bytes_per_second", kGauge, "peers[].paths[].bond.in_use",
     "Sent over the path lately, with the headers of frames.", kBits},
    {"warp_path_queue_delay_seconds", kGauge, "peers[].paths[].bond.queue_ms",
     "Delay by queues of the network.", kMilli, "", kMost},
    {"warp_path_payload_loss_ratio", kGauge, "peers[].paths[].bond.loss",
     "Share of payloads that did not arrive.", 1, "", kMost},
    {"warp_path_resent_payloads_total", kCounter, "peers[].paths[].bond.resent",
     "Payloads sent because another path lost them."},
    {"warp_path_copied_payloads_total", kCounter, "peers[].paths[].bond.copies",
     "Payloads sent beside another path."},
    {"warp_path_parity_packets_total", kCounter, "peers[].paths[].bond.parity",
     "Parity sent over the path."},
    {"warp_path_suspect", kBoolean, "peers[].paths[].bond.suspect",
     "Whether nothing arrives, so that the path carries copies only."},
    {"warp_path_contested", kBoolean, "peers[].paths[].bond.contested",
     "Whether a queue stands in the path that does not end although less is sent."},

    // Of a tunnel.
    {"warp_tunnel_from_app_payloads_total", kCounter, "tunnels[].from_app",
     "Payloads that the gate took from applications."},
    {"warp_tunnel_to_app_payloads_total", kCounter, "tunnels[].to_app",
     "Payloads that the gate delivered to applications."},
    {"warp_tunnel_from_app_bytes_per_second", kGauge, "tunnels[].from_app_rate",
     "Taken from applications lately, without headers.", kBits},
    {"warp_tunnel_to_app_bytes_per_second", kGauge, "tunnels[].to_app_rate",
     "Delivered to applications lately, without headers.", kBits},
    {"warp_tunnel_sent_payloads_total", kCounter, "tunnels[].sent",
     "Payloads that at least one path took."},
    {"warp_tunnel_queued_payloads", kGauge, "tunnels[].queued", "Payloads that wait to be sent."},
    {"warp_tunnel_spread_bytes_total", kCounter, "tunnels[].spread.bytes",
     "Bytes of frames, each payload once."},
    {"warp_tunnel_extra_bytes_total", kCounter, "tunnels[].spread.extra_bytes",
     "Bytes of copies, of payloads that were sent again, and of parity."},
    {"warp_tunnel_resent_payloads_total", kCounter, "tunnels[].spread.resent",
     "Payloads that were sent again."},
    {"warp_tunnel_copied_payloads_total", kCounter, "tunnels[].spread.copied",
     "Payloads that were sent over more than one path."},
    {"warp_tunnel_parity_packets_total", kCounter, "tunnels[].spread.parity",
     "Parity that was sent."},
    {"warp_tunnel_lost_payloads_total", kCounter, "tunnels[].spread.lost",
     "Payloads lost for good, as far as the peer says."},
    {"warp_tunnel_recovered_payloads_total", kCounter, "tunnels[].recovered",
     "Payloads restored from the parity of the peer."},
    {"warp_tunnel_held_payloads_total", kCounter, "tunnels[].order.held",
     "Payloads held back for an earlier one."},
    {"warp_tunnel_late_payloads_total", kCounter, "tunnels[].order.late",
     "Payloads delivered after a later one."},
    {"warp_tunnel_gate_takeovers_total", kCounter, "tunnels[].gate.takeovers",
     "How often another sender took the answers over."},
    {"warp_tunnel_drops_total", kCounter, "tunnels[].drops.<drop>",
     "Drops of the tunnel and its gate by name."},

    // Of a map.
    {"warp_map_build_info", kInfo, "map.version", "Version of warp-map, as a label."},
    {"warp_map_uptime_seconds", kGauge, "map.uptime_s", "Time since warp-map started."},
    {"warp_map_registrations", kGauge, "map.registrations",
     "Endpoints that nodes have registered now."},
    {"warp_map_sessions", kGauge, "map.sessions", "Nodes with a session now."},
    {"warp_map_newcomers", kGauge, "map.newcomers",
     "Nodes that have made a handshake and not used its session yet."},
    {"warp_map_sessions_in_state", kGauge, "map.session_states.<state>", "Sessions by state."},
    {"warp_map_sessions_expired_total", kCounter, "map.sessions_expired",
     "Sessions that have ended because their time was over."},
    {"warp_map_allowed_keys", kGauge, "map.allowed_keys",
     "Keys that may register, where not all may."},
    {"warp_map_forgotten_nodes_total", kCounter, "map.forgotten",
     "Nodes that were forgotten: by the operator, or because they may not register any more."},
    {"warp_map_registration_lifetime_seconds", kGauge, "map.lifetime_s",
     "How long a registration lives without a refresh."},
    {"warp_map_lookup_answers_total", kCounter, "map.lookup_answers.<answer>",
     "Look-ups by what they were answered."},
    {"warp_map_refused_total", kCounter, "map.refused.<limit>",
     "What was refused, by the limit that it met."},
    {"warp_map_lookups_total", kCounter, "map.lookups", "Look-ups answered."},
    {"warp_map_pushes_total", kCounter, "map.pushes", "Changes told to nodes that had asked."},
    {"warp_map_store_up", kWord, "store.state",
     "Whether the map and its redis hear each other; 1 where the store is memory.", 1, "up"},
    {"warp_map_store_unsaved", kGauge, "store.unsaved",
     "Records that redis has not got as they are here."},
    {"warp_map_store_waiting", kGauge, "store.waiting",
     "Questions that wait for an answer of redis."},
    {"warp_map_store_questions_lost_total", kCounter, "store.questions_lost",
     "Questions that redis was not asked, or did not answer."},
    {"warp_map_store_writes_refused_total", kCounter, "store.writes_refused",
     "Writes that redis answered with an error."},
    {"warp_map_store_values_foreign_total", kCounter, "store.values_foreign",
     "Values in redis that no map with this key wrote."},
    {"warp_map_store_changes_total", kCounter, "store.changes",
     "Changes read from redis, those of this map included."},
    {"warp_map_store_changes_missed_total", kCounter, "store.changes_missed",
     "Times after which nodes were told to look their peers up."},
    {"warp_map_streams", kGauge, "streams.open", "TLS connections of nodes whose UDP is blocked."},
    {"warp_map_streams_accepted_total", kCounter, "streams.accepted",
     "TLS connections that were taken."},
    {"warp_map_streams_refused_total", kCounter, "streams.refused.<limit>",
     "TLS connections refused, by the limit that they met."},
    {"warp_map_streams_ended_total", kCounter, "streams.ended.<reason>",
     "TLS connections that have ended, by the reason."},
    {"warp_map_relay_on", kBoolean, "map.relay.on", "Whether the map relays."},
    {"warp_map_relay_pairs", kGauge, "map.relay.pairs",
     "Pairs of nodes that the map has channels for."},
    {"warp_map_relay_channels", kGauge, "map.relay.channels", "Channels of the relay."},
    {"warp_map_relay_open_channels", kGauge, "map.relay.open",
     "Channels of which both ends are bound."},
    {"warp_map_relay_requests_total", kCounter, "map.relay.requests", "Requests for a relay."},
    {"warp_map_relay_granted_total", kCounter, "map.relay.granted",
     "Requests for a relay that got channels."},
    {"warp_map_relay_packets_total", kCounter, "map.relay.datagrams", "Datagrams relayed."},
    {"warp_map_relay_bytes_total", kCounter, "map.relay.bytes", "Bytes of datagrams relayed."},
    {"warp_map_relay_dropped_total", kCounter, "map.relay.dropped.<reason>",
     "Datagrams that were not relayed, by the reason."},
    {"warp_map_relay_refused_total", kCounter, "map.relay.refused.<limit>",
     "Requests for a relay that were refused, by the limit that they met."},
};

constexpr MetricLabel kPortLabels[] = {{"port", "name"}};
constexpr MetricLabel kPeerLabels[] = {{"peer", "name"}};
constexpr MetricLabel kLinkLabels[] = {{"port", "port"}};
constexpr MetricLabel kPathLabels[] = {{"port", "port"}, {"path", "endpoint"}};
constexpr MetricLabel kTunnelLabels[] = {{"tunnel", "name"}, {"peer", "peer"}};

}  // namespace

absl::string_view NameOf(absl::string_view member) {
  return absl::ConsumePrefix(&member, "<") && absl::ConsumeSuffix(&member, ">")
             ? member
             : absl::string_view();
}

absl::Span<const Metric> MetricTable() { return kMetrics; }

absl::Span<const MetricLabel> LabelsOfList(absl::string_view list) {
  if (list == "ports") return kPortLabels;
  if (list == "peers") return kPeerLabels;
  if (list == "links") return kLinkLabels;
  if (list == "paths") return kPathLabels;
  if (list == "tunnels") return kTunnelLabels;
  return {};
}

std::vector<absl::string_view> LabelsOf(const Metric& metric) {
  std::vector<absl::string_view> labels;
  for (absl::string_view member : absl::StrSplit(metric.field, '.')) {
    if (const absl::string_view name = NameOf(member); !name.empty()) labels.push_back(name);
    if (!absl::ConsumeSuffix(&member, "[]")) continue;
    for (const MetricLabel& label : LabelsOfList(member)) labels.push_back(label.label);
  }
  if (metric.kind == kInfo) labels.push_back("version");
  return labels;
}

}  // namespace warp::tools
