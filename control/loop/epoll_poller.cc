#include "control/loop/epoll_poller.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include "dataplane/os/errno_status.h"

namespace warp::control {
namespace {

constexpr size_t kMostPerTake = 64;
constexpr uint64_t kHelperId = 1;  // of the helper thread's bell; the loop's ids are larger
constexpr wire::Duration kSendGrace = std::chrono::seconds(2);

static_assert(EPOLLIN == POLLIN && EPOLLOUT == POLLOUT && EPOLLERR == POLLERR &&
              EPOLLHUP == POLLHUP);

int SendAll(int fd, const std::vector<uint8_t>& bytes) {
  ssize_t sent;
  do {
    sent = send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
  } while (sent < 0 && errno == EINTR);
  return sent < 0 ? -errno : static_cast<int>(sent);
}

}  // namespace

absl::StatusOr<std::unique_ptr<EpollPoller>> EpollPoller::Open() {
  os::UniqueFd epoll(epoll_create1(EPOLL_CLOEXEC));
  if (!epoll) return os::ErrnoStatus(errno, "no epoll descriptor");
  return std::unique_ptr<EpollPoller>(new EpollPoller(std::move(epoll)));
}

EpollPoller::~EpollPoller() {
  if (helper_ != nullptr) helper_->WaitUntilIdle(kSendGrace);
}

// --- Polls ---

int EpollPoller::Add(uint64_t id, int fd, uint32_t events) {
  epoll_event event{.events = events | EPOLLET, .data = {.u64 = id}};
  return epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) == 0 ? 0 : errno;
}

void EpollPoller::AddPoll(uint64_t id, int fd, uint32_t events) {
  int error = Add(id, fd, events);
  if (error == 0) polls_.insert_or_assign(fd, id);
  if (error == EEXIST) {
    os::UniqueFd duplicate(fcntl(fd, F_DUPFD_CLOEXEC, 0));
    // Where the limit is below the number asked for, which is any, the error would be EINVAL.
    error = duplicate ? Add(id, duplicate.get(), events) : EMFILE;
    if (error == 0) duplicates_.emplace(id, std::move(duplicate));
  }
  if (error != 0) waiting_.push_back({.id = id, .result = -error});
}

void EpollPoller::RemovePoll(uint64_t id, int fd) {
  if (const auto own = polls_.find(fd); own != polls_.end() && own->second == id) {
    epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd, nullptr);
    polls_.erase(own);
  } else if (const auto duplicate = duplicates_.find(id); duplicate != duplicates_.end()) {
    epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, duplicate->second.get(), nullptr);
    duplicates_.erase(duplicate);
  }
}

// --- Sends ---

absl::Status EpollPoller::StartHelper() {
  if (helper_ != nullptr) return absl::OkStatus();
  absl::StatusOr<std::unique_ptr<HelperThread>> helper = HelperThread::Start("warp-send");
  if (!helper.ok()) return helper.status();
  if (const int error = Add(kHelperId, (*helper)->fd(), EPOLLIN); error != 0)
    return os::ErrnoStatus(error, "epoll");
  helper_ = *std::move(helper);
  return absl::OkStatus();
}

void EpollPoller::StartSend(uint64_t id, int fd, std::vector<uint8_t> bytes) {
  // A duplicate, because the caller may close its own before the helper gets to this.
  auto own = std::make_shared<os::UniqueFd>(fcntl(fd, F_DUPFD_CLOEXEC, 0));
  if (!*own || !StartHelper().ok()) {
    waiting_.push_back({.id = id, .result = -EMFILE});
    return;
  }
  helper_->Submit([this, id, own, bytes = std::move(bytes)] {
    const int result = SendAll(own->get(), bytes);
    own->Close();
    return [this, id, result] { waiting_.push_back({.id = id, .result = result}); };
  });
}

// --- Events ---

size_t EpollPoller::TakeWaiting(std::span<Event> events) {
  const size_t count = std::min(events.size(), waiting_.size());
  std::copy_n(waiting_.begin(), count, events.begin());
  waiting_.erase(waiting_.begin(), waiting_.begin() + static_cast<ptrdiff_t>(count));
  return count;
}

size_t EpollPoller::Take(std::span<Event> events) {
  size_t count = TakeWaiting(events);
  if (count == events.size()) return count;
  std::array<epoll_event, kMostPerTake> ready;
  const size_t room = std::min(events.size() - count, ready.size());
  const int found = epoll_wait(epoll_.get(), ready.data(), static_cast<int>(room), 0);
  for (int i = 0; i < found; ++i) {
    const epoll_event& event = ready[static_cast<size_t>(i)];
    if (event.data.u64 == kHelperId) {
      helper_->RunFinished();
    } else {
      events[count++] = {.id = event.data.u64, .result = static_cast<int>(event.events)};
    }
  }
  return count + TakeWaiting(events.subspan(count));
}

bool EpollPoller::HasEvents() const {
  pollfd self{.fd = epoll_.get(), .events = POLLIN, .revents = 0};
  return !waiting_.empty() || poll(&self, 1, 0) > 0;
}

// By polling the epoll descriptor: epoll_wait would take the events, and knows only milliseconds.
void EpollPoller::Sleep(wire::Duration time) {
  if (!waiting_.empty()) return;
  const timespec ts{.tv_sec = time.count() / 1'000'000'000,
                    .tv_nsec = time.count() % 1'000'000'000};
  pollfd self{.fd = epoll_.get(), .events = POLLIN, .revents = 0};
  ppoll(&self, 1, &ts, nullptr);
}

}  // namespace warp::control
