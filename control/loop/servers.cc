#include "control/loop/servers.h"

#include <sodium.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "dataplane/wire/constants.h"

namespace warp::control {
namespace {

uint32_t UpTo(uint32_t most) { return randombytes_uniform(most + 1); }

class OfOneName : public Resolver::Name {
 public:
  OfOneName(Resolver& resolver, absl::string_view address, ServersHandler handler)
      : name_(resolver.Watch(address, [handler = std::move(handler)](const auto& found) {
          handler(found.ok() ? absl::StatusOr<Servers>(Servers{*found}) : found.status());
        })) {}
  void SetSilent(bool silent) override { name_->SetSilent(silent); }
  void Describe(std::vector<NameStatus>& into) const override { name_->Describe(into); }

 private:
  const std::unique_ptr<Resolver::Name> name_;
};

class OfDomain : public Resolver::Name {
 public:
  OfDomain(Resolver& resolver, absl::string_view domain, ServersHandler handler)
      : resolver_(resolver),
        domain_(domain),
        handler_(std::move(handler)),
        services_(resolver.WatchServices(absl::StrCat(kMapService, ".", domain),
                                         [this](const auto& found) { On(found); })) {}

  void SetSilent(bool silent) override {
    silent_ = silent;
    services_->SetSilent(silent);
    for (const Target& target : targets_) target.name->SetSilent(silent);
  }

  void Describe(std::vector<NameStatus>& into) const override {
    services_->Describe(into);
    for (const Target& target : targets_) target.name->Describe(into);
  }

 private:
  struct Target {
    std::string place;  // host:port
    std::unique_ptr<Resolver::Name> name;
    std::vector<wire::Endpoint> endpoints;
    std::optional<absl::Status> failure;
  };

  void On(const absl::StatusOr<std::vector<ServiceRecord>>& found) {
    std::vector<std::string> places;
    if (found.ok()) {
      for (const ServiceRecord& record : InOrder(*found, UpTo))
        places.push_back(absl::StrCat(record.target, ":", record.port));
    } else if (absl::IsNotFound(found.status()) ||
               (targets_.empty() && !absl::IsFailedPrecondition(found.status()))) {
      // Where nobody says whether there are records, the domain is tried meanwhile.
      places.push_back(absl::StrCat(domain_, ":", wire::kDefaultPort));
    } else if (targets_.empty()) {
      handler_(found.status());
      return;
    }
    if (!places.empty()) SetTargets(places);
  }

  // Those that it had already are not asked again.
  void SetTargets(const std::vector<std::string>& places) {
    std::vector<Target> before = std::exchange(targets_, {});
    for (const std::string& place : places) {
      const auto had = std::find_if(before.begin(), before.end(),
                                    [&](const Target& one) { return one.place == place; });
      if (had != before.end()) {
        targets_.push_back(std::move(*had));
        before.erase(had);
        continue;
      }
      auto name = resolver_.Watch(place, [this, place](const auto& endpoints) {
        for (Target& target : targets_) {
          if (target.place != place) continue;
          if (endpoints.ok()) target.endpoints = *endpoints;
          target.failure = endpoints.status();
        }
        Tell();
      });
      name->SetSilent(silent_);
      targets_.push_back({.place = place, .name = std::move(name)});
    }
    Tell();
  }

  // Those that are known. Where there are none, what was known before stands. The handler may end this.
  void Tell() {
    Servers servers;
    absl::Status failure;
    bool all_failed = !targets_.empty();
    for (const Target& target : targets_) {
      if (!target.endpoints.empty()) servers.push_back(target.endpoints);
      all_failed = all_failed && target.failure.has_value() && !target.failure->ok();
      if (target.failure.has_value()) failure.Update(*target.failure);
    }
    if (!servers.empty()) {
      if (servers == told_) return;
      told_ = servers;
      handler_(servers);
    } else if (all_failed && told_.empty()) {
      handler_(failure);
    }
  }

  Resolver& resolver_;
  const std::string domain_;
  const ServersHandler handler_;
  bool silent_ = false;
  std::vector<Target> targets_;
  Servers told_;
  const std::unique_ptr<Resolver::Name> services_;
};

}  // namespace

std::unique_ptr<Resolver::Name> WatchServers(Resolver& resolver, absl::string_view address,
                                             ServersHandler handler) {
  if (absl::StrContains(address, ':'))
    return std::make_unique<OfOneName>(resolver, address, std::move(handler));
  return std::make_unique<OfDomain>(resolver, address, std::move(handler));
}

}  // namespace warp::control
