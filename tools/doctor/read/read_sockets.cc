#include "tools/doctor/read/read_sockets.h"

#include <algorithm>
#include <cstring>
#include <map>
#include <set>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "tools/terminal/plain.h"

namespace warp::tools {
namespace {

using Words = std::vector<absl::string_view>;

// Words of 32 bits as this machine stores them: "0100007F" is 127.0.0.1 on a little-endian one.
std::optional<wire::IpAddress> ParseAddress(absl::string_view hex) {
  std::array<uint8_t, 16> bytes{};
  if (hex.size() != 8 && hex.size() != 32) return std::nullopt;
  for (size_t at = 0; at < hex.size(); at += 8) {
    uint32_t word = 0;
    if (!absl::SimpleHexAtoi(hex.substr(at, 8), &word)) return std::nullopt;
    std::memcpy(bytes.data() + at / 2, &word, sizeof(word));
  }
  if (hex.size() == 32) return wire::IpAddress::V6(bytes);
  return wire::IpAddress::V4({bytes[0], bytes[1], bytes[2], bytes[3]});
}

std::optional<wire::Endpoint> ParseLocal(absl::string_view text) {
  const std::pair<absl::string_view, absl::string_view> halves = absl::StrSplit(text, ':');
  const auto address = ParseAddress(halves.first);
  uint32_t port = 0;
  if (!address || !absl::SimpleHexAtoi(halves.second, &port) || port > 0xffff) return std::nullopt;
  return wire::Endpoint{*address, static_cast<uint16_t>(port)};
}

struct Owner {
  std::string program;
  std::string process;
};

// Looks through the descriptors of every process that this user may look into.
std::map<uint64_t, Owner> OwnersOf(const Machine& machine, const std::set<uint64_t>& inodes) {
  std::map<uint64_t, Owner> owners;
  const auto processes = machine.List("/proc");
  if (inodes.empty() || !processes.ok()) return owners;
  for (const std::string& process : *processes) {
    if (!std::all_of(process.begin(), process.end(), absl::ascii_isdigit)) continue;
    const std::string directory = absl::StrCat("/proc/", process);
    const auto descriptors = machine.List(directory + "/fd");
    if (!descriptors.ok()) continue;
    for (const std::string& fd : *descriptors) {
      const auto target = machine.LinkTarget(absl::StrCat(directory, "/fd/", fd));
      absl::string_view number = target.ok() ? *target : absl::string_view();
      uint64_t inode = 0;
      if (!absl::ConsumePrefix(&number, "socket:[") || !absl::ConsumeSuffix(&number, "]") ||
          !absl::SimpleAtoi(number, &inode) || !inodes.contains(inode)) {
        continue;
      }
      const auto name = machine.ReadFile(directory + "/comm");
      if (!name.ok()) continue;
      owners[inode] = {Plain(std::string(absl::StripAsciiWhitespace(*name))), process};
    }
  }
  return owners;
}

// UDP ports that warpd will bind.
std::set<uint16_t> WantedPorts(const config::NodeConfig& config) {
  std::set<uint16_t> ports = {config.node.listen_port};
  for (const config::TunnelConfig& tunnel : config.tunnels) {
    const config::UdpGateConfig* const gate = tunnel.gate.socket();
    for (uint16_t i = 0; gate != nullptr && i < gate->listen.ports; ++i) {
      ports.insert(static_cast<uint16_t>(gate->listen.first.port + i));
    }
  }
  return ports;
}

void ReadUdp(const Machine& machine, const config::NodeConfig& config, Facts& facts,
             std::set<uint64_t>& inodes) {
  const std::set<uint16_t> wanted = WantedPorts(config);
  for (const char* path : {"/proc/net/udp", "/proc/net/udp6"}) {
    const auto table = machine.ReadFile(path);
    if (!table.ok()) continue;
    if (!facts.udp_sockets) facts.udp_sockets.emplace();
    for (UdpSocketFacts& socket : ParseUdpSockets(*table)) {
      if (!wanted.contains(socket.local.port)) continue;
      inodes.insert(socket.inode);
      facts.udp_sockets->push_back(std::move(socket));
    }
  }
  if (!facts.udp_sockets) facts.unseen.emplace_back("which UDP ports are taken");
}

// "0000000000000000: 00000002 00000000 00010000 0001 01 24567 /run/video.sock"
std::map<std::string, uint64_t> ReadUnix(const Machine& machine, const config::NodeConfig& config) {
  std::set<std::string> wanted;
  for (const config::TunnelConfig& tunnel : config.tunnels) {
    if (tunnel.gate.unix_socket) wanted.insert(tunnel.gate.unix_socket->path);
  }
  std::map<std::string, uint64_t> found;
  const auto table = machine.ReadFile("/proc/net/unix");
  if (wanted.empty() || !table.ok()) return found;
  for (const absl::string_view line : absl::StrSplit(*table, '\n')) {
    const Words words = absl::StrSplit(line, ' ', absl::SkipEmpty());
    uint64_t inode = 0;
    if (words.size() < 8 || !absl::SimpleAtoi(words[6], &inode)) continue;
    const std::string path(words[7]);
    if (wanted.contains(path)) found.emplace(path, inode);
  }
  return found;
}

}  // namespace

// "  sl  local_address rem_address   st tx_queue:rx_queue tr:tm->when retrnsmt   uid  timeout inode ..."
std::vector<UdpSocketFacts> ParseUdpSockets(absl::string_view table) {
  std::vector<UdpSocketFacts> sockets;
  for (const absl::string_view line : absl::StrSplit(table, '\n')) {
    const Words words = absl::StrSplit(line, ' ', absl::SkipEmpty());
    if (words.size() < 10) continue;
    const auto local = ParseLocal(words[1]);
    UdpSocketFacts socket;
    if (!local || !absl::SimpleAtoi(words[7], &socket.user) ||
        !absl::SimpleAtoi(words[9], &socket.inode)) {
      continue;
    }
    socket.local = *local;
    sockets.push_back(std::move(socket));
  }
  return sockets;
}

void ReadSockets(const Machine& machine, const config::NodeConfig& config, Facts& facts) {
  std::set<uint64_t> inodes;
  ReadUdp(machine, config, facts, inodes);
  const std::map<std::string, uint64_t> paths = ReadUnix(machine, config);
  for (const auto& [path, inode] : paths) inodes.insert(inode);
  const std::map<uint64_t, Owner> owners = OwnersOf(machine, inodes);
  if (facts.udp_sockets) {
    for (UdpSocketFacts& socket : *facts.udp_sockets) {
      const auto owner = owners.find(socket.inode);
      if (owner == owners.end()) continue;
      socket.program = owner->second.program;
      socket.process = owner->second.process;
    }
  }
  for (const auto& [path, inode] : paths) {
    const auto owner = owners.find(inode);
    facts.unix_sockets.push_back({path, owner == owners.end() ? "" : owner->second.program});
  }
}

}  // namespace warp::tools
