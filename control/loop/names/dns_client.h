// Asks name servers, and the hosts file before them, as resolv.conf and nsswitch.conf say (c-ares). All questions are
// asked side by side by one thread of its own, so that none waits for another; each has a time limit of its own.
//
// A question may be bound to an interface. It then leaves over that one whatever the default route is, and a name is
// found over any uplink that works.
#ifndef WARP_CONTROL_LOOP_NAMES_DNS_CLIENT_H_
#define WARP_CONTROL_LOOP_NAMES_DNS_CLIENT_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "control/loop/names/services.h"
#include "control/loop/names/translation.h"
#include "dataplane/wire/endpoint.h"
#include "dataplane/wire/time.h"

namespace warp::control {

struct DnsOptions {
  std::string resolv_conf;  // empty: the system's
  uint16_t port = 0;        // of all name servers; 0: 53
  // Until a name server is asked for the second time; the third time is after twice as long, and so on.
  wire::Duration timeout = std::chrono::seconds(1);
  int tries = 3;  // of each name server
};

// What a name stands for: one of the lists, the others are empty.
struct DnsFound {
  std::vector<wire::IpAddress> addresses;
  std::vector<ServiceRecord> services;
  std::vector<wire::Nat64Prefix> prefixes;
};

class DnsClient {
 public:
  struct Question {
    uint64_t id = 0;  // the asker's, as is `round`
    uint64_t round = 0;
    std::string host;
    std::string interface;  // empty: as the routes say
    int family = 0;         // AF_INET or AF_INET6: addresses of this one alone
    bool services =
        false;  // `host` is the name of service records, such as _warp-map._udp.example.net
    bool prefixes = false;  // what the addresses of `host` tell is asked, which is kIpv4OnlyName
  };
  struct Answer {
    uint64_t id = 0;
    uint64_t round = 0;
    int family = 0;  // of the question
    // NotFound: there are none; what else goes wrong has another code, of service records as ReadServices says. With
    // the reason, not the name.
    absl::StatusOr<DnsFound> found;
  };

  // Unavailable where the process is out of descriptors, or of threads. The thread that calls makes all calls, none of
  // which waits.
  static absl::StatusOr<std::unique_ptr<DnsClient>> Start(const DnsOptions& options = {});
  ~DnsClient();  // drops the questions under way; waits for no name server, nor for the thread
  DnsClient(const DnsClient&) = delete;
  DnsClient& operator=(const DnsClient&) = delete;

  void Ask(Question question);

  int fd() const;  // readable while there are answers
  std::vector<Answer> TakeAnswers();

 private:
  class Asker;
  explicit DnsClient(std::shared_ptr<Asker> asker);

  const std::shared_ptr<Asker> asker_;
};

}  // namespace warp::control

#endif  // WARP_CONTROL_LOOP_NAMES_DNS_CLIENT_H_
