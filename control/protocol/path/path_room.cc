#include "control/protocol/path/path_room.h"

#include <algorithm>
#include <cassert>
#include <map>
#include <tuple>
#include <utility>

namespace warp::protocol {
namespace {

using SourceKey = std::pair<EndpointSource, uint64_t>;

SourceKey SourceOf(const PathWish& wish) { return {wish.source, wish.instance}; }

// The wishes of each port, in the order in which it takes them.
std::map<PortId, std::vector<size_t>> QueueByPort(std::span<const PathWish> wishes) {
  std::map<SourceKey, size_t> told;  // the place of each source that is not the peer's own probes
  for (const PathWish& wish : wishes) {
    if (wish.source != EndpointSource::kLearned) told[SourceOf(wish)] = 0;
  }
  size_t places = 0;
  for (auto& [source, place] : told) place = places++;

  struct Place {
    size_t turn;    // of the source at the port
    size_t source;  // its place in the turn
    size_t wish;
  };
  std::map<PortId, std::vector<Place>> by_port;
  std::map<std::pair<PortId, SourceKey>, size_t> turns;
  for (const bool held : {true, false}) {
    for (size_t i = 0; i < wishes.size(); ++i) {
      const PathWish& wish = wishes[i];
      if (wish.held != held) continue;
      const auto source = told.find(SourceOf(wish));
      by_port[wish.port].push_back(
          {.turn = turns[{wish.port, SourceOf(wish)}]++,
           .source = source == told.end() ? 0 : 1 + (source->second + wish.port) % places,
           .wish = i});
    }
  }
  std::map<PortId, std::vector<size_t>> queues;
  for (auto& [port, of_port] : by_port) {
    std::sort(of_port.begin(), of_port.end(), [](const Place& a, const Place& b) {
      return std::tie(a.turn, a.source) < std::tie(b.turn, b.source);
    });
    for (const Place& place : of_port) queues[port].push_back(place.wish);
  }
  return queues;
}

}  // namespace

std::vector<bool> ShareRoom(std::span<const PathWish> wishes, size_t room) {
  if (wishes.size() <= room) return std::vector<bool>(wishes.size(), true);
  std::vector<bool> granted(wishes.size(), false);
  size_t left = room;
  for (size_t i = 0; i < wishes.size(); ++i) {
    if (!wishes[i].held) continue;
    assert(left > 0);
    granted[i] = true;
    --left;
  }
  const std::map<PortId, std::vector<size_t>> queues = QueueByPort(wishes);
  for (size_t turn = 0; left > 0; ++turn) {
    for (const auto& [port, queue] : queues) {
      if (left == 0 || turn >= queue.size() || granted[queue[turn]]) continue;
      granted[queue[turn]] = true;
      --left;
    }
  }
  return granted;
}

}  // namespace warp::protocol
