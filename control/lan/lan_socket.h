// A socket in the group of LAN discovery (protocol/lan) on one interface, of one family. The group is one of the link
// alone, which switches deliver without having been asked (RFC 4541): 224.0.0.254, which is for experiments (RFC 4727),
// and ff12::8000:333b, which is transient (RFC 4291). Sockets of other programs may be in it, too.
//
// It never waits: what the kernel does not take is lost, and announced again later. A few datagrams are read at a time,
// some hundred times a second at most; of a flood the kernel drops the rest (UdpRcvbufErrors), first of all what comes
// from the addresses that send most of it (LoudSources). Control thread only.
#ifndef WARP_CONTROL_LAN_LAN_SOCKET_H_
#define WARP_CONTROL_LAN_LAN_SOCKET_H_

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "control/lan/loud_sources.h"
#include "control/loop/loop.h"
#include "dataplane/os/unique_fd.h"
#include "dataplane/wire/bytes.h"
#include "dataplane/wire/endpoint.h"
#include "dataplane/wire/time.h"

namespace warp::control {

class LanSocket {
 public:
  enum class Family : uint8_t { kV4, kV6 };
  struct Interface {
    std::string name;
    int index = 0;
  };
  // `hops`: the hop limit with which it came, as it says from this address. It may not destroy the socket.
  using Handler = std::function<void(int hops, const wire::IpAddress& from, wire::Bytes datagram)>;

  // `port` is the group's, `hops` what is sent with. The error does not name the interface.
  static absl::StatusOr<std::unique_ptr<LanSocket>> Open(Loop& loop, Family family,
                                                         const Interface& interface, uint16_t port,
                                                         int hops, Handler handler);

  // To the group. False: the kernel has not taken it.
  bool Send(wire::Bytes datagram);

 private:
  static constexpr int kReadAtATime = 8;
  static constexpr wire::Duration kReadAgain = std::chrono::milliseconds(5);

  LanSocket(Loop& loop, os::UniqueFd fd, Family family, const Interface& interface, uint16_t port,
            Handler handler);
  void Read();
  bool ReadOne();  // false: there is none
  void Mute();

  const os::UniqueFd fd_;
  const Family family_;
  const int index_;
  const uint16_t port_;
  const Handler handler_;
  Loop& loop_;
  LoudSources loud_;
  Timer hear_again_;
  Timer read_again_;
  Watch watch_;
};

}  // namespace warp::control

#endif  // WARP_CONTROL_LAN_LAN_SOCKET_H_
