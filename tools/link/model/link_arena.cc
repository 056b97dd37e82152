#include "tools/link/model/link_arena.h"

#include <new>

namespace warp::tools {
namespace {

constexpr size_t kAlignment = 16;

constexpr size_t RoundUp(size_t bytes) {
  return (bytes + kAlignment - 1) / kAlignment * kAlignment;
}

}  // namespace

LinkArena::LinkArena(size_t bytes)
    : memory_(new (std::nothrow) std::byte[RoundUp(bytes)]), size_(Exists() ? RoundUp(bytes) : 0) {}

LinkFrame* LinkArena::Allocate(size_t bytes) {
  const size_t span = RoundUp(sizeof(LinkFrame) + bytes);
  if (wrapped_) return tail_ - head_ >= span ? Place(span, bytes) : nullptr;
  if (size_ - head_ >= span) return Place(span, bytes);
  if (tail_ < span) return nullptr;
  end_ = head_;
  head_ = 0;
  wrapped_ = true;
  return Place(span, bytes);
}

LinkFrame* LinkArena::Place(size_t span, size_t bytes) {
  LinkFrame* frame = new (&memory_[head_]) LinkFrame{};
  frame->span = span;
  frame->size = static_cast<uint32_t>(bytes);
  head_ += span;
  ++frames_;
  return frame;
}

void LinkArena::Release(LinkFrame* frame) {
  frame->released = true;
  while (frames_ > 0 && FrameAt(tail_)->released) {
    tail_ += FrameAt(tail_)->span;
    --frames_;
    if (wrapped_ && tail_ == end_) {
      tail_ = 0;
      wrapped_ = false;
    }
  }
  // An empty ring begins anew at its front, whose bytes are still in the processor's cache.
  if (frames_ == 0) {
    head_ = 0;
    tail_ = 0;
    wrapped_ = false;
  }
}

}  // namespace warp::tools
