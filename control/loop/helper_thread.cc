#include "control/loop/helper_thread.h"

#include <sys/eventfd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <iterator>
#include <mutex>
#include <thread>
#include <utility>

#include "dataplane/os/errno_status.h"
#include "dataplane/os/stop_point.h"
#include "dataplane/os/thread.h"
#include "dataplane/os/unique_fd.h"

namespace warp::control {
namespace {

// How long the end waits for threads that are not in a call. One that stands still is left behind.
constexpr wire::Duration kEndPatience = std::chrono::seconds(3);
constexpr auto kLook = std::chrono::milliseconds(1);

}  // namespace

// The state that the threads share, under the mutex. Each helper keeps it alive for as long as it runs.
struct HelperThread::Shared {
  std::mutex mutex;
  std::condition_variable submitted;
  std::deque<std::function<Finish()>> calls;
  std::deque<Finish> finished;
  size_t calling = 0;               // threads in a call
  std::atomic<size_t> running = 0;  // threads; not under the mutex
  std::atomic<bool> stop = false;
  os::UniqueFd bell;  // an eventfd, rung with each end of a call
};

void HelperThread::Run(const char* name, const std::shared_ptr<Shared>& shared) {
  os::NameThisThread(name);
  os::RunOnAnyCpu();
  std::unique_lock lock(shared->mutex);
  while (true) {
    shared->submitted.wait(lock, [&] { return shared->stop || !shared->calls.empty(); });
    if (shared->stop) break;
    std::function<Finish()> call = std::move(shared->calls.front());
    shared->calls.pop_front();
    ++shared->calling;
    lock.unlock();
    WARP_STOP_POINT(helper_calling);
    Finish finish = call();
    call = nullptr;  // and what it captured
    WARP_STOP_POINT(helper_called);
    lock.lock();
    --shared->calling;
    shared->finished.push_back(std::move(finish));
    WARP_STOP_POINT(helper_telling);
    eventfd_write(shared->bell.get(), 1);
  }
  --shared->running;
}

absl::StatusOr<std::unique_ptr<HelperThread>> HelperThread::Start(const char* name, size_t most) {
  auto shared = std::make_shared<Shared>();
  shared->bell = os::UniqueFd(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!shared->bell) return os::ErrnoStatus(errno, "no helper thread");
  std::unique_ptr<HelperThread> helper(new HelperThread(name, most, std::move(shared)));
  if (absl::Status status = helper->StartThread(); !status.ok()) return status;
  return helper;
}

HelperThread::HelperThread(const char* name, size_t most, std::shared_ptr<Shared> shared)
    : name_(name), most_(most), shared_(std::move(shared)) {}

absl::Status HelperThread::StartThread() {
  ++shared_->running;
  absl::StatusOr<std::thread> thread =
      os::StartThread([name = name_, shared = shared_] { Run(name, shared); });
  if (!thread.ok()) {
    --shared_->running;
    return thread.status();
  }
  thread->detach();
  ++threads_;
  return absl::OkStatus();
}

HelperThread::~HelperThread() {
  shared_->stop = true;
  LookUntil(kEndPatience, [this] {
    shared_->submitted.notify_all();
    return shared_->running == shared_->calling;
  });
}

void HelperThread::Submit(std::function<Finish()> call) {
  waiting_.push_back(std::move(call));
  HandOver();
}

// Where another has the lock, the bell makes the loop's thread try again.
void HelperThread::HandOver() {
  size_t wanted = 0;  // threads
  {
    const std::unique_lock lock(shared_->mutex, std::try_to_lock);
    if (!lock.owns_lock()) {
      eventfd_write(shared_->bell.get(), 1);
      return;
    }
    for (std::function<Finish()>& call : waiting_) {
      shared_->calls.push_back(std::move(call));
      shared_->submitted.notify_one();
    }
    waiting_.clear();
    wanted = std::min(shared_->calls.size() + shared_->calling, most_);
  }
  // Where the system has none left, the calls wait for the threads that there are.
  while (threads_ < wanted && StartThread().ok()) {
  }
}

int HelperThread::fd() const { return shared_->bell.get(); }

void HelperThread::RunFinished() {
  std::deque<Finish> finished;
  {
    const std::unique_lock lock(shared_->mutex, std::try_to_lock);
    if (!lock.owns_lock()) {
      eventfd_write(shared_->bell.get(), 1);
      return;
    }
    eventfd_t rings;
    if (eventfd_read(shared_->bell.get(), &rings) != 0) return;
    finished.swap(shared_->finished);
  }
  if (!waiting_.empty()) HandOver();
  for (const Finish& finish : finished) finish();
}

void HelperThread::WaitUntilIdle(wire::Duration patience) {
  LookUntil(patience, [this] {
    std::move(waiting_.begin(), waiting_.end(), std::back_inserter(shared_->calls));
    waiting_.clear();
    shared_->submitted.notify_all();
    return shared_->calls.empty() && shared_->calling == 0;
  });
}

// A condition variable would not do: however short its time is, it returns only with the lock.
void HelperThread::LookUntil(wire::Duration patience, const std::function<bool()>& is_over) {
  const auto end = std::chrono::steady_clock::now() + patience;
  while (true) {
    {
      const std::unique_lock lock(shared_->mutex, std::try_to_lock);
      if (lock.owns_lock() && is_over()) return;
    }
    if (std::chrono::steady_clock::now() >= end) return;
    std::this_thread::sleep_for(kLook);
  }
}

}  // namespace warp::control
