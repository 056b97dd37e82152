// Ports in a row of one address: "127.0.0.1:10000-10099", or a single one.
#ifndef WARP_CONTROL_CONFIG_TEXT_ENDPOINT_RANGE_H_
#define WARP_CONTROL_CONFIG_TEXT_ENDPOINT_RANGE_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "dataplane/wire/endpoint.h"

namespace warp::config {

struct EndpointRange {
  static constexpr uint16_t kMostPorts = 256;  // as many as a flow has numbers

  EndpointRange() = default;
  // A single endpoint is a range.
  EndpointRange(const wire::Endpoint& endpoint, uint16_t count = 1)  // NOLINT
      : first(endpoint), ports(count) {}

  // InvalidArgument says what is wrong, without the text.
  static absl::StatusOr<EndpointRange> Parse(absl::string_view text);
  std::string ToString() const;

  wire::Endpoint first;
  uint16_t ports = 1;  // 1 to kMostPorts

  friend bool operator==(const EndpointRange&, const EndpointRange&) = default;
};

}  // namespace warp::config

#endif  // WARP_CONTROL_CONFIG_TEXT_ENDPOINT_RANGE_H_
