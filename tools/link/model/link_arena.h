// The memory of frames under way: taken once, so that a frame costs no allocation.
//
// Frames are placed one behind the other around a ring, because they leave nearly in the order in which they came. One
// that is held back keeps the place of those behind it, too, until it leaves.
//
//       tail_            head_                              head_          tail_         end_
//   ......[frame][frame]......            or, wrapped:  [frame]......[frame][frame][frame]....
#ifndef WARP_TOOLS_LINK_MODEL_LINK_ARENA_H_
#define WARP_TOOLS_LINK_MODEL_LINK_ARENA_H_

#include <cstddef>
#include <cstdint>
#include <memory>

#include "tools/link/model/link_frame.h"

namespace warp::tools {

class LinkArena {
 public:
  // The system gives the pages only as they are used. Where it refuses even to promise so much, the arena is always
  // full, and Exists() false.
  explicit LinkArena(size_t bytes);
  bool Exists() const { return memory_ != nullptr; }

  // Room for a frame of so many bytes, without contents; null where there is none.
  LinkFrame* Allocate(size_t bytes);
  void Release(LinkFrame* frame);

  size_t frames() const { return frames_; }  // not yet released, or held by one that is not

 private:
  LinkFrame* FrameAt(size_t place) { return reinterpret_cast<LinkFrame*>(&memory_[place]); }
  LinkFrame* Place(size_t span, size_t bytes);

  const std::unique_ptr<std::byte[]> memory_;
  const size_t size_;
  size_t head_ = 0;  // where the next frame goes
  size_t tail_ = 0;  // where the oldest frame stands
  size_t end_ = 0;   // wrapped: behind the last frame of the upper part
  bool wrapped_ = false;
  size_t frames_ = 0;
};

}  // namespace warp::tools

#endif  // WARP_TOOLS_LINK_MODEL_LINK_ARENA_H_
