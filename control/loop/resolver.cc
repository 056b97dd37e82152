#include "control/loop/resolver.h"

#include <poll.h>
#include <sodium.h>
#include <sys/socket.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "control/loop/helper_thread.h"
#include "control/loop/names/found.h"
#include "control/loop/names/round.h"

namespace warp::control {
namespace {

using Answer = absl::StatusOr<DnsFound>;
using Result = absl::StatusOr<Found>;

// Look-ups of the system that may hang at the same time. Names that name servers know do not wait for one.
constexpr size_t kSystemThreads = 64;

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
    } else if (auto name = WatchedName::Parse(host_port); name.ok()) {
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

  void NoteUplinks() override {
    entries_.ForgetRounds();
    entries_.VisitAll([](Entry& entry) { return entry.OnUplinks(); });
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
          give_up_(resolver.loop_, [this] { Finish(); }) {}

    void Begin(WatchedName name) {
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

    // Returns whether there was something to do.
    bool OnUplinks() {
      if (name_.host.empty() || (!failing_ && !silent_)) return false;
      pace_ = failed_pace_ = options_.retry;
      if (!asking_) again_.SetAt(std::max(resolver_.loop_.now(), asked_ + options_.retry));
      return true;
    }

    void OnAnswer(const DnsClient::Answer& answer) {
      if (answer.round != round_ || !asking_) return;
      --unanswered_;
      if (answer.family == 0) first_answered_ = true;
      if (absl::IsNotFound(answer.found.status())) now_.NoteFamily(answer.family);
      Take(answer.round, answer.family, answer.found);
    }

    // It may have hung for many rounds, and is good unless a later one found something.
    void OnSystemAnswer(uint64_t round, const Answer& answer) {
      system_asked_ = false;
      Take(round, 0, answer);
    }

   private:
    bool is_services() const { return name_.port == 0 && !is_prefixes(); }
    bool is_prefixes() const { return !behind_.empty(); }

    void Ask() {
      ++round_;
      asking_ = true;
      asked_more_ = false;
      everywhere_ = silent_;
      first_answered_ = false;
      unanswered_ = 0;
      now_ = {};
      asked_ = resolver_.loop_.now();
      AskServers(behind_, 0);
      patience_.Set(options_.patience);
      give_up_.Set(options_.give_up);
    }

    void AskMore() {
      if (!asking_ || is_prefixes() || std::exchange(asked_more_, true)) return;
      patience_.Cancel();
      const std::vector<std::string> uplinks = options_.uplinks();
      // The routes lead over the only one already.
      if (!now_.found() || uplinks.size() > 1) {
        for (const std::string& uplink : uplinks) AskServers(uplink, 0);
      }
      if (is_services() || now_.found()) return;
      // The first question is answered when those for both families are, of which one may never be.
      if (!first_answered_) {
        AskServers("", AF_INET);
        AskServers("", AF_INET6);
      }
      if (!std::exchange(system_asked_, true)) resolver_.AskSystem(id(), round_, name_.host);
    }

    void AskServers(const std::string& interface, int family) {
      ++unanswered_;
      resolver_.dns_->Ask({.id = id(),
                           .round = round_,
                           .host = name_.host,
                           .interface = interface,
                           .family = family,
                           .services = is_services(),
                           .prefixes = is_prefixes()});
    }

    void Take(uint64_t round, int family, const Answer& answer) {
      const bool now = round == round_ && asking_;
      Result result = is_prefixes()   ? PrefixesOf(answer)
                      : is_services() ? ServicesOf(name_, answer)
                                      : EndpointsOf(name_, answer, silent_ ? round : 0);
      if (result.ok()) {
        if (now) return TakeFound(family, *std::move(result));
        if (round <= found_) return;
        found_ = round;
        found_at_ = resolver_.loop_.now();
        Publish(std::move(result));
        return;
      }
      if (!now) return;
      if (is_services() && absl::IsNotFound(result.status())) {
        if (!value().has_value()) Publish(result);
        now_.Deny(result.status());
      } else {
        now_.Fail(result.status());
      }
      AskMore();
      FinishIfAnswered();
    }

    // Until the round is over, nothing that was known is taken back.
    void TakeFound(int family, Found found) {
      found_ = round_;
      found_at_ = resolver_.loop_.now();
      now_.Add(std::move(found));
      now_.NoteFamily(family);
      if (!everywhere_ && family == 0) return Finish();
      Publish(now_.Meanwhile(Before()));
      AskMore();
      FinishIfAnswered();
    }

    // What was known before this round.
    Found Before() const { return value().has_value() && value()->ok() ? **value() : Found(); }

    void FinishIfAnswered() {
      if (unanswered_ == 0 && !system_asked_) Finish();
    }

    // A failure is told once, and not where endpoints were found before: those stand.
    void Finish() {
      failing_ = !now_.found() && !now_.denied().has_value();
      if (now_.found()) {
        problem_.clear();
        Publish(now_.Afterwards(Before()));
      } else if (now_.denied().has_value()) {
        problem_ = std::string(now_.denied()->message());
        Publish(*now_.denied());
      } else {
        // Silence does not say that there are no records.
        const auto code =
            is_services() ? absl::StatusCode::kUnavailable : absl::StatusCode::kNotFound;
        Result failure = now_.failure().value_or(
            absl::Status(code, absl::StrCat("cannot resolve ", name_.host, ": no answer")));
        problem_ = std::string(failure.status().message());
        if (!value().has_value()) Publish(std::move(failure));
      }
      asking_ = false;
      patience_.Cancel();
      give_up_.Cancel();
      again_.Set(UpTo(Pace()));
    }

    wire::Duration Pace() {
      if (!failing_) failed_pace_ = options_.retry;
      const wire::Duration slowest = is_prefixes() ? options_.prefix_refresh : options_.refresh;
      if (!failing_ && !silent_) return slowest;
      wire::Duration& pace = failing_ ? failed_pace_ : pace_;
      const wire::Duration next = std::min(pace, slowest);
      pace = 2 * next;
      return next;
    }

    // Four fifths of it at least.
    static wire::Duration UpTo(wire::Duration most) {
      constexpr uint32_t kSteps = 1000;
      return most - most / 5 * randombytes_uniform(kSteps) / kSteps;
    }

    ResolverImpl& resolver_;
    const ResolverOptions& options_;
    WatchedName name_;    // empty: no look-up is needed. Only names of hosts have a port
    std::string behind_;  // the interface whose prefixes are asked
    bool silent_ = false;
    bool failing_ = false;   // the last round has found nothing, for whatever reason
    wire::Duration pace_{};  // of the next question, while silent
    wire::Duration failed_pace_ = options_.retry;  // the same, while failing
    wire::Instant asked_{};

    uint64_t round_ = 0;
    bool asking_ = false;
    bool asked_more_ = false;
    bool everywhere_ = false;      // all are heard in this round
    bool first_answered_ = false;  // the first question, for both families
    bool system_asked_ = false;    // and has not answered; perhaps since an earlier round
    size_t unanswered_ = 0;        // by name servers, in this round
    uint64_t found_ = 0;           // the last round that found something
    NameRound now_;
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
      if (Entry* entry = entries_.Find(answer.id)) entry->OnAnswer(answer);
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
