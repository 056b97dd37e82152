#include "control/loop/names/dns_client.h"

// What c-ares 1.28 calls old is all that 1.18 has.
#define CARES_NO_DEPRECATED
#include <ares.h>
#include <arpa/nameser.h>
#include <netdb.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <deque>
#include <iterator>
#include <list>
#include <map>
#include <mutex>
#include <thread>
#include <utility>

#include "control/loop/names/addresses.h"
#include "dataplane/os/errno_status.h"
#include "dataplane/os/stop_point.h"
#include "dataplane/os/thread.h"
#include "dataplane/os/unique_fd.h"

namespace warp::control {
namespace {

// Questions under way: each has sockets of its own. The others wait.
constexpr size_t kMostAtOnce = 1024;

// Milliseconds until the sockets are looked at again where the kernel could not look at so many.
constexpr int kPollAgain = 10;

// The name servers themselves, where resolv.conf names only systemd's, which is on loopback and on no uplink.
constexpr char kServersBehindSystemd[] = "/run/systemd/resolve/resolv.conf";

using Answer = DnsClient::Answer;
using Question = DnsClient::Question;

// One question, with a channel (c-ares' word for sockets, servers and timers) of its own. So what becomes of others
// does not concern it, and a changed resolv.conf holds from the next question on.
class Inquiry {
 public:
  explicit Inquiry(Question question) : question_(std::move(question)) {}
  ~Inquiry() {
    if (channel_ != nullptr) ares_destroy(channel_);
  }
  Inquiry(const Inquiry&) = delete;
  Inquiry& operator=(const Inquiry&) = delete;

  void Begin(const DnsOptions& dns) {
    ares_options options{};
    options.timeout = static_cast<int>(dns.timeout / std::chrono::milliseconds(1));
    options.tries = dns.tries;
    options.udp_port = options.tcp_port = dns.port;
    options.sock_state_cb = [](void* self, ares_socket_t fd, int readable, int writable) {
      static_cast<Inquiry*>(self)->Watch(fd, readable != 0, writable != 0);
    };
    options.sock_state_cb_data = this;
    std::string conf = dns.resolv_conf;
    if (conf.empty() && !question_.interface.empty() && access(kServersBehindSystemd, R_OK) == 0)
      conf = kServersBehindSystemd;
    options.resolvconf_path = conf.data();
    int mask = ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_SOCK_STATE_CB;
    if (dns.port != 0) mask |= ARES_OPT_UDP_PORT | ARES_OPT_TCP_PORT;
    if (!conf.empty()) mask |= ARES_OPT_RESOLVCONF;
    if (const int error = ares_init_options(&channel_, &options, mask); error != ARES_SUCCESS) {
      channel_ = nullptr;
      Finish(error, nullptr);
      return;
    }
    if (!question_.interface.empty()) ares_set_local_dev(channel_, question_.interface.c_str());
    if (question_.services) {
      ares_query(
          channel_, question_.host.c_str(), ns_c_in, ns_t_srv,
          [](void* self, int status, int, unsigned char* answer, int size) {
            static_cast<Inquiry*>(self)->FinishServices(status, answer, size);
          },
          this);
      return;
    }
    if (question_.prefixes) {
      ares_query(
          channel_, question_.host.c_str(), ns_c_in, ns_t_aaaa,
          [](void* self, int status, int, unsigned char* answer, int size) {
            static_cast<Inquiry*>(self)->FinishPrefixes(status, answer, size);
          },
          this);
      return;
    }
    ares_addrinfo_hints hints{};
    hints.ai_family = question_.family == 0 ? AF_UNSPEC : question_.family;
    hints.ai_socktype = SOCK_DGRAM;
    hints.ai_flags = ARES_AI_NOSORT;
    ares_getaddrinfo(
        channel_, question_.host.c_str(), nullptr, &hints,
        [](void* self, int status, int, ares_addrinfo* list) {
          static_cast<Inquiry*>(self)->Finish(status, list);
        },
        this);
  }

  bool finished() const { return finished_; }
  Answer TakeAnswer() {
    return {.id = question_.id,
            .round = question_.round,
            .family = question_.family,
            .found = std::move(found_)};
  }

  void AddFds(std::vector<pollfd>& fds) const {
    for (const auto& [fd, events] : fds_) fds.push_back({.fd = fd, .events = events, .revents = 0});
  }
  // Milliseconds until it must be called, or `longest`.
  int Patience(int longest) const {
    timeval most{.tv_sec = longest / 1000, .tv_usec = longest % 1000 * 1000};
    timeval time{};
    const timeval* const next = ares_timeout(channel_, &most, &time);
    return static_cast<int>(next->tv_sec * 1000 + (next->tv_usec + 999) / 1000);
  }
  // `fds`: its own part of what poll() has filled.
  void Process(const pollfd* fds, size_t count) {
    for (size_t i = 0; i < count && !finished_; ++i) {
      const bool failed = (fds[i].revents & (POLLERR | POLLHUP)) != 0;
      const bool in = failed || (fds[i].revents & POLLIN) != 0;
      const bool out = (fds[i].revents & POLLOUT) != 0;
      if (!in && !out) continue;
      ares_process_fd(channel_, in ? fds[i].fd : ARES_SOCKET_BAD,
                      out ? fds[i].fd : ARES_SOCKET_BAD);
    }
    // What has timed out.
    if (!finished_) ares_process_fd(channel_, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
  }

 private:
  void Watch(ares_socket_t fd, bool readable, bool writable) {
    if (!readable && !writable) {
      fds_.erase(fd);
    } else {
      fds_[fd] = static_cast<short>((readable ? POLLIN : 0) | (writable ? POLLOUT : 0));
    }
  }

  void Finish(int status, ares_addrinfo* list) {
    if (finished_) return;
    finished_ = true;
    if (status == ARES_SUCCESS) {
      DnsFound found;
      for (const ares_addrinfo_node* node = list->nodes; node != nullptr; node = node->ai_next) {
        AddAddress(node->ai_addr, node->ai_addrlen, found.addresses);
      }
      found_ = std::move(found);
    } else if (!question_.services && (status == ARES_ENODATA || status == ARES_ENOTFOUND)) {
      found_ = absl::NotFoundError(ares_strerror(status));
    } else {
      found_ = absl::UnavailableError(ares_strerror(status));
    }
    if (list != nullptr) ares_freeaddrinfo(list);
  }

  void FinishServices(int status, const unsigned char* answer, int size) {
    if (finished_) return;
    finished_ = true;
    if (status == ARES_ENODATA || status == ARES_ENOTFOUND) {
      found_ = absl::NotFoundError(ares_strerror(status));
    } else if (status != ARES_SUCCESS) {
      found_ = absl::UnavailableError(ares_strerror(status));
    } else if (auto services = ReadServices({answer, static_cast<size_t>(size)}); services.ok()) {
      found_ = DnsFound{.services = *std::move(services)};
    } else {
      found_ = services.status();
    }
  }

  void FinishPrefixes(int status, const unsigned char* answer, int size) {
    if (finished_) return;
    finished_ = true;
    if (status != ARES_SUCCESS) {
      found_ = absl::NotFoundError(ares_strerror(status));
    } else if (auto prefixes = ReadPrefixes({answer, static_cast<size_t>(size)}); prefixes.ok()) {
      found_ = DnsFound{.prefixes = *std::move(prefixes)};
    } else {
      found_ = prefixes.status();
    }
  }

  const Question question_;
  ares_channel channel_ = nullptr;
  std::map<ares_socket_t, short> fds_;
  bool finished_ = false;
  absl::StatusOr<DnsFound> found_;
};

}  // namespace

// The thread, and what it shares with the caller's under the mutex, for which the caller never waits.
class DnsClient::Asker : public std::enable_shared_from_this<DnsClient::Asker> {
 public:
  Asker(const DnsOptions& options, os::UniqueFd wake, os::UniqueFd bell)
      : options_(options), wake_(std::move(wake)), bell_(std::move(bell)) {}

  // The thread keeps this object alive, so that nobody has to wait for its end.
  absl::Status Start() {
    absl::StatusOr<std::thread> thread =
        os::StartThread([self = shared_from_this()] { self->Run(); });
    if (!thread.ok()) return thread.status();
    thread->detach();
    return absl::OkStatus();
  }
  void Stop() {
    stop_ = true;
    eventfd_write(wake_.get(), 1);
  }

  void Ask(Question question) {
    asked_.push_back(std::move(question));
    Exchange(nullptr);
  }

  int bell() const { return bell_.get(); }
  std::vector<Answer> TakeAnswers() {
    std::vector<Answer> answers;
    eventfd_t rings;
    eventfd_read(bell_.get(), &rings);
    Exchange(&answers);
    return answers;
  }

 private:
  // Hands over what was asked, and takes answers if they are wanted. Where the thread has the lock, the system may have
  // stopped it there, and the caller does not wait for it: the bell makes it try again.
  void Exchange(std::vector<Answer>* answers) {
    {
      const std::unique_lock lock(mutex_, std::try_to_lock);
      if (!lock.owns_lock()) {
        eventfd_write(bell_.get(), 1);
        return;
      }
      if (answers != nullptr) answers->swap(answers_);
      if (asked_.empty()) return;
      std::move(asked_.begin(), asked_.end(), std::back_inserter(questions_));
      asked_.clear();
    }
    eventfd_write(wake_.get(), 1);
  }

  void Run() {
    os::NameThisThread("warp-dns");
    os::RunOnAnyCpu();
    std::list<Inquiry> inquiries;
    while (TakeQuestions(inquiries)) {
      WARP_STOP_POINT(dns_taken);
      HandBack(inquiries);
      std::vector<pollfd> fds = {{.fd = wake_.get(), .events = POLLIN, .revents = 0}};
      std::vector<size_t> begins;
      int patience = 3'600'000;
      for (const Inquiry& inquiry : inquiries) {
        begins.push_back(fds.size());
        inquiry.AddFds(fds);
        patience = inquiry.Patience(patience);
      }
      begins.push_back(fds.size());
      // The kernel has no memory for so many, or the process may not have so many any more. Neither lasts, while a
      // thread that ended would never ask anything again. Questions go on to time out meanwhile.
      if (poll(fds.data(), fds.size(), patience) < 0 && errno != EINTR)
        poll(fds.data(), 1, kPollAgain);
      WARP_STOP_POINT(dns_polled);
      if (fds[0].revents != 0) {
        eventfd_t rings;
        eventfd_read(wake_.get(), &rings);
      }
      size_t i = 0;
      for (Inquiry& inquiry : inquiries) {
        inquiry.Process(fds.data() + begins[i], begins[i + 1] - begins[i]);
        ++i;
      }
      HandBack(inquiries);
    }
  }

  // False: the end has come.
  bool TakeQuestions(std::list<Inquiry>& inquiries) {
    if (stop_) return false;
    std::deque<Question> taken;
    {
      const std::lock_guard lock(mutex_);
      WARP_STOP_POINT(dns_taking);
      while (!questions_.empty() && inquiries.size() + taken.size() < kMostAtOnce) {
        taken.push_back(std::move(questions_.front()));
        questions_.pop_front();
      }
    }
    for (Question& question : taken) inquiries.emplace_back(std::move(question)).Begin(options_);
    return true;
  }

  void HandBack(std::list<Inquiry>& inquiries) {
    std::vector<Answer> answers;
    for (auto it = inquiries.begin(); it != inquiries.end();) {
      if (it->finished()) answers.push_back(it->TakeAnswer());
      it = it->finished() ? inquiries.erase(it) : std::next(it);
    }
    if (answers.empty()) return;
    {
      const std::lock_guard lock(mutex_);
      std::move(answers.begin(), answers.end(), std::back_inserter(answers_));
      WARP_STOP_POINT(dns_answering);
      if (!questions_.empty()) eventfd_write(wake_.get(), 1);  // there is room for those that wait
    }
    WARP_STOP_POINT(dns_answered);
    eventfd_write(bell_.get(), 1);
  }

  const DnsOptions options_;
  const os::UniqueFd wake_;      // rung for the thread
  const os::UniqueFd bell_;      // rung for the caller's
  std::vector<Question> asked_;  // the caller's: what is not handed over yet
  std::mutex mutex_;
  std::deque<Question> questions_;
  std::vector<Answer> answers_;
  std::atomic<bool> stop_{false};
};

absl::StatusOr<std::unique_ptr<DnsClient>> DnsClient::Start(const DnsOptions& options) {
  if (const int error = ares_library_init(ARES_LIB_INIT_ALL); error != ARES_SUCCESS)
    return absl::UnavailableError(ares_strerror(error));
  os::UniqueFd wake(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  os::UniqueFd bell(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!wake || !bell) return os::ErrnoStatus(errno, "no thread for name servers");
  auto asker = std::make_shared<Asker>(options, std::move(wake), std::move(bell));
  if (absl::Status status = asker->Start(); !status.ok()) return status;
  return std::unique_ptr<DnsClient>(new DnsClient(std::move(asker)));
}

DnsClient::DnsClient(std::shared_ptr<Asker> asker) : asker_(std::move(asker)) {}
DnsClient::~DnsClient() { asker_->Stop(); }

void DnsClient::Ask(Question question) { asker_->Ask(std::move(question)); }
int DnsClient::fd() const { return asker_->bell(); }
std::vector<DnsClient::Answer> DnsClient::TakeAnswers() { return asker_->TakeAnswers(); }

}  // namespace warp::control
