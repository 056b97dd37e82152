#include "tools/link/model/link_direction.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace warp::tools {
namespace {

enum Stream : uint64_t {
  kLossStream,
  kJitterStream,
  kReorderStream,
  kDuplicateStream,
  kCorruptStream,
  kStreams
};

constexpr const char* kDropNames[] = {"none",     "queue", "loss",    "down",
                                      "oversize", "arena", "refused", "overrun"};
static_assert(std::size(kDropNames) == static_cast<size_t>(LinkDrop::kCount));

// A frame of 60 bytes takes less than twice its size in the arena with its head.
constexpr size_t kHeads = 2;
constexpr size_t kLeastArena = 4u << 20;

size_t ArenaSize(const LinkOptions& options) {
  const Nanos way =
      options.delay + kLongestJitter * options.jitter + options.slots + options.reorder_by;
  const size_t bound = LinkCapacity(options).Bound(way);
  if (bound == 0 || bound > options.memory / kHeads) return options.memory;
  return std::min(options.memory, bound * kHeads + kLeastArena);
}

}  // namespace

const char* LinkDropName(LinkDrop drop) { return kDropNames[static_cast<size_t>(drop)]; }

LinkDirection::LinkDirection(const LinkOptions& options, uint64_t seed, uint64_t stream)
    : options_(options),
      outages_(options.down, options.repeat),
      capacity_(options),
      arena_(ArenaSize(options)),
      loss_(seed, stream * kStreams + kLossStream),
      jitter_(seed, stream * kStreams + kJitterStream),
      reorder_(seed, stream * kStreams + kReorderStream),
      duplicate_(seed, stream * kStreams + kDuplicateStream),
      corrupt_(seed, stream * kStreams + kCorruptStream) {}

// --- A frame comes. -----------------------------------------------------------------------------

LinkDrop LinkDirection::Take(Nanos now, absl::Span<const uint8_t> frame, const Offload& offload) {
  SampleTo(now);
  ++counts_.frames;
  counts_.bytes += frame.size();
  const LinkDrop end = Pass(now, frame, offload);
  if (end != LinkDrop::kNone) counts_.Drop(end);
  return end;
}

LinkDrop LinkDirection::Pass(Nanos now, absl::Span<const uint8_t> frame, const Offload& offload) {
  if (IsOversize(frame, offload)) return LinkDrop::kOversize;
  // What waited when the link died is gone, and waits before nobody.
  if (outages_.LastBegin(now) > last_taken_) {
    capacity_.Clear();
    last_arrival_ = 0;
  }
  if (outages_.IsDown(now)) return LinkDrop::kDown;
  const Nanos sent = capacity_.Send(now, frame.size());
  if (sent == LinkCapacity::kFull) return LinkDrop::kQueue;
  last_taken_ = now;
  if (IsLost()) return LinkDrop::kLoss;
  const bool held_back = reorder_.Chance(options_.reorder);
  const Nanos due = Arrival(sent) + (held_back ? options_.reorder_by : 0);
  if (due >= outages_.NextBegin(now)) return LinkDrop::kDown;
  LinkFrame* kept = arena_.Allocate(frame.size());
  if (kept == nullptr) return LinkDrop::kArena;
  kept->due = due;
  kept->offload = offload;
  std::memcpy(kept->bytes(), frame.data(), frame.size());
  Disturb(*kept);
  (held_back ? held_back_ : on_time_).Push(kept);
  counts_.reordered += held_back;
  ++under_way_;
  return LinkDrop::kNone;
}

void LinkDirection::CountUnreadable(uint64_t frames) {
  counts_.frames += frames;
  counts_.joined += frames;
  counts_.Drop(LinkDrop::kOversize, frames);
}

bool LinkDirection::IsOversize(absl::Span<const uint8_t> frame, const Offload& offload) {
  if (offload.is_joined()) {
    if (!options_.joined) ++counts_.joined;
    return !options_.joined;
  }
  return options_.mtu > 0 && frame.size() > options_.mtu + kEthernetHeader;
}

// The channel of Gilbert and Elliott: the state changes first, and then decides about the frame.
bool LinkDirection::IsLost() {
  if (loss_.Chance(bad_ ? options_.to_good : options_.to_bad)) bad_ = !bad_;
  return loss_.Chance(bad_ ? options_.loss_bad : options_.loss);
}

// Order is kept: a frame waits for the one before it, as in a radio link that repeats what was lost.
Nanos LinkDirection::Arrival(Nanos sent) {
  Nanos arrival = sent + options_.delay;
  if (options_.jitter > 0) {
    arrival += static_cast<Nanos>(jitter_.Exponential(double{kLongestJitter}) *
                                  static_cast<double>(options_.jitter));
  }
  if (options_.slots > 0) {
    arrival = (arrival + options_.slots - 1) / options_.slots * options_.slots;
  }
  last_arrival_ = std::max(last_arrival_, arrival);
  return last_arrival_;
}

void LinkDirection::Disturb(LinkFrame& frame) {
  frame.copies = duplicate_.Chance(options_.duplicate) ? 2 : 1;
  // A bit of the Ethernet header would only lose the frame at the next interface.
  if (frame.size <= kEthernetHeader || !corrupt_.Chance(options_.corrupt)) return;
  const size_t bit = corrupt_.Below((frame.size - kEthernetHeader) * 8);
  CorruptFrame(frame.offload, absl::MakeSpan(frame.bytes(), frame.size), kEthernetHeader * 8 + bit);
  ++counts_.corrupted;
}

// --- A frame arrives. ---------------------------------------------------------------------------

void LinkDirection::List::Push(LinkFrame* frame) {
  (first == nullptr ? first : last->next) = frame;
  last = frame;
}

LinkFrame* LinkDirection::List::Pop() {
  LinkFrame* frame = first;
  first = frame->next;
  frame->next = nullptr;
  return frame;
}

Nanos LinkDirection::next() const { return std::min(on_time_.next(), held_back_.next()); }

LinkFrame* LinkDirection::Due(Nanos now) {
  if (next() > now) return nullptr;
  return (held_back_.next() < on_time_.next() ? held_back_ : on_time_).Pop();
}

void LinkDirection::Release(LinkFrame* frame, LinkDrop end) {
  if (end == LinkDrop::kNone) {
    ++counts_.delivered;
    counts_.delivered_bytes += frame->size;
    counts_.duplicated += frame->copies - 1u;
  } else {
    counts_.Drop(end);
  }
  --under_way_;
  arena_.Release(frame);
}

// --- The queue. ---------------------------------------------------------------------------------

Nanos LinkDirection::Queue(Nanos now) const {
  return outages_.LastBegin(now) > last_taken_ ? 0 : capacity_.Wait(now);
}

void LinkDirection::SampleTo(Nanos now) {
  for (; next_sample_ <= now; next_sample_ += kMillisecond) {
    const Nanos queue = Queue(next_sample_);
    samples_.Add(static_cast<uint64_t>(queue));
    peak_ = std::max(peak_, queue);
  }
}

}  // namespace warp::tools
