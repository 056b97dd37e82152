// Resolves host names to endpoints, all names side by side, each on a clock of its own.
//
//   asked ──► hosts file, name servers (DnsClient) ── found ─────────────────────────────────────────────► told
//              │ failed, or no answer within `patience`                                       ▲
//              └──► the same name servers, each family alone, and over each uplink; ──────────┘ the first that finds it
//                   the system's name service         │ all failed, or no answer within `give_up`
//                                                     └──► told, if nothing was ever found; asked again after `retry`
//
// So a name is found over any uplink that works, and one of multicast DNS or of a directory as the system finds it; and
// neither a dead name server, nor one that answers for one family alone, nor a look-up that hangs in the system holds
// up another name, or the end of the program.
//
// A name server may lie, as that of a hotel does until its guest has paid. What a silent name stands for is therefore
// asked for everywhere, and all that is found is told together; it has to prove that it is the peer or map anyway.
//
// Names that are not found are asked for less and less, so that a million nodes do not keep a name server from getting
// up again; and no two nodes go on asking at the same moment.
#ifndef WARP_CONTROL_LOOP_RESOLVER_H_
#define WARP_CONTROL_LOOP_RESOLVER_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "control/loop/loop.h"
#include "control/loop/names/addresses.h"
#include "control/loop/names/dns_client.h"
#include "control/loop/names/services.h"
#include "control/loop/subscribers.h"
#include "dataplane/wire/endpoint.h"

namespace warp::control {

struct ResolverOptions {
  wire::Duration refresh = std::chrono::seconds(60);  // until a name that was found is asked again
  // Until a name that was not found is tried again; then twice as long, and so on up to `refresh`.
  wire::Duration retry = std::chrono::seconds(5);
  wire::Duration patience = std::chrono::seconds(1);  // until other ways are tried beside the first
  wire::Duration give_up =
      std::chrono::seconds(8);  // until a question without an answer has failed
  // Until prefixes are asked again that were found. Those that were not are, after `retry` and twice that each time, up
  // to this.
  wire::Duration prefix_refresh = std::chrono::minutes(10);
  // The interfaces to ask over when the routes do not help.
  std::function<std::vector<std::string>()> uplinks = [] { return std::vector<std::string>(); };
  DnsOptions dns;
  // Runs on helper threads, and may block for as long as it likes.
  std::function<absl::StatusOr<std::vector<wire::IpAddress>>(const std::string&)> system =
      SystemLookUp;
};

// What is known of a name, for people.
struct NameStatus {
  std::string name;                // as it was asked
  std::vector<std::string> found;  // endpoints, or targets of service records; empty: nothing yet
  std::optional<wire::Instant> when;  // it was found last
  std::string problem;                // of the last look-up that is over; empty: it found something
  bool asking = false;                // a look-up is under way
};

class Resolver {
 public:
  using Handler = std::function<void(const absl::StatusOr<std::vector<wire::Endpoint>>&)>;
  using PrefixesHandler =
      std::function<void(const absl::StatusOr<std::vector<wire::Nat64Prefix>>&)>;
  using ServicesHandler = std::function<void(const absl::StatusOr<std::vector<ServiceRecord>>&)>;

  class Name : public Subscription {
   public:
    // What the name stands for is silent: it may be elsewhere now. The name is asked at once, and then after `retry`,
    // twice that, and so on up to `refresh`, until this is over. Told again, it changes nothing.
    virtual void SetSilent(bool silent) = 0;
    // Adds what is known of the name, and of those that it leads to. An address is no name.
    virtual void Describe(std::vector<NameStatus>& into) const = 0;
  };

  // Starts the helper threads. Control thread only.
  static absl::StatusOr<std::unique_ptr<Resolver>> Open(Loop& loop, ResolverOptions options = {});
  // Waits for no look-up: one that hangs is left to end by itself.
  virtual ~Resolver() = default;

  // `host_port` is a name or an address with a port: "map.example.net:13116", "192.0.2.1:13116", "[2001:db8::1]:13116".
  // An address needs no look-up and never changes. `handler` is called with the endpoints (sorted, of both families, at
  // most 16), and again when they change. If the name cannot be resolved, `handler` is called once with the reason, and
  // then when the name can be resolved. Endpoints that were found stay valid while later look-ups fail. A text that is
  // neither is reported to `handler` too, as InvalidArgument. Of more than 16, each family has its half at least.
  [[nodiscard]] virtual std::unique_ptr<Name> Watch(absl::string_view host_port,
                                                    Handler handler) = 0;
  // The same of service records (RFC 2782), by their whole name: "_warp-map._udp.example.net". Only name servers are
  // asked, which know of them alone. NotFound: there are none. Where records were found before, all that answer have to
  // say so; otherwise it is told as soon as one has, and the others are asked none the less.
  [[nodiscard]] virtual std::unique_ptr<Name> WatchServices(absl::string_view name,
                                                            ServicesHandler handler) = 0;
  // An uplink has come, or has other addresses: names that are not found, or silent, are asked soon.
  virtual void NoteUplinks() {}
  // The same of the prefixes by which the network behind an interface translates (RFC 7050): the name servers are asked
  // over that interface alone, and nobody else is.
  [[nodiscard]] virtual std::unique_ptr<Name> WatchPrefixes(absl::string_view interface,
                                                            PrefixesHandler handler) = 0;
};

}  // namespace warp::control

#endif  // WARP_CONTROL_LOOP_RESOLVER_H_
