// The keys of a class of packets, and what must hold between the tunnels of a gate's classes.
#ifndef WARP_CONTROL_CONFIG_CLASSES_CLASS_SCHEMA_H_
#define WARP_CONTROL_CONFIG_CLASSES_CLASS_SCHEMA_H_

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "control/config/classes/traffic_class.h"
#include "control/config/schema/reader.h"
#include "control/config/schema/schema.h"

namespace warp::config {

inline constexpr size_t kMaxClasses = 64;  // of a gate: each costs a look at each packet

const SectionOf<TrafficClass>& TrafficClassSchema();

// What of a tunnel concerns classes.
struct ClassedTunnel {
  std::string name;
  std::string peer;
  std::string gate;       // where that stands: "tunnels[0].gate"
  std::string interface;  // where the classes stand: "tunnels[0].gate.tun"
  const std::vector<TrafficClass>* classes = nullptr;  // null: its gate is no interface of its own
  std::string class_of;                                // empty: the gate is its own
};
// Each class leads to a tunnel of the same peer that says whose classes it is for, and each such tunnel names one that
// has an interface.
void CheckClasses(Reader& reader, std::span<const ClassedTunnel> tunnels);

}  // namespace warp::config

#endif  // WARP_CONTROL_CONFIG_CLASSES_CLASS_SCHEMA_H_
