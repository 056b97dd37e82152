// The stations whose datagrams the kernel leaves out at a socket, because they send more than any node does: so they
// neither take the room of others in the socket's queue, nor time of this thread. Each is heard again after a while.
//
// Somebody may send under another's address, and has to go on doing it at that rate to keep that one from being heard.
// Pure but for Apply; one thread.
#ifndef WARP_CONTROL_LAN_LOUD_SOURCES_H_
#define WARP_CONTROL_LAN_LOUD_SOURCES_H_

#include <chrono>
#include <cstddef>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "dataplane/wire/endpoint.h"
#include "dataplane/wire/time.h"

namespace warp::control {

class LoudSources {
 public:
  // Datagrams of one address within a second that are too many, how long it is left out then, and how many are at once.
  static constexpr int kTooMany = 200;
  static constexpr wire::Duration kSecond = std::chrono::seconds(1);
  static constexpr wire::Duration kLeftOut = std::chrono::seconds(2);
  static constexpr size_t kMost = 8;

  // A datagram of that address was read. True: it is too many, and there is room to leave the address out.
  bool Note(wire::Instant now, const wire::IpAddress& from);
  // True: some are heard again.
  bool Expire(wire::Instant now);
  wire::Instant NextExpiry() const;

  bool Has(const wire::IpAddress& from) const;
  // Makes the kernel leave them out at this UDP socket, of the family that `v6` says.
  void Apply(int fd, bool v6) const;

 private:
  struct Loud {
    wire::IpAddress address;
    wire::Instant until;
  };
  std::vector<Loud> loud_;
  absl::flat_hash_map<wire::IpAddress, int>
      counts_;  // of this second; bounded by what is read in it
  wire::Instant begun_{};
};

}  // namespace warp::control

#endif  // WARP_CONTROL_LAN_LOUD_SOURCES_H_
