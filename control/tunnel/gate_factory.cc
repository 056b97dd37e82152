#include "control/tunnel/gate_factory.h"

#include <poll.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "control/gate/tun/tun_gate.h"
#include "control/gate/udp/port_range_gate.h"
#include "control/gate/udp/udp_gate.h"
#include "control/gate/unix/unix_datagram_gate.h"
#include "control/gate/unix/unix_seqpacket_gate.h"

namespace warp::control {
namespace {

TunPrefix PrefixOf(const config::IpPrefix& prefix) {
  return {.address = prefix.address, .length = prefix.length};
}

TunClass ClassOf(const config::TrafficClass& one) {
  TunClass result{.match = {.dscp = one.match.dscp,
                            .protocols = one.match.protocols,
                            .interactive = one.match.interactive},
                  .tunnel = one.tunnel};
  for (const config::PortRange& range : one.match.ports)
    result.match.ports.push_back({.first = range.first, .last = range.last});
  for (const config::IpPrefix& prefix : one.match.addresses)
    result.match.networks.push_back(PrefixOf(prefix));
  return result;
}

// What an interface takes at most until it is gone, unless somebody keeps the kernel's lock.
constexpr wire::Duration kClosing = std::chrono::milliseconds(500);

}  // namespace

absl::StatusOr<std::unique_ptr<Gate>> GateFactory::Open(const config::TunnelConfig& tunnel,
                                                        GateSink& sink) {
  if (tunnel.gate.unix_socket.has_value()) return OpenUnix(tunnel, sink);
  if (tunnel.gate.interface() != nullptr) return OpenInterface(tunnel, sink);
  return OpenUdp(tunnel, sink);
}

absl::StatusOr<std::unique_ptr<Gate>> GateFactory::OpenUdp(const config::TunnelConfig& tunnel,
                                                           GateSink& sink) {
  const config::UdpGateConfig& config = *tunnel.gate.socket();
  UdpGateOptions options{.listen = config.listen.first,
                         .flows = tunnel.flows,
                         .flow_idle = tunnel.flow_idle,
                         .marks = tunnel.dscp == config::DscpPolicy::kCopy};
  if (config.deliver.has_value()) options.deliver = config.deliver->first;
  if (!config.allow.empty()) {
    options.allowed = [allow = config.allow](const wire::IpAddress& sender) {
      return std::any_of(allow.begin(), allow.end(),
                         [&](const config::IpPrefix& prefix) { return prefix.Contains(sender); });
    };
  }
  options.multicast = {.group = config.group, .interface = config.interface.value_or("")};
  options.say = [this, name = tunnel.name](const std::string& sentence) {
    if (warn_ != nullptr) warn_(absl::StrCat("tunnel ", name, ": ", sentence));
  };
  if (config.listen.ports == 1) return UdpGate::Open(loop_, options, sink);
  return PortRangeGate::Open(loop_, options, config.listen.ports, sink);
}

absl::StatusOr<std::unique_ptr<Gate>> GateFactory::OpenUnix(const config::TunnelConfig& tunnel,
                                                            GateSink& sink) {
  const config::UnixGateConfig& config = *tunnel.gate.unix_socket;
  if (receiver_ == nullptr) receiver_ = std::make_unique<UnixReceiver>();
  const UnixGateContext context{.loop = loop_, .receiver = *receiver_, .sink = sink};
  const os::UnixPathOptions path{
      .path = config.path, .mode = config.mode, .owner = config.owner, .group = config.group};
  if (config.type == config::UnixGateType::kSeqpacket) {
    return UnixSeqpacketGate::Open(
        context, {.path = path, .queue = config.queue, .deadline = tunnel.deadline});
  }
  if (sockets_ == nullptr) {
    absl::StatusOr<std::unique_ptr<ShortQueueSockets>> sockets = ShortQueueSockets::Open();
    if (!sockets.ok()) return sockets.status();
    sockets_ = *std::move(sockets);
  }
  return UnixDatagramGate::Open(context, *sockets_,
                                {.path = path,
                                 .queue = config.queue,
                                 .deliver = config.deliver,
                                 .deadline = tunnel.deadline});
}

absl::StatusOr<std::unique_ptr<Gate>> GateFactory::OpenInterface(const config::TunnelConfig& tunnel,
                                                                 GateSink& sink) {
  const config::InterfaceGateConfig& config = *tunnel.gate.interface();
  absl::StatusOr<std::shared_ptr<TunInterface>> interface =
      InterfaceOf(config, tunnel.gate.tun.has_value() ? Layer::kIp : Layer::kEthernet);
  if (!interface.ok()) return interface.status();
  TunRole role{.tunnel = tunnel.name, .class_of = tunnel.gate.class_of};
  for (const config::IpPrefix& route : config.routes) role.routes.push_back(PrefixOf(route));
  for (const config::TrafficClass& one : config.classes) role.classes.push_back(ClassOf(one));
  return std::make_unique<TunGate>(*std::move(interface), std::move(role), sink);
}

// Tunnels of one interface share it; the first one says what concerns it as a whole.
absl::StatusOr<std::shared_ptr<TunInterface>> GateFactory::InterfaceOf(
    const config::InterfaceGateConfig& config, Layer layer) {
  std::weak_ptr<TunInterface>& known = interfaces_[config.interface];
  if (std::shared_ptr<TunInterface> interface = known.lock()) return interface;
  // One of this name may be on its way out still, and the kernel would say that its name is taken.
  if (helper_ != nullptr) helper_->WaitUntilIdle(kClosing);
  if (helper_ == nullptr) {
    absl::StatusOr<std::unique_ptr<HelperThread>> helper = HelperThread::Start("warp-interface");
    if (!helper.ok()) return helper.status();
    helper_ = *std::move(helper);
    helper_watch_ = std::make_unique<Watch>(loop_, helper_->fd(), POLLIN,
                                            [this](uint32_t) { helper_->RunFinished(); });
  }
  TunOptions options{.layer = layer, .name = config.interface};
  options.mtu = config.mtu.value_or(0);
  for (const config::InterfaceAddress& address : config.addresses) {
    options.addresses.push_back({.address = address.address, .prefix_length = address.length});
  }
  const auto say = [this](const std::string& sentence) {
    if (warn_ != nullptr) warn_(sentence);
  };
  absl::StatusOr<std::shared_ptr<TunInterface>> interface =
      TunInterface::Open({.loop = loop_, .helper = *helper_, .say = say}, options);
  if (interface.ok()) known = *interface;
  return interface;
}

}  // namespace warp::control
