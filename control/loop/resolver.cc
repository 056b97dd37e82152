#include "control/loop/resolver.h"

#include <poll.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "control/loop/helper_thread.h"

namespace warp::control {
namespace {

using Answer = absl::StatusOr<DnsFound>;

// Of a name, either endpoints, or services, or prefixes.
struct Found {
  std::vector<wire::Endpoint> endpoints;
  std::vector<ServiceRecord> services;
  std::vector<wire::Nat64Prefix> prefixes;
  friend bool operator==(const Found&, const Found&) = default;
};
using Result = absl::StatusOr<Found>;

constexpr size_t kMostEndpoints = 16;
// Look-ups of the system that may hang at the same time. Names that name servers know do not wait for one.
constexpr size_t kSystemThreads = 64;

struct HostPort {
  std::string host;
  uint16_t port = 0;
};

absl::StatusOr<HostPort> ParseName(absl::string_view text) {
  const size_t colon = text.rfind(':');
  uint32_t port = 0;
  if (colon == absl::string_view::npos || colon == 0 ||
      !absl::SimpleAtoi(text.substr(colon + 1), &port) || port == 0 || port > UINT16_MAX)
    return absl::InvalidArgumentError(absl::StrCat("\"", text, "\" is not of the form host:port"));
  return HostPort{std::string(text.substr(0, colon)), static_cast<uint16_t>(port)};
}

// Of too many, each family keeps its half at least: a name server must not be able to hide one behind the other.
void Shorten(std::vector<wire::Endpoint>& endpoints) {
  const auto middle =
      std::stable_partition(endpoints.begin(), endpoints.end(),
                            [](const wire::Endpoint& one) { return one.address.is_v4(); });
  auto v4 = static_cast<size_t>(middle - endpoints.begin());
  size_t v6 = endpoints.size() - v4;
  while (v4 + v6 > kMostEndpoints) --(v4 > v6 ? v4 : v6);
  endpoints.erase(middle + static_cast<ptrdiff_t>(v6), endpoints.end());
  endpoints.erase(endpoints.begin() + static_cast<ptrdiff_t>(v4), middle);
  std::sort(endpoints.begin(), endpoints.end());
}

// Addresses of the name, or why there are none.
Result EndpointsOf(const HostPort& name, const Answer& answer) {
  if (!answer.ok()) {
    return absl::NotFoundError(
        absl::StrCat("cannot resolve ", name.host, ": ", answer.status().message()));
  }
  Found found;
  for (const wire::IpAddress& address : answer->addresses)
    found.endpoints.push_back({address, name.port});
  std::sort(found.endpoints.begin(), found.endpoints.end());
  found.endpoints.erase(std::unique(found.endpoints.begin(), found.endpoints.end()),
                        found.endpoints.end());
  Shorten(found.endpoints);
  if (found.endpoints.empty())
    return absl::NotFoundError(absl::StrCat(name.host, " has no address"));
  return found;
}

// The records, or why there are none; the code says whether that is certain.
Result ServicesOf(const HostPort& name, const Answer& answer) {
  if (answer.ok()) return Found{.services = answer->services};
  return absl::Status(answer.status().code(),
                      absl::StrCat("cannot resolve ", name.host, ": ", answer.status().message()));
}

Result PrefixesOf(const Answer& answer) {
  if (answer.ok()) return Found{.prefixes = answer->prefixes};
  return absl::NotFoundError(
      absl::StrCat("cannot resolve ", kIpv4OnlyName, ": ", answer.status().message()));
}

class ResolverImpl : public Resolver {
 public:
  ResolverImpl(Loop& loop, ResolverOptions options, std::unique_ptr<DnsClient> dns,
               std::unique_ptr<HelperThread> system)
      : loop_(loop),
        options_(std::move(options)),
        entries_(loop),
        dns_(std::move(dns)),
        system_(std::move(system)),
        dns_watch_(loop, dns_->fd(), POLLIN, [this](uint32_t) { TakeAnswers(); }),
        system_watch_(loop, system_->fd(), POLLIN, [this](uint32_t) { system_->RunFinished(); }) {}

  std::unique_ptr<Name> Watch(absl::string_view host_port, Handler handler) override {
    auto entry = MakeEntry(&Found::endpoints, std::move(handler));
    if (const auto endpoint = wire::Endpoint::Parse(host_port); endpoint.ok()) {
      entry->Publish(Found{.endpoints = {*endpoint}});
    } else if (auto name = ParseName(host_port); name.ok()) {
      entry->Begin(*std::move(name));
    } else {
      entry->Publish(name.status());
    }
    return entry;
  }

  std::unique_ptr<Name> WatchServices(absl::string_view name, ServicesHandler handler) override {
    auto entry = MakeEntry(&Found::services, std::move(handler));
    entry->Begin({.host = std::string(name)});
    return entry;
  }

  std::unique_ptr<Name> WatchPrefixes(absl::string_view interface,
                                      PrefixesHandler handler) override {
    auto entry = MakeEntry(&Found::prefixes, std::move(handler));
    entry->BeginBehind(interface);
    return entry;
  }

 private:
  class Entry;
  using Entries = Subscribers<Entry, Result, Name>;

  // One whose handler gets this part of what is found.
  template <typename Part, typename PartHandler>
  std::unique_ptr<Entry> MakeEntry(Part Found::*part, PartHandler handler) {
    return std::make_unique<Entry>(*this,
                                   [part, handler = std::move(handler)](const Result& result) {
                                     if (result.ok()) {
                                       handler((*result).*part);
                                     } else {
                                       handler(result.status());
                                     }
                                   });
  }

  // One name. A round of questions begins with each time that it is asked.
  class Entry : public Entries::Subscriber {
   public:
    Entry(ResolverImpl& resolver, Entries::Handler handler)
        : Subscriber(resolver.entries_, std::move(handler)),
          resolver_(resolver),
          options_(resolver.options_),
          again_(resolver.loop_, [this] { Ask(); }),
          patience_(resolver.loop_, [this] { AskMore(); }),
          give_up_(resolver.loop_, [this] { Fail(); }) {}

    void Begin(HostPort name) {
      name_ = std::move(name);
      Ask();
    }

    void BeginBehind(absl::string_view interface) {
      behind_ = std::string(interface);
      pace_ = options_.retry;
      Begin({.host = kIpv4OnlyName});
    }

    void SetSilent(bool silent) override {
      if (silent == std::exchange(silent_, silent) || name_.host.empty()) return;
      if (!silent) return;
      pace_ = options_.retry;
      // One that flaps is asked no more often than one that is not found.
      if (!asking_) again_.SetAt(std::max(resolver_.loop_.now(), asked_ + options_.retry));
    }

    void Describe(std::vector<NameStatus>& into) const override {
      if (name_.host.empty()) return;
      NameStatus& status = into.emplace_back();
      status.name = name_.port == 0 ? name_.host : absl::StrCat(name_.host, ":", name_.port);
      status.when = found_at_;
      status.problem = problem_;
      status.asking = asking_;
      if (!value().has_value() || !value()->ok()) return;
      for (const wire::Endpoint& endpoint : (*value())->endpoints)
        status.found.push_back(endpoint.ToString());
      for (const ServiceRecord& record : (*value())->services)
        status.found.push_back(absl::StrCat(record.target, ":", record.port));
      for (const wire::Nat64Prefix& prefix : (*value())->prefixes)
        status.found.push_back(prefix.ToString());
    }

    void OnAnswer(uint64_t round, const Answer& answer) {
      if (round != round_ || !asking_) return;
      --unanswered_;
      Take(round, answer);
    }

    // It may have hung for many rounds, and is good unless a later one found something.
    void OnSystemAnswer(uint64_t round, const Answer& answer) {
      system_asked_ = false;
      Take(round, answer);
    }

   private:
    bool is_services() const { return name_.port == 0 && !is_prefixes(); }
    bool is_prefixes() const { return !behind_.empty(); }

    void Ask() {
      ++round_;
      asking_ = true;
      asked_more_ = false;
      unanswered_ = 1;
      asked_ = resolver_.loop_.now();
      AskServers(behind_);
      patience_.Set(options_.patience);
      give_up_.Set(options_.give_up);
    }

    void AskMore() {
      if (!asking_ || is_prefixes() || std::exchange(asked_more_, true)) return;
      patience_.Cancel();
      for (const std::string& uplink : options_.uplinks()) {
        ++unanswered_;
        AskServers(uplink);
      }
      if (!is_services() && !std::exchange(system_asked_, true))
        resolver_.AskSystem(id(), round_, name_.host);
    }

    void AskServers(const std::string& interface) {
      resolver_.dns_->Ask({.id = id(),
                           .round = round_,
                           .host = name_.host,
                           .interface = interface,
                           .services = is_services(),
                           .prefixes = is_prefixes()});
    }

    void Take(uint64_t round, const Answer& answer) {
      Result result = is_prefixes()   ? PrefixesOf(answer)
                      : is_services() ? ServicesOf(name_, answer)
                                      : EndpointsOf(name_, answer);
      if (result.ok()) {
        if (round <= found_) return;
        found_ = round;
        found_at_ = resolver_.loop_.now();
        problem_.clear();
        Publish(std::move(result));
        if (asking_) End(Pace());
        return;
      }
      if (round != round_ || !asking_) return;
      if (is_services() && absl::IsNotFound(result.status())) {
        problem_ = std::string(result.status().message());
        Publish(std::move(result));
        End(Pace());
        return;
      }
      if (!failure_.has_value()) failure_ = result.status();
      AskMore();
      if (unanswered_ == 0 && !system_asked_) Fail();
    }

    // A failure is told once, and not where endpoints were found before: those stand.
    void Fail() {
      Result failure = failure_.value_or(
          absl::NotFoundError(absl::StrCat("cannot resolve ", name_.host, ": no answer")));
      problem_ = std::string(failure.status().message());
      if (!value().has_value()) Publish(std::move(failure));
      End(is_prefixes() ? Slower(options_.prefix_refresh) : options_.retry);
    }

    void End(wire::Duration next) {
      asking_ = false;
      failure_.reset();
      patience_.Cancel();
      give_up_.Cancel();
      again_.Set(next);
    }

    wire::Duration Pace() {
      if (is_prefixes()) return options_.prefix_refresh;
      return silent_ ? Slower(options_.refresh) : options_.refresh;
    }
    wire::Duration Slower(wire::Duration slowest) {
      const wire::Duration next = std::min(pace_, slowest);
      pace_ = 2 * next;
      return next;
    }

    ResolverImpl& resolver_;
    const ResolverOptions& options_;
    HostPort name_;       // empty: no look-up is needed. Only names of hosts have a port
    std::string behind_;  // the interface whose prefixes are asked
    bool silent_ = false;
    wire::Duration pace_{};  // of the next question, while silent, or while no prefix was found
    wire::Instant asked_{};

    uint64_t round_ = 0;
    bool asking_ = false;
    bool asked_more_ = false;
    bool system_asked_ = false;            // and has not answered; perhaps since an earlier round
    size_t unanswered_ = 0;                // by name servers, in this round
    uint64_t found_ = 0;                   // the last round that found something
    std::optional<absl::Status> failure_;  // of this round, the first
    std::optional<wire::Instant> found_at_;
    std::string problem_;  // of the last round

    Timer again_;
    Timer patience_;
    Timer give_up_;
  };

  void AskSystem(uint64_t id, uint64_t round, const std::string& host) {
    system_->Submit([this, id, round, host, look_up = options_.system]() -> HelperThread::Finish {
      // Here `this` is only copied: it is the control thread that uses it.
      return [this, id, round, addresses = look_up(host)] {
        Entry* const entry = entries_.Find(id);
        if (entry == nullptr) return;
        entry->OnSystemAnswer(
            round, addresses.ok() ? Answer(DnsFound{.addresses = *addresses}) : addresses.status());
      };
    });
  }

  void TakeAnswers() {
    for (const DnsClient::Answer& answer : dns_->TakeAnswers()) {
      if (Entry* entry = entries_.Find(answer.id)) entry->OnAnswer(answer.round, answer.found);
    }
  }

  Loop& loop_;
  const ResolverOptions options_;
  Entries entries_;
  const std::unique_ptr<DnsClient> dns_;
  const std::unique_ptr<HelperThread> system_;
  const control::Watch dns_watch_;
  const control::Watch system_watch_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Resolver>> Resolver::Open(Loop& loop, ResolverOptions options) {
  absl::StatusOr<std::unique_ptr<DnsClient>> dns = DnsClient::Start(options.dns);
  if (!dns.ok()) return dns.status();
  absl::StatusOr<std::unique_ptr<HelperThread>> system =
      HelperThread::Start("warp-resolver", kSystemThreads);
  if (!system.ok()) return system.status();
  return std::make_unique<ResolverImpl>(loop, std::move(options), *std::move(dns),
                                        *std::move(system));
}

}  // namespace warp::control
