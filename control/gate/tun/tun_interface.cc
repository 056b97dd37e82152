#include "control/gate/tun/tun_interface.h"

#include <poll.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "control/gate/tun/packet/mss_clamp.h"
#include "control/gate/tun/packet/offload_header.h"

namespace warp::control {
namespace {

using wire::Drop;

size_t LinkHeader(Layer layer) { return layer == Layer::kIp ? 0 : kInnerEthernetHeader; }

}  // namespace

absl::StatusOr<std::shared_ptr<TunInterface>> TunInterface::Open(const Context& context,
                                                                 const TunOptions& options) {
  std::shared_ptr<TunInterface> interface(new TunInterface(context, options));
  absl::StatusOr<TunDevice> device = TunDevice::Open(interface->options_);
  if (!device.ok()) return device.status();
  interface->Use(*std::move(device));
  return interface;
}

// Before the paths are known, what every path carries is what is set.
TunInterface::TunInterface(const Context& context, const TunOptions& options)
    : context_(context),
      options_(options),
      follows_(options.mtu == 0),
      mtu_(follows_ ? kLeastMtu : options.mtu),
      mtu_known_(!follows_),
      buffer_(new uint8_t[kMaxInnerPacket]),
      segmenter_(options.layer),
      patience_(context.loop, [this] { LosePatience(); }),
      more_(context.loop, [this] { Receive(); }),
      retry_(context.loop, [this] { Reopen(); }),
      raise_(context.loop, [this] { SetMtu(raise_to_); }) {
  options_.mtu = mtu_;
}

TunInterface::~TunInterface() {
  if (device_.has_value()) Close();
}

void TunInterface::Use(TunDevice device) {
  device_ = std::move(device);
  joins_udp_ = device_->joins_udp();
  if (!device_->remark().empty()) context_.say(device_->remark());
  // Whoever made it makes it anew when it is gone.
  options_.make = device_->made();
  watch_ = std::make_unique<Watch>(context_.loop, device_->fd(), POLLIN, [this](uint32_t) {
    if (!more_.scheduled()) Receive();
  });
}

// --- Members. ---

void TunInterface::Join(TunMember& member, TunRole role) { members_.Add(member, std::move(role)); }

void TunInterface::Leave(TunMember& member) {
  members_.Remove(member);
  if (current_.member == &member) DropRest(Drop::kNone);
  Resume();
}

void TunInterface::Resume() {
  patience_.Cancel();
  if (std::exchange(held_, false)) more_.Schedule();
}

void TunInterface::Drain(TunMember& member) {
  size_t given = 0;
  if (current_.member == &member) GiveToMember(&given);
}

// --- From inside. ---

void TunInterface::Receive() {
  if (held_ || members_.empty()) return;
  size_t given = 0;
  for (size_t reads = 0; reads < kReadsPerTurn && given < kPayloadsPerTurn; ++reads) {
    if (!GiveToMember(&given) || !ReadOne()) return;
  }
  more_.Schedule();
}

// False: there is nothing to read, and what comes later wakes the watch again.
bool TunInterface::ReadOne() {
  if (!device_.has_value()) return false;
  OffloadHeader offload;
  const std::array<iovec, 2> pieces = {
      {{&offload, sizeof(offload)}, {buffer_.get(), kMaxInnerPacket}}};
  const ssize_t size = device_->Read(pieces);
  if (size < 0) {
    switch (FaultOf(static_cast<int>(-size))) {
      case ReadFault::kAgain:
        return true;
      case ReadFault::kNothing:
        return false;
      case ReadFault::kPacket:
        members_.OnDrop(Drop::kBadOffload);
        return true;
      case ReadFault::kInterface:
        Gone(static_cast<int>(-size));
        return false;
    }
  }
  // The kernel says how large a packet is, even where it did not fit.
  const size_t packet =
      std::max<size_t>(static_cast<size_t>(size), sizeof(offload)) - sizeof(offload);
  if (packet > kMaxInnerPacket) {
    members_.OnDrop(Drop::kTooLarge);
    return true;
  }
  const wire::MutableBytes bytes(buffer_.get(), packet);
  if (const Drop drop = segmenter_.Take(offload, bytes); drop != Drop::kNone) {
    members_.OnDrop(drop);
    return true;
  }
  current_ = members_.TargetOf(context_.loop.now(), bytes, segmenter_.inner());
  if (current_.member == nullptr) {
    members_.OnDrop(Drop::kNoRoute);
    DropRest(Drop::kNone);
    return true;
  }
  if (segmenter_.is_cut()) {
    current_.member->OnCut();
  } else if (IsSyn(bytes, segmenter_.inner())) {
    ClampSegments(bytes, segmenter_.inner(), ConnectionRoom(*current_.member));
  }
  return true;
}

// False: the sink has no more room, and nothing more may be read.
bool TunInterface::GiveToMember(size_t* given) {
  if (current_.member == nullptr) return true;
  for (auto packets = segmenter_.Next(); !packets.empty(); packets = segmenter_.Next()) {
    const size_t taken = current_.member->OnPackets(packets, current_.interactive);
    *given += taken;
    segmenter_.Consume(taken);
    if (taken == packets.size()) continue;
    if (members_.MayWait(*current_.member, context_.loop.now())) {
      if (members_.size() > 1) patience_.Set(kPatience);
      held_ = true;
      return false;
    }
    DropRest(Drop::kGateFull);
  }
  current_ = {};
  return true;
}

void TunInterface::LosePatience() {
  if (current_.member != nullptr) members_.LosePatience(*current_.member, context_.loop.now());
  Resume();
}

// What is left of what was read last goes nowhere. kNone: it is counted already, or nobody is there to count it.
void TunInterface::DropRest(Drop reason) {
  for (auto packets = segmenter_.Next(); !packets.empty(); packets = segmenter_.Next()) {
    if (reason != Drop::kNone) {
      for (size_t i = 0; i < packets.size(); ++i) current_.member->OnDrop(reason);
    }
    segmenter_.Consume(packets.size());
  }
  current_ = {};
}

// --- To inside. ---

Drop TunInterface::Write(std::span<const wire::Bytes> pieces) {
  if (!device_.has_value()) return Drop::kNoReceiver;
  ssize_t size = device_->Write(pieces);
  for (int i = 0; size == -EINTR && i < 3; ++i) size = device_->Write(pieces);
  if (size >= 0) return Drop::kNone;
  switch (size) {
    case -EIO:  // the interface is down
      return Drop::kNoReceiver;
    case -EAGAIN:
    case -ENOBUFS:
    case -ENOMEM:
      return Drop::kReceiverFull;
    case -EBADFD:
      Gone(EBADFD);
      return Drop::kNoReceiver;
    default:
      return Drop::kBadPacket;
  }
}

// --- The interface itself. ---

// Whoever deletes the interface may have the kernel's lock still, for which closing waits.
void TunInterface::Close() {
  watch_.reset();
  context_.helper.Submit([device = std::make_shared<TunDevice>(*std::move(device_))]() mutable {
    device.reset();
    return [] {};
  });
  device_.reset();
}

void TunInterface::Gone(int error) {
  Close();
  trouble_ = absl::StrCat("interface ", options_.name, " is gone");
  context_.say(absl::StrCat(trouble_, " (", std::strerror(error),
                            "): it is opened again as soon as it can be"));
  retry_.Set(wire::Duration::zero());
}

void TunInterface::Reopen() {
  context_.helper.Submit([options = options_, weak = weak_from_this()]() -> HelperThread::Finish {
    auto device = std::make_shared<absl::StatusOr<TunDevice>>(TunDevice::Open(options));
    return [weak, device] {
      if (const auto self = weak.lock()) self->Reopened(std::move(*device));
    };
  });
}

void TunInterface::Reopened(absl::StatusOr<TunDevice> device) {
  if (!device.ok()) {
    trouble_ = std::string(device.status().message());
    retry_.Set(kRetry);
    return;
  }
  trouble_.clear();
  context_.say(absl::StrCat("interface ", options_.name, " is back"));
  Use(*std::move(device));
  SetMtu(mtu_);  // the paths may have changed while it was being opened
}

// --- The MTU. ---

// How large the IP packet is in a payload of this size; 0: that is not known.
size_t TunInterface::IpRoom(size_t payload) const {
  const size_t header = LinkHeader(options_.layer);
  return payload <= header ? mtu_ : payload - header;
}

std::optional<uint32_t> TunInterface::WantedMtu() const {
  std::optional<size_t> least;
  members_.ForEach([&](const TunMember& member) {
    if (member.room() == 0) return;
    const size_t room = IpRoom(member.room());
    least = std::min(least.value_or(room), room);
  });
  if (!least.has_value()) return std::nullopt;
  return std::clamp(static_cast<uint32_t>(std::min<size_t>(*least, kMostMtu)), kLeastMtu, kMostMtu);
}

void TunInterface::RoomChanged() {
  const std::optional<uint32_t> wanted = follows_ ? WantedMtu() : std::nullopt;
  if (!wanted.has_value()) return;
  if (*wanted <= mtu_ || !mtu_known_) {
    raise_.Cancel();
    if (*wanted != mtu_) SetMtu(*wanted);
    mtu_known_ = true;
  } else if (!raise_.running() || *wanted != raise_to_) {
    raise_to_ = *wanted;
    raise_.Set(context_.raise_after);
  }
}

void TunInterface::SetMtu(uint32_t mtu) {
  mtu_ = options_.mtu = mtu;
  if (!device_.has_value()) return;  // it comes back with this one
  context_.helper.Submit([index = device_->index(), name = options_.name, mtu,
                          weak = weak_from_this()]() -> HelperThread::Finish {
    const absl::Status status = SetInterfaceMtu(index, name, mtu);
    return [weak, status] {
      const auto self = weak.lock();
      if (self != nullptr && !status.ok()) self->context_.say(std::string(status.message()));
    };
  });
}

}  // namespace warp::control
