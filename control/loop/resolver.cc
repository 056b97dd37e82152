#include "control/loop/resolver.h"

#include <netdb.h>
#include <poll.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "control/loop/helper_thread.h"
#include "dataplane/os/errno_status.h"
#include "dataplane/os/socket_address.h"

namespace warp::control {
namespace {

using Result = absl::StatusOr<std::vector<wire::Endpoint>>;

constexpr size_t kMostEndpoints = 16;

struct Name {
  std::string host;
  uint16_t port = 0;
};

absl::StatusOr<Name> ParseName(absl::string_view text) {
  const size_t colon = text.rfind(':');
  uint32_t port = 0;
  if (colon == absl::string_view::npos || colon == 0 ||
      !absl::SimpleAtoi(text.substr(colon + 1), &port) || port == 0 || port > UINT16_MAX)
    return absl::InvalidArgumentError(absl::StrCat("\"", text, "\" is not of the form host:port"));
  return Name{std::string(text.substr(0, colon)), static_cast<uint16_t>(port)};
}

// May block for as long as it likes.
Result LookUp(const Name& name) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_DGRAM;
  addrinfo* list = nullptr;
  const int error = getaddrinfo(name.host.c_str(), nullptr, &hints, &list);
  if (error != 0) {
    const std::string why = error == EAI_SYSTEM ? os::ErrnoText(errno) : gai_strerror(error);
    return absl::NotFoundError(absl::StrCat("cannot resolve ", name.host, ": ", why));
  }
  std::vector<wire::Endpoint> endpoints;
  for (const addrinfo* entry = list; entry != nullptr; entry = entry->ai_next) {
    if (entry->ai_addrlen > os::SocketAddress::capacity()) continue;
    os::SocketAddress address;
    std::memcpy(address.get(), entry->ai_addr, entry->ai_addrlen);
    auto endpoint = address.ToEndpoint();
    if (!endpoint.has_value()) continue;
    endpoint->port = name.port;
    endpoints.push_back(*endpoint);
  }
  freeaddrinfo(list);
  std::sort(endpoints.begin(), endpoints.end());
  endpoints.erase(std::unique(endpoints.begin(), endpoints.end()), endpoints.end());
  if (endpoints.size() > kMostEndpoints) endpoints.resize(kMostEndpoints);
  if (endpoints.empty()) return absl::NotFoundError(absl::StrCat(name.host, " has no address"));
  return endpoints;
}

class ResolverImpl : public Resolver {
 public:
  ResolverImpl(Loop& loop, const ResolverOptions& options, std::unique_ptr<HelperThread> helper)
      : loop_(loop),
        options_(options),
        entries_(loop),
        helper_(std::move(helper)),
        watch_(loop, helper_->fd(), POLLIN, [this](uint32_t) { helper_->RunFinished(); }) {}

  std::unique_ptr<Subscription> Watch(absl::string_view host_port, Handler handler) override {
    auto entry = std::make_unique<Entry>(*this, std::move(handler));
    if (const auto endpoint = wire::Endpoint::Parse(host_port); endpoint.ok()) {
      entry->Tell(Result({*endpoint}));
    } else if (auto name = ParseName(host_port); name.ok()) {
      entry->Ask(*std::move(name));
    } else {
      entry->Tell(name.status());
    }
    return entry;
  }

 private:
  class Entry;
  using Entries = Subscribers<Entry, Result>;

  class Entry : public Entries::Subscriber {
   public:
    Entry(ResolverImpl& resolver, Handler handler)
        : Subscriber(resolver.entries_, std::move(handler)),
          resolver_(resolver),
          again_(resolver.loop_, [this] { resolver_.Ask(id(), name_); }) {}

    void Ask(Name name) {
      name_ = std::move(name);
      resolver_.Ask(id(), name_);
    }

    // A failure is told once, and not where endpoints were found before: those stand.
    void Tell(Result result) {
      if (result.ok() || !value().has_value()) Publish(std::move(result));
    }

    void OnAnswer(Result result) {
      again_.Set(result.ok() ? resolver_.options_.refresh : resolver_.options_.retry);
      Tell(std::move(result));
    }

   private:
    ResolverImpl& resolver_;
    Name name_;
    Timer again_;
  };

  void Ask(uint64_t id, const Name& name) {
    helper_->Submit([this, id, name]() -> HelperThread::Finish {
      // Here `this` is only copied: it is the control thread that uses it.
      return [this, id, result = LookUp(name)] {
        if (Entry* entry = entries_.Find(id)) entry->OnAnswer(result);
      };
    });
  }

  Loop& loop_;
  const ResolverOptions options_;
  Entries entries_;
  const std::unique_ptr<HelperThread> helper_;
  const control::Watch watch_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Resolver>> Resolver::Open(Loop& loop,
                                                         const ResolverOptions& options) {
  absl::StatusOr<std::unique_ptr<HelperThread>> helper = HelperThread::Start("warp-resolver");
  if (!helper.ok()) return helper.status();
  return std::make_unique<ResolverImpl>(loop, options, *std::move(helper));
}

}  // namespace warp::control
