#include "control/protocol/feedback.h"

#include <cassert>

#include "control/protocol/control_message.h"
#include "dataplane/wire/byte_order.h"
#include "dataplane/wire/constants.h"
#include "dataplane/wire/message.h"

namespace warp::protocol {
namespace {

constexpr uint8_t kKind = static_cast<uint8_t>(wire::Kind::kControl);

struct FeedbackLayout {
  uint8_t kind = kKind;
  uint8_t message = kFeedbackMessage;
  wire::Le16 number;
  wire::Le32 time;
  wire::Le64 base;
  uint8_t words = 0;
  uint8_t paths = 0;
};
struct PathLayout {
  wire::Le16 from;
  wire::Le16 to;
  wire::Le32 newest;
  wire::Le32 age;
  wire::Le32 packets;
  wire::Le32 bytes;
};
static_assert(sizeof(FeedbackLayout) == 18 && sizeof(PathLayout) == 20);

}  // namespace

std::vector<uint8_t> EncodeFeedback(const Feedback& feedback) {
  assert(feedback.paths.size() <= kMaxFeedbackPaths && feedback.words.size() <= kMaxFeedbackWords);
  assert(feedback.base % kFeedbackWord == 0);
  std::vector<uint8_t> bytes(sizeof(FeedbackLayout) + feedback.paths.size() * sizeof(PathLayout) +
                             feedback.words.size() * sizeof(wire::Le32));
  wire::WriteAs(FeedbackLayout{.number = wire::Le16(feedback.number),
                               .time = wire::Le32(feedback.time),
                               .base = wire::Le64(feedback.base),
                               .words = static_cast<uint8_t>(feedback.words.size()),
                               .paths = static_cast<uint8_t>(feedback.paths.size())},
                bytes.data());
  uint8_t* out = bytes.data() + sizeof(FeedbackLayout);
  for (const PathFeedback& path : feedback.paths) {
    wire::WriteAs(PathLayout{.from = wire::Le16(path.from),
                             .to = wire::Le16(path.to),
                             .newest = wire::Le32(path.newest),
                             .age = wire::Le32(path.age),
                             .packets = wire::Le32(path.packets),
                             .bytes = wire::Le32(path.bytes)},
                  out);
    out += sizeof(PathLayout);
  }
  for (const uint32_t word : feedback.words) {
    wire::WriteAs(wire::Le32(word), out);
    out += sizeof(wire::Le32);
  }
  return bytes;
}

std::optional<Feedback> DecodeFeedback(wire::Bytes plaintext) {
  if (plaintext.size() < sizeof(FeedbackLayout)) return std::nullopt;
  const auto layout = wire::ReadAs<FeedbackLayout>(plaintext.data());
  if (layout.kind != kKind || layout.message != kFeedbackMessage) return std::nullopt;
  const uint64_t base = layout.base.value();
  if (layout.paths > kMaxFeedbackPaths || layout.words > kMaxFeedbackWords ||
      base % kFeedbackWord != 0 || base > wire::kCounterLimit - kFeedbackWord * layout.words ||
      plaintext.size() != sizeof(FeedbackLayout) + layout.paths * sizeof(PathLayout) +
                              layout.words * sizeof(wire::Le32)) {
    return std::nullopt;
  }
  Feedback feedback{.number = layout.number.value(), .time = layout.time.value(), .base = base};
  const uint8_t* in = plaintext.data() + sizeof(FeedbackLayout);
  feedback.paths.reserve(layout.paths);
  for (size_t i = 0; i < layout.paths; ++i, in += sizeof(PathLayout)) {
    const auto path = wire::ReadAs<PathLayout>(in);
    feedback.paths.push_back({.from = path.from.value(),
                              .to = path.to.value(),
                              .newest = path.newest.value(),
                              .age = path.age.value(),
                              .packets = path.packets.value(),
                              .bytes = path.bytes.value()});
  }
  feedback.words.reserve(layout.words);
  for (size_t i = 0; i < layout.words; ++i, in += sizeof(wire::Le32)) {
    feedback.words.push_back(wire::ReadAs<wire::Le32>(in).value());
  }
  return feedback;
}

}  // namespace warp::protocol
