#include "control/daemon/daemon.h"

#include <chrono>
#include <thread>
#include <utility>

#include "control/log/log.h"

namespace warp::control {
namespace {

// How long a shutdown waits, at most, for waiting payloads to be sent, and for the goodbyes to leave the ports' queues.
constexpr wire::Duration kDrainTime = std::chrono::milliseconds(300);
constexpr wire::Duration kGoodbyeTime = std::chrono::milliseconds(100);
// And for the disk.
constexpr wire::Duration kWriteTime = std::chrono::seconds(1);

}  // namespace

absl::StatusOr<std::unique_ptr<Daemon>> Daemon::Open(config::NodeConfig config,
                                                     const std::string& file, os::UniqueFd hooks) {
  absl::StatusOr<std::unique_ptr<Assembly>> parts =
      Assembly::Open(std::move(config), file, std::move(hooks));
  if (!parts.ok()) return parts.status();
  return std::unique_ptr<Daemon>(new Daemon(*std::move(parts)));
}

Daemon::Daemon(std::unique_ptr<Assembly> parts)
    : parts_(std::move(parts)),
      turn_({.loop = *parts_->loop,
             .dataplane = *parts_->dataplane,
             .protocol = *parts_->protocol,
             .links = *parts_->links,
             .traffic = *parts_->traffic},
            parts_->config, parts_->plan) {}

void Daemon::Run() {
  parts_->TellStatus();
  parts_->service_manager->Ready();
  parts_->observer->NoteConfig("start");
  while (!parts_->stopping) turn_.Rest(turn_.RunOnce());
  Stop();
}

void Daemon::Stop() {
  LogInfo("stopping: sending what waits, then saying goodbye");
  parts_->service_manager->Stopping();
  parts_->reload->Halt();
  parts_->traffic->CloseGates();
  TurnFor(kDrainTime, [this] { return parts_->traffic->idle(); });
  parts_->protocol->Shutdown(parts_->loop->now());
  TurnFor(kGoodbyeTime, [this] { return SaidGoodbye(); });
  parts_->caps->Finish(kWriteTime);
  parts_->observer->Finish(kWriteTime);
}

// Peers are closed a few in each turn, and what they are told leaves in turns after that.
bool Daemon::SaidGoodbye() const {
  return parts_->protocol->NextTimeout() == wire::kNever && !parts_->protocol->has_transmits() &&
         parts_->dataplane->AllTransmitted();
}

template <typename Done>
void Daemon::TurnFor(wire::Duration time, Done done) {
  const wire::Instant deadline = parts_->loop->now() + time;
  while (!done() && parts_->loop->now() < deadline) {
    if (turn_.RunOnce() == 0) std::this_thread::sleep_for(std::chrono::microseconds(200));
  }
}

}  // namespace warp::control
