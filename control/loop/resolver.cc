#include "control/loop/resolver.h"

#include <netdb.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <condition_variable>
#include <cstring>
#include <deque>
#include <mutex>
#include <thread>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "dataplane/os/errno_status.h"
#include "dataplane/os/socket_address.h"
#include "dataplane/os/unique_fd.h"

namespace warp::control {
namespace {

using Result = absl::StatusOr<std::vector<wire::Endpoint>>;

constexpr size_t kMostEndpoints = 16;
constexpr auto kJoinTime = std::chrono::seconds(1);

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

// What the two threads share, all under the mutex. The helper keeps it alive for as long as it runs.
struct Shared {
  struct Question {
    uint64_t id;
    Name name;
  };
  struct Answer {
    uint64_t id;
    Result result;
  };
  std::mutex mutex;
  std::condition_variable asked;
  std::condition_variable ended;
  std::deque<Question> questions;
  std::deque<Answer> answers;
  bool stop = false;
  bool running = true;
  os::UniqueFd bell;  // eventfd, rung with each answer
};

// The control thread may be pinned to the CPU it owns, and its children with it: this one goes wherever there is room.
void LeaveCpuOfParent() {
  cpu_set_t all;
  CPU_ZERO(&all);
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) CPU_SET(cpu, &all);
  pthread_setaffinity_np(pthread_self(), sizeof(all), &all);
}

void RunHelper(std::shared_ptr<Shared> shared) {
  pthread_setname_np(pthread_self(), "warp-resolver");
  LeaveCpuOfParent();
  std::unique_lock lock(shared->mutex);
  while (true) {
    shared->asked.wait(lock, [&] { return shared->stop || !shared->questions.empty(); });
    if (shared->stop) break;
    const Shared::Question question = std::move(shared->questions.front());
    shared->questions.pop_front();
    lock.unlock();
    Result result = LookUp(question.name);
    lock.lock();
    shared->answers.push_back({question.id, std::move(result)});
    const uint64_t one = 1;
    if (write(shared->bell.get(), &one, sizeof(one)) < 0)
      continue;  // only when 2^64 rings are unheard
  }
  shared->running = false;
  shared->ended.notify_all();
}

class ResolverImpl : public Resolver {
 public:
  ResolverImpl(Loop& loop, const ResolverOptions& options, os::UniqueFd bell)
      : loop_(loop),
        options_(options),
        shared_(std::make_shared<Shared>()),
        entries_(loop),
        watch_(loop, bell.get(), POLLIN, [this](uint32_t) { Collect(); }) {
    shared_->bell = std::move(bell);
    // Signals are the control thread's.
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    helper_ = std::thread(RunHelper, shared_);
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
  }

  ~ResolverImpl() override {
    std::unique_lock lock(shared_->mutex);
    shared_->stop = true;
    shared_->asked.notify_all();
    const bool ended = shared_->ended.wait_for(lock, kJoinTime, [&] { return !shared_->running; });
    lock.unlock();
    if (ended) {
      helper_.join();
    } else {
      helper_.detach();  // it hangs in a look-up, and ends after it or with the process
    }
  }

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
    const std::lock_guard lock(shared_->mutex);
    shared_->questions.push_back({id, name});
    shared_->asked.notify_one();
  }

  void Collect() {
    std::deque<Shared::Answer> answers;
    {
      const std::lock_guard lock(shared_->mutex);
      uint64_t rings;
      if (read(shared_->bell.get(), &rings, sizeof(rings)) < 0) return;
      answers.swap(shared_->answers);
    }
    for (Shared::Answer& answer : answers) {
      if (Entry* entry = entries_.Find(answer.id)) entry->OnAnswer(std::move(answer.result));
    }
  }

  Loop& loop_;
  const ResolverOptions options_;
  const std::shared_ptr<Shared> shared_;
  Entries entries_;
  std::thread helper_;
  const control::Watch watch_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Resolver>> Resolver::Create(Loop& loop,
                                                           const ResolverOptions& options) {
  os::UniqueFd bell(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!bell) return os::ErrnoStatus(errno, "resolver");
  return std::make_unique<ResolverImpl>(loop, options, std::move(bell));
}

}  // namespace warp::control
